//! nginx with the configuration of the guide, on a free port instead of 443.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use e2e::PATIENCE;
use harness::{Process, eventually, free_port};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::guides::guide::Guide;

/// The name of the site in the guide.
pub(crate) const HOST: &str = "example.ir";

pub(crate) struct Site {
    _nginx: Process,
    _folder: TempDir,
    address: SocketAddr,
}

impl Site {
    /// Serves the page of the guide, with Ramz behind it at `upstream` (host and port).
    pub(crate) async fn start(guide: &Guide, upstream: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        guide.write(path, &["index.html", "ramz.css", "ramz.js"]);
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let certificate = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("made");
        let written = [
            ("site.pem", certificate.cert.pem()),
            ("site.key", certificate.signing_key.serialize_pem()),
            ("site.conf", site(guide, path, address, upstream)),
            ("nginx.conf", around(path)),
        ];
        for (name, text) in written {
            fs::write(path.join(name), text).expect("written");
        }
        let nginx = Process::program(nginx())
            .args(["-e", "stderr", "-c"])
            .arg(path.join("nginx.conf"))
            .start();
        eventually(PATIENCE, async || TcpStream::connect(address).await.ok()).await;
        Self {
            _nginx: nginx,
            _folder: folder,
            address,
        }
    }

    /// Where `https://example.ir` really is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The guide's site, with what everybody has to put in for themselves.
fn site(guide: &Guide, folder: &Path, address: SocketAddr, upstream: &str) -> String {
    let folder = folder.display();
    let mut text = guide.file("example.ir.conf").to_owned();
    for (from, to) in [
        ("127.0.0.1:8000", upstream),
        ("listen 443", &format!("listen {address}")),
        ("/etc/ssl/example.ir.pem", &format!("{folder}/site.pem")),
        ("/etc/ssl/example.ir.key", &format!("{folder}/site.key")),
        ("/srv/example.ir", &folder.to_string()),
    ] {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    }
    text
}

/// What Debian's own `nginx.conf` has around a site, in one process that owns nothing outside its
/// folder.
fn around(folder: &Path) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nevents {{}}\nhttp {{\n    \
         include /etc/nginx/mime.types;\n    access_log off;\n{temporary}    \
         include {folder}/site.conf;\n}}\n"
    )
}

/// Debian keeps it out of the `PATH` of ordinary users.
fn nginx() -> PathBuf {
    let debian = Path::new("/usr/sbin/nginx");
    if debian.is_file() {
        debian.to_owned()
    } else {
        PathBuf::from("nginx")
    }
}

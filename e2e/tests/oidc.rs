//! Unmodified client libraries sign people in through the provider, in a real browser, on both shapes. The
//! sites are the files of the guides in `docs/guides`; what people do stands in the scripts beside this file,
//! which drive Chromium.

use std::path::{Path, PathBuf};
use std::process::Command;

use domain::tokens::SigningKeys;
use e2e::{PATIENCE, Production, Secrets};
use harness::{Process, free_port, wait_for_http};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unmodified_libraries_sign_people_in_refresh_and_log_out_in_one_process() {
    let prepared = Prepared::new();
    let data = tempfile::tempdir().expect("a folder");
    let [listen, inbox, metrics] = std::array::from_fn(|_| format!("127.0.0.1:{}", free_port()));
    let url = format!("http://{listen}");
    let _standalone = Process::ramz("standalone")
        .env("DATA_DIR", data.path())
        .env("LISTEN", &listen)
        .env("PUBLIC_URL", &url)
        .env("SIMULATOR_LISTEN", &inbox)
        .env("METRICS_LISTEN", &metrics)
        .env("KAVENEGAR_RATE", "10000")
        .env("OIDC_CLIENTS_FILE", prepared.clients())
        .start();
    wait_for_http(&format!("{url}/readyz"), PATIENCE).await;
    prepared.run(&url, &format!("http://{inbox}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unmodified_libraries_sign_people_in_refresh_and_log_out_in_production() {
    let prepared = Prepared::new();
    let clients = prepared.clients();
    let rsa = SigningKeys::generate_rsa_pem().expect("a key");
    let keys = Secrets::generate().jwt_private_key + rsa.expose_secret();
    let settings = [
        ("OIDC_CLIENTS_FILE", clients.as_str()),
        ("JWT_PRIVATE_KEY", keys.as_str()),
    ];
    let production = Production::start(2, &settings).await;
    prepared
        .run(&production.url(), production.simulator.url())
        .await;
}

/// The libraries, and the clients of their sites.
struct Prepared {
    folder: TempDir,
    libraries: PathBuf,
}

impl Prepared {
    /// As the guides say, by the binary that the guides name.
    fn new() -> Self {
        let libraries = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .with_file_name("oidc")
            .join("clients");
        let installed = Command::new(beside("install.sh")).arg(&libraries).status();
        assert!(
            installed.expect("it runs").success(),
            "the libraries cannot be installed from npm and PyPI"
        );
        let prepared = Self {
            folder: tempfile::tempdir().expect("a folder"),
            libraries,
        };
        // This test lies in a folder beside the binaries.
        let own = std::env::current_exe().expect("a path");
        let binaries = own.ancestors().nth(2).expect("a folder");
        let mut paths = vec![binaries.to_owned()];
        paths.extend(std::env::split_paths(
            &std::env::var_os("PATH").expect("a path"),
        ));
        let added = Command::new("node")
            .arg(beside("relying_parties.mjs"))
            .arg("prepare")
            .arg(prepared.folder.path())
            .env("PATH", std::env::join_paths(paths).expect("paths"))
            .env("OIDC_CLIENTS_FILE", prepared.clients())
            .output()
            .expect("Node runs");
        let said = String::from_utf8_lossy(&added.stderr);
        assert!(added.status.success(), "{said}");
        prepared
    }

    fn clients(&self) -> String {
        let path = self.folder.path().join("clients.toml");
        path.to_str().expect("a path of UTF-8").to_owned()
    }

    /// Chromium and the sites end with the script.
    async fn run(&self, url: &str, inbox: &str) {
        let mut node = Process::program("node")
            .arg(beside("relying_parties.mjs"))
            .arg("run")
            .arg(self.folder.path())
            .arg(&self.libraries)
            .args([url, inbox])
            .start();
        let status = node.wait(PATIENCE * 30).await;
        let said = node.log();
        println!("{said}");
        assert!(status.success(), "{said}");
    }
}

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/oidc")
        .join(name)
}

//! `node.md`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::Process;

use crate::guides::back_end;
use crate::guides::guide::{Guide, beside};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jwt_03_node_takes_true_tokens_and_no_others() {
    let folder = tempfile::tempdir().expect("a folder");
    Guide::read("node.md").write(folder.path(), &["ramz-auth.mjs", "server.mjs"]);
    let modules = install().join("node_modules");
    symlink(modules, folder.path().join("node_modules")).expect("linked");
    let options = options();
    back_end::check(|port, settings| {
        Process::program("node")
            .args(options)
            .arg(folder.path().join("server.mjs"))
            .env("PORT", port.to_string())
            .envs(settings.iter().copied())
            .start()
    })
    .await;
}

/// Debian 12 has Node 18, which can do all this but keeps one part of it behind an option.
fn options() -> &'static [&'static str] {
    let output = Command::new("node").arg("--version").output();
    let version = output.expect("Node runs").stdout;
    if version.starts_with(b"v18.") {
        &["--experimental-global-webcrypto"]
    } else {
        &[]
    }
}

/// The folder with the packages of the lock file, installed from npm when they are not there.
fn install() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("guides-node");
    let stamp = folder.join("installed");
    let lock = fs::read(beside("node/package-lock.json")).expect("the lock file");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return folder;
    }
    fs::create_dir_all(&folder).expect("a folder");
    for file in ["package.json", "package-lock.json"] {
        fs::copy(beside("node").join(file), folder.join(file)).expect("copied");
    }
    let installed = Command::new("npm")
        .args([
            "ci",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ])
        .current_dir(&folder)
        .status();
    assert!(
        installed.expect("npm runs").success(),
        "npm cannot install the packages of the guide"
    );
    fs::write(stamp, lock).expect("written");
    folder
}

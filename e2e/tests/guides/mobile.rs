//! `mobile.md`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use e2e::PATIENCE;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::guides::guide::{Guide, beside};
use crate::guides::lossy_proxy::LossyProxy;
use crate::guides::service::{Service, another_code};

/// The `org.json` of Android.
const ANDROID_JSON: &str = "/usr/share/java/com.android.json.jar";

/// In the order of `mobile/App.java`: after a restart of the app, one for eight threads, one whose
/// answer is lost and its repetition, one by hand, and one that is refused.
const REFRESHES: usize = 6;
const LOST: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_09_an_app_signs_in_refreshes_once_survives_a_lost_answer_and_logs_out() {
    let folder = tempfile::tempdir().expect("a folder");
    compile(folder.path()).await;
    let service = Service::start(&[]).await;
    let proxy = LossyProxy::start(service.url(), LOST).await;

    let mut app = Command::new("java")
        .args(["-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8"])
        .arg("-cp")
        .arg(class_path(folder.path()))
        .args(["App", proxy.url()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Java runs");
    let mut typed = app.stdin.take().expect("its input");
    typed.write_all(b"0912 345 6789\n").await.expect("typed");
    let code = service.code("09123456789").await;
    let lines = format!("{}\n{code}\n", another_code(&code));
    typed.write_all(lines.as_bytes()).await.expect("typed");
    drop(typed);

    let ended = tokio::time::timeout(PATIENCE, app.wait_with_output()).await;
    let ended = ended.expect("in time").expect("its output");
    let printed = String::from_utf8_lossy(&ended.stdout);
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{printed}\n{errors}");
    assert!(printed.contains("کد نادرست است"), "{printed}");
    assert!(printed.ends_with("done\n"), "{printed}");
    assert_eq!(proxy.refreshes(), REFRESHES, "{printed}");
}

/// As strictly as javac can, for the Java of old Android.
async fn compile(folder: &Path) {
    assert!(
        Path::new(ANDROID_JSON).is_file(),
        "{ANDROID_JSON} is missing: run scripts/install-test-tools first"
    );
    Guide::read("mobile.md").write(folder, &["RamzClient.java", "SignIn.java"]);
    let compiled = Command::new("javac")
        .args(["--release", "8", "-encoding", "UTF-8"])
        .args(["-Xlint:all,-options,-serial", "-Werror", "-d"])
        .arg(folder)
        .arg("-cp")
        .arg(class_path(folder))
        .arg(folder.join("RamzClient.java"))
        .arg(folder.join("SignIn.java"))
        .arg(beside("mobile/App.java"))
        .output()
        .await
        .expect("javac runs");
    let errors = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{errors}");
}

fn class_path(folder: &Path) -> PathBuf {
    PathBuf::from(format!("{}:{ANDROID_JSON}", folder.display()))
}

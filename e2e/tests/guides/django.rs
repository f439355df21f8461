//! `django.md`.

use std::fs;

use harness::Process;

use crate::guides::back_end;
use crate::guides::guide::{Guide, beside};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jwt_03_django_takes_true_tokens_and_no_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = ["ramz_auth.py", "settings.py", "views.py"];
    Guide::read("django.md").write(folder.path(), &files);
    for file in ["project.py", "urls.py"] {
        let source = beside("django").join(file);
        fs::copy(source, folder.path().join(file)).expect("copied");
    }
    back_end::check(|port, settings| {
        Process::program(harness::python())
            .args(["-m", "django", "runserver", "--noreload"])
            .arg(format!("127.0.0.1:{port}"))
            .env("DJANGO_SETTINGS_MODULE", "project")
            .env("PYTHONPATH", folder.path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(settings.iter().copied())
            .start()
    })
    .await;
}

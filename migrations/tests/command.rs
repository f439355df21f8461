//! The `migrate` command as an operator meets it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn migrate(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_migrate"))
        .args(arguments)
        .env_remove("DATABASE_URL")
        .env_remove("DATABASE_URL_FILE")
        .envs(environment.iter().copied())
        .output()
        .expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn url(directory: &Path) -> String {
    format!("sqlite://{}", directory.join("ramz.db").display())
}

#[test]
fn it_applies_prints_what_it_applied_and_then_finds_nothing_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let url = url(directory.path());
    let environment = [("DATABASE_URL", url.as_str())];

    let first = migrate(&[], &environment);
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert!(text(&first.stdout).starts_with("applied 0001_accounts\napplied 0002_send_ledger\n"));

    let second = migrate(&[], &environment);
    assert!(second.status.success());
    assert_eq!(text(&second.stdout), "the schema is up to date\n");
}

#[test]
fn a_check_tells_what_is_pending_by_its_exit_status_and_changes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("ramz.db");
    let url = url(directory.path());
    let environment = [("DATABASE_URL", url.as_str())];

    let absent = migrate(&["--check", "--wait", "0"], &environment);
    assert_eq!(absent.status.code(), Some(2), "{}", text(&absent.stdout));
    assert!(!file.exists());

    fs::write(&file, "").expect("an empty file");
    let pending = migrate(&["--check"], &environment);
    assert_eq!(pending.status.code(), Some(1), "{}", text(&pending.stderr));
    assert!(text(&pending.stdout).starts_with("pending 0001_accounts\n"));
    assert_eq!(fs::read(&file).expect("the file"), b"");

    assert!(migrate(&[], &environment).status.success());
    assert!(migrate(&["--check"], &environment).status.success());
}

#[test]
fn the_url_may_stand_in_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("url");
    fs::write(&path, format!("{}\n", url(directory.path()))).expect("written");
    let path = path.display().to_string();
    let output = migrate(&[], &[("DATABASE_URL_FILE", path.as_str())]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(directory.path().join("ramz.db").exists());
}

#[test]
fn i_05_errors_name_the_setting_and_never_the_password() {
    let unreachable = "postgres://ramz:s3cret@127.0.0.1:1/ramz";
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[], "DATABASE_URL is not set"),
        (
            &[("DATABASE_URL", "mysql://ramz:s3cret@db/ramz")],
            "must begin with postgres://",
        ),
        (
            &[("DATABASE_URL", unreachable)],
            "PostgreSQL at 127.0.0.1:1, database ramz",
        ),
        (
            &[("DATABASE_URL_FILE", "/nowhere/url")],
            "cannot read /nowhere/url",
        ),
        (
            &[
                ("DATABASE_URL", unreachable),
                ("DATABASE_URL_FILE", "/nowhere/url"),
            ],
            "both set",
        ),
    ];
    for (environment, expected) in cases {
        let output = migrate(&["--wait", "0"], environment);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn it_waits_for_a_database_that_is_not_up_yet_and_says_so() {
    let port = harness::free_port();
    let url = format!("postgres://ramz@127.0.0.1:{port}/ramz");
    let output = migrate(&["--wait", "1"], &[("DATABASE_URL", url.as_str())]);
    let error = text(&output.stderr);
    assert!(
        error.starts_with("waiting up to 1 s for PostgreSQL at 127.0.0.1"),
        "{error}"
    );
    assert_eq!(output.status.code(), Some(2), "{error}");
}

//! The program itself: ports, https, journal, its end.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod program;

use std::{process::Command, time::Duration};

use program::Program;
use reqwest::Certificate;
use serde_json::Value;

#[tokio::test]
async fn it_serves_both_ways_keeps_the_journal_and_ends_cleanly() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("journal.jsonl");
    let arguments = [
        "--journal",
        journal.to_str().unwrap(),
        "--template",
        "hello=Hi %token",
    ];
    let program = Program::start(&directory.path().join("tls"), &arguments);

    let authority = Certificate::from_pem(&std::fs::read(&program.ca_file).unwrap()).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([authority])
        .build()
        .unwrap();
    for url in [&program.url, &program.tls_url] {
        let url = format!("{url}v1/demo/verify/lookup.json");
        let fields = [
            ("receptor", "09123004501"),
            ("template", "hello"),
            ("token", "1234"),
        ];
        let answer: Value = client
            .post(url)
            .form(&fields)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(answer["entries"][0]["message"], "Hi 1234");
    }
    let page = client
        .get(&program.url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(page.contains("Hi 1234"));
    assert_eq!(
        std::fs::read_to_string(&journal).unwrap().lines().count(),
        2
    );
    assert!(program.terminate().success());
}

#[tokio::test]
async fn a_hanging_call_does_not_keep_it_from_ending() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &[]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let faults = "{\"rules\":[{\"fault\":{\"kind\":\"accept_then_hang\"}}]}";
    let url = format!("{}_sim/faults", program.url);
    assert_eq!(
        client.put(url).body(faults).send().await.unwrap().status(),
        200
    );
    let call = client.get(format!("{}v1/demo/account/info.json", program.url));
    assert!(
        call.timeout(Duration::from_millis(300))
            .send()
            .await
            .unwrap_err()
            .is_timeout()
    );
    let hanging = tokio::spawn(
        client
            .get(format!("{}v1/demo/account/info.json", program.url))
            .send(),
    );
    let status = tokio::task::spawn_blocking(move || program.terminate())
        .await
        .unwrap();
    assert!(status.success());
    assert!(hanging.await.unwrap().is_err());
}

#[test]
fn wrong_arguments_are_refused_with_a_reason() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_simulator"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run(&["--template", "no text"]).contains("NAME=TEXT"));
    assert!(run(&["--template", "under_score=%token"]).contains("letters, digits"));
    assert!(run(&["--tls-listen", "127.0.0.1:0"]).contains("--tls-dir"));
    assert!(run(&["--listen", "127.0.0.1:0", "--journal", "/"]).contains("rror"));
}

#[tokio::test]
async fn the_health_check_tells_whether_it_serves() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(&directory.path().join("tls"), &[]);
    let address = program.url.trim_start_matches("http://").trim_matches('/');
    let mut check = Command::new(env!("CARGO_BIN_EXE_simulator"));
    check.args(["--healthcheck", "--listen", address]);
    assert!(check.output().unwrap().status.success());
    assert!(program.terminate().success());
    let output = check.output().unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("simulator: "), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

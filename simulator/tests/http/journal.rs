//! The journal as a judge of what really went out.

use std::path::Path;

use serde_json::{Value, json};
use simulator::SimulatorConfig;

use crate::server::{PHONE, START, Server};

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn start(path: &Path) -> Server {
    let journal = Some(path.to_owned());
    Server::start_with(SimulatorConfig {
        journal,
        ..SimulatorConfig::default()
    })
}

#[tokio::test]
async fn a_line_stands_in_the_file_before_its_answer_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.jsonl");
    let server = start(&path);
    let id = server.send(PHONE, "17").await.id();
    let expected = json!({"seq": 1, "at": START * 1_000, "method": "sms/send", "verb": "POST",
        "receptors": [PHONE], "localids": [17], "template": null, "type": null, "sender": null,
        "status": 200, "messageids": [id], "duplicate": false, "fault": null});
    assert_eq!(lines(&path), [expected]);
    server.send(PHONE, "17").await;
    let repeated = &lines(&path)[1];
    assert_eq!(
        (&repeated["seq"], &repeated["duplicate"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(repeated["messageids"], json!([]));
}

#[tokio::test]
async fn refusals_faults_and_unknown_methods_have_their_lines() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.jsonl");
    let server = start(&path);
    server
        .post("verify/lookup", &[("template", "t"), ("type", "call")])
        .await;
    server.post("sms/unheard", &[]).await;
    server
        .fault(json!({"fault": {"kind": "accept_then_reset"}}))
        .await;
    assert!(
        server
            .raw_post("sms/send", &[("receptor", PHONE), ("message", "x")])
            .await
            .is_err()
    );
    server.fault(json!({"fault": {"kind": "html_error"}})).await;
    server
        .raw_post("sms/send", &[("receptor", PHONE), ("message", "x")])
        .await
        .unwrap();
    let lines = lines(&path);
    let facts: Vec<_> = lines
        .iter()
        .map(|line| {
            json!([
                line["method"],
                line["status"],
                line["fault"],
                line["messageids"].as_array().unwrap().len()
            ])
        })
        .collect();
    let expected = [
        json!(["verify/lookup", 400, null, 0]),
        json!(["unknown", 404, null, 0]),
        json!(["sms/send", 200, "accept_then_reset", 1]),
        json!(["sms/send", null, "html_error", 0]),
    ];
    assert_eq!(facts, expected);
    assert_eq!(
        (&lines[0]["template"], &lines[0]["type"]),
        (&json!("t"), &json!("call"))
    );
}

#[tokio::test]
async fn no_line_holds_key_text_or_token() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.jsonl");
    let server = start(&path);
    server.lookup(PHONE).await;
    server
        .post(
            "sms/send",
            &[("receptor", PHONE), ("message", "secret 48291")],
        )
        .await;
    server.post("demoKEY/demoKEY", &[]).await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 3);
    for secret in ["48291", "secret", "demoKEY"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn many_sends_at_once_have_one_line_each() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.jsonl");
    let server = start(&path);
    let phones: Vec<String> = (0..1_000)
        .map(|number| format!("0912{number:07}"))
        .collect();
    let sends = phones.iter().map(|phone| server.lookup(phone));
    let answers = futures::future::join_all(sends).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    let lines = lines(&path);
    let mut ids: Vec<u64> = lines
        .iter()
        .map(|line| line["messageids"][0].as_u64().unwrap())
        .collect();
    assert!(ids.is_sorted(), "lines stand in the order of the messages");
    ids.dedup();
    assert_eq!(ids.len(), 1_000);
    let seqs: Vec<u64> = lines
        .iter()
        .map(|line| line["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=1_000).collect::<Vec<u64>>());
}

#[tokio::test]
async fn an_old_journal_is_appended_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.jsonl");
    start(&path).lookup(PHONE).await;
    start(&path).lookup(PHONE).await;
    assert_eq!(lines(&path).len(), 2);
}

#[tokio::test]
async fn without_its_line_no_call_is_answered_with_success() {
    let server = start(Path::new("/dev/full"));
    let fields = [("receptor", PHONE), ("message", "x")];
    let response = server.raw_post("sms/send", &fields).await.unwrap();
    assert_eq!(response.status(), 500);
}

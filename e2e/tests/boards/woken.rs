//! Somebody is woken: from the shipped rules to the receiver that `scripts/make-secrets` was given.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use e2e::{start_alertmanager, start_prometheus};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::boards::files::{list, output, project};

/// A minute of the rule, and some seconds in which Alertmanager waits for more of the same group.
const LIMIT: Duration = Duration::from_mins(3);

/// Whom Alertmanager tells, and what it has been told.
async fn receiver() -> (String, mpsc::UnboundedReceiver<Value>) {
    let (told, tells) = mpsc::unbounded_channel();
    let take = async |State(told): State<mpsc::UnboundedSender<Value>>, Json(body): Json<Value>| {
        told.send(body).expect("the test listens");
    };
    let app = Router::new().route("/ramz", post(take)).with_state(told);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/ramz", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, tells)
}

/// What `make-secrets` writes for this address, in a folder of its own.
fn secrets(folder: &Path, webhook: Option<&str>) -> String {
    for name in ["scripts/make-secrets", "scripts/roles/redis.acl"] {
        let to = folder.join(name);
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::copy(project(name), to).expect("copied");
    }
    let mut command = Command::new(folder.join("scripts/make-secrets"));
    command.arg("--demo");
    if let Some(webhook) = webhook {
        command.env("ALERT_WEBHOOK_URL", webhook);
    }
    output(&mut command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_of_the_rules_reaches_the_receiver_of_make_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let (url, mut told) = receiver().await;
    let said = secrets(folder.path(), Some(&url));
    assert!(!said.contains("wake no one"), "{said}");
    let whom = folder.path().join("secrets/alertmanager");
    let alertmanager = start_alertmanager(&whom).await;
    // It knows of no api: RamzApiDown fires after its minute.
    let config = json!({
        "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
        "rule_files": [project("prometheus/rules/*.yml")],
        "alerting": { "alertmanagers": [
            { "static_configs": [{ "targets": [alertmanager.address] }] }
        ] },
        "scrape_configs": [],
    });
    let (_prometheus, _) = start_prometheus(folder.path(), &config.to_string()).await;

    let first = loop {
        let told = tokio::time::timeout(LIMIT, told.recv()).await;
        let body = told.expect("nobody was told").expect("a receiver");
        if body["commonLabels"]["alertname"] == "RamzApiDown" {
            break body;
        }
    };
    assert_eq!(first["status"], "firing");
    assert_eq!(first["commonLabels"]["severity"], "page");
    let runbook = &first["commonAnnotations"]["runbook_url"];
    assert_eq!(runbook, "docs/runbooks.md#ramzapidown");
}

#[test]
fn without_a_receiver_make_secrets_says_that_nobody_is_woken() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = secrets(folder.path(), None);
    assert!(said.contains("wake no one"), "{said}");
    let whom = folder.path().join("secrets/alertmanager");
    output(Command::new("amtool").arg("check-config").arg(&whom));
    // What exists is never changed, and somebody named by hand is somebody.
    let mut by_hand = fs::read_to_string(&whom).expect("read");
    by_hand.push_str("    webhook_configs: [{url: \"https://hooks.example.ir/ramz\"}]\n");
    fs::remove_file(&whom).expect("removed");
    fs::write(&whom, &by_hand).expect("written");
    let again = secrets(folder.path(), None);
    assert!(!again.contains("wake no one"), "{again}");
    assert_eq!(fs::read_to_string(&whom).expect("read"), by_hand);
    output(Command::new("amtool").arg("check-config").arg(&whom));
}

#[test]
fn an_address_that_would_break_the_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    secrets(folder.path(), None);
    for address in [
        "hooks.example.ir",
        "https://a\"}]",
        "https://a b",
        "ftp://a",
    ] {
        let made = Command::new(folder.path().join("scripts/make-secrets"))
            .arg("--demo")
            .env("ALERT_WEBHOOK_URL", address)
            .output()
            .expect("it runs");
        assert!(!made.status.success(), "{address}");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(said.contains("ALERT_WEBHOOK_URL"), "{said}");
    }
}

/// `docker-compose.yml` and `prometheus.yml` name the same things.
#[test]
fn compose_starts_whom_prometheus_looks_for() {
    let compose = crate::boards::files::yaml(&project("docker-compose.yml"));
    let config = crate::boards::files::yaml(&project("prometheus/prometheus.yml"));
    let told = &config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"];
    assert_eq!(told, &json!(["alertmanager:9093"]));
    let mut hosts: Vec<&str> = list(&config["scrape_configs"])
        .iter()
        .filter_map(|job| job["static_configs"][0]["targets"][0].as_str())
        .filter_map(|target| target.split_once(':'))
        .map(|(host, _)| host)
        .filter(|host| *host != "127.0.0.1")
        .collect();
    hosts.push("alertmanager");
    for host in hosts {
        assert!(compose["services"][host].is_object(), "{host}");
    }
}

//! The whole API from outside, in both shapes: every call once with curl, the OpenAPI document before
//! a validator of such documents, then the document against the running service: schemathesis makes
//! requests from it, valid and invalid, and holds each answer against it.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Client, PATIENCE, Production};
use harness::{Process, free_port, wait_for_http};

/// Requests of each operation, for every kind of them.
const EXAMPLES: &str = "25";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_in_production_is_as_documented() {
    let limits = [
        ("LIMIT_ADDRESS_PER_MINUTE", "100000"),
        ("LIMIT_GROUP_PER_MINUTE", "off"),
        ("LIMIT_FAILURES_ADDRESS", "1000/s"),
        ("LIMIT_FAILURES_GROUP", "off"),
    ];
    let production = Production::start(1, &limits).await;
    check(production.url(), production.simulator.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_in_one_process_is_as_documented() {
    let data = tempfile::tempdir().expect("a folder");
    let inbox = format!("127.0.0.1:{}", free_port());
    let listen = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}");
    let _standalone = Process::ramz("standalone")
        .env("DATA_DIR", data.path())
        .env("LISTEN", &listen)
        .env("PUBLIC_URL", &url)
        .env("METRICS_LISTEN", format!("127.0.0.1:{}", free_port()))
        .env("SIMULATOR_LISTEN", &inbox)
        .env("KAVENEGAR_RATE", "10000")
        .env("LIMIT_ADDRESS_PER_MINUTE", "100000")
        .env("LIMIT_GROUP_PER_MINUTE", "off")
        .env("LIMIT_FAILURES_ADDRESS", "1000/s")
        .env("LIMIT_FAILURES_GROUP", "off")
        .start();
    wait_for_http(&format!("{url}/readyz"), PATIENCE).await;
    check(url, format!("http://{inbox}")).await;
}

async fn check(url: impl Into<String>, inbox: impl Into<String>) {
    let (url, inbox) = (url.into(), inbox.into());
    let document = Client::new(&url).get("/api/openapi.json").await;
    let document = document.bytes().await.expect("a body");
    let ran = tokio::task::spawn_blocking(move || {
        validate(&document);
        make_every_call(&url, &inbox);
        follow_the_step_flow_page(&url, &inbox);
        run_schemathesis(&url, &inbox);
    });
    ran.await.expect("no panic");
}

fn make_every_call(url: &str, inbox: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/every_call.sh");
    let calls = printed_by(Command::new("bash").arg(script).args([url, inbox]));
    println!("{calls}");
}

/// Runs the commands of `docs/step-flow.md` as they stand there, but for the two addresses and for
/// the wait for the message.
fn follow_the_step_flow_page(url: &str, inbox: &str) {
    const WAIT: &str = "until curl -sS \"$INBOX/_sim/messages?receptor=$NUMBER&limit=1\" | \
         jq -e '.[0].code' >/dev/null; do sleep 0.1; done";
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/step-flow.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let blocks = page.split("```sh\n").skip(1);
    let commands: String = blocks
        .filter_map(|block| Some(block.split_once("```")?.0))
        .collect();
    let commands = commands
        .replace("http://127.0.0.1:8000", url)
        .replace("http://127.0.0.1:8025", inbox)
        .replace("sleep 1\n", &format!("{WAIT}\n"));
    let script = format!("set -euo pipefail\nINBOX={inbox}\n{commands}");
    let printed = printed_by(Command::new("bash").args(["-c", &script]));
    // By the last step, and by each of the two log-ins.
    assert_eq!(printed.matches("\"access_token\"").count(), 3, "{printed}");
}

/// What a command prints, which must succeed.
fn printed_by(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{said}");
    printed.into_owned()
}

/// By `openapi-spec-validator`, as a file: it would fetch an address by way of a proxy.
fn validate(document: &[u8]) {
    let scratch = tempfile::tempdir().expect("a folder");
    let path = scratch.path().join("openapi.json");
    std::fs::write(&path, document).expect("written");
    let mut validator = Command::new(harness::python().with_file_name("openapi-spec-validator"));
    println!("{}", printed_by(validator.arg(path)));
}

fn run_schemathesis(url: &str, inbox: &str) {
    let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi");
    let scratch = tempfile::tempdir().expect("a folder");
    let mut run = Command::new(schemathesis());
    run.arg("--config-file")
        .arg(hooks.join("schemathesis.toml"))
        .args(["run", &format!("{url}/api/openapi.json")])
        .args(["--checks", "all", "--max-examples", EXAMPLES, "--no-color"])
        // What it keeps between runs is not wanted.
        .current_dir(scratch.path())
        .env("PYTHONPATH", &hooks)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("RAMZ_URL", url)
        .env("RAMZ_INBOX", inbox);
    println!("{}", printed_by(&mut run));
}

fn schemathesis() -> PathBuf {
    harness::python().with_file_name("schemathesis")
}

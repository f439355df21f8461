//! The official clients for Python and Node run against the simulator, unmodified but for the
//! address that they connect to.
//!
//! They are installed from `PyPI` and npm when they are missing (`tests/clients/install.sh`). Where
//! that is impossible, `RAMZ_SKIP_OFFICIAL_CLIENTS=1` leaves these tests out.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod program;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use program::Program;
use serde_json::{Value, json};
use url::Url;

const KEY: &str = "6D61646520757020";
const PHONE: &str = "09123004501";

/// The directory of the installed clients; `None` when the tests are left out on purpose.
fn clients() -> Option<&'static Path> {
    static CLIENTS: OnceLock<Option<PathBuf>> = OnceLock::new();
    CLIENTS
        .get_or_init(|| {
            if std::env::var("RAMZ_SKIP_OFFICIAL_CLIENTS").is_ok_and(|value| value == "1") {
                println!("skipped: RAMZ_SKIP_OFFICIAL_CLIENTS=1");
                return None;
            }
            let directory =
                Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("official-clients");
            let installed = Command::new("sh")
                .arg(script("install.sh"))
                .arg(&directory)
                .status();
            assert!(
                installed.unwrap().success(),
                "the official clients could not be installed"
            );
            Some(directory)
        })
        .as_deref()
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}

/// Runs a client's script with the calls on its input and reads the outcomes.
fn run(command: &mut Command, calls: &Value) -> Vec<Value> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(calls.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the client's script failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn port(url: &str) -> String {
    Url::parse(url).unwrap().port().unwrap().to_string()
}

fn python(clients: &Path, program: &Program, key: &str, calls: &Value) -> Vec<Value> {
    let mut command = Command::new(clients.join("venv/bin/python"));
    command
        .arg(script("client.py"))
        .env("REQUESTS_CA_BUNDLE", &program.ca_file)
        .env("SIMULATOR_TLS_PORT", port(&program.tls_url))
        .env("SIMULATOR_KEY", key)
        .env("NO_PROXY", "*");
    run(&mut command, calls)
}

fn node(clients: &Path, program: &Program, key: &str, calls: &Value) -> Vec<Value> {
    let mut command = Command::new("node");
    command
        .arg(script("client.js"))
        .env("CLIENTS", clients)
        .env("SIMULATOR_PORT", port(&program.url))
        .env("SIMULATOR_KEY", key);
    run(&mut command, calls)
}

async fn put(program: &Program, path: &str, json: Value) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}_sim/{path}", program.url);
    assert_eq!(
        client.put(url).json(&json).send().await.unwrap().status(),
        200,
        "{json}"
    );
}

/// A call that ends with a status of its own accord, by the account's state and its parameters:
/// change of the account, method in Python and in Node, parameters, status.
fn refusals() -> Vec<(Value, [&'static str; 2], Value, u64)> {
    let send = ["sms_send", "Send"];
    let lookup = ["verify_lookup", "VerifyLookup"];
    let good = json!({"receptor": PHONE, "template": "ramz-otp", "token": "48291"});
    let with = |name: &str, value: &str| {
        let mut fields = good.clone();
        fields[name] = json!(value);
        fields
    };
    let text = |name: &str, value: &str| {
        let mut fields = json!({"receptor": PHONE, "message": "سلام"});
        fields[name] = json!(value);
        fields
    };
    let none = || json!({});
    vec![
        (none(), lookup, json!({"receptor": PHONE}), 400),
        (
            none(),
            ["sms_countpostalcode", "CountPostalCode"],
            none(),
            404,
        ),
        (none(), ["sms_receive", "Receive"], none(), 400),
        (
            none(),
            ["sms_countinbox", "CountInbox"],
            json!({"startdate": "1"}),
            417,
        ),
        (
            none(),
            ["sms_countoutbox", "CountOutbox"],
            json!({"startdate": ""}),
            406,
        ),
        (none(), lookup, with("token", ""), 406),
        (none(), lookup, with("receptor", "12"), 411),
        (none(), send, text("sender", ""), 412),
        (none(), send, text("message", " "), 413),
        (none(), send, text("receptor", &[PHONE; 201].join(",")), 414),
        (none(), send, text("date", "1"), 417),
        (none(), send, text("localid", "1,2"), 419),
        (none(), lookup, with("template", "unheard"), 424),
        (none(), lookup, with("type", "call"), 200),
        (none(), lookup, with("token", "4 8"), 431),
        (none(), send, text("tag", "unheard"), 607),
        (
            json!({"templates": {"empty": "no token"}}),
            lookup,
            with("template", "empty"),
            432,
        ),
        (
            json!({"links_allowed": false}),
            send,
            text("message", "https://x.ir"),
            420,
        ),
        (
            json!({"restricted_lines": ["2000500666"]}),
            send,
            text("sender", "2000500666"),
            427,
        ),
        (
            json!({"panel_ip_registered": false}),
            ["sms_latestoutbox", "LatestOutbox"],
            none(),
            407,
        ),
        (
            json!({"trial_owner": "09120000000"}),
            lookup,
            good.clone(),
            501,
        ),
        (
            json!({"trial_owner": null, "credit": 1}),
            lookup,
            good.clone(),
            418,
        ),
        (json!({"plan": "basic"}), lookup, good.clone(), 426),
        (json!({"calls_per_second": 0}), lookup, good.clone(), 451),
        (json!({"ip_limited": true}), lookup, good.clone(), 429),
        (
            json!({"allowed_ips": ["10.0.0.1"]}),
            lookup,
            good.clone(),
            416,
        ),
        (json!({"kyc_verified": false}), lookup, good.clone(), 430),
        (json!({"disabled": true}), lookup, good, 401),
    ]
}

#[tokio::test]
async fn the_python_client_sends_looks_up_and_reads_over_https() {
    let Some(clients) = clients() else { return };
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &["--api-key", KEY]);
    let calls = json!([
        ["sms_send", {"receptor": PHONE, "message": "متن نمونه", "sender": "30009911", "localid": "71"}],
        ["sms_send", {"receptor": PHONE, "message": "متن نمونه", "sender": "30009911", "localid": "71"}],
        ["verify_lookup", {"receptor": PHONE, "template": "ramz-otp", "token": "48291", "type": "sms"}],
        ["sms_sendarray", {"receptor": "[\"09123004501\"]", "sender": "[\"30009911\"]",
            "message": "[\"الف\"]"}],
        ["call_maketts", {"receptor": PHONE, "message": "1234"}],
        ["sms_status", {"messageid": "2890000001,17"}],
        ["sms_statuslocalmessageid", {"localid": "71"}],
        ["sms_select", {"messageid": "2890000001"}],
        ["sms_latestoutbox", {"pagesize": "1"}],
        ["account_info", null],
        ["account_config", null],
    ]);
    let outcomes = python(clients, &program, KEY, &calls);
    let entries: Vec<&Value> = outcomes
        .iter()
        .map(|outcome| {
            outcome
                .get("entries")
                .unwrap_or_else(|| panic!("{outcome}"))
        })
        .collect();
    assert_eq!(entries[0][0]["messageid"], 2_890_000_000_u64);
    assert_eq!(entries[1][0]["messageid"], entries[0][0]["messageid"]);
    assert_eq!(entries[2][0]["message"], "کد ورود شما: 48291");
    assert_eq!(entries[3][0]["message"], "الف");
    assert_eq!(entries[4][0]["status"], 5);
    assert_eq!(entries[5][1]["status"], 100);
    assert_eq!(entries[6][0]["localid"], "71");
    assert_eq!(entries[7][0]["receptor"], PHONE);
    assert_eq!(entries[8][0]["messageid"], 2_890_000_003_u64);
    assert_eq!(entries[9]["remaincredit"], 100_000_000 - 4 * 2_280);
    assert_eq!(entries[10]["debugmode"], "disabled");

    let foreign = python(
        clients,
        &program,
        "FOREIGN",
        &json!([["account_info", null]]),
    );
    let error = foreign[0]["api_error"].as_str().unwrap();
    assert_eq!(error, "APIException[403] کد شناسائی معتبر نمی باشد ");
    assert!(program.terminate().success());
}

#[tokio::test]
async fn the_node_client_sends_looks_up_and_reads() {
    let Some(clients) = clients() else { return };
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &["--api-key", KEY]);
    let calls = json!([
        ["Send", {"receptor": PHONE, "message": "متن نمونه", "sender": "30009911", "localid": "71"}],
        ["VerifyLookup", {"receptor": PHONE, "template": "ramz-otp", "token": "48291"}],
        ["Status", {"messageid": "2890000001,17"}],
        ["StatusLocalMessageid", {"localid": "71"}],
        ["AccountInfo", {}],
    ]);
    let outcomes = node(clients, &program, KEY, &calls);
    for outcome in &outcomes {
        assert_eq!(outcome["status"], 200, "{outcome}");
        assert_eq!(outcome["message"], "تایید شد");
    }
    assert_eq!(outcomes[0]["entries"][0]["messageid"], 2_890_000_000_u64);
    assert_eq!(outcomes[1]["entries"][0]["message"], "کد ورود شما: 48291");
    assert_eq!(outcomes[2]["entries"][1]["status"], 100);
    assert_eq!(outcomes[3]["entries"][0]["localid"], "71");
    assert_eq!(
        outcomes[4]["entries"]["remaincredit"],
        100_000_000 - 2 * 2_280
    );
    let foreign = node(clients, &program, "FOREIGN", &json!([["AccountInfo", {}]]));
    assert_eq!(foreign[0]["status"], 403);
    assert!(foreign[0]["entries"].is_null());
    assert!(program.terminate().success());
}

/// What each client has a method for, but the two that the gateway has taken back.
#[tokio::test]
async fn both_clients_count_receive_and_ask_for_calls() {
    let Some(clients) = clients() else { return };
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &["--api-key", KEY]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = json!({"sender": "+989123004501", "message": "لغو"});
    for _ in 0..2 {
        let url = format!("{}_sim/inbound", program.url);
        let answer = client.post(url).json(&sent).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let start = json!({"startdate": (now - 3_600).to_string()});
    let unread = json!({"linenumber": "30009911", "isread": "0"});
    let in_python = python(
        clients,
        &program,
        KEY,
        &json!([
            ["call_maketts", {"receptor": PHONE, "message": "1234"}],
            ["sms_send", {"receptor": PHONE, "message": "متن نمونه"}],
            ["call_status", {"messageid": "2890000000,2890000001"}],
            ["sms_countoutbox", start],
            ["sms_countinbox", start],
            ["sms_receive", unread],
            ["sms_receive", unread],
            ["sms_selectoutbox", start],
            ["sms_cancel", {"messageid": "2890000001"}],
        ]),
    );
    let entries: Vec<&Value> = in_python.iter().map(|it| &it["entries"]).collect();
    assert_eq!(
        entries[2][0]["messageid"], 2_890_000_000_u64,
        "{in_python:?}"
    );
    assert_ne!(entries[2][0]["status"], 100);
    assert_eq!(entries[2][1]["status"], 100, "a text is no call");
    assert_eq!(entries[3][0]["sumcount"], 2);
    assert_eq!(entries[3][0]["sumpart"], 2);
    assert_eq!(entries[3][0]["cost"], 2 * 2_280);
    assert_eq!(entries[4][0]["sumcount"], 2);
    assert_eq!(entries[5].as_array().unwrap().len(), 2);
    assert_eq!(entries[5][0]["sender"], PHONE);
    assert_eq!(entries[5][0]["receptor"], "30009911");
    assert_eq!(entries[5][0]["message"], "لغو");
    assert_eq!(*entries[6], json!([]), "they are read now");
    assert_eq!(entries[7].as_array().unwrap().len(), 2);
    assert_eq!(entries[8][0]["messageid"], 2_890_000_001_u64);

    let in_node = node(
        clients,
        &program,
        KEY,
        &json!([
            ["CountOutbox", start],
            ["CountInbox", start],
            ["Receive", {"linenumber": "30009911", "isread": "1"}],
            ["CallMakeTTS", {"receptor": PHONE, "message": "1234"}],
            ["AccountConfig", {}],
        ]),
    );
    for outcome in &in_node {
        assert_eq!(outcome["status"], 200, "{outcome}");
    }
    assert_eq!(in_node[0]["entries"][0]["sumcount"], 2);
    assert_eq!(in_node[1]["entries"][0]["sumcount"], 2);
    assert_eq!(in_node[2]["entries"].as_array().unwrap().len(), 2);
    assert!(program.terminate().success());
}

#[tokio::test]
async fn both_clients_see_every_refusal_by_its_number() {
    let Some(clients) = clients() else { return };
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &["--api-key", KEY]);
    let refusals = refusals();
    // One run of each client for all calls that need no change of the account before them.
    for group in refusals.chunk_by(|_, next| next.0 == json!({})) {
        put(&program, "account", group[0].0.clone()).await;
        let calls = |client: usize| -> Value {
            let call = |methods: &[&str; 2], fields: &Value| json!([methods[client], fields]);
            group
                .iter()
                .map(|(_, methods, fields, _)| call(methods, fields))
                .collect()
        };
        let in_python = python(clients, &program, KEY, &calls(0));
        let in_node = node(clients, &program, KEY, &calls(1));
        let outcomes = in_python.iter().zip(&in_node);
        for ((_, _, fields, status), (in_python, in_node)) in group.iter().zip(outcomes) {
            check_refusal(fields, *status, in_python, in_node);
        }
    }
    assert!(program.terminate().success());
}

/// Both clients report `status`: the Python one in an exception's text, the Node one as a number.
fn check_refusal(fields: &Value, status: u64, in_python: &Value, in_node: &Value) {
    if status == 200 {
        assert!(in_python["entries"].is_array(), "{fields}: {in_python}");
    } else {
        let error = in_python["api_error"].as_str().unwrap_or_default();
        let expected = format!("APIException[{status}] ");
        assert!(error.starts_with(&expected), "{fields}: {in_python}");
    }
    assert_eq!(in_node["status"], status, "{fields}: {in_node}");
}

#[tokio::test]
async fn both_clients_meet_dictated_statuses_and_broken_answers() {
    let Some(clients) = clients() else { return };
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &["--api-key", KEY]);
    let statuses = [402, 409, 422, 428, 449, 451, 503];
    let kinds = [
        "html_error",
        "html_ok",
        "cut_json",
        "empty_body",
        "accept_then_reset",
    ];
    let dictated = statuses.map(|status| json!({"kind": "status", "status": status}));
    let broken = kinds.map(|kind| json!({ "kind": kind }));
    let once = |fault: &Value| json!({"times": 1, "fault": fault});
    let rules: Vec<Value> = dictated.iter().chain(&broken).map(once).collect();

    put(&program, "faults", json!({ "rules": rules })).await;
    let calls = vec![json!(["account_info", null]); rules.len()];
    let outcomes = python(clients, &program, KEY, &json!(calls));
    let (dictated, broken) = outcomes.split_at(statuses.len());
    for (status, outcome) in statuses.iter().zip(dictated) {
        let error = outcome["api_error"].as_str().unwrap_or_default();
        assert!(
            error.starts_with(&format!("APIException[{status}] ")),
            "{outcome}"
        );
    }
    for (kind, outcome) in kinds.iter().zip(broken) {
        assert!(outcome["http_error"].is_string(), "{kind}: {outcome}");
    }

    put(
        &program,
        "faults",
        json!({"rules": &rules[..statuses.len()]}),
    )
    .await;
    let calls = vec![json!(["AccountInfo", {}]); statuses.len()];
    let outcomes = node(clients, &program, KEY, &json!(calls));
    let seen: Vec<&Value> = outcomes.iter().map(|outcome| &outcome["status"]).collect();
    assert_eq!(seen, statuses);
    assert!(program.terminate().success());
}

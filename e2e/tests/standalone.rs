//! The one-process shape: a first start with nothing set, and a kill at any moment.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use e2e::{Client, PATIENCE, Secrets, SimulatorProcess};
use harness::{Process, ProcessCommand, eventually, free_port, wait_for_http};
use sqlx::Row as _;
use tokio::task::JoinHandle;

struct Standalone {
    process: Process,
    client: Client,
}

async fn start(command: &ProcessCommand, url: &str) -> Standalone {
    let process = command.start();
    wait_for_http(&format!("{url}/readyz"), PATIENCE).await;
    Standalone {
        process,
        client: Client::new(url),
    }
}

/// A folder for the data and an address of its own; nothing else is set.
fn command(data: &Path) -> (ProcessCommand, String) {
    let listen = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}");
    let command = Process::ramz("standalone")
        .env("DATA_DIR", data)
        .env("LISTEN", &listen)
        .env("PUBLIC_URL", &url)
        .env("METRICS_LISTEN", format!("127.0.0.1:{}", free_port()));
    (command, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_finds_the_code_in_the_inbox_and_any_jwt_library_takes_the_token() {
    let data = tempfile::tempdir().expect("a folder");
    let inbox = format!("127.0.0.1:{}", free_port());
    let (command, url) = command(data.path());
    let command = command.env("SIMULATOR_LISTEN", &inbox);
    let mut standalone = start(&command, &url).await;
    let printed = standalone.process.log();
    let sign_in = format!("{url}/accounts/login/");
    assert!(printed.contains(&sign_in), "{printed}");
    assert!(printed.contains(&format!("{url}/api/docs")), "{printed}");
    assert!(printed.contains(&format!("http://{inbox}/")), "{printed}");

    let asked = standalone
        .client
        .ask("09123456789")
        .await
        .expect("accepted");
    let inbox = Client::new(format!("http://{inbox}"));
    let code = eventually(PATIENCE, async || {
        let messages: serde_json::Value = inbox
            .get("/_sim/messages?receptor=09123456789")
            .await
            .json()
            .await
            .expect("JSON");
        messages[0]["code"].as_str().map(str::to_owned)
    })
    .await;
    let page = inbox.get("/").await.text().await.expect("a page");
    assert!(
        page.contains(&code) && page.contains("dir=\"rtl\"") && page.contains(&sign_in),
        "{page}"
    );

    let signed_in = standalone
        .client
        .verify(&asked.session_id, &code)
        .await
        .expect("signed in");
    assert_accepted_by_pyjwt(&url, &signed_in.access_token, &signed_in.user["id"]);

    // The keys survive a restart: the token is still good, and the user is known.
    standalone.process.terminate();
    assert!(standalone.process.wait(PATIENCE).await.success());
    let standalone = start(&command, &url).await;
    assert_accepted_by_pyjwt(&url, &signed_in.access_token, &signed_in.user["id"]);
    let docs = standalone.client.get("/api/docs/").await;
    assert!(docs.status().is_success());
}

/// What a message says by the settings shows in the inbox, too, and nothing has to be said twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_of_messages_show_in_the_inbox_and_the_address_follows_the_listener() {
    let data = tempfile::tempdir().expect("a folder");
    let (listen, inbox) = (free_port(), free_port());
    let url = format!("http://127.0.0.1:{listen}");
    for template in [None, Some("login-code")] {
        let command = Process::ramz("standalone")
            .env("DATA_DIR", data.path())
            .env("LISTEN", format!("127.0.0.1:{listen}"))
            .env("METRICS_LISTEN", format!("127.0.0.1:{}", free_port()))
            .env("SIMULATOR_LISTEN", format!("127.0.0.1:{inbox}"))
            .env("DATABASE_POOL_SIZE", "20")
            .env("WEBOTP_DOMAIN", "login.example.ir");
        let command = match template {
            Some(name) => command.env("KAVENEGAR_TEMPLATE", name),
            None => command,
        };
        let mut standalone = start(&command, &url).await;
        let printed = standalone.process.log();
        assert!(printed.contains(&format!("{url}/api/docs")), "{printed}");
        assert!(
            printed.contains("DATABASE_POOL_SIZE: has no effect"),
            "{printed}"
        );
        let phone = if template.is_some() {
            "09123456781"
        } else {
            "09123456780"
        };
        standalone.client.ask(phone).await.expect("accepted");
        let inbox = Client::new(format!("http://127.0.0.1:{inbox}"));
        let message = eventually(PATIENCE, async || {
            let messages = inbox.get("/_sim/messages").await;
            let messages: serde_json::Value = messages.json().await.expect("JSON");
            messages.get(0).cloned()
        })
        .await;
        let code = message["code"].as_str().expect("a code");
        let text = message["text"].as_str().expect("a text");
        let line = format!("\n@login.example.ir #{code}");
        assert!(text.ends_with(&line), "{text}");
        assert_eq!(
            message["template"].as_str(),
            Some(template.unwrap_or("ramz-otp"))
        );
        standalone.process.terminate();
        assert!(standalone.process.wait(PATIENCE).await.success());
    }
}

fn assert_accepted_by_pyjwt(url: &str, token: &str, user: &serde_json::Value) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify_token.py");
    let output = Command::new(harness::python())
        .arg(script)
        .args([url, user.as_str().expect("an id")])
        .env("ACCESS_TOKEN", token)
        .output()
        .expect("Python runs");
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "PyJWT refuses the token: {printed}"
    );
}

const ROUNDS: usize = 5;
const REQUESTS_A_ROUND: usize = 200;

/// Asks for the codes of many numbers at once; each task gives the number that was accepted.
fn ask_all(client: &Client, round: usize) -> Vec<JoinHandle<Option<String>>> {
    let ask = |request| {
        let client = client.clone();
        let phone = format!("0912{round:02}{request:05}");
        tokio::spawn(async move {
            let body = serde_json::json!({ "phone_number": phone });
            let answer = client.try_post("/api/v1/usr/otp", &body).await;
            answer
                .is_ok_and(|answer| answer.status() == 202)
                .then_some(phone)
        })
    };
    (0..REQUESTS_A_ROUND).map(ask).collect()
}

/// Every accepted request is one send or a recorded end, whatever moment the process is killed at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_01_a_kill_loses_no_accepted_request() {
    let data = tempfile::tempdir().expect("a folder");
    let simulator = SimulatorProcess::start().await;
    let (command, url) = command(data.path());
    let command = command
        .env("KAVENEGAR_API_KEY", Secrets::generate().api_key)
        .env("KAVENEGAR_URL", simulator.url())
        .env("KAVENEGAR_TEMPLATE", "ramz-otp")
        .env("KAVENEGAR_RATE", "10000")
        .env("LIMIT_ADDRESS_PER_MINUTE", "100000")
        .env("LIMIT_GROUP_PER_MINUTE", "off");
    let mut accepted = Vec::new();
    for round in 0..ROUNDS {
        let mut standalone = start(&command, &url).await;
        let tasks = ask_all(&standalone.client, round);
        // Somewhere in the middle of the work, differently in each round.
        let sent = simulator.sends().len();
        eventually(PATIENCE, async || {
            (simulator.sends().len() > sent + 20 * round).then_some(())
        })
        .await;
        standalone.process.kill();
        for task in tasks {
            accepted.extend(task.await.expect("a task"));
        }
    }
    assert!(
        accepted.len() > ROUNDS,
        "only {} were accepted",
        accepted.len()
    );

    let mut standalone = start(&command, &url).await;
    let database = data.path().join("ramz.sqlite3");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", database.display()))
        .await
        .expect("the database");
    eventually(PATIENCE, async || {
        let jobs: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM jobs")
            .fetch_one(&pool)
            .await
            .expect("a count");
        (jobs == 0).then_some(())
    })
    .await;
    standalone.process.terminate();
    assert!(
        standalone
            .process
            .wait(Duration::from_mins(1))
            .await
            .success()
    );

    let mut sends: HashMap<String, u32> = HashMap::new();
    for line in simulator.sends() {
        for receptor in line.receptors {
            *sends.entry(receptor).or_default() += 1;
        }
    }
    let rows = sqlx::query("SELECT phone, state FROM sends")
        .fetch_all(&pool)
        .await
        .expect("rows");
    let states: HashMap<String, String> = rows
        .iter()
        .map(|row| {
            (
                row.get::<String, _>("phone").replace("+98", "0"),
                row.get("state"),
            )
        })
        .collect();
    let mut unknown = 0;
    for phone in &accepted {
        match (
            sends.get(phone).copied().unwrap_or_default(),
            states.get(phone).map(String::as_str),
        ) {
            (1, Some("accepted")) => {}
            // Killed while the gateway was being called, and its deadline came before that was cleared
            // up.
            (0 | 1, Some("unknown")) => unknown += 1,
            other => panic!("{phone}: {other:?}"),
        }
    }
    assert!(
        sends.values().all(|count| *count == 1),
        "a message was doubled"
    );
    assert!(
        unknown * 2 < accepted.len(),
        "{unknown} of {} of unknown outcome",
        accepted.len()
    );
    println!(
        "{} accepted, {unknown} of them of unknown outcome, 0 lost",
        accepted.len()
    );
}

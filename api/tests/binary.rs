//! The binary `api`: how it starts, what it logs, and how it ends.

use std::time::Duration;

use domain::challenge::SessionId;
use domain::clock::Clock;
use domain::otp::KeyRing;
use domain::random::Random;
use domain::tokens::SigningKeys;
use harness::{PostgresServer, Process, ProcessCommand, RedisServer, eventually, wait_for_http};
use migrate::run_postgres;
use reqwest::header::USER_AGENT;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use shared::hot_state::HotState;
use shared::redis_store::RedisStore;
use sqlx::PgPool;

const LONG: Duration = Duration::from_mins(1);
const OTP_KEY: &str = "k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=";

fn api(database_url: &str) -> ProcessCommand {
    let pem = SigningKeys::generate_pem(&Random::seeded(7));
    Process::program(env!("CARGO_BIN_EXE_api"))
        .env("DATABASE_URL", database_url)
        .env("OTP_KEY", OTP_KEY)
        .env("JWT_PRIVATE_KEY", pem.expose_secret())
        .env("LISTEN", "127.0.0.1:0")
        .env("METRICS_LISTEN", "127.0.0.1:0")
        .env("LOG_FORMAT", "json")
        .env("LOG_LEVEL", "trace")
        .env("OTP_LENGTH", "8")
}

async fn migrated(postgres: &PostgresServer) -> String {
    let url = postgres.create_database().await;
    let pool = PgPool::connect(&url).await.expect("connected");
    run_postgres(&pool).await.expect("migrated");
    pool.close().await;
    url
}

/// A field of the log line with this message.
fn logged(api: &Process, message: &str, field: &str) -> String {
    let log = api.log();
    let line = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| {
            line["message"]
                .as_str()
                .is_some_and(|of| of.starts_with(message))
        });
    let value = line.map(|mut line| line[field].take());
    let value = value.and_then(|value| value.as_str().map(str::to_owned));
    value.unwrap_or_else(|| panic!("no {field} of {message:?} in\n{log}"))
}

async fn base_url(api: &mut Process) -> String {
    api.wait_for_log("\"serving;", LONG).await;
    format!("http://{}", logged(api, "serving;", "address"))
}

#[tokio::test]
async fn i_05_logs_at_their_most_talkative_hold_no_secret_and_no_number() {
    let (redis, postgres) =
        tokio::join!(RedisServer::start(), PostgresServer::start_without_fsync());
    let database_url = migrated(&postgres).await;
    let mut api = api(&database_url).env("REDIS_URL", redis.url()).start();
    let base = base_url(&mut api).await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let mut ids = Vec::new();
    let mut post = async |path: &str, body: Value| {
        let request = client.post(format!("{base}{path}?canary-query=1"));
        let request = request
            .header(USER_AGENT, "canary-agent")
            .header("x-request-id", "canary-id")
            .header("cookie", "ramz_access=canary-cookie");
        let response = request.json(&body).send().await.expect("an answer");
        let id = response.headers()["x-request-id"]
            .to_str()
            .expect("text")
            .to_owned();
        ids.push(id);
        response.json::<Value>().await.expect("JSON")
    };

    let (otp, verify) = ("/api/v1/usr/otp", "/api/v1/usr/otp/verify");
    let asked = post(otp, json!({ "phone_number": "09123456789" })).await;
    let session = asked["session_id"].as_str().expect("a session").to_owned();
    let store = RedisStore::connect(&redis.url()).expect("an address");
    let hot = HotState::redis(store, Clock::system());
    let id = session.parse::<SessionId>().expect("a UUID").challenge_id();
    let challenge = hot
        .challenge(id)
        .await
        .expect("an answer")
        .expect("a challenge");
    let keys = KeyRing::parse(OTP_KEY).expect("keys");
    let code = challenge.code(&keys).expect("a key").expose().to_owned();

    post(
        verify,
        json!({ "phone_number": "09123456789", "code": "12121212" }),
    )
    .await;
    post(verify, json!({ "session_id": session, "code": "34343434" })).await;
    post(
        verify,
        json!({ "session_id": session, "code": "canary-code" }),
    )
    .await;
    post(otp, json!({ "phone_number": "canary-phone\u{1b}[31m\r\n" })).await;
    post(otp, json!({ "canary-field": 1 })).await;
    post("/canary-path", json!({})).await;
    let signed_in = post(verify, json!({ "session_id": session, "code": code })).await;
    let tokens = ["access_token", "refresh_token", "device_token"].map(|name| {
        let token = signed_in[name].as_str();
        token.unwrap_or_else(|| panic!("{signed_in}")).to_owned()
    });
    // The last of them by the lane of known devices.
    for _ in 0..3 {
        let body = json!({ "phone_number": "09123456789", "device_token": tokens[2] });
        let asked = post(otp, body).await;
        assert!(asked["session_id"].is_string(), "{asked}");
    }

    api.terminate();
    assert!(api.wait(LONG).await.success());
    let log = api.log();
    for id in &ids {
        assert!(
            log.contains(id.as_str()),
            "each request stands in the log by its id"
        );
    }
    assert!(
        log.contains(r#""code":"code_wrong""#) && log.contains(r#""code":"not_found""#),
        "a refusal stands there by its code: {log}"
    );
    let key = OTP_KEY.trim_start_matches("k1:");
    let words = [
        &session,
        &tokens[0],
        &tokens[1],
        &tokens[2],
        key,
        "9123456789",
        "canary",
        "\u{1b}",
    ];
    for word in words {
        assert!(!log.contains(word), "{word:?} stands in the log:\n{log}");
    }
    let numbers: Vec<&str> = log.split(|c: char| !c.is_ascii_digit()).collect();
    for code in [code.as_str(), "12121212", "34343434"] {
        assert!(!numbers.contains(&code), "{code} stands in the log:\n{log}");
    }
}

#[tokio::test]
async fn a_database_without_this_versions_schema_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = format!("sqlite://{}", folder.path().join("ramz.sqlite3").display());
    let postgres = PostgresServer::start_without_fsync().await;
    let empty = postgres.create_database().await;
    let nobody = "redis://127.0.0.1:1/";
    for command in [api(&sqlite), api(&empty).env("REDIS_URL", nobody)] {
        let mut api = command.start();
        assert!(!api.wait(LONG).await.success());
        let log = api.log();
        assert!(
            log.contains("0001_accounts") && log.contains("run `migrate`"),
            "{log}"
        );
    }
}

#[tokio::test]
async fn wrong_settings_are_named_at_the_start() {
    let mut api = api("sqlite://ramz.sqlite3").env("OTP_LENGHT", "6").start();
    assert!(!api.wait(LONG).await.success());
    let log = api.log();
    assert!(
        log.contains("OTP_LENGHT") && log.contains("OTP_LENGTH"),
        "{log}"
    );
}

#[tokio::test]
async fn f_03_f_04_an_api_that_starts_before_its_stores_serves_when_they_come() {
    let (mut redis, mut postgres) =
        tokio::join!(RedisServer::start(), PostgresServer::start_without_fsync());
    let database_url = migrated(&postgres).await;
    redis.kill();
    postgres.kill();
    let mut api = api(&database_url)
        .env("REDIS_URL", redis.url())
        .env("DATABASE_POOL_SIZE", "7")
        .start();
    api.wait_for_log("waiting for the database", LONG).await;
    postgres.restart().await;
    let base = base_url(&mut api).await;
    let ready = async || {
        reqwest::get(format!("{base}/readyz"))
            .await
            .expect("an answer")
    };
    assert_eq!(ready().await.status(), 503, "Redis is away");
    let (well, told) = healthcheck(&base).await;
    assert!(
        !well && told.contains("503") && told.contains(r#""hot_state":"failed""#),
        "{told}"
    );
    redis.restart().await;
    eventually(LONG, async || (ready().await.status() == 200).then_some(())).await;
    assert_eq!(healthcheck(&base).await, (true, String::new()));
    let metrics = format!("http://{}", logged(&api, "serving;", "metrics"));
    let metrics = format!("{metrics}/metrics");
    wait_for_http(&metrics, LONG).await;
    let metrics = reqwest::get(metrics).await.expect("an answer");
    let metrics = metrics.text().await.expect("text");
    assert!(
        metrics.contains("\nramz_database_connections_max 7\n"),
        "{metrics}"
    );
    api.terminate();
    assert!(api.wait(LONG).await.success());
    let (well, told) = healthcheck(&base).await;
    assert!(!well && told.contains("does not answer"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

/// Whether `api healthcheck` finds the API at this address well, and what it prints.
async fn healthcheck(base: &str) -> (bool, String) {
    let mut check = Process::program(env!("CARGO_BIN_EXE_api"))
        .arg("healthcheck")
        .env("LISTEN", base.trim_start_matches("http://"))
        .start();
    let status = check.wait(LONG).await;
    (status.success(), check.log())
}

//! Two processes of the API that share their stores and their file of keys, and the people who sign
//! in there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::SessionId;
use domain::clock::Clock;
use domain::otp::KeyRing;
use harness::{PostgresServer, Process, ProcessCommand, RedisServer, free_port, wait_for_http};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use shared::hot_state::HotState;
use shared::redis_store::RedisStore;
use sqlx::PgPool;

use crate::stage::{Ran, run, text};

const LONG: Duration = Duration::from_mins(1);
const OTP_KEY: &str = "k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=";

/// Two processes of the API over the same stores and the same file of keys.
pub(crate) struct Site {
    _redis: RedisServer,
    _postgres: PostgresServer,
    folder: tempfile::TempDir,
    commands: [ProcessCommand; 2],
    processes: [Process; 2],
    pub(crate) people: Arc<People>,
}

/// Anyone who signs in, at whichever process is up.
pub(crate) struct People {
    client: Client,
    addresses: [String; 2],
    hot_state: HotState,
    next_phone: AtomicU32,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let (redis, postgres) =
            tokio::join!(RedisServer::start(), PostgresServer::start_without_fsync());
        let database = postgres.create_database().await;
        let pool = PgPool::connect(&database).await.expect("connected");
        migrate::run_postgres(&pool).await.expect("migrated");
        pool.close().await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("jwt.pem");
        signing_key(&file, &["add"]).done();

        let ports = [free_port(), free_port()];
        let commands = ports.map(|port| {
            Process::program(env!("CARGO_BIN_EXE_api"))
                .env("DATABASE_URL", &database)
                .env("REDIS_URL", redis.url())
                .env("OTP_KEY", OTP_KEY)
                .env("JWT_PRIVATE_KEY_FILE", &file)
                .env("LISTEN", format!("127.0.0.1:{port}"))
                .env("METRICS_LISTEN", "127.0.0.1:0")
                .env("LIMIT_ADDRESS_PER_MINUTE", "10000")
                .env("LIMIT_GROUP_PER_MINUTE", "off")
        });
        let addresses = ports.map(|port| format!("http://127.0.0.1:{port}"));
        let processes = commands.each_ref().map(ProcessCommand::start);
        for address in &addresses {
            wait_for_http(&format!("{address}/readyz"), LONG).await;
        }
        let store = RedisStore::connect(&redis.url()).expect("an address");
        // A connection that idles while its process ends would fail the next request.
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0);
        let client = client.build().expect("a client");
        let people = Arc::new(People {
            client,
            addresses,
            hot_state: HotState::redis(store, Clock::system()),
            next_phone: AtomicU32::new(0),
        });
        Self {
            _redis: redis,
            _postgres: postgres,
            folder,
            commands,
            processes,
            people,
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("jwt.pem")
    }

    pub(crate) fn signing_key(&self, arguments: &[&str]) -> Ran {
        signing_key(&self.file(), arguments)
    }

    /// Restarts one process after the other, as a rolling deployment does.
    pub(crate) async fn restart(&mut self) {
        for index in 0..2 {
            self.processes[index].terminate();
            assert!(self.processes[index].wait(LONG).await.success());
            self.processes[index] = self.commands[index].start();
            let address = &self.people.addresses[index];
            wait_for_http(&format!("{address}/readyz"), LONG).await;
        }
    }

    /// Moves the times of this kind in the file into the past.
    pub(crate) fn let_pass(&self, kind: &str, minutes: i64) {
        let written = fs::read_to_string(self.file()).expect("a file");
        let mut moved = 0;
        let lines = written.lines().map(|line| match line.strip_prefix(kind) {
            Some(time) => {
                moved += 1;
                let time: DateTime<Utc> = time.parse().expect("a time");
                let earlier = (time - TimeDelta::minutes(minutes)).to_rfc3339();
                format!("{kind}{earlier}\n")
            }
            None => format!("{line}\n"),
        });
        fs::write(self.file(), lines.collect::<String>()).expect("written");
        assert!(moved > 0, "{kind}");
    }

    /// The kids that each process publishes.
    pub(crate) async fn published(&self) -> Vec<String> {
        let mut published = Vec::new();
        for address in &self.people.addresses {
            let jwks = self.people.get(address, "/.well-known/jwks.json").await;
            let keys = jwks["keys"].as_array().expect("keys").clone();
            let kids: Vec<String> = keys.iter().map(|key| string(&key["kid"])).collect();
            assert!(published.is_empty() || published == kids, "both the same");
            published = kids;
        }
        published
    }

    pub(crate) async fn assert_token(&self, token: &str, accepted: bool) {
        for address in &self.people.addresses {
            assert_eq!(self.people.accepts(address, token).await, accepted);
        }
    }
}

impl People {
    async fn get(&self, address: &str, path: &str) -> Value {
        let answer = self.client.get(format!("{address}{path}")).send().await;
        answer.expect("an answer").json().await.expect("JSON")
    }

    /// Whether a process takes the token, and so do its published keys.
    async fn accepts(&self, address: &str, token: &str) -> bool {
        let me = format!("{address}/api/v1/usr/me");
        let answer = self.client.get(me).bearer_auth(token).send().await;
        let status = answer.expect("an answer").status();
        assert!(status == 200 || status == 401, "{status}");
        let jwks = self.get(address, "/.well-known/jwks.json").await;
        let jwks: jsonwebtoken::jwk::JwkSet = serde_json::from_value(jwks).expect("a JWK set");
        let verified = jwks.find(&kid(token)).is_some_and(|jwk| {
            let key = jsonwebtoken::DecodingKey::from_jwk(jwk).expect("a key");
            let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
            rules.set_audience(&["http://127.0.0.1:8000"]);
            jsonwebtoken::decode::<Value>(token, &key, &rules).is_ok()
        });
        assert_eq!(verified, status == 200, "other services judge alike");
        verified
    }

    /// Posts to a process that is up. One that is being restarted refuses the connection, or resets
    /// it where it had not taken it yet, as load balancers know; and on a machine that does too much
    /// at once a store may answer late, which is a 503 that asks for another try.
    async fn post(&self, path: &str, body: &Value) -> Value {
        for _ in 0..100 {
            for address in &self.addresses {
                let request = self.client.post(format!("{address}{path}")).json(body);
                match request.send().await {
                    Ok(answer) => {
                        let status = answer.status();
                        if status == StatusCode::SERVICE_UNAVAILABLE {
                            continue;
                        }
                        let body: Value = answer.json().await.expect("JSON");
                        assert!(status.is_success(), "{path}: {status} {body}");
                        return body;
                    }
                    Err(error) if error.is_request() => {}
                    Err(error) => panic!("{path}: {error}"),
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no process is up");
    }

    /// Signs somebody new in and returns their access token.
    pub(crate) async fn sign_in(&self) -> String {
        let number = self.next_phone.fetch_add(1, Ordering::Relaxed);
        let phone = format!("0912{number:07}");
        let asked = json!({ "phone_number": phone });
        let asked = self.post("/api/v1/usr/otp", &asked).await;
        let session = string(&asked["session_id"]);
        let id = session.parse::<SessionId>().expect("a UUID").challenge_id();
        let challenge = self.hot_state.challenge(id).await.expect("an answer");
        let keys = KeyRing::parse(OTP_KEY).expect("keys");
        let code = challenge.expect("a challenge").code(&keys).expect("a key");
        let body = json!({ "session_id": session, "code": code.expose() });
        let signed_in = self.post("/api/v1/usr/otp/verify", &body).await;
        string(&signed_in["access_token"])
    }

    /// Signs people in without a pause until told to stop; any failure is a panic.
    pub(crate) async fn sign_in_until(&self, stop: &AtomicBool) -> u32 {
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            self.sign_in().await;
            count += 1;
        }
        count
    }
}

pub(crate) fn signing_key(file: &Path, arguments: &[&str]) -> Ran {
    let arguments = [&["signing-key"], arguments].concat();
    run(&arguments, &[("JWT_PRIVATE_KEY_FILE", text(file))])
}

fn string(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

pub(crate) fn kid(token: &str) -> String {
    let header = jsonwebtoken::decode_header(token).expect("a header");
    header.kid.expect("a kid")
}

//! The API in this process, over either shape of its stores, reached through real HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use api::{App, FlowsParts};
use domain::challenge::{Challenge, ChallengeId, SessionId};
use domain::clock::Clock;
use domain::otp::KeyRing;
use domain::random::Random;
use domain::tokens::SigningKeys;
use harness::{PostgresServer, RedisServer};
use http::Method;
use prometheus::{Registry, TextEncoder};
use serde_json::{Value, json};
use serving::serve;
use shared::config::ServeLimits;
use shared::config::{ApiConfig, Environment};
use shared::queue::{Delivery, Disposal, Job, Settlement};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::answer::Answer;
use crate::stores::{Raw, Stores, start_servers};

pub(crate) const START: i64 = 1_763_700_000_000;
pub(crate) const SECOND: i64 = 1_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;
pub(crate) const OTP: &str = "/api/v1/usr/otp";
pub(crate) const VERIFY: &str = "/api/v1/usr/otp/verify";
pub(crate) const ME: &str = "/api/v1/usr/me";
pub(crate) const OTP_KEY: &str = "k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=";
pub(crate) const OTHER_OTP_KEY: &str = "k2:Zm9vYmFyLXRoaXMtaXMtbm90LXRoZS1rZXktYWJjZGUBAgM=";

static SERVERS: OnceCell<(RedisServer, PostgresServer)> = OnceCell::const_new();

/// The two shapes that the API runs in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    PostgresAndRedis,
    Sqlite,
}

pub(crate) struct Stage {
    pub(crate) stores: Stores,
    pub(crate) clock: Clock,
    pub(crate) keys: KeyRing,
    pub(crate) client: reqwest::Client,
    pub(crate) address: SocketAddr,
    /// Where the console listens.
    pub(crate) console: SocketAddr,
    pub(crate) registry: Registry,
    pub(crate) document: Value,
    stop: CancellationToken,
    folder: Option<tempfile::TempDir>,
}

impl Stage {
    pub(crate) async fn new(shape: Shape) -> Self {
        Self::with(shape, &[]).await
    }

    /// With further settings, which win over those of the stage.
    pub(crate) async fn with(shape: Shape, settings: &[(&str, &str)]) -> Self {
        let clock = Clock::manual(START);
        match shape {
            Shape::PostgresAndRedis => {
                let (redis, postgres) = SERVERS.get_or_init(start_servers).await;
                let stores = Stores::on_servers(redis, postgres, &clock).await;
                Self::over(stores, clock, settings, None).await
            }
            Shape::Sqlite => {
                let folder = tempfile::tempdir().expect("a folder");
                let stores = Stores::in_folder(&folder, &clock).await;
                Self::over(stores, clock, settings, Some(folder)).await
            }
        }
    }

    /// One more API process over the same stores.
    pub(crate) async fn beside(&self, settings: &[(&str, &str)]) -> Self {
        Self::over(self.stores.clone(), self.clock.clone(), settings, None).await
    }

    pub(crate) async fn over(
        stores: Stores,
        clock: Clock,
        settings: &[(&str, &str)],
        folder: Option<tempfile::TempDir>,
    ) -> Self {
        let config = config(&stores, settings);
        let registry = Registry::new();
        let app = App::build(FlowsParts {
            config: &config,
            hot_state: stores.hot.clone(),
            queue: stores.queue.clone(),
            records: stores.records.clone(),
            clock: clock.clone(),
            random: Random::operating_system(),
            registry: &registry,
        })
        .expect("an app");
        let clients = api::open_applications(config.oidc_clients.as_deref(), &config.signing_keys);
        let app = match clients.expect("clients") {
            Some(clients) => app.with_clients(clients),
            None => app,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        tokio::spawn(serve(
            listener,
            app.router(),
            ServeLimits::default(),
            stop.clone(),
        ));
        let console = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let console_address = console.local_addr().expect("an address");
        tokio::spawn(serve(
            console,
            app.console_router().expect("a console"),
            ServeLimits::default(),
            stop.clone(),
        ));
        let background_stop = stop.clone();
        tokio::spawn(async move { app.run_background_tasks(background_stop).await });
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .expect("a client");
        let document = client
            .get(format!("http://{address}/api/openapi.json"))
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        Self {
            stores,
            clock,
            keys: config.otp_keys,
            client,
            address,
            console: console_address,
            registry,
            document,
            stop,
            folder,
        }
    }

    /// Ends the process; its stores stay.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a request and checks what every answer must have.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await.expect("an answer");
        let answer = Answer::read(response).await;
        answer.check(&self.document, &method, &path);
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(self.url(path))).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.client.post(self.url(path)).json(&body))
            .await
    }

    /// Asks for a code and gives the session id.
    pub(crate) async fn ask(&self, phone: &str) -> String {
        let answer = self.post(OTP, json!({ "phone_number": phone })).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.member("session_id")
    }

    pub(crate) async fn verify(&self, session: &str, code: &str) -> Answer {
        let body = json!({ "session_id": session, "code": code });
        self.post(VERIFY, body).await
    }

    pub(crate) async fn verify_by_phone(&self, phone: &str, code: &str) -> Answer {
        let body = json!({ "phone_number": phone, "code": code });
        self.post(VERIFY, body).await
    }

    /// Signs in by a code and gives the answer with the tokens.
    pub(crate) async fn sign_in(&self, phone: &str) -> Answer {
        let session = self.ask(phone).await;
        let code = self.code(&session).await;
        let answer = self.verify(&session, &code).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    /// Sends a request with an access token in the header, as apps do.
    pub(crate) async fn bearing(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let request = self
            .client
            .request(method, self.url(path))
            .bearer_auth(token);
        self.send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    /// Asks for a code for another number of a signed-in user and gives the session id.
    pub(crate) async fn ask_for_change(&self, token: &str, phone: &str) -> String {
        let body = json!({ "phone_number": phone });
        let path = "/api/v1/usr/me/phone";
        let asked = self.bearing(token, Method::POST, path, Some(body)).await;
        assert_eq!(asked.status, 202, "{asked:?}");
        asked.member("session_id")
    }

    pub(crate) async fn verify_change(&self, token: &str, session: &str, code: &str) -> Answer {
        let body = json!({ "session_id": session, "code": code });
        let path = "/api/v1/usr/me/phone/verify";
        self.bearing(token, Method::POST, path, Some(body)).await
    }

    /// The code of a number change, which is its owner's alone.
    pub(crate) async fn code_of_change(&self, session: &str, owner: Uuid) -> String {
        let session: SessionId = session.parse().expect("a UUID");
        let id = session.challenge_id_of(owner);
        let code = self.found(id).await.code(&self.keys);
        code.expect("a known key").expose().to_owned()
    }

    /// The jobs that wait, which are taken.
    pub(crate) async fn jobs(&self) -> Vec<Job> {
        let deliveries = self.take_jobs().await;
        let payloads = deliveries.iter().map(|delivery| &delivery.payload);
        payloads
            .map(|payload| Job::decode(payload).expect("a job"))
            .collect()
    }

    pub(crate) async fn challenge(&self, session: &str) -> Challenge {
        let id = session.parse::<SessionId>().expect("a UUID").challenge_id();
        self.found(id).await
    }

    /// However busy the machine is.
    async fn found(&self, id: ChallengeId) -> Challenge {
        let look = async || self.stores.hot.challenge(id).await.ok();
        let found = harness::eventually(Duration::from_mins(1), look).await;
        found.expect("a challenge")
    }

    /// Moves the clock, after the messages that wait have gone out: a queue that stands still
    /// would refuse new requests.
    pub(crate) async fn pass(&self, millis: i64) {
        let taken = self.take_jobs().await;
        self.settle(taken).await;
        self.clock.advance(millis);
    }

    /// Ends jobs that were taken.
    pub(crate) async fn settle(&self, taken: Vec<Delivery>) {
        let settlements: Vec<Settlement> = taken
            .into_iter()
            .map(|delivery| Settlement {
                delivery,
                disposal: Disposal::Done,
            })
            .collect();
        let settled = self.stores.queue.settle(&settlements).await;
        settled.expect("settled");
    }

    /// Takes the jobs that wait, oldest first.
    pub(crate) async fn take_jobs(&self) -> Vec<Delivery> {
        let mut taken = Vec::new();
        // The first read of a new queue may do no more than prepare it.
        for _ in 0..2 {
            let block = Duration::from_millis(1);
            let read = self.stores.queue.read(1_000, block).await;
            taken.extend(read.expect("an answer"));
        }
        taken
    }

    /// The code that the message holds.
    pub(crate) async fn code(&self, session: &str) -> String {
        let code = self.challenge(session).await.code(&self.keys);
        code.expect("a known key").expose().to_owned()
    }

    /// A well-formed code that is not that of the session.
    pub(crate) async fn wrong_code(&self, session: &str) -> String {
        let code: u32 = self.code(session).await.parse().expect("digits");
        format!("{:06}", (code + 1) % 1_000_000)
    }

    pub(crate) fn metrics(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect("text")
    }

    /// The value of one series.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let metrics = self.metrics();
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} is not among\n{metrics}"))
            .parse()
            .expect("a number")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
        drop(self.folder.take());
    }
}

pub(crate) fn config(stores: &Stores, settings: &[(&str, &str)]) -> ApiConfig {
    let pem = SigningKeys::generate_pem(&Random::seeded(7));
    let mut values = vec![
        ("DATABASE_URL", stores.database_url.clone()),
        ("OTP_KEY", OTP_KEY.to_owned()),
        (
            "JWT_PRIVATE_KEY",
            secrecy::ExposeSecret::expose_secret(&pem).to_owned(),
        ),
        ("LIMIT_ADDRESS_PER_MINUTE", "100000".to_owned()),
        ("LIMIT_GROUP_PER_MINUTE", "off".to_owned()),
        ("REFRESH_GRACE", "10".to_owned()),
    ];
    if let Raw::Redis { url, .. } = &stores.raw {
        values.push(("REDIS_URL", url.clone()));
    }
    for (name, value) in settings {
        values.retain(|(of, _)| of != name);
        values.push((name, (*value).to_owned()));
    }
    ApiConfig::load(&Environment::from_pairs(values)).expect("settings")
}

//! People who use the service while it is attacked, each from an address and with a number of their own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use e2e::Production;
use reqwest::Response;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::outcome::Noticed;

/// The API trusts what comes from this machine to say whose request it is.
pub(crate) const BEHIND_A_PROXY: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.1/32");

static PEOPLE: AtomicU32 = AtomicU32::new(0);

/// Somebody with a number and an address that nobody else has.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) phone: String,
    pub(crate) address: String,
}

impl Person {
    pub(crate) fn new() -> Self {
        let number = PEOPLE.fetch_add(1, Ordering::Relaxed);
        let [_, a, b, c] = number.wrapping_mul(2_654_435).to_be_bytes();
        Self {
            phone: format!("0935{number:07}"),
            address: format!("5.{a}.{b}.{c}"),
        }
    }
}

/// Sends requests as if they came from any address.
#[derive(Clone)]
pub(crate) struct Sender {
    http: reqwest::Client,
    url: String,
}

impl Sender {
    pub(crate) fn new(production: &Production) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build();
        Self {
            http: http.expect("a client"),
            url: production.url(),
        }
    }

    pub(crate) async fn post(
        &self,
        address: &str,
        path: &str,
        body: &Value,
    ) -> reqwest::Result<Response> {
        let request = self.http.post(format!("{}{path}", self.url));
        request
            .header("x-forwarded-for", address)
            .json(body)
            .send()
            .await
    }

    /// The same; the answer as a status and, of an error, its code, and the body.
    pub(crate) async fn told(&self, address: &str, path: &str, body: &Value) -> (String, Value) {
        match self.post(address, path, body).await {
            Err(_) => ("no answer".to_owned(), Value::Null),
            Ok(answer) => {
                let status = answer.status().as_u16();
                let body: Value = answer.json().await.unwrap_or_default();
                let code = body["code"].as_str().filter(|_| status >= 400);
                let told =
                    code.map_or_else(|| status.to_string(), |code| format!("{status} {code}"));
                (told, body)
            }
        }
    }

    pub(crate) async fn ask(&self, person: &Person) -> (String, Value) {
        let body = json!({ "phone_number": person.phone });
        self.told(&person.address, "/api/v1/usr/otp", &body).await
    }

    /// Signs somebody in by the code that reached the simulator.
    pub(crate) async fn sign_in(&self, production: &Production, person: &Person) -> Value {
        let (told, asked) = self.ask(person).await;
        assert_eq!(told, "202", "{asked}");
        let code = production.simulator.wait_for_code(&person.phone).await;
        let body = json!({ "session_id": asked["session_id"], "code": code });
        let (told, signed_in) = self
            .told(&person.address, "/api/v1/usr/otp/verify", &body)
            .await;
        assert_eq!(told, "200", "{signed_in}");
        signed_in
    }

    /// Lets so many people a second ask for a code for a while.
    pub(crate) async fn crowd(&self, per_second: u32, lasts: Duration) -> Noticed {
        let sender = self.clone();
        every(per_second, lasts, move || {
            let (sender, person) = (sender.clone(), Person::new());
            async move { sender.ask(&person).await.0 }
        })
        .await
    }
}

/// Begins an action so many times a second, whether or not those before are over, and waits for all.
pub(crate) async fn every<F>(per_second: u32, lasts: Duration, action: impl Fn() -> F) -> Noticed
where
    F: Future<Output = String> + Send + 'static,
{
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    let (begun, mut actions) = (Instant::now(), JoinSet::new());
    while begun.elapsed() < lasts {
        ticks.tick().await;
        let action = action();
        actions.spawn(async move {
            let begun = Instant::now();
            (action.await, begun.elapsed())
        });
    }
    let mut noticed = Noticed::default();
    for (answer, took) in actions.join_all().await {
        noticed.add(answer, took);
    }
    noticed
}

/// Repeats an action over so many connections as fast as answers come, until it is aborted or the time is
/// over; what the attacker was told.
pub(crate) async fn flood<F>(
    connections: u32,
    lasts: Duration,
    action: impl Fn() -> F + Clone + Send + 'static,
) -> Noticed
where
    F: Future<Output = String> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let action = action.clone();
        tasks.spawn(async move {
            let (begun, mut noticed) = (Instant::now(), Noticed::default());
            while begun.elapsed() < lasts {
                let asked = Instant::now();
                let answer = action().await;
                noticed.add(answer, asked.elapsed());
            }
            noticed
        });
    }
    let mut all = Noticed::default();
    for noticed in tasks.join_all().await {
        for (answer, count) in noticed.answers {
            *all.answers.entry(answer).or_default() += count;
        }
        all.times.extend(noticed.times);
    }
    all
}

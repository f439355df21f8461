//! People who sign in, people who fail, and what goes wrong around them.

use std::time::Duration;

use e2e::{PATIENCE, Production};
use harness::eventually;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::boards::prometheus::Prometheus;

/// What the gateway does to numbers with these last two digits: it is busy, refuses a template,
/// refuses the number, or breaks off after taking the message.
const FAULTS: [(&str, &str); 4] = [
    ("01", r#"{"kind": "status", "status": 409}"#),
    ("02", r#"{"kind": "status", "status": 424}"#),
    ("03", r#"{"kind": "status", "status": 411}"#),
    ("04", r#"{"kind": "accept_then_reset"}"#),
];
/// What becomes of messages to numbers with these last two digits: undelivered, failed.
const FATES: [(&str, u16); 2] = [("11", 11), ("12", 6)];
/// Numbers of three operators, in turn.
const OPERATORS: [&str; 3] = ["0912", "0935", "0921"];
/// As fast as one busy person types; the machine has other things to do.
const PAUSE: Duration = Duration::from_millis(100);

/// A secret of this test for the address of the gateway's reports.
pub(crate) const CALLBACK_SECRET: &str = "0123456789abcdef0123456789abcdef";

const OTP: &str = "/api/v1/usr/otp";
const VERIFY: &str = "/api/v1/usr/otp/verify";

/// Makes the gateway as it never is all at once: some numbers fail in every way, and the account has
/// a setting that an alert tells of.
pub(crate) async fn spoil_the_gateway(production: &Production) {
    let faults = FAULTS.map(|(suffix, fault)| {
        let fault: Value = serde_json::from_str(fault).expect("JSON");
        json!({ "method": "verify/lookup", "receptor_suffix": suffix, "fault": fault })
    });
    production.simulator.set_faults(json!(faults)).await;
    let fates =
        FATES.map(|(suffix, status)| json!({ "receptor_suffix": suffix, "status": status }));
    let account = json!({
        "resendfailed": true,
        "callback": {
            "url": format!("{}/callbacks/kavenegar/{CALLBACK_SECRET}/delivery", production.url()),
            "method": "POST",
            "lookups": true,
        },
        "delivery": { "queue_ms": 50, "operator_ms": 100, "rules": fates },
    });
    production.simulator.change_account(account).await;
}

/// The people. Their addresses come in `X-Forwarded-For`, so the API must trust this machine.
#[derive(Clone)]
pub(crate) struct People {
    http: reqwest::Client,
    url: String,
    simulator: String,
}

impl People {
    /// People of this installation.
    pub(crate) fn of(production: &Production) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .expect("a client");
        Self {
            http,
            url: production.url(),
            simulator: production.simulator.url().to_owned(),
        }
    }

    /// Comes and goes without end. What is refused meanwhile is a figure, not a failure.
    pub(crate) async fn come_and_go(self) {
        for round in 0_u32.. {
            let phone = |suffix: &str| {
                let operator = OPERATORS[round as usize % OPERATORS.len()];
                format!("{operator}{:05}{suffix}", round % 100_000)
            };
            self.sign_in(round, &phone("00")).await;
            for (suffix, _) in FAULTS {
                self.ask(round, &phone(suffix)).await;
            }
            for (suffix, _) in FATES {
                self.ask(round, &phone(suffix)).await;
            }
            self.abuse(round, &phone("20")).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Signs in by the code after a wrong one, renews the session, and logs in by a password that
    /// was just set.
    async fn sign_in(&self, visitor: u32, phone: &str) -> Option<()> {
        let asked = self.ask(visitor, phone).await?;
        let session = &asked["session_id"];
        let wrong = json!({ "session_id": session, "code": "000000" });
        self.post(visitor, VERIFY, &wrong).await;
        let code = self.code(phone).await?;
        let right = json!({ "session_id": session, "code": code });
        let tokens: Value = self
            .post(visitor, VERIFY, &right)
            .await?
            .json()
            .await
            .ok()?;
        let refresh = json!({ "refresh_token": tokens["refresh_token"] });
        self.post(visitor, "/api/v1/usr/token/refresh", &refresh)
            .await;
        let password = "four quiet words here";
        let access = tokens["access_token"].as_str()?;
        let set = self
            .http
            .post(format!("{}/api/v1/usr/password", self.url))
            .bearer_auth(access)
            .json(&json!({ "new_password": password }));
        sent(set).await;
        for password in [password, "something else"] {
            let log_in = json!({ "phone_number": phone, "password": password });
            self.post(visitor, "/api/v1/usr/login", &log_in).await;
        }
        Some(())
    }

    /// Asks too often, guesses, and looks for pages that there are not.
    async fn abuse(&self, visitor: u32, phone: &str) {
        for _ in 0..4 {
            self.ask(visitor, phone).await;
        }
        let guess = json!({ "phone_number": phone, "code": "000000" });
        self.post(visitor, VERIFY, &guess).await;
        self.post(visitor, OTP, &json!({ "phone_number": "12345" }))
            .await;
        sent(self.http.get(format!("{}/wp-login.php", self.url))).await;
        sent(self.http.get(format!("{}/readyz", self.url))).await;
    }

    async fn ask(&self, visitor: u32, phone: &str) -> Option<Value> {
        let answer = self
            .post(visitor, OTP, &json!({ "phone_number": phone }))
            .await?;
        answer.json().await.ok()
    }

    /// The code that came, if it comes soon: a gateway that is away must not stop everybody.
    async fn code(&self, phone: &str) -> Option<String> {
        for _ in 0..50 {
            let url = format!("{}/_sim/messages?receptor={phone}&limit=1", self.simulator);
            let messages: Value = sent(self.http.get(url)).await?.json().await.ok()?;
            if let Some(code) = messages[0]["code"].as_str() {
                return Some(code.to_owned());
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    /// The answer if it is a success.
    async fn post(&self, visitor: u32, path: &str, body: &Value) -> Option<Response> {
        let address = format!("198.18.{}.{}", visitor / 250 % 250, visitor % 250);
        let request = self.http.post(format!("{}{path}", self.url)).json(body);
        sent(request.header("x-forwarded-for", address)).await
    }
}

async fn sent(request: RequestBuilder) -> Option<Response> {
    let answer = request.send().await.ok()?;
    answer.status().is_success().then_some(answer)
}

/// Lets the worst happen once, and waits each time until it shows: the credit runs out, Redis hangs,
/// the API and a worker are killed and replaced.
pub(crate) async fn disturb(production: &mut Production, prometheus: &Prometheus) {
    production.kill_and_restart_api();
    answers(production, "/readyz", StatusCode::OK).await;

    production
        .simulator
        .change_account(json!({ "credit": 0 }))
        .await;
    shows(prometheus, "ramz_gateway_breaker_open == 1").await;
    shows(
        prometheus,
        "ramz_otp_requests_total{result=\"unavailable\"} > 0",
    )
    .await;
    production
        .simulator
        .change_account(json!({ "credit": 100_000_000 }))
        .await;
    shows(prometheus, "ramz_gateway_breaker_open == 0").await;

    production.redis.pause();
    answers(production, "/readyz", StatusCode::SERVICE_UNAVAILABLE).await;
    production.redis.resume();
    answers(production, "/readyz", StatusCode::OK).await;

    // One that starts when messages have been paid for knows how long the credit lasts.
    shows(prometheus, "ramz_sms_total{outcome=\"accepted\"} > 0").await;
    production.kill_and_replace_worker(0);
    prometheus.watch(production);
}

async fn answers(production: &Production, path: &str, status: StatusCode) {
    let url = format!("{}{path}", production.url());
    eventually(PATIENCE, async || {
        let answer = reqwest::get(&url).await.ok()?;
        (answer.status() == status).then_some(())
    })
    .await;
}

async fn shows(prometheus: &Prometheus, expression: &str) {
    eventually(PATIENCE, async || {
        (prometheus.series(expression).await > 0).then_some(())
    })
    .await;
}

//! Many passwords at once from one address, and what others notice of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use domain::client_address::ClientAddress;
use domain::limits::{Quota, Quotas, Rule, Step};
use harness::eventually;
use serde_json::{Value, json};
use shared::hot_state::{Count, Subjects};
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::passwords::GOOD;
use crate::stage::{SECOND, Shape, Stage};

const ATTACKERS: usize = 36;
const VICTIMS: usize = 12;
/// The most common word over and over: much to find and little to guess.
const SLOW_AND_POOR: &str = "passwordpasswordpasswordpasswordpasswordpasswordpasswordpassword";

/// As if a reverse proxy had brought it from this address.
async fn from(
    stage: &Stage,
    address: &str,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> Answer {
    let mut request = stage.client.post(stage.url(path));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let request = request.header("x-forwarded-for", address).json(body);
    stage.send(request).await
}

/// Sends what makes us judge, over and over, from one address, while others log in.
async fn log_ins_meanwhile(
    stage: &Arc<Stage>,
    path: &'static str,
    token: Option<String>,
    body: Value,
) -> BTreeMap<String, usize> {
    let (over, judged) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let mut attackers = JoinSet::new();
    for _ in 0..ATTACKERS {
        let (stage, over, judged) = (Arc::clone(stage), Arc::clone(&over), Arc::clone(&judged));
        let (token, body) = (token.clone(), body.clone());
        attackers.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                from(&stage, "192.0.2.66", path, token.as_deref(), &body).await;
                judged.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let all_came = async || (judged.load(Ordering::Relaxed) >= ATTACKERS).then_some(());
    eventually(Duration::from_mins(2), all_came).await;
    let mut ends = BTreeMap::new();
    for victim in 0..VICTIMS {
        let address = format!("198.51.100.{}", victim + 1);
        let body = json!({ "phone_number": "09123456789", "password": GOOD });
        let answer = from(stage, &address, "/api/v1/usr/login", None, &body).await;
        let code = answer.body["code"].as_str().unwrap_or("logged_in");
        *ends.entry(code.to_owned()).or_default() += 1;
    }
    over.store(true, Ordering::Relaxed);
    attackers.join_all().await;
    ends
}

pub(crate) async fn a_20_36_connections_of_one_address_keep_nobody_from_logging_in(shape: Shape) {
    let settings = [
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("LIMIT_FAILURES_ADDRESS", "1000"),
    ];
    let stage = Arc::new(Stage::with(shape, &settings).await);
    stage.with_password("09123456789", GOOD).await;
    let reset = json!({ "phone_number": "09120000066" });
    let reset = stage.post("/api/v1/usr/password/reset", reset).await;
    let session = reset.member("session_id");
    let token = stage.sign_in("09120000067").await.member("access_token");
    let step = json!({ "mobile_number": "09120000068" });
    let step = stage
        .post("/api/register/", step)
        .await
        .member("session_id");
    let code = stage.code(&step).await;
    let proven = json!({ "session_id": step, "code": code });
    assert_eq!(stage.post("/api/verify-otp/", proven).await.status, 200);

    let reset = json!({ "session_id": session, "code": "123456", "new_password": SLOW_AND_POOR });
    let path = "/api/v1/usr/password/reset/verify";
    let ends = log_ins_meanwhile(&stage, path, None, reset).await;
    assert!(!ends.contains_key("password_busy"), "{path}: {ends:?}");
    let change = json!({ "new_password": SLOW_AND_POOR });
    let path = "/api/v1/usr/password";
    let ends = log_ins_meanwhile(&stage, path, Some(token), change).await;
    assert!(!ends.contains_key("password_busy"), "{path}: {ends:?}");
    let first = json!({ "session_id": step, "password": SLOW_AND_POOR });
    let path = "/api/set-password/";
    let ends = log_ins_meanwhile(&stage, path, None, first).await;
    assert!(!ends.contains_key("password_busy"), "{path}: {ends:?}");
    // Log-ins with a wrong password, too.
    let wrong = json!({ "phone_number": "09129999999", "password": "wrong" });
    let path = "/api/v1/usr/login";
    let ends = log_ins_meanwhile(&stage, path, None, wrong).await;
    assert!(!ends.contains_key("password_busy"), "{path}: {ends:?}");
}

pub(crate) async fn a_20_an_address_has_new_passwords_judged_only_so_often(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.sign_in("09123456789").await.member("access_token");
    let poor = json!({ "new_password": SLOW_AND_POOR });
    stage
        .fill_bucket(Step::NewPassword, Rule::NewPasswordAddress)
        .await;
    let refused = stage.set(&token, poor.clone()).await;
    refused.is(429, "too_many_requests_address");
    assert_eq!(refused.number("retry_after"), 1);
    stage.pass(100).await;
    let judged = stage.set(&token, poor.clone()).await;
    judged.is(422, "password_too_easy");
    stage
        .set(&token, poor)
        .await
        .is(429, "too_many_requests_address");
    let series = r#"ramz_limit_refused_total{rule="new_password_address"}"#;
    assert!((stage.metric(series) - 2.0).abs() < f64::EPSILON);

    // What is cheaper to refuse comes first and counts nothing.
    let reset = json!({ "phone_number": "09120000066" });
    let reset = stage.post("/api/v1/usr/password/reset", reset).await;
    let malformed = json!({
        "session_id": reset.member("session_id"), "code": "12", "new_password": SLOW_AND_POOR
    });
    let path = "/api/v1/usr/password/reset/verify";
    stage.post(path, malformed).await.is(422, "code_malformed");
    let strange = json!({
        "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "password": SLOW_AND_POOR
    });
    let strange = stage.post("/api/set-password/", strange).await;
    strange.is(404, "step_session_unknown");
}

impl Stage {
    /// Fills what calls of this kind from 127.0.0.1 are counted in.
    pub(crate) async fn fill_bucket(&self, step: Step, rule: Rule) {
        let one_a_minute = Quota::Rate {
            count: 1,
            millis: 60 * SECOND,
            ahead: 60 * SECOND,
        };
        let quotas = Quotas::NONE.with(rule, one_a_minute);
        let subjects = Subjects {
            caller: Some(ClientAddress::new(std::net::Ipv4Addr::LOCALHOST.into())),
            ..Subjects::default()
        };
        let counted = self.stores.hot.count(step, &subjects, &quotas).await;
        assert_eq!(counted.expect("an answer"), Count::Counted);
    }
}

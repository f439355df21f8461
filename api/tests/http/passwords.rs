//! Logging in with a password, setting and changing one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::available_parallelism;

use domain::password::PasswordHash;
use domain::phone::PhoneNumber;
use harness::make_django_password;
use http::Method;
use serde_json::{Value, json};
use shared::records::PasswordChange;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::stage::{SECOND, Shape, Stage};

pub(crate) const LOG_IN: &str = "/api/v1/usr/login";
pub(crate) const PASSWORD: &str = "/api/v1/usr/password";
pub(crate) const PHONE: &str = "09123456789";
pub(crate) const GOOD: &str = "tahdig-va-ghormeh";
pub(crate) const OTHER: &str = "correct horse battery staple";

impl Stage {
    pub(crate) async fn log_in(&self, phone: &str, password: &str) -> Answer {
        let body = json!({ "phone_number": phone, "password": password });
        self.post(LOG_IN, body).await
    }

    pub(crate) async fn set(&self, token: &str, body: Value) -> Answer {
        self.bearing(token, Method::POST, PASSWORD, Some(body))
            .await
    }

    /// Signs in by a code, sets the password, and gives the access token.
    pub(crate) async fn with_password(&self, phone: &str, password: &str) -> String {
        let token = self.sign_in(phone).await.member("access_token");
        let set = self.set(&token, json!({ "new_password": password })).await;
        assert_eq!(set.status, 204, "{set:?}");
        token
    }

    /// Stores a hash as an import would.
    pub(crate) async fn store_hash(&self, phone: &str, hash: &str) {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let user = self.stores.records.find_user_by_phone(&phone).await;
        let change = PasswordChange {
            user: user.expect("an answer").expect("a user").id,
            hash: PasswordHash::from_stored(hash).expect("a known format"),
            keep_session: None,
            now: self.clock.now(),
        };
        assert!(
            self.stores
                .records
                .set_password(&change)
                .await
                .expect("set")
        );
    }

    pub(crate) async fn stored_hash(&self, phone: &str) -> String {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let holder = self.stores.records.password_of_phone(&phone).await;
        let hash = holder.expect("an answer").expect("a user").hash;
        hash.expect("a password").expose().to_owned()
    }

    pub(crate) async fn block(&self, phone: &str) {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let user = self.stores.records.find_user_by_phone(&phone).await;
        let id = user.expect("an answer").expect("a user").id;
        let blocked = self.stores.records.set_blocked(id, true, self.clock.now());
        assert!(blocked.await.expect("an answer"));
    }
}

/// So many log-ins at once, the number of each made from its index, by their outcomes.
pub(crate) async fn log_in_at_once(
    stage: &Arc<Stage>,
    times: usize,
    phone: impl Fn(usize) -> String,
    password: &'static str,
) -> BTreeMap<String, usize> {
    let barrier = Arc::new(Barrier::new(times));
    let mut tries = JoinSet::new();
    for index in 0..times {
        let (stage, barrier, phone) = (Arc::clone(stage), Arc::clone(&barrier), phone(index));
        tries.spawn(async move {
            barrier.wait().await;
            stage.log_in(&phone, password).await
        });
    }
    let mut counts = BTreeMap::new();
    for answer in tries.join_all().await {
        let code = answer.body["code"].as_str().unwrap_or("logged_in");
        *counts.entry(code.to_owned()).or_default() += 1;
    }
    counts
}

pub(crate) async fn a_password_is_set_and_opens_a_session(shape: Shape) {
    let stage = Stage::new(shape).await;
    stage.with_password(PHONE, GOOD).await;
    let stored = stage.stored_hash("+989123456789").await;
    assert!(
        stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{stored}"
    );

    let body = json!({ "phone_number": "۰۹۱۲۳۴۵۶۷۸۹", "password": GOOD, "device_name": "گوشی" });
    let answer = stage.post(LOG_IN, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["is_new_user"], false);
    assert_eq!(answer.body["user"]["phone_number"], "+989123456789");
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 3);
    stage.opens_its_account(&answer).await;
    let series = r#"ramz_password_logins_total{result="logged_in"}"#;
    assert!((stage.metric(series) - 1.0).abs() < f64::EPSILON);
}

pub(crate) async fn thr_09_a_19_wrong_credentials_of_any_kind_get_the_same_bytes(shape: Shape) {
    let stage = Stage::new(shape).await;
    stage.with_password(PHONE, GOOD).await;
    stage.sign_in("09123456780").await;
    stage.with_password("09123456781", GOOD).await;
    stage.block("+989123456781").await;

    let wrong = stage.log_in(PHONE, OTHER).await;
    wrong.is(403, "credentials_wrong");
    assert!(wrong.headers.get("set-cookie").is_none());
    for (phone, password, what) in [
        (PHONE, "Tahdig-va-ghormeh", "another case"),
        (PHONE, "tahdig-va-ghormeh ", "a space more"),
        ("09120000000", GOOD, "no such user"),
        ("09123456780", GOOD, "no password"),
        ("09123456781", GOOD, "blocked"),
    ] {
        let answer = stage.log_in(phone, password).await;
        assert_eq!(answer.seen(), wrong.seen(), "{what}");
    }
    for (result, times) in [("wrong", 5.0), ("blocked", 1.0), ("logged_in", 0.0)] {
        let series = format!("ramz_password_logins_total{{result=\"{result}\"}}");
        assert!(
            (stage.metric(&series) - times).abs() < f64::EPSILON,
            "{series}"
        );
    }
}

pub(crate) async fn a_hash_made_by_django_is_replaced_by_the_log_in(shape: Shape) {
    let stage = Arc::new(Stage::new(shape).await);
    let hashers = [
        "pbkdf2_sha256",
        "argon2",
        "bcrypt_sha256",
        "scrypt",
        "pbkdf2_sha1",
    ];
    let made = make_django_password(OTHER, &hashers);
    assert_eq!(made.len(), hashers.len());
    for (number, hash) in made.iter().enumerate() {
        let phone = format!("0912345678{number}");
        let canonical = format!("+98912345678{number}");
        stage.sign_in(&phone).await;
        stage.store_hash(&canonical, hash).await;

        let wrong = stage.log_in(&phone, GOOD).await;
        wrong.is(403, "credentials_wrong");
        assert_eq!(stage.stored_hash(&canonical).await, *hash);
        // Several at once: those that find the hash replaced compare with the new one.
        let counts = log_in_at_once(&stage, 6, |_| phone.clone(), OTHER).await;
        assert_eq!(counts, BTreeMap::from([("logged_in".to_owned(), 6)]));
        let upgraded = stage.stored_hash(&canonical).await;
        assert!(
            upgraded.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}: {upgraded}"
        );
        let again = stage.log_in(&phone, OTHER).await;
        assert_eq!(again.status, 200, "{again:?}");
        assert_eq!(stage.stored_hash(&canonical).await, upgraded);
        // The failure counts for the address, too.
        stage.pass(10 * SECOND).await;
    }
}

pub(crate) async fn a_flood_is_told_to_come_back_and_costs_no_tries(shape: Shape) {
    let stage = Stage::with(
        shape,
        &[
            ("LIMIT_FAILURES_ADDRESS", "1000"),
            ("LIMIT_FAILURES_GROUP", "off"),
        ],
    )
    .await;
    let stage = Arc::new(stage);
    stage.with_password(PHONE, GOOD).await;
    // More than may run and wait; each has another number.
    let times = available_parallelism().map_or(1, usize::from) * 17 + 60;
    let phone = |index| format!("0912{index:07}");
    let counts = log_in_at_once(&stage, times, phone, OTHER).await;
    let busy = counts.get("password_busy").copied().unwrap_or_default();
    assert!(busy >= 1, "{counts:?}");
    let series = r#"ramz_password_logins_total{result="busy"}"#;
    assert!(stage.metric(series) >= 1.0);
    assert_eq!(stage.log_in(PHONE, GOOD).await.status, 200);
}

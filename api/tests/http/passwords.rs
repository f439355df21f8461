//! Logging in with a password, setting and changing one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::available_parallelism;

use http::Method;
use serde_json::{Value, json};
use shared::notice::NoticeKind;
use shared::password::PasswordHash;
use shared::phone::PhoneNumber;
use shared::queue::{Job, JobTask};
use shared::records::PasswordChange;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::answer::Answer;
use crate::stage::{ME, SECOND, Shape, Stage};

pub(crate) const LOG_IN: &str = "/api/v1/usr/login";
pub(crate) const PASSWORD: &str = "/api/v1/usr/password";
pub(crate) const PHONE: &str = "09123456789";
pub(crate) const GOOD: &str = "tahdig-va-ghormeh";
pub(crate) const OTHER: &str = "correct horse battery staple";
const MINUTE: i64 = 60 * SECOND;

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
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    let token = answer.member("access_token");
    let me = stage.bearing(&token, Method::GET, ME, None).await;
    me.shows_all_of(&answer.body["user"]);
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
    // Made by Django 5.2 from "correct horse battery".
    let hash = "bcrypt_sha256$$2b$12$yShK.Y/CC6DKkZWUVLr/TeaQmEucwnjRVHuBUH2VIKubqh8Ss2Juu";
    stage.sign_in(PHONE).await;
    stage.store_hash("+989123456789", hash).await;

    stage
        .log_in(PHONE, OTHER)
        .await
        .is(403, "credentials_wrong");
    assert_eq!(stage.stored_hash("+989123456789").await, hash);
    // Several at once: those that find the hash replaced compare with the new one.
    let phone = |_| PHONE.to_owned();
    let counts = log_in_at_once(&stage, 6, phone, "correct horse battery").await;
    assert_eq!(counts, BTreeMap::from([("logged_in".to_owned(), 6)]));
    let upgraded = stage.stored_hash("+989123456789").await;
    assert!(
        upgraded.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{upgraded}"
    );
    let again = stage.log_in(PHONE, "correct horse battery").await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(stage.stored_hash("+989123456789").await, upgraded);
}

pub(crate) async fn a_flood_is_told_to_come_back_and_costs_no_tries(shape: Shape) {
    let stage = Stage::with(shape, &[("LIMIT_FAILURES_ADDRESS", "1000")]).await;
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

pub(crate) async fn a_first_password_needs_a_fresh_sign_in_by_a_code(shape: Shape) {
    let stage = Stage::new(shape).await;
    let body = json!({ "new_password": GOOD });
    stage
        .post(PASSWORD, body.clone())
        .await
        .is(401, "unauthenticated");
    let long_lived = ("ACCESS_TOKEN_LIFETIME", "3600");
    let stage = stage.beside(&[long_lived]).await;
    let token = stage.sign_in(PHONE).await.member("access_token");
    stage.pass(10 * MINUTE + 1).await;
    stage
        .set(&token, body.clone())
        .await
        .is(403, "fresh_sign_in_required");
    let with_current = json!({ "new_password": GOOD, "current_password": OTHER });
    let refused = stage.set(&token, with_current).await;
    refused.is(403, "fresh_sign_in_required");
    let token = stage.sign_in(PHONE).await.member("access_token");
    stage.pass(10 * MINUTE).await;
    assert_eq!(stage.set(&token, body).await.status, 204);
}

pub(crate) async fn a_change_needs_the_current_password_or_a_fresh_code(shape: Shape) {
    let first = Stage::new(shape).await;
    let stage = first.beside(&[("ACCESS_TOKEN_LIFETIME", "3600")]).await;
    stage.with_password(PHONE, GOOD).await;
    let by_password = stage.log_in(PHONE, GOOD).await.member("access_token");
    let alone = json!({ "new_password": OTHER });
    let refused = stage.set(&by_password, alone.clone()).await;
    refused.is(422, "field_missing");
    assert_eq!(refused.member("field"), "current_password");
    let wrong = json!({ "new_password": OTHER, "current_password": OTHER });
    stage
        .set(&by_password, wrong.clone())
        .await
        .is(403, "password_wrong");
    let right = json!({ "new_password": OTHER, "current_password": GOOD });
    assert_eq!(stage.set(&by_password, right).await.status, 204);
    stage.log_in(PHONE, GOOD).await.is(403, "credentials_wrong");
    assert_eq!(stage.log_in(PHONE, OTHER).await.status, 200);

    let by_code = stage.sign_in(PHONE).await.member("access_token");
    let back = json!({ "new_password": GOOD });
    let given_wrong = json!({ "new_password": GOOD, "current_password": GOOD });
    stage
        .set(&by_code, given_wrong)
        .await
        .is(403, "password_wrong");
    assert_eq!(stage.set(&by_code, back.clone()).await.status, 204);
    stage.pass(10 * MINUTE + 1).await;
    stage.set(&by_code, back).await.is(422, "field_missing");
}

pub(crate) async fn ses_05_a_change_ends_every_other_session(shape: Shape) {
    let stage = Stage::new(shape).await;
    let other = stage.sign_in(PHONE).await.member("access_token");
    let bystander = stage.sign_in("09123456780").await.member("access_token");
    let mine = stage.with_password(PHONE, GOOD).await;
    let get = async |token: &str| stage.bearing(token, Method::GET, ME, None).await;
    get(&other).await.is(401, "unauthenticated");
    assert_eq!(get(&mine).await.status, 200);
    assert_eq!(get(&bystander).await.status, 200);
}

pub(crate) async fn new_passwords_are_judged_before_anything_is_counted(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.with_password(PHONE, GOOD).await;
    let long = "a".repeat(129);
    for (password, code) in [
        ("Xq7vT2#", "password_too_short"),
        ("رمز۱۲۳۴", "password_too_short"),
        (long.as_str(), "password_too_long"),
        ("password1", "password_too_easy"),
        ("۱۲۳۴۵۶۷۸۹", "password_too_easy"),
        ("09123456789", "password_too_easy"),
        ("989123456789", "password_too_easy"),
    ] {
        let body = json!({ "new_password": password, "current_password": OTHER });
        for _ in 0..3 {
            let refused = stage.set(&token, body.clone()).await;
            refused.is(422, code);
            assert_eq!(refused.member("field"), "new_password");
        }
    }
    let empty = stage.set(&token, json!({ "new_password": "" })).await;
    empty.is(422, "field_missing");
    assert_eq!(stage.log_in(PHONE, GOOD).await.status, 200);
}

pub(crate) async fn csr_02_a_page_of_another_site_changes_no_password(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.sign_in(PHONE).await.member("access_token");
    let request = stage
        .client
        .post(stage.url(PASSWORD))
        .header("cookie", format!("ramz_access={token}"))
        .header("origin", "https://evil.example")
        .json(&json!({ "new_password": GOOD }));
    stage.send(request).await.is(403, "cross_site_request");
}

pub(crate) async fn the_owner_is_told_of_a_change_and_not_of_a_first_password(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.with_password(PHONE, GOOD).await;
    assert!(notices(&stage).await.is_empty());
    let body = json!({ "new_password": OTHER });
    assert_eq!(stage.set(&token, body).await.status, 204);
    let notices = notices(&stage).await;
    let [id] = notices[..] else {
        panic!("one notice: {notices:?}");
    };
    let notice = stage.stores.records.notice(id).await.expect("an answer");
    let notice = notice.expect("a notice");
    assert_eq!(notice.kind, NoticeKind::PasswordChanged);
    assert_eq!(notice.phone.as_e164(), "+989123456789");
}

pub(crate) async fn r_08_a_password_is_changed_five_times_a_day(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.with_password(PHONE, GOOD).await;
    for index in 0..5 {
        let password = if index % 2 == 0 { OTHER } else { GOOD };
        let set = stage.set(&token, json!({ "new_password": password })).await;
        assert_eq!(set.status, 204, "{set:?}");
    }
    let refused = stage.set(&token, json!({ "new_password": GOOD })).await;
    refused.is(429, "too_many_password_changes");
    assert_eq!(refused.number("retry_after"), 24 * 60 * 60);
    assert_eq!(notices(&stage).await.len(), 5);
    let logged_in = stage.log_in(PHONE, OTHER).await;
    assert_eq!(logged_in.status, 200, "the password stayed: {logged_in:?}");
}

/// The notices among the jobs that wait.
pub(crate) async fn notices(stage: &Stage) -> Vec<Uuid> {
    let jobs = stage.take_jobs().await;
    let jobs = jobs
        .iter()
        .map(|job| Job::decode(&job.payload).expect("a job"));
    jobs.filter_map(|job| match job.task {
        JobTask::Notice { notice } => Some(notice),
        JobTask::Send { .. } => None,
    })
    .collect()
}

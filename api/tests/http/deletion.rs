//! The end of an account.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::challenge::Channel;
use domain::number_hash::NumberHash;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::random::Random;
use domain::root::RootId;
use harness::eventually;
use http::Method;
use prometheus::Registry;
use serde_json::json;
use shared::records::{Begin, LedgerMetrics, LedgerWriter, Route, SendKey, SendMethod};
use shared::telemetry::MetricSet as _;
use uuid::Uuid;

use crate::answer::Answer;
use crate::stage::{ME, SECOND, Shape, Stage};

const PHONE: &str = "09123456789";
const DAY: i64 = 24 * 60 * 60 * 1000;
/// What a table must not hold afterwards; the digits stand in every form of the number.
const CANARIES: [&str; 8] = [
    "9123456789",
    "9350000000",
    "Canary-First",
    "Canary-Last",
    "canary@example.com",
    "canary-device",
    "canary-agent",
    "canary-hash",
];

async fn delete(stage: &Stage, token: &str) -> Answer {
    stage.bearing(token, Method::DELETE, ME, None).await
}

fn id_of(signed_in: &Answer) -> Uuid {
    let id = signed_in.body["user"]["id"].as_str().expect("an id");
    id.parse().expect("a UUID")
}

/// The canaries that a table holds, by table.
async fn found(stage: &Stage) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for (table, rows) in stage.stores.dump().await {
        for canary in CANARIES {
            if rows.iter().any(|row| row.contains(canary)) {
                found.push((table.clone(), canary));
            }
        }
    }
    found
}

/// Everything that an account can leave behind, the parts that other calls write included.
async fn a_full_account(stage: &Stage) -> (Uuid, String) {
    let session = stage.ask(PHONE).await;
    let body = json!({
        "session_id": session, "code": stage.code(&session).await,
        "device_name": "canary-device",
    });
    let request = stage.client.post(stage.url("/api/v1/usr/otp/verify"));
    let signed_in = stage
        .send(request.header("user-agent", "canary-agent").json(&body))
        .await;
    let (user, token) = (id_of(&signed_in), signed_in.member("access_token"));
    let profile = json!({
        "first_name": "Canary-First", "last_name": "Canary-Last", "email": "canary@example.com",
    });
    let patched = stage
        .bearing(&token, Method::PATCH, ME, Some(profile))
        .await;
    assert_eq!(patched.status, 200, "{patched:?}");

    let (id, now) = (stage.stores.uuid(user), stage.clock.now());
    let (at, later) = (now.to_rfc3339(), (now + TimeDelta::hours(1)).to_rfc3339());
    let secret = stage.stores.bytes(b"secret");
    let hash = stage.stores.bytes(&[9; 32]);
    let notice = stage.stores.uuid(Uuid::from_u128(3));
    for sql in [
        format!("UPDATE users SET password_hash = 'canary-hash' WHERE id = {id}"),
        format!(
            "INSERT INTO totp_credentials (user_id, secret_sealed, kid, created_at) \
             VALUES ({id}, {secret}, 'k1', '{at}')"
        ),
        format!(
            "INSERT INTO step_sessions (id_hash, phone, next_step, user_id, created_at, \
             expires_at) VALUES ({hash}, '+989123456789', 'password', {id}, '{at}', '{later}')"
        ),
        format!(
            "INSERT INTO phone_moves (user_id, phone, asked_at, due_at) \
             VALUES ({id}, '+989350000000', '{at}', '{later}')"
        ),
        format!(
            "INSERT INTO notices (id, phone, kind, locale, created_at, deadline_at) \
             VALUES ({notice}, '+989123456789', 'password_changed', 'fa', '{at}', '{later}')"
        ),
    ] {
        stage.stores.execute(sql).await;
    }
    let ledger = LedgerWriter::start(stage.stores.records.clone(), stage.clock.clone());
    let begin = Begin {
        key: SendKey::first_leg(stage.challenge(&session).await.root.id, 1),
        phone: PhoneNumber::from_e164("+989123456789").expect("canonical"),
        purpose: Purpose::SignIn.into(),
        channel: Channel::Sms,
        route: Route::KAVENEGAR,
        method: SendMethod::Lookup,
        fence: 1,
        localid: 1,
        accepted_at: now,
        deadline_at: now,
        trace_id: None,
        request_id: None,
    };
    ledger.begin(begin).await.expect("begun");
    (user, token)
}

pub(crate) async fn i_05_prv_01_a_deleted_account_leaves_nothing_personal_in_any_table(
    shape: Shape,
) {
    let stage = Stage::new(shape).await;
    let (_, token) = a_full_account(&stage).await;
    let before = found(&stage).await;
    for canary in CANARIES {
        assert!(
            before.iter().any(|(_, found)| *found == canary),
            "{canary} would not be seen: {before:?}"
        );
    }
    let deleted = delete(&stage, &token).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(found(&stage).await, []);
    for table in [
        "sessions",
        "refresh_tokens",
        "totp_credentials",
        "step_sessions",
        "notices",
    ] {
        let rows = stage.stores.texts(format!("SELECT 'x' FROM {table}")).await;
        assert_eq!(rows.len(), 0, "{table}");
    }
    let sends = stage.stores.texts("SELECT purpose FROM sends").await;
    assert_eq!(
        sends,
        ["sign_in"],
        "what was sent stays, without its receiver"
    );

    stage.clock.advance(2 * DAY);
    stage.stores.hot.sweep().await.expect("swept");
    assert_eq!(found(&stage).await, []);
}

/// The attempt at a message that was accepted now.
pub(crate) fn attempt(stage: &Stage, phone: &str) -> Begin {
    let now = stage.clock.now();
    Begin {
        key: SendKey::first_leg(RootId::from_bytes(Random::operating_system().bytes()), 1),
        phone: PhoneNumber::from_e164(phone).expect("canonical"),
        purpose: Purpose::SignIn.into(),
        channel: Channel::Sms,
        route: Route::KAVENEGAR,
        method: SendMethod::Lookup,
        fence: 1,
        localid: Random::operating_system().positive_i64(),
        accepted_at: now,
        deadline_at: now,
        trace_id: None,
        request_id: None,
    }
}

pub(crate) async fn prv_01_what_a_worker_writes_after_the_deletion_has_no_number(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.sign_in(PHONE).await.member("access_token");
    let numbers = async || {
        stage
            .stores
            .texts("SELECT phone FROM sends WHERE phone IS NOT NULL")
            .await
    };
    let metrics = LedgerMetrics::register(&Registry::new()).expect("registered");
    let (records, clock) = (stage.stores.records.clone(), stage.clock.clone());
    let worker = LedgerWriter::start_measured(records, clock, &metrics, stage.keys.clone());
    // One waits in the queue, and one of a worker that does not look was on its way all the time.
    let queued = attempt(&stage, "+989123456789");
    let on_its_way = attempt(&stage, "+989123456789");
    let of_other = attempt(&stage, "+989123456780");
    stage.clock.advance(SECOND);
    assert_eq!(delete(&stage, &token).await.status, 204);
    for begin in [queued, of_other] {
        worker.begin(begin).await.expect("begun");
    }
    assert_eq!(numbers().await, ["+989123456780"]);
    let (records, clock) = (stage.stores.records.clone(), stage.clock.clone());
    let blind = LedgerWriter::start(records, clock);
    blind.begin(on_its_way).await.expect("begun");
    eventually(Duration::from_mins(1), async || {
        (numbers().await == ["+989123456780"]).then_some(())
    })
    .await;
    let dump = stage.stores.dump().await;
    let erasures = dump.iter().find(|(table, _)| *table == "number_erasures");
    let (_, erasures) = erasures.expect("the table");
    assert_eq!(erasures.len(), 1);
    assert!(!erasures.iter().any(|row| row.contains("9123456789")));
}

/// The process that deleted the account ends before it has looked once more; the next one does so.
pub(crate) async fn prv_01_a_look_that_a_stop_has_swallowed_is_made_at_the_next_start(
    shape: Shape,
) {
    let stage = Stage::new(shape).await;
    let [late, of_other] = ["+989123456789", "+989123456780"].map(|it| attempt(&stage, it));
    stage.clock.advance(SECOND);
    // What such a process leaves behind: the announcement, and a row of a worker that did not see it.
    let hashes = NumberHash::all(&stage.keys, &late.phone);
    let announced = stage
        .stores
        .records
        .announce_erasure(&hashes, stage.clock.now());
    announced.await.expect("announced");
    let (records, clock) = (stage.stores.records.clone(), stage.clock.clone());
    let blind = LedgerWriter::start(records, clock);
    for begin in [&late, &of_other] {
        blind.begin(begin.clone()).await.expect("begun");
    }
    stage.clock.advance(60 * SECOND);
    let next_owner = attempt(&stage, "+989123456789");
    blind.begin(next_owner).await.expect("begun");
    let started = stage.beside(&[]).await;
    let sql = "SELECT phone FROM sends WHERE phone IS NOT NULL ORDER BY created_at, phone";
    eventually(Duration::from_mins(1), async || {
        let numbers = started.stores.texts(sql).await;
        (numbers == ["+989123456780", "+989123456789"]).then_some(())
    })
    .await;
}

pub(crate) async fn a_later_owner_of_the_number_is_a_new_user(shape: Shape) {
    let stage = Stage::new(shape).await;
    let (user, token) = a_full_account(&stage).await;
    let before = stage.ask(PHONE).await;
    let code = stage.code(&before).await;
    assert_eq!(delete(&stage, &token).await.status, 204);
    for (method, path) in [(Method::GET, ME), (Method::DELETE, ME)] {
        let refused = stage.bearing(&token, method, path, None).await;
        refused.is(401, "unauthenticated");
    }
    // A code that was asked for before is gone with the account.
    let old = stage.verify(&before, &code).await;
    old.is(404, "session_unknown");
    let next = stage.sign_in(PHONE).await;
    assert_eq!(next.body["is_new_user"], true);
    assert_ne!(id_of(&next), user);
    let shown = &next.body["user"];
    assert_eq!(
        (&shown["username"], &shown["first_name"], &shown["email"]),
        (&json!("989123456789"), &json!(""), &json!(null))
    );
    // The deletion can be repeated by the next owner of the number, and by nobody twice.
    let token = next.member("access_token");
    assert_eq!(delete(&stage, &token).await.status, 204);
    delete(&stage, &token).await.is(401, "unauthenticated");
}

pub(crate) async fn a_deletion_needs_a_fresh_sign_in_and_takes_the_cookies_along(shape: Shape) {
    let stage = Stage::with(shape, &[("ACCESS_TOKEN_LIFETIME", "3600")]).await;
    let old = stage.sign_in(PHONE).await.member("access_token");
    stage.pass(601 * SECOND).await;
    delete(&stage, &old).await.is(403, "fresh_sign_in_required");
    let fresh = stage.sign_in(PHONE).await.member("access_token");
    let deleted = delete(&stage, &fresh).await;
    assert_eq!(deleted.status, 204);
    let cookies: Vec<_> = deleted.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 3);
    for cookie in cookies {
        let cookie = cookie.to_str().expect("text");
        assert!(
            cookie.contains("=; ") && cookie.contains("Max-Age=0"),
            "{cookie}"
        );
    }
    let other = stage.bearing(&old, Method::GET, ME, None).await;
    other.is(401, "unauthenticated");
}

pub(crate) async fn a_deletion_and_a_sign_in_at_the_same_instant_leave_no_session_of_the_deleted(
    shape: Shape,
) {
    let stage = Arc::new(Stage::new(shape).await);
    for round in 0..10 {
        let phone = format!("0912345{round:04}");
        let signed_in = stage.sign_in(&phone).await;
        let (user, token) = (id_of(&signed_in), signed_in.member("access_token"));
        let session = stage.ask(&phone).await;
        let code = stage.code(&session).await;
        let (deleted, entered) =
            tokio::join!(delete(&stage, &token), stage.verify(&session, &code));
        assert_eq!(deleted.status, 204, "{deleted:?}");
        let records = &stage.stores.records;
        let sessions = records.live_sessions(user, stage.clock.now()).await;
        assert_eq!(sessions.expect("an answer"), [], "round {round}");
        if entered.status == 404 {
            entered.is(404, "session_unknown");
            stage.pass(SECOND).await;
            continue;
        }
        assert_eq!(entered.status, 200, "{entered:?}");
        let seen = stage
            .bearing(&entered.member("access_token"), Method::GET, ME, None)
            .await;
        if entered.body["is_new_user"] == true {
            assert_ne!(id_of(&entered), user);
            assert_eq!(seen.status, 200, "{seen:?}");
        } else {
            // It came first and is deleted with the rest.
            assert_eq!(id_of(&entered), user);
            seen.is(401, "unauthenticated");
        }
        stage.pass(SECOND).await;
    }
}

/// Deleting an account is no way around the limits of its number.
pub(crate) async fn prv_01_the_limits_of_a_number_outlive_its_account(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.sign_in(PHONE).await.member("access_token");
    stage.ask(PHONE).await;
    stage.ask(PHONE).await;
    assert_eq!(delete(&stage, &token).await.status, 204);
    let asked = stage
        .post("/api/v1/usr/otp", json!({ "phone_number": PHONE }))
        .await;
    asked.is(429, "too_many_requests_phone");
}

//! Another number for an account.

use std::sync::Arc;

use domain::challenge::Locale;
use domain::notice::NoticeKind;
use http::Method;
use serde_json::json;
use shared::queue::JobTask;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::answer::Answer;
use crate::passwords::GOOD;
use crate::stage::{ME, SECOND, START, Shape, Stage};

const OLD: &str = "09123456789";
const NEW: &str = "09351112233";
const DAY: i64 = 24 * 60 * 60 * 1000;

struct Person {
    id: Uuid,
    token: String,
}

async fn person(stage: &Stage, phone: &str) -> Person {
    let signed_in = stage.sign_in(phone).await;
    let id = signed_in.body["user"]["id"].as_str().expect("an id");
    Person {
        id: id.parse().expect("a UUID"),
        token: signed_in.member("access_token"),
    }
}

async fn show(stage: &Stage, token: &str) -> Answer {
    stage.bearing(token, Method::GET, ME, None).await
}

/// Asks for the change and gives the right code back.
async fn change(stage: &Stage, person: &Person, phone: &str) -> Answer {
    let session = stage.ask_for_change(&person.token, phone).await;
    let code = stage.code_of_change(&session, person.id).await;
    stage.verify_change(&person.token, &session, &code).await
}

pub(crate) async fn a_code_on_the_new_number_changes_the_number(shape: Shape) {
    let stage = Stage::new(shape).await;
    let other = person(&stage, OLD).await;
    stage.pass(31 * SECOND).await;
    let this = person(&stage, OLD).await;
    stage.jobs().await;
    let session = stage.ask_for_change(&this.token, NEW).await;
    let sent = stage.jobs().await.remove(0);
    assert!(matches!(sent.task, JobTask::Send { .. }));
    let code = stage.code_of_change(&session, this.id).await;
    stage.clock.advance(SECOND);
    let changed = stage.verify_change(&this.token, &session, &code).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.member("phone_number"), "+989351112233");
    assert_eq!(changed.member("username"), "989351112233");
    assert_eq!(changed.member("id"), this.id.to_string());
    assert!(changed.member("phone_verified_at") > changed.member("created_at"));

    assert_eq!(show(&stage, &this.token).await.body, changed.body);
    show(&stage, &other.token).await.is(401, "unauthenticated");
    let again = stage.verify_change(&this.token, &session, &code).await;
    again.is(409, "code_used");

    // The old number is told, once, and the job names no number.
    let jobs = stage.notice_jobs().await;
    let [job] = &jobs[..] else { panic!("{jobs:?}") };
    let JobTask::Notice { notice } = job.task else {
        panic!("{job:?}")
    };
    assert_eq!(job.deadline, START + 32 * SECOND + DAY);
    assert!(job.trace.is_some());
    let written = stage.stores.records.notice(notice).await;
    let written = written.expect("an answer").expect("a notice");
    assert_eq!(
        (written.phone.as_e164(), written.kind, written.locale),
        ("+989123456789", NoticeKind::PhoneChanged, Locale::Fa)
    );
    let waiting = stage.stores.records.waiting_notices(stage.clock.now(), 10);
    assert_eq!(waiting.await.expect("an answer"), []);

    // The new number signs in to the account.
    let back = stage.sign_in(NEW).await;
    assert_eq!(back.body["user"]["id"], this.id.to_string());
    assert_eq!(back.body["is_new_user"], false);
}

pub(crate) async fn a_number_change_has_its_resends_and_the_limits_of_all_codes(shape: Shape) {
    let stage = Stage::new(shape).await;
    let person = person(&stage, OLD).await;
    let path = format!("{ME}/phone");
    let ask = |body| stage.bearing(&person.token, Method::POST, &path, Some(body));
    let asked = ask(json!({ "phone_number": NEW, "locale": "en" })).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    assert_eq!(asked.member("phone_number"), "+989351112233");
    let session = asked.member("session_id");
    let code = stage.code_of_change(&session, person.id).await;
    let early = ask(json!({ "session_id": session })).await;
    assert_eq!((early.status, &early.body["sent"]), (200, &json!(false)));
    stage.pass(31 * SECOND).await;
    let again = ask(json!({ "session_id": session })).await;
    assert_eq!((again.status, &again.body["sent"]), (202, &json!(true)));
    assert_eq!(stage.code_of_change(&session, person.id).await, code);
    let call = json!({ "phone_number": NEW, "channel": "call" });
    ask(call).await.is(422, "channel_unavailable");
    let missing = ask(json!({})).await;
    missing.is(422, "field_missing");
    assert_eq!(ask(json!({ "phone_number": NEW })).await.status, 202);
    let refused = ask(json!({ "phone_number": NEW })).await;
    refused.is(429, "too_many_requests_phone");
    let changed = stage.verify_change(&person.token, &session, &code).await;
    assert_eq!(changed.status, 200, "{changed:?}");
}

pub(crate) async fn r_17_r_18_r_19_the_code_of_a_change_is_good_for_nobody_and_nothing_else(
    shape: Shape,
) {
    let stage = Stage::new(shape).await;
    let [asks, steals] = [
        person(&stage, OLD).await,
        person(&stage, "09121110000").await,
    ];
    let session = stage.ask_for_change(&asks.token, NEW).await;
    let code = stage.code_of_change(&session, asks.id).await;
    // Another user, and every other call that takes codes.
    let stolen = stage.verify_change(&steals.token, &session, &code).await;
    stolen.is(404, "session_unknown");
    stage
        .verify(&session, &code)
        .await
        .is(404, "session_unknown");
    stage
        .verify_by_phone(NEW, &code)
        .await
        .is(403, "code_wrong");
    let path = format!("{ME}/phone");
    let resend = json!({ "session_id": session });
    let resent = stage.bearing(&steals.token, Method::POST, &path, Some(resend.clone()));
    resent.await.is(404, "session_unknown");
    let resent = stage.post("/api/v1/usr/otp", resend).await;
    resent.is(404, "session_unknown");
    // A code for signing in changes no number.
    let sign_in = stage.ask("09121112222").await;
    let sign_in_code = stage.code(&sign_in).await;
    let misused = stage.verify_change(&asks.token, &sign_in, &sign_in_code);
    misused.await.is(404, "session_unknown");
    assert_eq!(stage.verify(&sign_in, &sign_in_code).await.status, 200);
    // None of that cost the owner a try.
    let wrong = format!(
        "{:06}",
        (code.parse::<u32>().expect("digits") + 1) % 1_000_000
    );
    let missed = stage.verify_change(&asks.token, &session, &wrong).await;
    missed.is(403, "code_wrong");
    assert_eq!(missed.number("attempts_left"), 2);
    let changed = stage.verify_change(&asks.token, &session, &code).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(
        show(&stage, &steals.token).await.member("phone_number"),
        "+989121110000"
    );
}

pub(crate) async fn a_change_needs_a_fresh_sign_in_and_another_number(shape: Shape) {
    let stage = Stage::with(shape, &[("ACCESS_TOKEN_LIFETIME", "3600")]).await;
    let person = person(&stage, OLD).await;
    let path = format!("{ME}/phone");
    for own in [OLD, "+98 912 345 6789", "۰۹۱۲۳۴۵۶۷۸۹"] {
        let body = json!({ "phone_number": own });
        let refused = stage.bearing(&person.token, Method::POST, &path, Some(body));
        let refused = refused.await;
        refused.is(422, "phone_unchanged");
        assert_eq!(refused.member("field"), "phone_number");
    }
    stage.pass(599 * SECOND).await;
    let session = stage.ask_for_change(&person.token, NEW).await;
    let code = stage.code_of_change(&session, person.id).await;
    stage.pass(2 * SECOND).await;
    let body = json!({ "phone_number": NEW });
    let asked = stage.bearing(&person.token, Method::POST, &path, Some(body));
    asked.await.is(403, "fresh_sign_in_required");
    let verified = stage.verify_change(&person.token, &session, &code).await;
    verified.is(403, "fresh_sign_in_required");
    assert_eq!(
        show(&stage, &person.token).await.member("phone_number"),
        "+989123456789"
    );
}

pub(crate) async fn otp_10_r_20_a_password_alone_moves_no_number_and_deletes_nothing(shape: Shape) {
    let stage = Stage::new(shape).await;
    let owner = person(&stage, OLD).await;
    stage
        .set(&owner.token, json!({ "new_password": GOOD }))
        .await;
    // Begun by the one who had a code a moment ago, and gone on with by a password.
    let begun = stage.ask_for_change(&owner.token, NEW).await;
    let code = stage.code_of_change(&begun, owner.id).await;
    let logged_in = stage.log_in(OLD, GOOD).await;
    let by_step = stage
        .post("/api/register/", json!({ "mobile_number": OLD }))
        .await;
    let by_step = json!({ "session_id": by_step.member("session_id"), "password": GOOD });
    let by_step = stage.post("/api/login/", by_step).await;
    let refresh = json!({ "refresh_token": logged_in.member("refresh_token") });
    let renewed = stage.post("/api/v1/usr/token/refresh", refresh).await;
    let path = format!("{ME}/phone");
    for answer in [&logged_in, &by_step, &renewed] {
        assert_eq!(answer.status, 200, "{answer:?}");
        let token = answer.member("access_token");
        let body = json!({ "phone_number": NEW });
        let asked = stage.bearing(&token, Method::POST, &path, Some(body)).await;
        asked.is(403, "fresh_sign_in_required");
        let verified = stage.verify_change(&token, &begun, &code).await;
        verified.is(403, "fresh_sign_in_required");
        let deleted = stage.bearing(&token, Method::DELETE, ME, None).await;
        deleted.is(403, "fresh_sign_in_required");
    }
    // The owner's next sign-in leads to the account that they had, and moves it.
    stage.pass(31 * SECOND).await;
    let back = stage.sign_in(OLD).await;
    assert_eq!(back.body["is_new_user"], false);
    assert_eq!(back.body["user"]["id"], owner.id.to_string());
    let back = Person {
        id: owner.id,
        token: back.member("access_token"),
    };
    assert_eq!(change(&stage, &back, "09351110000").await.status, 200);
}

pub(crate) async fn a_taken_number_is_told_after_the_right_code_only(shape: Shape) {
    let stage = Stage::new(shape).await;
    let [owner, wants] = [person(&stage, NEW).await, person(&stage, OLD).await];
    // The free number and the taken one get the same answer.
    let path = format!("{ME}/phone");
    let ask = |phone: &'static str| {
        let body = json!({ "phone_number": phone });
        stage.bearing(&wants.token, Method::POST, &path, Some(body))
    };
    let (free, taken) = (ask("09121112222").await, ask(NEW).await);
    assert_eq!(free.status, taken.status);
    for member in ["expires_in", "resend_in", "code_length", "message", "sent"] {
        assert_eq!(free.body[member], taken.body[member], "{member}");
    }
    let session = taken.member("session_id");
    let code = stage.code_of_change(&session, wants.id).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let missed = stage.verify_change(&wants.token, &session, wrong).await;
    missed.is(403, "code_wrong");
    let refused = stage.verify_change(&wants.token, &session, &code).await;
    refused.is(409, "phone_taken");
    let again = stage.verify_change(&wants.token, &session, &code).await;
    again.is(409, "code_used");
    assert_eq!(
        show(&stage, &wants.token).await.member("phone_number"),
        "+989123456789"
    );
    assert_eq!(
        show(&stage, &owner.token).await.member("phone_number"),
        "+989351112233"
    );
    assert_eq!(stage.notice_jobs().await, [], "nothing changed");
}

pub(crate) async fn a_code_for_the_old_number_enters_no_more(shape: Shape) {
    let stage = Stage::new(shape).await;
    let person = person(&stage, OLD).await;
    let sign_in = stage.ask(OLD).await;
    let old_code = stage.code(&sign_in).await;
    assert_eq!(change(&stage, &person, NEW).await.status, 200);
    // The number may be somebody else's now: anyone who holds it gets an account of their own.
    let next = stage.verify(&sign_in, &old_code).await;
    assert_eq!(next.status, 200, "{next:?}");
    assert_eq!(next.body["is_new_user"], true);
    assert_ne!(next.body["user"]["id"], person.id.to_string());
    assert_eq!(next.body["user"]["username"], "989123456789");
    assert_eq!(
        show(&stage, &person.token).await.member("phone_number"),
        "+989351112233"
    );
}

pub(crate) async fn the_user_name_follows_the_number_unless_it_was_chosen(shape: Shape) {
    let stage = Stage::new(shape).await;
    let [first, second] = [
        person(&stage, OLD).await,
        person(&stage, "09121110000").await,
    ];
    // An imported account has chosen the digits of the new number as its name.
    let (imported, time) = (Uuid::from_u128(7), stage.clock.now().to_rfc3339());
    let id = stage.stores.uuid(imported);
    let insert = format!(
        "INSERT INTO users (id, username, created_at, updated_at) \
         VALUES ({id}, '989351112233', '{time}', '{time}')"
    );
    stage.stores.execute(insert).await;
    let changed = change(&stage, &first, NEW).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.member("username"), first.id.to_string());
    let chosen = format!(
        "UPDATE users SET username = 'maryam' WHERE id = {}",
        stage.stores.uuid(second.id)
    );
    stage.stores.execute(chosen).await;
    let changed = change(&stage, &second, "09351110000").await;
    assert_eq!(changed.member("username"), "maryam");
}

pub(crate) async fn of_two_users_who_want_one_number_at_once_one_gets_it(shape: Shape) {
    let stage = Arc::new(Stage::new(shape).await);
    for round in 0..5 {
        let number = format!("0935111{round:04}");
        let mut tries = JoinSet::new();
        for index in 0..2 {
            let person = person(&stage, &format!("0912{index}11{round:04}")).await;
            let session = stage.ask_for_change(&person.token, &number).await;
            let code = stage.code_of_change(&session, person.id).await;
            let stage = Arc::clone(&stage);
            tries.spawn(async move { stage.verify_change(&person.token, &session, &code).await });
        }
        let mut answers = tries.join_all().await;
        answers.sort_by_key(|answer| answer.status);
        assert_eq!(answers[0].status, 200, "{answers:?}");
        answers[1].is(409, "phone_taken");
        stage.pass(SECOND).await;
    }
}

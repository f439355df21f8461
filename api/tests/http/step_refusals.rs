//! What the step flow refuses, and what its answers give away.

use domain::challenge::SessionId;
use http::header::CONTENT_TYPE;
use serde_json::json;
use shared::records::{STEP_LIFE, Step};

use crate::answer::Answer;
use crate::stage::{SECOND, Shape, Stage};
use crate::steps::{
    LOGIN, NOBODY, PASSWORD, PATHS, PHONE, REGISTER, SET_PASSWORD, USER_INFO, VERIFY_OTP, next,
};

pub(crate) async fn r_08_a_14_a_phone_gets_no_more_codes_than_elsewhere(shape: Shape) {
    let stage = Stage::new(shape).await;
    stage.ask(PHONE).await;
    next(&stage.register("+989123456789").await, "otp");
    next(&stage.register("۹۱۲۳۴۵۶۷۸۹").await, "otp");
    let refused = stage.register(PHONE).await;
    refused.is(429, "too_many_requests_phone");
    assert_eq!(refused.number("retry_after"), 120);
    assert_eq!(stage.waiting().await, 2, "two of them share a message");
}

pub(crate) async fn r_08_a_20_a_request_that_sends_nothing_costs_its_address_as_much(shape: Shape) {
    let stage = Stage::new(shape).await;
    stage.at_user_info(PHONE).await;
    let limited = stage.beside(&[("LIMIT_ADDRESS_PER_MINUTE", "4")]).await;
    // What the address has used under the other limit is over.
    stage.pass(120 * SECOND).await;
    for number in 1..=2 {
        next(&limited.register(PHONE).await, "password");
        next(
            &limited.register(&format!("0912345678{number}")).await,
            "otp",
        );
    }
    let known = limited.register(PHONE).await;
    known.is(429, "too_many_requests_address");
    assert_eq!(known.number("retry_after"), 15);
    let unknown = limited.register("09123456783").await;
    assert_eq!(known.seen(), unknown.seen(), "refused alike");
    let series = r#"ramz_limit_refused_total{rule="address"}"#;
    assert!((limited.metric(series) - 2.0).abs() < f64::EPSILON);
    stage.pass(15 * SECOND).await;
    next(&limited.register(PHONE).await, "password");
    limited
        .register("09123456783")
        .await
        .is(429, "too_many_requests_address");
}

pub(crate) async fn r_08_a_01_a_code_has_its_attempts(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = next(&stage.register(PHONE).await, "otp");
    let wrong = stage.wrong_code(&session).await;
    let body = json!({ "session_id": session, "code": wrong });
    for left in [2, 1, 0] {
        let answer = stage.post(VERIFY_OTP, body.clone()).await;
        answer.is(403, "code_wrong");
        assert_eq!(answer.number("attempts_left"), left);
    }
    let right = stage.verify_otp(&session).await;
    right.is(403, "attempts_exhausted");
    assert_eq!(right.seen(), stage.post(VERIFY_OTP, body).await.seen());
}

pub(crate) async fn r_08_wrong_passwords_lock_the_number_in_every_way(shape: Shape) {
    let stage = Stage::with(shape, &[("LIMITS", "strict")]).await;
    stage.at_user_info(PHONE).await;
    let session = next(&stage.register(PHONE).await, "password");
    let by_number = json!({ "mobile_number": PHONE, "password": "not-it-at-all" });
    stage
        .post(LOGIN, by_number.clone())
        .await
        .is(403, "credentials_wrong");
    for _ in 0..2 {
        let wrong = stage.log_in_by_step(&session, "not-it-at-all").await;
        wrong.is(403, "credentials_wrong");
    }
    let right = stage.log_in_by_step(&session, PASSWORD).await;
    assert_eq!(right.status, 429, "{right:?}");
    assert_eq!(right.number("retry_after"), 3600);
    let elsewhere = json!({ "phone_number": PHONE, "password": PASSWORD });
    let elsewhere = stage.post("/api/v1/usr/login", elsewhere).await;
    assert_eq!(elsewhere.status, 429, "{elsewhere:?}");
    // R-09: nor does the lock miss a step that began before it; it was not used up either.
    stage.pass(10 * 60 * SECOND).await;
    let right = stage.log_in_by_step(&session, PASSWORD).await;
    assert_eq!(right.status, 429, "{right:?}");
}

pub(crate) async fn a_user_without_a_password_and_a_stranger_get_the_bytes_of_a_wrong_one(
    shape: Shape,
) {
    let stage = Stage::new(shape).await;
    stage.at_user_info(PHONE).await;
    stage.sign_in("09123456781").await;
    let log_in = async |phone: &str| {
        let body = json!({ "mobile_number": phone, "password": "not-it-at-all" });
        stage.post(LOGIN, body).await
    };
    let wrong = log_in(PHONE).await;
    wrong.is(403, "credentials_wrong");
    for phone in ["09123456781", "09123456782"] {
        assert_eq!(log_in(phone).await.seen(), wrong.seen());
    }
}

pub(crate) async fn a_blocked_user_is_told_what_anyone_is(shape: Shape) {
    let stage = Stage::new(shape).await;
    let at_info = stage.at_user_info(PHONE).await;
    let at_password = next(&stage.register(PHONE).await, "password");
    let at_code = next(&stage.register("09123456781").await, "otp");
    stage.sign_in("09123456781").await;
    for phone in ["+989123456789", "+989123456781"] {
        stage.block(phone).await;
    }
    let unknown = |answer: Answer| answer.is(404, "step_session_unknown");
    let body = json!({ "session_id": at_info, "first_name": "a", "last_name": "b" });
    unknown(stage.post(USER_INFO, body).await);
    let refused = stage.log_in_by_step(&at_password, PASSWORD).await;
    refused.is(403, "credentials_wrong");
    let body = json!({ "mobile_number": PHONE, "password": PASSWORD });
    stage.post(LOGIN, body).await.is(403, "credentials_wrong");
    let refused = stage.verify_otp(&at_code).await;
    refused.is(403, "code_wrong");
    assert_eq!(refused.number("attempts_left"), 2);
    // Not even that there is a password: the block would show in the difference.
    stage.pass(120 * SECOND).await;
    next(&stage.register(PHONE).await, "otp");
}

pub(crate) async fn a_registration_is_sent_again_by_its_handle(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = next(&stage.register(PHONE).await, "otp");
    let code = stage.code(&session).await;
    let again = async || stage.post(REGISTER, json!({ "session_id": session })).await;
    assert_eq!(next(&again().await, "otp"), session);
    assert_eq!(
        stage.waiting().await,
        1,
        "the message went out a moment ago"
    );
    stage.pass(31 * SECOND).await;
    assert_eq!(next(&again().await, "otp"), session);
    assert_eq!(stage.waiting().await, 1);
    assert_eq!(stage.code(&session).await, code);
    let other = json!({ "session_id": session, "mobile_number": "09123456780" });
    stage.post(REGISTER, other).await.is(409, "phone_mismatch");
    let session_of_nobody = json!({ "session_id": NOBODY });
    let unknown = stage.post(REGISTER, session_of_nobody).await;
    unknown.is(404, "session_unknown");

    let at_set = next(&stage.verify_otp(&session).await, "set_password");
    next(&stage.set_password(&at_set, PASSWORD).await, "user_info");
    next(&again().await, "password");
    assert_eq!(stage.waiting().await, 1, "there is a password by now");
}

pub(crate) async fn a_password_that_is_refused_does_not_use_up_the_step(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.proven(PHONE).await;
    for (password, code) in [
        ("", "field_missing"),
        ("short", "password_too_short"),
        ("12345678", "password_too_easy"),
        ("09123456789", "password_too_easy"),
        (&"a".repeat(129), "password_too_long"),
    ] {
        let refused = stage.set_password(&session, password).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.member("field"), "password");
        if !password.is_empty() {
            refused.is(422, code);
        }
    }
    let session = next(&stage.set_password(&session, PASSWORD).await, "user_info");
    for (member, value) in [
        ("email", "maryam"),
        ("email", ""),
        ("first_name", " "),
        ("last_name", "a\u{0}b"),
    ] {
        let mut body = json!({
            "session_id": session, "email": null, "first_name": "a", "last_name": "b"
        });
        body[member] = value.into();
        let refused = stage.post(USER_INFO, body).await;
        refused.is(422, "field_invalid");
        assert_eq!(refused.member("field"), member);
    }
    let body = json!({ "session_id": session, "first_name": "a", "last_name": "b" });
    assert_eq!(stage.post(USER_INFO, body).await.status, 200);
}

#[rustfmt::skip]
const NO_STEPS: &[(&str, &str, &str, &str)] = &[
    (REGISTER, "{}", "field_missing", "mobile_number"),
    (REGISTER, r#"{"mobile_number":9123456789}"#, "field_invalid", "mobile_number"),
    (REGISTER, r#"{"mobile_number":["09123456789"]}"#, "field_invalid", "mobile_number"),
    (REGISTER, r#"{"mobile_number":""}"#, "phone_empty", "mobile_number"),
    (REGISTER, r#"{"mobile_number":"0912"}"#, "phone_malformed", "mobile_number"),
    (REGISTER, r#"{"mobile_number":"02188776655"}"#, "phone_not_mobile", "mobile_number"),
    (REGISTER, r#"{"mobile_number":"+905321234567"}"#, "phone_country_not_allowed", "mobile_number"),
    (REGISTER, r#"{"phone_number":"09123456789"}"#, "field_unknown", "phone_number"),
    (REGISTER, r#"{"mobile_number":"09123456789","channel":"call"}"#, "field_unknown", "channel"),
    (REGISTER, r#"{"session_id":"1"}"#, "field_invalid", "session_id"),
    (REGISTER, r#"{"session_id":1}"#, "field_invalid", "session_id"),
    (VERIFY_OTP, r#"{"code":"123456"}"#, "field_missing", "session_id"),
    (VERIFY_OTP, r#"{"session_id":{},"code":"123456"}"#, "field_invalid", "session_id"),
    (VERIFY_OTP, r#"{"session_id":"ID"}"#, "field_missing", "code"),
    (VERIFY_OTP, r#"{"session_id":"ID","code":123456}"#, "field_invalid", "code"),
    (VERIFY_OTP, r#"{"session_id":"ID","code":"12345"}"#, "code_malformed", ""),
    (VERIFY_OTP, r#"{"session_id":"ID","code":"123456","mobile_number":"0912"}"#, "field_unknown", "mobile_number"),
    (SET_PASSWORD, r#"{"password":"tahdig-va-ghormeh"}"#, "field_missing", "session_id"),
    (SET_PASSWORD, r#"{"session_id":null,"password":"tahdig-va-ghormeh"}"#, "field_missing", "session_id"),
    (SET_PASSWORD, r#"{"session_id":"ID"}"#, "field_missing", "password"),
    (SET_PASSWORD, r#"{"session_id":"ID","password":12345678}"#, "field_invalid", "password"),
    (SET_PASSWORD, r#"{"session_id":"ID","password":true}"#, "field_invalid", "password"),
    (USER_INFO, r#"{"first_name":"a","last_name":"b"}"#, "field_missing", "session_id"),
    (USER_INFO, r#"{"session_id":"ID","last_name":"b"}"#, "field_missing", "first_name"),
    (USER_INFO, r#"{"session_id":"ID","first_name":"a"}"#, "field_missing", "last_name"),
    (USER_INFO, r#"{"session_id":"ID","first_name":1,"last_name":"b"}"#, "field_invalid", "first_name"),
    (USER_INFO, r#"{"session_id":"ID","first_name":"a","last_name":[]}"#, "field_invalid", "last_name"),
    (USER_INFO, r#"{"session_id":"ID","first_name":"a","last_name":"b","email":{}}"#, "field_invalid", "email"),
    (USER_INFO, r#"{"session_id":"ID","first_name":"a","last_name":"b","is_staff":true}"#, "field_unknown", "is_staff"),
    (LOGIN, r#"{"password":"tahdig-va-ghormeh"}"#, "field_missing", "session_id"),
    (LOGIN, r#"{"mobile_number":"09123456789"}"#, "field_missing", "password"),
    (LOGIN, r#"{"mobile_number":9123456789,"password":"x"}"#, "field_invalid", "mobile_number"),
    (LOGIN, r#"{"mobile_number":"0912","password":"x"}"#, "phone_malformed", "mobile_number"),
    (LOGIN, r#"{"session_id":"ID","password":[]}"#, "field_invalid", "password"),
    (LOGIN, r#"{"session_id":"x","password":"x"}"#, "field_invalid", "session_id"),
];

pub(crate) async fn a_39_bodies_that_are_no_step_are_refused_by_name(shape: Shape) {
    let stage = Stage::new(shape).await;
    let send = async |path: &str, kind: &str, body: String| {
        let request = stage.client.post(stage.url(path));
        stage
            .send(request.header(CONTENT_TYPE, kind).body(body))
            .await
    };
    for (path, body, code, field) in NO_STEPS {
        let body = body.replace("ID", NOBODY);
        let answer = send(path, "application/json", body.clone()).await;
        answer.is(422, code);
        let named = answer.body["field"].as_str().unwrap_or_default();
        assert_eq!(named, *field, "{path} {body}");
    }
    for path in PATHS {
        let malformed = send(path, "application/json", "{".to_owned()).await;
        malformed.is(400, "json_malformed");
        let list = send(path, "application/json", "[]".to_owned()).await;
        list.is(422, "body_not_object");
        let form = send(path, "application/x-www-form-urlencoded", "a=b".to_owned()).await;
        form.is(415, "content_type_unsupported");
        let large = json!({ "password": "0".repeat(5_000) });
        stage.post(path, large).await.is(413, "body_too_large");
        stage.get(path).await.is(405, "method_not_allowed");
    }
    assert_eq!(stage.waiting().await, 0, "nothing was sent");
}

pub(crate) async fn step_flow_off_takes_the_paths_away(shape: Shape) {
    let stage = Stage::with(shape, &[("STEP_FLOW", "off")]).await;
    for path in PATHS {
        assert!(stage.document["paths"][path].is_null(), "{path}");
        for path in [path, path.trim_end_matches('/')] {
            let answer = stage.post(path, json!({ "mobile_number": PHONE })).await;
            answer.is(404, "not_found");
            stage.get(path).await.is(404, "not_found");
        }
    }
    assert_eq!(stage.waiting().await, 0);
    stage.ask(PHONE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_sweeps_steps_that_are_over() {
    let stage = Stage::new(Shape::Sqlite).await;
    let session: SessionId = stage.proven(PHONE).await.parse().expect("a UUID");
    let proven_at = stage.clock.now();
    stage.pass(STEP_LIFE.num_milliseconds()).await;
    let _sweeping = stage.beside(&[]).await;
    // To the records the time of their caller is the time.
    let gone = async || {
        let records = &stage.stores.records;
        let found = records.step_phone(session, Step::SetPassword, proven_at);
        found.await.expect("an answer").is_none().then_some(())
    };
    harness::eventually(std::time::Duration::from_secs(30), gone).await;
}

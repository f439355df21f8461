//! Asking for codes.

use domain::challenge::{Channel, Locale, NewChallenge};
use domain::limits::Quotas;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::random::Random;
use serde_json::json;
use shared::hot_state::{Accept, AcceptPolicy, AcceptRequest, Accepted};

use crate::stage::{OTP, SECOND, Shape, Stage};

const PHONE: &str = "09123456789";

pub(crate) async fn a_code_is_asked_for_and_given_back(shape: Shape) {
    let stage = Stage::new(shape).await;
    let asked = stage.post(OTP, json!({ "phone_number": PHONE })).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    assert_eq!(asked.member("phone_number"), "+989123456789");
    assert_eq!(asked.number("expires_in"), 120);
    assert_eq!(asked.number("resend_in"), 30);
    assert_eq!(asked.number("code_length"), 6);
    assert_eq!(asked.body["sent"], true);
    assert_eq!(asked.member("message"), "کد ورود پیامک می‌شود.");
    assert_eq!(asked.header("cache-control"), "no-store");

    stage.pass(20 * SECOND).await;
    let session = asked.member("session_id");
    let answer = stage.verify(&session, &stage.code(&session).await).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.member("token_type"), "Bearer");
    assert_eq!(answer.number("expires_in"), 300);
    assert_eq!(answer.body["is_new_user"], true);
    let user = &answer.body["user"];
    assert_eq!(user["phone_number"], "+989123456789");
    assert_eq!(user["username"], "989123456789");
    assert_eq!(user["email"], json!(null));
    assert_eq!(
        (&user["first_name"], &user["last_name"]),
        (&json!(""), &json!(""))
    );

    assert!(stage.challenge(&session).await.is_honoured());
    let phone = PhoneNumber::from_e164("+989123456789").expect("canonical");
    let found = stage.stores.records.find_user_by_phone(&phone).await;
    let found = found.expect("an answer").expect("a user");
    assert_eq!(user["id"], found.id.to_string());
    let sessions = stage
        .stores
        .records
        .live_sessions(found.id, stage.clock.now());
    assert_eq!(sessions.await.expect("an answer").len(), 1);
    assert!(
        (stage.metric(r#"ramz_time_to_verified_seconds_sum{operator="mci"}"#) - 20.0).abs() < 1e-9
    );
}

pub(crate) async fn a_new_sign_in_of_a_known_user_is_not_new(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut ids = Vec::new();
    for is_new in [true, false] {
        let session = stage.ask(PHONE).await;
        let answer = stage.verify(&session, &stage.code(&session).await).await;
        assert_eq!(answer.body["is_new_user"], is_new, "{answer:?}");
        ids.push(answer.body["user"]["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
}

pub(crate) async fn a_resend_sends_the_same_code_and_needs_no_number(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    let code = stage.code(&session).await;
    stage.pass(31 * SECOND).await;
    let again = stage.post(OTP, json!({ "session_id": session })).await;
    assert_eq!(again.status, 202, "{again:?}");
    assert_eq!(again.member("session_id"), session);
    assert_eq!(again.member("phone_number"), "+989123456789");
    assert_eq!(again.number("expires_in"), 120);
    assert_eq!(stage.challenge(&session).await.root.sends, 2);
    assert_eq!(stage.code(&session).await, code);
    assert_eq!(stage.verify(&session, &code).await.status, 200);
}

pub(crate) async fn during_the_cooldown_nothing_is_sent_and_the_seconds_left_are_told(
    shape: Shape,
) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    stage.pass(12 * SECOND + 1).await;
    let body = json!({ "session_id": session, "phone_number": PHONE });
    let early = stage.post(OTP, body).await;
    assert_eq!(early.status, 200, "{early:?}");
    assert_eq!(early.body["sent"], false);
    assert_eq!(early.number("resend_in"), 18, "rounded up");
    assert_eq!(early.member("session_id"), session);
    assert_eq!(stage.challenge(&session).await.root.sends, 1);
    assert!(stage.metric(r#"ramz_otp_requests_total{result="cooldown"}"#) >= 1.0);
}

pub(crate) async fn a_resend_for_another_number_is_a_conflict(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    let body = json!({ "session_id": session, "phone_number": "09123456780" });
    stage.post(OTP, body).await.is(409, "phone_mismatch");
}

pub(crate) async fn a_request_that_is_over_is_followed_by_a_new_one(shape: Shape) {
    let stage = Stage::new(shape).await;
    let body = json!({ "phone_number": PHONE, "locale": "en" });
    let first = stage.post(OTP, body).await.member("session_id");
    stage.pass(121 * SECOND).await;
    let next = stage.post(OTP, json!({ "session_id": first })).await;
    assert_eq!(next.status, 202, "{next:?}");
    let second = next.member("session_id");
    assert_ne!(second, first);
    let challenge = stage.challenge(&second).await;
    assert_eq!(challenge.root.phone.as_e164(), "+989123456789");
    assert_eq!(challenge.locale, Locale::En, "that of the request before");

    let code = stage.code(&second).await;
    assert_eq!(stage.verify(&second, &code).await.status, 200);
    let at_once = stage.post(OTP, json!({ "session_id": second })).await;
    assert_eq!(
        (at_once.status, &at_once.body["sent"]),
        (200, &json!(false))
    );
    assert_eq!(at_once.member("session_id"), second, "in its cooldown");
    stage.pass(30 * SECOND).await;
    let after_use = stage.post(OTP, json!({ "session_id": second })).await;
    assert_eq!(after_use.status, 202, "{after_use:?}");
    assert_ne!(after_use.member("session_id"), second);
}

pub(crate) async fn an_unknown_session_needs_a_number(shape: Shape) {
    let stage = Stage::new(shape).await;
    let unknown = "0b8a0b5e-58cf-4a0c-9e62-0f3a8f1f6a11";
    let alone = stage.post(OTP, json!({ "session_id": unknown })).await;
    alone.is(404, "session_unknown");
    let body = json!({ "session_id": unknown, "phone_number": PHONE });
    let with_number = stage.post(OTP, body).await;
    assert_eq!(with_number.status, 202, "{with_number:?}");
    assert_ne!(
        with_number.member("session_id"),
        unknown,
        "a client cannot choose its handle"
    );
}

pub(crate) async fn a_voice_call_needs_a_template_of_its_language(shape: Shape) {
    let call = |locale: &str| json!({ "phone_number": PHONE, "channel": "call", "locale": locale });
    let without = Stage::new(shape).await;
    let refused = without.post(OTP, call("fa")).await;
    refused.is(422, "channel_unavailable");

    let stage = without.beside(&[("KAVENEGAR_TEMPLATE_FA", "login")]).await;
    let granted = stage.post(OTP, call("fa")).await;
    assert_eq!(granted.status, 202, "{granted:?}");
    let job = stage.jobs().await.remove(0);
    assert!(matches!(
        job.task,
        shared::queue::JobTask::Send {
            channel: Channel::Call,
            ..
        }
    ));
    stage
        .post(OTP, call("en"))
        .await
        .is(422, "channel_unavailable");

    let body = json!({ "phone_number": "09123456780", "locale": "en" });
    let english = stage.post(OTP, body).await.member("session_id");
    stage.pass(31 * SECOND).await;
    let body = json!({ "session_id": english, "channel": "call" });
    let again = stage.post(OTP, body).await;
    again.is(422, "channel_unavailable");
}

pub(crate) async fn a_job_carries_the_trace_and_the_id_of_its_request(shape: Shape) {
    let stage = Stage::new(shape).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = stage
        .client
        .post(stage.url(OTP))
        .header("traceparent", trace);
    let answer = stage
        .send(request.json(&json!({ "phone_number": PHONE })))
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
    stage.ask("09123456780").await;
    let jobs = stage.jobs().await;
    assert_eq!(
        jobs[0].request.map(|id| id.to_string()).as_deref(),
        Some(answer.header("x-request-id"))
    );
    assert!(jobs[1].request.is_some() && jobs[1].request != jobs[0].request);
    let traces: Vec<String> = jobs.into_iter().filter_map(|job| job.trace).collect();
    assert_eq!(traces.len(), 2);
    // The trace goes on, and nobody records it because the client says so.
    assert_eq!(traces[0], trace.replace("-01", "-00"));
    assert_eq!((traces[1].len(), &traces[1][..3]), (trace.len(), "00-"));
}

pub(crate) async fn r_17_a_session_of_another_purpose_is_unknown(shape: Shape) {
    let stage = Stage::new(shape).await;
    let phone = PhoneNumber::from_e164("+989123456789").expect("canonical");
    let (session, challenge) = NewChallenge::begin(
        &Random::operating_system(),
        &stage.keys,
        phone,
        Purpose::ChangePhone,
        6,
        Locale::Fa,
    );
    let accept = Accept {
        request: AcceptRequest::New(&challenge),
        nonce: [1; 8],
        channel: Channel::Sms,
        caller: None,
        trace: None,
        request_id: None,
        device: None,
    };
    let accepted = stage.stores.hot.accept(&accept, &any_policy()).await;
    assert!(matches!(accepted, Ok(Accepted::Sent(_))), "{accepted:?}");

    let session = session.expose();
    let code = stage.code(&session).await;
    stage
        .verify(&session, &code)
        .await
        .is(404, "session_unknown");
    stage.pass(31 * SECOND).await;
    let again = stage.post(OTP, json!({ "session_id": session })).await;
    again.is(404, "session_unknown");
    let challenge = stage.challenge(&session).await;
    assert_eq!((challenge.session_attempts, challenge.root.sends), (0, 1));
}

fn any_policy() -> AcceptPolicy {
    AcceptPolicy {
        code_life_millis: 120 * SECOND,
        resend_cooldown_millis: 30 * SECOND,
        max_attempts: 3,
        quotas: Quotas::NONE,
        queue_max: 1_000,
        queue_max_age_millis: 1_000,
    }
}

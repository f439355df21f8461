//! What strangers try besides guessing: another host in the request, a member more, somebody else's messages.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use reqwest::header::{HOST, SET_COOKIE};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::password_reset::{RESET, RESET_VERIFY};
use crate::stage::{ME, OTP, SECOND, Shape, Stage, VERIFY};
use crate::steps::{REGISTER, VERIFY_OTP};

const PHONE: &str = "09123456789";
const EVIL: &str = "evil.example";

/// Every call whose body has a code; each counts a try before it says yes or no. A call that is added
/// belongs here, with its tries.
const TAKES_A_CODE: [&str; 4] = [
    "/api/v1/usr/me/phone/verify",
    VERIFY,
    RESET_VERIFY,
    VERIFY_OTP,
];

pub(crate) async fn a_10_r_08_there_is_no_call_that_looks_at_a_code_without_counting(shape: Shape) {
    let limits = [("LIMIT_PHONE_SHORT", "100/120"), ("LIMIT_PHONE_DAY", "100")];
    let stage = Stage::with(shape, &limits).await;
    let described: BTreeSet<&str> = stage.document["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .filter(|(_, calls)| {
            let calls = calls.as_object().expect("calls");
            calls
                .values()
                .any(|call| has_member(&stage.document, call, "code"))
        })
        .map(|(path, _)| path.trim_end_matches('/'))
        .collect();
    let known = TAKES_A_CODE.map(|path| path.trim_end_matches('/'));
    assert_eq!(described, BTreeSet::from(known));

    let session = stage.ask(PHONE).await;
    let wrong = stage.wrong_code(&session).await;
    for left in [2, 1, 0] {
        let answer = stage.verify(&session, &wrong).await;
        assert_eq!(answer.number("attempts_left"), left);
    }
    for (ask, body, verify) in [
        (
            RESET,
            json!({ "phone_number": "09123456781" }),
            RESET_VERIFY,
        ),
        (
            REGISTER,
            json!({ "mobile_number": "09123456782" }),
            VERIFY_OTP,
        ),
    ] {
        let session = stage.post(ask, body).await.member("session_id");
        let mut body = json!({ "session_id": session, "code": stage.wrong_code(&session).await });
        if verify == RESET_VERIFY {
            body["new_password"] = json!("two unrelated words 7");
        }
        for _ in 0..3 {
            assert_eq!(stage.post(verify, body.clone()).await.status, 403);
        }
        assert_eq!(
            stage.challenge(&session).await.session_attempts,
            3,
            "{verify}"
        );
        let last = stage.post(verify, body).await;
        assert_eq!(last.status, 403, "{last:?}");
        assert_eq!(
            stage.challenge(&session).await.session_attempts,
            3,
            "{verify}"
        );
    }
    let token = stage.sign_in("09123456783").await;
    let owner = token.body["user"]["id"].as_str().expect("an id").parse();
    let token = token.member("access_token");
    let session = stage.ask_for_change(&token, "09123456784").await;
    let code = stage.code_of_change(&session, owner.expect("a UUID")).await;
    let wrong = format!(
        "{:06}",
        (code.parse::<u32>().expect("digits") + 1) % 1_000_000
    );
    for left in [2, 1, 0] {
        let answer = stage.verify_change(&token, &session, &wrong).await;
        assert_eq!(answer.number("attempts_left"), left);
    }
    let right = stage.verify_change(&token, &session, &code).await;
    right.is(403, "attempts_exhausted");
}

/// Whether the body of a call has this member.
fn has_member(document: &Value, call: &Value, member: &str) -> bool {
    let schema = &call["requestBody"]["content"]["application/json"]["schema"];
    let schema = match schema["$ref"].as_str() {
        Some(of) => document
            .pointer(of.trim_start_matches('#'))
            .expect("a schema"),
        None => schema,
    };
    !schema["properties"][member].is_null()
}

/// Somebody who knows a number asks for codes until its limit refuses: the owner's code stays good, with the
/// session and with the number alone.
pub(crate) async fn a_16_a_17_using_up_the_messages_of_a_number_leaves_its_owners_code_good(
    shape: Shape,
) {
    let stage = Stage::new(shape).await;
    for (phone, by_number) in [(PHONE, false), ("09123456780", true)] {
        let session = stage.ask(phone).await;
        let code = stage.code(&session).await;
        let mut refused = 0;
        for _ in 0..6 {
            let asked = stage.post(OTP, json!({ "phone_number": phone })).await;
            refused += u32::from(asked.status == 429);
            // Within the cooldown no message goes and none is charged.
            stage.pass(10 * SECOND).await;
        }
        assert!(refused > 0, "the number has its limit");
        let owner = if by_number {
            stage.verify_by_phone(phone, &code).await
        } else {
            stage.verify(&session, &code).await
        };
        assert_eq!(owner.status, 200, "{owner:?}");
    }
}

/// A host that the client names reaches nothing that anybody reads later.
pub(crate) async fn r_15_a_foreign_host_reaches_no_message_token_cookie_or_address(shape: Shape) {
    let stage = Stage::new(shape).await;
    let foreign = |request: reqwest::RequestBuilder| {
        request
            .header(HOST, EVIL)
            .header("x-forwarded-host", EVIL)
            .header("x-forwarded-proto", "https")
            .header("forwarded", format!("host={EVIL};proto=https"))
    };
    let post = |path: &str, body: Value| foreign(stage.client.post(stage.url(path)).json(&body));
    let asked = stage
        .send(post(OTP, json!({ "phone_number": PHONE })))
        .await;
    assert_eq!(asked.status, 202, "{asked:?}");
    silent(&asked);
    let session = asked.member("session_id");
    for delivery in stage.take_jobs().await {
        assert!(!delivery.payload.contains(EVIL));
    }
    let code = stage.code(&session).await;
    let body = json!({ "session_id": session, "code": code });
    let signed_in = stage.send(post(VERIFY, body)).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    silent(&signed_in);
    for cookie in signed_in.headers.get_all(SET_COOKIE) {
        assert!(!cookie.to_str().expect("text").contains("Domain"));
    }
    let token = signed_in.member("access_token");
    let claims = token.split('.').nth(1).expect("three parts");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    assert!(!String::from_utf8(claims).expect("text").contains(EVIL));

    for path in [
        "/",
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/verify/",
        "/users/profile/update/",
        "/api/openapi.json",
        "/.well-known/jwks.json",
        "/api/docs",
        "/nowhere",
    ] {
        let request = foreign(stage.client.get(stage.url(path)));
        let response = request.send().await.expect("an answer");
        silent(&Answer::read(response).await);
    }
}

fn silent(answer: &Answer) {
    assert!(!answer.text.contains(EVIL), "{answer:?}");
    for (name, value) in &answer.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        assert!(!value.contains(EVIL), "{name}: {value}");
    }
}

/// What a client names beside what a call takes is refused and changes nothing (mass assignment).
pub(crate) async fn a_32_nobody_becomes_staff_by_a_member_more(shape: Shape) {
    let stage = Stage::new(shape).await;
    let signed_in = stage.sign_in(PHONE).await;
    let token = signed_in.member("access_token");
    let before = stage.bearing(&token, Method::GET, ME, None).await;
    for (member, value) in [
        ("is_staff", json!(true)),
        ("is_superuser", json!(true)),
        ("id", json!("0190a5d0-0000-7000-8000-000000000001")),
        ("phone_number", json!("09120000000")),
        ("username", json!("admin")),
        ("password_hash", json!("x")),
        ("phone_verified_at", Value::Null),
        ("blocked_at", Value::Null),
        ("kind", json!("admin")),
    ] {
        let body = json!({ "first_name": "مریم", member: value });
        let changed = stage.bearing(&token, Method::PATCH, ME, Some(body)).await;
        changed.is(422, "field_unknown");
        let asked = json!({ "phone_number": "09123456781", member: value });
        if member != "phone_number" {
            stage.post(OTP, asked).await.is(422, "field_unknown");
        }
    }
    let after = stage.bearing(&token, Method::GET, ME, None).await;
    assert_eq!(after.body, before.body);
    let id = signed_in.body["user"]["id"].as_str().expect("an id");
    let user = stage.stores.records.find_user(id.parse().expect("a UUID"));
    let user = user.await.expect("an answer").expect("a user");
    assert!(!user.is_staff && !user.is_superuser);
}

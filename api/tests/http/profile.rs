//! One's own account, shown and changed.

use http::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::stage::{ME, SECOND, START, Shape, Stage};

const PHONE: &str = "09123456789";

async fn patch(stage: &Stage, token: &str, body: Value) -> Answer {
    stage.bearing(token, Method::PATCH, ME, Some(body)).await
}

fn time(millis: i64) -> Value {
    let time = chrono::DateTime::from_timestamp_millis(millis).expect("a time");
    json!(time)
}

pub(crate) async fn the_profile_shows_what_the_account_is_like(shape: Shape) {
    let stage = Stage::new(shape).await;
    let signed_in = stage.sign_in(PHONE).await;
    stage.pass(SECOND).await;
    let token = signed_in.member("access_token");
    let profile = stage.bearing(&token, Method::GET, ME, None).await;
    let expected = json!({
        "id": signed_in.body["user"]["id"], "phone_number": "+989123456789", "email": null,
        "username": "989123456789", "first_name": "", "last_name": "", "has_password": false,
        "phone_verified_at": time(START), "last_sign_in_at": time(START),
        "created_at": time(START),
    });
    assert_eq!(profile.body, expected);
}

pub(crate) async fn what_is_named_changes_and_the_rest_stays(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.sign_in(PHONE).await.member("access_token");
    let shown = |answer: &Answer| {
        assert_eq!(answer.status, 200, "{answer:?}");
        ["first_name", "last_name", "email"].map(|member| answer.body[member].clone())
    };
    let body = json!({
        "first_name": " علی‌رضا ", "last_name": "رضایی", "email": "Maryam.R+otp@example.co.ir",
    });
    let whole = ["علی‌رضا", "رضایی", "Maryam.R+otp@example.co.ir"].map(Value::from);
    assert_eq!(shown(&patch(&stage, &token, body).await), whole);
    assert_eq!(shown(&patch(&stage, &token, json!({})).await), whole);
    let unnamed = patch(&stage, &token, json!({ "first_name": "" })).await;
    assert_eq!(unnamed.body["first_name"], "");
    assert_eq!(unnamed.body["last_name"], "رضایی");
    let removed = patch(&stage, &token, json!({ "email": null })).await;
    let expected = [json!(""), json!("رضایی"), Value::Null];
    assert_eq!(shown(&removed), expected);
    let seen = stage.bearing(&token, Method::GET, ME, None).await;
    assert_eq!(shown(&seen), expected);
    let marked =
        json!({ "first_name": "\u{202e}Zoe\u{308}\u{200f}\n", "last_name": "علی\u{200c}پور" });
    let seen = patch(&stage, &token, marked).await;
    assert_eq!(
        seen.body["first_name"], "Zoë",
        "what nobody sees is left out"
    );
    assert_eq!(seen.body["last_name"], "علی\u{200c}پور");
    let longest = "ی".repeat(150);
    let long = patch(&stage, &token, json!({ "first_name": longest })).await;
    assert_eq!(long.body["first_name"], longest);
}

pub(crate) async fn what_cannot_be_a_name_or_an_address_is_refused_by_field(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.sign_in(PHONE).await.member("access_token");
    let local = "a".repeat(64);
    let long = format!("{local}@{}.example.com", "b".repeat(60).as_str()).replace(
        "example",
        &["c".repeat(60), "d".repeat(60), "e".repeat(10)].join("."),
    );
    assert!(long.len() > 254);
    let cases = [
        ("first_name", json!("ی".repeat(151))),
        ("first_name", json!("a\u{0}b")),
        ("first_name", json!("a\nb")),
        ("last_name", json!("abc\u{2028}def")),
        ("last_name", json!("abc\u{1b}[31mdef")),
        ("last_name", json!(null)),
        ("last_name", json!(7)),
        ("email", json!("")),
        ("email", json!("maryam")),
        ("email", json!("maryam@")),
        ("email", json!("maryam@localhost")),
        ("email", json!("maryam@[192.0.2.1]")),
        ("email", json!("Maryam <maryam@example.com>")),
        ("email", json!("maryam@example.com\r\nBcc: x@example.com")),
        ("email", json!(long)),
        ("email", json!(["maryam@example.com"])),
    ];
    for (field, value) in cases {
        let refused = patch(&stage, &token, json!({ field: value, "first_name2": 1 })).await;
        refused.is(422, "field_invalid");
        assert_eq!(refused.member("field"), field, "{value}");
    }
    let unknown = patch(&stage, &token, json!({ "is_staff": "true" })).await;
    unknown.is(422, "field_unknown");
    let profile = stage.bearing(&token, Method::GET, ME, None).await;
    assert_eq!(profile.body["email"], Value::Null, "nothing was stored");
    let stranger = stage.client.patch(stage.url(ME)).json(&json!({}));
    stage.send(stranger).await.is(401, "unauthenticated");
}

pub(crate) async fn csr_02_a_page_of_another_site_changes_nothing(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.sign_in(PHONE).await.member("access_token");
    for (method, path) in [
        (Method::PATCH, ME.to_owned()),
        (Method::DELETE, ME.to_owned()),
        (Method::POST, format!("{ME}/phone")),
        (Method::POST, format!("{ME}/phone/verify")),
    ] {
        let request = stage
            .client
            .request(method, stage.url(&path))
            .header("cookie", format!("ramz_access={token}"))
            .header("origin", "https://elsewhere.example")
            .header("sec-fetch-site", "cross-site")
            .json(&json!({ "first_name": "x" }));
        stage.send(request).await.is(403, "cross_site_request");
    }
    let profile = stage.bearing(&token, Method::GET, ME, None).await;
    assert_eq!(profile.body["first_name"], "");
}

//! What is not a request, and what it is told.

use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::password_reset::{RESET, RESET_VERIFY};
use crate::passwords::LOG_IN;
use crate::stage::{OTP, Shape, Stage, VERIFY};

pub(crate) async fn a_22_every_spelling_of_a_number_is_taken(shape: Shape) {
    let limits = [("LIMIT_PHONE_SHORT", "100/120"), ("LIMIT_PHONE_DAY", "100")];
    let stage = Stage::with(shape, &limits).await;
    for spelling in [
        "+989123456789",
        "00989123456789",
        "989123456789",
        "09123456789",
        "9123456789",
        "۰۹۱۲۳۴۵۶۷۸۹",
        "٠٩١٢٣٤٥٦٧٨٩",
        "0912 345 6789",
        "+98 0912 345 6789",
        "+98 (0)912 345 6789",
        "00980912 345 6789",
        "9809123456789",
        "tel:+98-912-345-6789",
        "09123456789\n",
        "\u{2066}۰۹۱۲\u{2069}–\u{ad}345\u{3000}6789",
        "०९१२३४५६७८९",
    ] {
        let answer = stage.post(OTP, json!({ "phone_number": spelling })).await;
        assert_eq!(answer.status, 202, "{spelling}: {answer:?}");
        assert_eq!(answer.member("phone_number"), "+989123456789");
    }
}

pub(crate) async fn a_13_a_24_numbers_that_cannot_get_an_sms_are_refused_by_name(shape: Shape) {
    let stage = Stage::new(shape).await;
    for (number, code) in [
        ("", "phone_empty"),
        (" \u{200f}", "phone_empty"),
        ("09123456789,09123456780", "phone_malformed"),
        ("0912345678a", "phone_malformed"),
        ("0912345678", "phone_malformed"),
        ("09123456789\r\nx: y", "phone_malformed"),
        ("09123456789\n09123456780", "phone_malformed"),
        ("09123456789&sender=1", "phone_malformed"),
        ("02188776655", "phone_not_mobile"),
        ("+905321234567", "phone_country_not_allowed"),
        ("0097433123456", "phone_country_not_allowed"),
    ] {
        let asked = stage.post(OTP, json!({ "phone_number": number })).await;
        asked.is(422, code);
        assert_eq!(asked.member("field"), "phone_number");
        stage.verify_by_phone(number, "123456").await.is(422, code);
    }
    let stats = stage.stores.queue.stats().await.expect("an answer");
    assert_eq!(stats.waiting, 0, "nothing was sent");
}

/// A path, a body, and the status, code and field of its refusal.
type BadRequest = (&'static str, &'static str, u16, &'static str, &'static str);

#[rustfmt::skip]
const NO_REQUESTS: &[BadRequest] = &[
    (OTP, "", 400, "json_malformed", ""),
    (OTP, r#"{"phone_number":"#, 400, "json_malformed", ""),
    (OTP, "phone_number=09123456789", 400, "json_malformed", ""),
    (OTP, "[]", 422, "body_not_object", ""),
    (OTP, "{}", 422, "field_missing", "phone_number"),
    (OTP, r#"{"phone_number":null}"#, 422, "field_missing", "phone_number"),
    (OTP, r#"{"phone_number":9123456789}"#, 422, "field_invalid", "phone_number"),
    (OTP, r#"{"phone_number":["09123456789"]}"#, 422, "field_invalid", "phone_number"),
    (OTP, r#"{"phone_number":"0912","phone_number":"0913"}"#, 422, "field_repeated", "phone_number"),
    (OTP, r#"{"phone_number":"09123456789","admin":true}"#, 422, "field_unknown", "admin"),
    (OTP, r#"{"phone_number":"09123456789","channel":"pigeon"}"#, 422, "field_invalid", "channel"),
    (OTP, r#"{"phone_number":"09123456789","locale":"de"}"#, 422, "field_invalid", "locale"),
    (OTP, r#"{"session_id":"1"}"#, 422, "field_invalid", "session_id"),
    (VERIFY, r#"{"code":"123456"}"#, 422, "field_missing", "session_id"),
    (VERIFY, r#"{"phone_number":"09123456789"}"#, 422, "field_missing", "code"),
    (VERIFY, r#"{"phone_number":"09123456789","code":123456}"#, 422, "field_invalid", "code"),
    (LOG_IN, r#"{"password":"correct horse"}"#, 422, "field_missing", "phone_number"),
    (LOG_IN, r#"{"phone_number":"09123456789"}"#, 422, "field_missing", "password"),
    (LOG_IN, r#"{"phone_number":"09123456789","password":""}"#, 422, "field_missing", "password"),
    (LOG_IN, r#"{"phone_number":"09123456789","password":12345678}"#, 422, "field_invalid", "password"),
    (LOG_IN, r#"{"phone_number":"02112345678","password":"correct horse"}"#, 422, "phone_not_mobile", "phone_number"),
    (LOG_IN, r#"{"phone_number":"09123456789","password":"a","code":"123456"}"#, 422, "field_unknown", "code"),
    (RESET, "{}", 422, "field_missing", "phone_number"),
    (RESET_VERIFY, r#"{"code":"123456","new_password":"correct horse"}"#, 422, "field_missing", "session_id"),
    (RESET_VERIFY, r#"{"session_id":"6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11","code":"123456"}"#, 422, "field_missing", "new_password"),
];

pub(crate) async fn a_39_bodies_that_are_no_request_are_refused_by_name(shape: Shape) {
    let stage = Stage::new(shape).await;
    for (path, body, status, code, field) in NO_REQUESTS {
        let request = stage.client.post(stage.url(path));
        let request = request.header(CONTENT_TYPE, "application/json");
        let answer = stage.send(request.body(*body)).await;
        answer.is(*status, code);
        assert_eq!(
            answer.body["field"].as_str().unwrap_or_default(),
            *field,
            "{body}"
        );
    }
    let deep = "{\"a\":".repeat(400);
    let request = stage.client.post(stage.url(OTP));
    let request = request.header(CONTENT_TYPE, "application/json");
    stage
        .send(request.body(deep))
        .await
        .is(400, "json_malformed");
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let request = stage.client.post(stage.url(OTP)).header(CONTENT_TYPE, kind);
        let answer = stage.send(request.body("{}")).await;
        answer.is(415, "content_type_unsupported");
    }
    let invalid = stage.metric(r#"ramz_otp_requests_total{result="invalid"}"#);
    assert!(
        (invalid - 18.0).abs() < f64::EPSILON,
        "{invalid} were counted"
    );
}

pub(crate) async fn a_38_a_large_body_is_refused_and_the_answer_arrives(shape: Shape) {
    let stage = Stage::new(shape).await;
    for size in [5_000, 100_000] {
        let body = json!({ "phone_number": "0".repeat(size) });
        stage.post(OTP, body).await.is(413, "body_too_large");
    }
}

pub(crate) async fn wrong_paths_and_methods_are_problems_too(shape: Shape) {
    let stage = Stage::new(shape).await;
    for path in [
        "/nothing",
        "/nothing/",
        "/api/v1/usr/otp//",
        "/api/v1/usr/%ff",
    ] {
        let answer = stage.get(path).await;
        answer.is(404, "not_found");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    for path in [OTP, "/api/v1/usr/otp/", "/api/v1/usr/otp/?x=/"] {
        let answer = stage.get(path).await;
        answer.is(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "POST");
    }
}

pub(crate) async fn a_slash_at_the_end_is_forgiven_on_every_path(shape: Shape) {
    let stage = Stage::new(shape).await;
    let body = json!({ "phone_number": "09123456789" });
    let answer = stage.post("/api/v1/usr/otp/", body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let session = answer.member("session_id");
    let code = stage.code(&session).await;
    let body = json!({ "session_id": session, "code": code });
    let verified = stage.post("/api/v1/usr/otp/verify/", body).await;
    assert_eq!(verified.status, 200, "{verified:?}");
    for path in [
        "/livez/",
        "/readyz/",
        "/.well-known/jwks.json/",
        "/api/openapi.json/",
        "/api/docs/",
    ] {
        assert_eq!(stage.get(path).await.status, 200, "{path}");
    }
    let counted = r#"http_requests_total{method="POST",route="/api/v1/usr/otp",status="202"}"#;
    assert!(
        (stage.metric(counted) - 1.0).abs() < f64::EPSILON,
        "by its one name"
    );
}

pub(crate) async fn a_code_is_taken_as_it_was_pasted(shape: Shape) {
    let stage = Stage::with(shape, &[("LIMIT_PHONE_SHORT", "100/120")]).await;
    for around in [
        "\u{200e}{}",
        "\u{2066}{}\u{2069}\n",
        "«{}».",
        " {}\u{a0}",
        "\u{feff}{}",
    ] {
        let session = stage.ask("09123456789").await;
        let code = stage.code(&session).await;
        let (first, second) = code.split_at(3);
        let pasted = around.replace("{}", &format!("{first}\u{2009}–{second}"));
        let verified = stage.verify(&session, &pasted).await;
        assert_eq!(verified.status, 200, "{around:?}: {verified:?}");
    }
}

pub(crate) async fn what_programs_spell_in_their_own_way_is_understood(shape: Shape) {
    let stage = Stage::with(shape, &[("LIMIT_PHONE_SHORT", "100/120")]).await;
    let send = async |kind: &'static str, body: &'static str| {
        let request = stage.client.post(stage.url(OTP)).header(CONTENT_TYPE, kind);
        stage.send(request.body(body)).await
    };
    for (kind, body) in [
        (
            "application/json",
            "\u{feff}{\"phone_number\":\"09123456789\"}",
        ),
        (
            "application/json; v=1; Charset=\"UTF-8\"",
            "{\"phone_number\":\"09123456789\"}",
        ),
        (
            "application/json",
            "{\"phone_number\":\"09123456789\",\"channel\":\"SMS\"}",
        ),
        (
            "application/json",
            "{\"phone_number\":\"09123456789\",\"locale\":\"fa-IR\"}",
        ),
        (
            "application/json",
            "{\"phone_number\":\"09123456789\",\"locale\":\"en_US\"}",
        ),
    ] {
        let answer = send(kind, body).await;
        assert_eq!(answer.status, 202, "{kind} {body}: {answer:?}");
    }
    for (language, title) in [
        ("en_US", "The phone number is empty"),
        ("\u{f6}, en", "The phone number is empty"),
        ("fa_IR, en;q=0.5", "شمارهٔ موبایل خالی است"),
    ] {
        let request = stage.client.post(stage.url(OTP));
        let value = reqwest::header::HeaderValue::from_bytes(language.as_bytes());
        let request = request.header("accept-language", value.expect("a value"));
        let answer = stage
            .send(request.json(&json!({ "phone_number": "" })))
            .await;
        assert_eq!(answer.member("title"), title, "{language}");
    }
}

pub(crate) async fn what_cannot_be_taken_is_told_with_what_to_do(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask("09123456789").await;
    let body = json!({ "session_id": session, "code": 123_456 });
    let answer = stage.post(VERIFY, body).await;
    answer.is(422, "field_invalid");
    assert_eq!(
        (answer.member("field"), answer.member("expected")),
        ("code".into(), "text".into())
    );
    let request = stage
        .client
        .post(stage.url(OTP))
        .header("content-encoding", "gzip");
    let request = request.header(CONTENT_TYPE, "application/json");
    let answer = stage.send(request.body(vec![0x1f, 0x8b, 8, 0])).await;
    answer.is(415, "content_encoding_unsupported");
    assert_eq!(answer.member("content_encoding"), "gzip");
    assert_eq!(answer.header("accept-encoding"), "identity");
}

pub(crate) async fn r_05_a_malformed_code_is_not_compared_and_counts_no_attempt(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask("09123456789").await;
    for code in [
        "",
        "12345",
        "1234567",
        "12345a",
        "12345\u{0}",
        "９９９９９９９",
    ] {
        let answer = stage.verify(&session, code).await;
        answer.is(422, "code_malformed");
        assert_eq!(answer.number("code_length"), 6);
        stage
            .verify_by_phone("09123456789", code)
            .await
            .is(422, "code_malformed");
        let nobody = "0b8a0b5e-58cf-4a0c-9e62-0f3a8f1f6a11";
        stage.verify(nobody, code).await.is(422, "code_malformed");
    }
    let challenge = stage.challenge(&session).await;
    assert_eq!(
        (challenge.session_attempts, challenge.root.phone_attempts),
        (0, 0)
    );
}

pub(crate) async fn a_body_that_breaks_off_is_told(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut stream = TcpStream::connect(stage.address).await.expect("connected");
    let request = format!(
        "POST {OTP} HTTP/1.1\r\nhost: ramz\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\nnot a chunk\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("text");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("\"code\":\"body_incomplete\""), "{answer}");
}

//! Health, documentation, metrics and languages.

use api::ErrorCode;
use serde_json::{Value, json};

use crate::stage::{OTP, SECOND, Shape, Stage};

pub(crate) async fn health_names_each_dependency(shape: Shape) {
    let stage = Stage::new(shape).await;
    let live = stage.get("/livez").await;
    assert_eq!((live.status, live.text.as_str()), (200, "ok"));
    let ready = stage.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.body,
        json!({"status": "ok", "hot_state": "ok", "records": "ok"})
    );
}

pub(crate) async fn the_documentation_is_served_from_the_binary(shape: Shape) {
    let stage = Stage::new(shape).await;
    let without_pages = stage.beside(&[("PAGES", "off")]).await;
    assert_eq!(
        without_pages.get("/").await.header("location"),
        "/api/docs/"
    );
    assert_eq!(
        stage.get("/api/docs").await.header("location"),
        "/api/docs/"
    );
    let page = stage.get("/api/docs/").await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'self'")
    );
    assert!(
        !page.text.contains("<script>"),
        "the policy allows no inline script"
    );
    for file in [
        "swagger-ui.css",
        "swagger-ui-bundle.js",
        "swagger-initializer.js",
    ] {
        let answer = stage.get(&format!("/api/docs/{file}")).await;
        assert_eq!(answer.status, 200, "{file}");
    }
    stage.get("/api/docs/none.js").await.is(404, "not_found");
    let elsewhere = stage.get("/none").await;
    elsewhere.is(404, "not_found");
    assert!(
        !elsewhere
            .header("content-security-policy")
            .contains("script-src"),
        "what the documentation may load, nothing else may"
    );

    assert_eq!(stage.document["openapi"], "3.1.0");
    let paths = stage.document["paths"].as_object().expect("paths");
    let expected = [
        "/.well-known/jwks.json",
        "/api/login/",
        "/api/register/",
        "/api/set-password/",
        "/api/user-info/",
        "/api/v1/usr/login",
        "/api/v1/usr/logout",
        "/api/v1/usr/me",
        "/api/v1/usr/me/phone",
        "/api/v1/usr/me/phone/move",
        "/api/v1/usr/me/phone/verify",
        "/api/v1/usr/otp",
        "/api/v1/usr/otp/verify",
        "/api/v1/usr/password",
        "/api/v1/usr/password/reset",
        "/api/v1/usr/password/reset/verify",
        "/api/v1/usr/sessions",
        "/api/v1/usr/sessions/{id}",
        "/api/v1/usr/token/refresh",
        "/api/verify-otp/",
        "/livez",
        "/readyz",
    ];
    assert_eq!(paths.keys().collect::<Vec<_>>(), expected);
    let document = stage.document.to_string();
    for code in ErrorCode::all() {
        assert!(
            document.contains(code.as_str()),
            "{code:?} is not documented"
        );
    }
}

pub(crate) async fn every_call_is_documented_with_examples(shape: Shape) {
    let stage = Stage::new(shape).await;
    let document = &stage.document;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let call = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{call}");
            let body = &operation["requestBody"];
            assert!(body.is_null() || has_examples(document, body), "{call}");
            let responses = operation["responses"].as_object().expect("responses");
            for (status, response) in responses {
                let about = format!("{call} {status}");
                assert!(response["description"].is_string(), "{about}");
                assert!(has_examples(document, response), "{about}");
            }
            let needs_token = operation["security"]
                .as_array()
                .is_some_and(|ways| !ways.is_empty() && ways.iter().all(|way| *way != json!({})));
            assert!(
                !needs_token || responses.contains_key("401"),
                "{call}: what happens without a token?"
            );
        }
    }
}

/// Whether each content of a body or an answer has an example, of its own or of its schema.
fn has_examples(document: &Value, of: &Value) -> bool {
    let contents = of["content"].as_object().into_iter().flatten();
    contents.into_iter().all(|(_, content)| {
        let schema = &content["schema"];
        let schema = match schema["$ref"].as_str() {
            Some(target) => document
                .pointer(target.trim_start_matches('#'))
                .unwrap_or(schema),
            None => schema,
        };
        let places = [content, schema];
        let mut places = places.iter();
        places.any(|place| !place["example"].is_null() || !place["examples"].is_null())
    })
}

pub(crate) async fn a_33_metrics_stand_at_zero_and_no_client_makes_a_series(shape: Shape) {
    let stage = Stage::new(shape).await;
    for series in [
        r#"ramz_otp_requests_total{result="sent"}"#,
        r#"ramz_otp_verifications_total{result="verified"}"#,
        r#"ramz_token_refreshes_total{result="reused"}"#,
        r#"ramz_limit_refused_total{rule="phone_day"}"#,
        r#"ramz_limit_refused_total{rule="failures_phone"}"#,
        r#"ramz_limit_refused_total{rule="failures_address"}"#,
        r#"ramz_password_logins_total{result="logged_in"}"#,
        r#"ramz_password_logins_total{result="wrong"}"#,
        "ramz_queue_dead",
        r#"ramz_time_to_verified_seconds_count{operator="mci"}"#,
        r#"ramz_time_to_verified_seconds_count{operator="other"}"#,
        r#"ramz_delivery_callbacks_total{result="known"}"#,
    ] {
        assert!(stage.metric(series).abs() < f64::EPSILON, "{series}");
    }
    stage.ask("09123456789").await;
    let answered = r#"http_requests_total{method="POST",route="/api/v1/usr/otp",status="202"}"#;
    assert!((stage.metric(answered) - 1.0).abs() < f64::EPSILON);

    stage.get("/unfindable").await;
    let before = stage.metrics().lines().count();
    for number in 0..20 {
        stage.get(&format!("/path-{number}")).await;
    }
    assert_eq!(stage.metrics().lines().count(), before);
    for word in ["path-", "unfindable", "9123456789", "127.0.0.1"] {
        assert!(!stage.metrics().contains(word), "{word}");
    }
    let method = reqwest::Method::from_bytes(b"BREW").expect("a method");
    let answer = stage
        .send(stage.client.request(method, stage.url("/unfindable")))
        .await;
    assert_eq!(answer.status, 404);
    let other = r#"http_requests_total{method="other",route="unmatched",status="404"}"#;
    assert!((stage.metric(other) - 1.0).abs() < f64::EPSILON);

    let depth = async || (stage.metric("ramz_queue_depth") >= 1.0).then_some(());
    harness::eventually(std::time::Duration::from_secs(30), depth).await;
}

pub(crate) async fn answers_speak_the_language_of_the_request(shape: Shape) {
    let stage = Stage::new(shape).await;
    for (language, tag, title) in [
        ("", "fa", "یک فیلد کم است"),
        ("en-GB,en;q=0.9,fa;q=0.1", "en", "A field is missing"),
    ] {
        let request = stage.client.post(stage.url(OTP));
        let request = request.header("accept-language", language);
        let answer = stage.send(request.json(&json!({}))).await;
        assert_eq!(answer.header("content-language"), tag);
        assert_eq!(answer.member("title"), title);
    }
    let request = stage
        .client
        .post(stage.url(OTP))
        .header("accept-language", "en");
    let answer = stage
        .send(request.json(&json!({ "phone_number": "09123456789" })))
        .await;
    assert_eq!(answer.member("message"), "The code is on its way by SMS.");
    let session = answer.member("session_id");
    assert_eq!(stage.challenge(&session).await.locale.as_str(), "en");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_sweeps_what_is_dead_out_of_the_file() {
    let stage = Stage::new(Shape::Sqlite).await;
    let session = stage.ask("09123456789").await;
    let id = stage.challenge(&session).await.id;
    stage.pass(3_600 * SECOND).await;
    let _sweeping = stage.beside(&[]).await;
    let gone = async || {
        let found = stage.stores.hot.challenge(id).await;
        found.expect("an answer").is_none().then_some(())
    };
    harness::eventually(std::time::Duration::from_secs(30), gone).await;
}

#[test]
fn the_table_of_errors_and_the_code_agree() {
    let text = include_str!("../../../docs/errors.md");
    let documented: Vec<(&str, u16)> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            assert_eq!(cells.len(), 6, "code, status, meaning, what to do: {line}");
            assert!(cells[3..5].iter().all(|cell| cell.len() > 10), "{line}");
            (
                cells[1].trim_matches('`'),
                cells[2].parse().expect("a status"),
            )
        })
        .collect();
    let mut in_code: Vec<(&str, u16)> = ErrorCode::all()
        .map(|code| (code.as_str(), code.status().as_u16()))
        .collect();
    in_code.sort_by_key(|&(code, status)| (status, code));
    assert_eq!(documented, in_code, "sorted by status and code");
}

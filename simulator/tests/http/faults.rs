//! Every fault, as a client meets it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{PHONE, Server};

const FIELDS: [(&str, &str); 3] = [
    ("receptor", PHONE),
    ("template", "ramz-otp"),
    ("token", "48291"),
];

/// HTTP status, content type and body of a lookup under one fault.
async fn under(server: &Server, fault: Value) -> (u16, String, String) {
    server.fault(json!({ "fault": fault })).await;
    let response = server.raw_post("verify/lookup", &FIELDS).await.unwrap();
    let kind = response
        .headers()
        .get("content-type")
        .map(|it| it.to_str().unwrap().to_owned());
    (
        response.status().as_u16(),
        kind.unwrap_or_default(),
        response.text().await.unwrap(),
    )
}

#[tokio::test]
async fn a_delay_comes_before_the_gateway_accepts() {
    let server = Server::start();
    server
        .fault(json!({"fault": {"kind": "delay", "ms": 60}}))
        .await;
    let start = Instant::now();
    assert_eq!(server.lookup(PHONE).await.status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn the_gateway_has_a_latency_of_its_own() {
    let server = Server::start();
    server.account(json!({"gateway_delay_ms": 60})).await;
    let start = Instant::now();
    assert_eq!(server.lookup(PHONE).await.status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn a_caller_that_gives_up_during_a_delay_still_has_its_message_sent() {
    let server = Server::start();
    server
        .fault(json!({"fault": {"kind": "delay", "ms": 150}}))
        .await;
    let url = format!("{}/v1/demo/verify/lookup.json", server.url);
    let call = server
        .client
        .post(url)
        .form(&FIELDS)
        .timeout(Duration::from_millis(50));
    assert!(call.send().await.unwrap_err().is_timeout());
    while server.accepted() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn accept_then_hang_sends_the_message_and_never_answers() {
    let server = Server::start();
    server
        .fault(json!({"fault": {"kind": "accept_then_hang"}}))
        .await;
    let url = format!("{}/v1/demo/verify/lookup.json", server.url);
    let call = server
        .client
        .post(url)
        .form(&FIELDS)
        .timeout(Duration::from_millis(400));
    assert!(call.send().await.unwrap_err().is_timeout());
    assert_eq!(server.accepted(), 1);
}

fn is_reset(error: &reqwest::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        let kind = error
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        if kind == Some(std::io::ErrorKind::ConnectionReset) {
            return true;
        }
        source = error.source();
    }
    false
}

#[tokio::test]
async fn resets_are_real_and_differ_in_what_was_accepted() {
    let server = Server::start();
    for (kind, accepted) in [("reset_before_accept", 0), ("accept_then_reset", 1)] {
        server.fault(json!({"fault": {"kind": kind}})).await;
        let error = server.raw_post("verify/lookup", &FIELDS).await.unwrap_err();
        assert!(is_reset(&error), "{kind}: {error:?}");
        assert_eq!(server.accepted(), accepted, "{kind}");
    }
}

#[tokio::test]
async fn behind_a_plain_server_a_reset_is_an_end_without_an_answer() {
    let server = Server::start();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/v1/demo/account/info.json",
        listener.local_addr().unwrap()
    );
    let router = server.simulator.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    assert_eq!(server.client.get(&url).send().await.unwrap().status(), 200);
    server
        .fault(json!({"fault": {"kind": "accept_then_reset"}}))
        .await;
    let response = server.client.get(&url).send().await;
    let body = async { response?.bytes().await };
    assert!(body.await.is_err());
}

#[tokio::test]
async fn html_pages_come_with_an_error_or_with_200() {
    let server = Server::start();
    let (http, kind, body) = under(&server, json!({"kind": "html_error"})).await;
    assert_eq!((http, kind.as_str()), (502, "text/html; charset=utf-8"));
    assert!(body.contains("<h1>Bad Gateway</h1>"));
    let (http, _, _) = under(&server, json!({"kind": "html_error", "status": 503})).await;
    assert_eq!(http, 503);
    let (http, kind, body) = under(&server, json!({"kind": "html_ok"})).await;
    assert_eq!((http, kind.as_str()), (200, "text/html; charset=utf-8"));
    assert!(serde_json::from_str::<Value>(&body).is_err());
    assert_eq!(server.accepted(), 0);
    server
        .fault(json!({"accept": true, "fault": {"kind": "html_error"}}))
        .await;
    server.raw_post("verify/lookup", &FIELDS).await.unwrap();
    assert_eq!(
        server.accepted(),
        1,
        "the message may have gone out behind the broken proxy"
    );
}

#[tokio::test]
async fn answers_are_spoilt_after_the_message_went_out() {
    let server = Server::start();
    let (http, _, body) = under(&server, json!({"kind": "cut_json"})).await;
    assert_eq!(http, 200);
    assert!(body.starts_with("{\"return\"") && serde_json::from_str::<Value>(&body).is_err());
    let (http, _, body) = under(&server, json!({"kind": "empty_body"})).await;
    assert_eq!((http, body.as_str()), (200, ""));
    let (_, _, body) = under(&server, json!({"kind": "entries_null"})).await;
    let json: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(json["return"]["status"], 200);
    assert!(json["entries"].is_null());
    let (_, _, body) = under(&server, json!({"kind": "entries_object"})).await;
    let json: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(json["entries"]["receptor"], PHONE);
    let (_, _, body) = under(&server, json!({"kind": "huge_body"})).await;
    assert!(body.len() > 10 * 1024 * 1024);
    let json: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(json["entries"][0]["receptor"], PHONE);
    assert_eq!(server.accepted(), 5);
}

#[tokio::test]
async fn a_redirect_points_elsewhere() {
    let server = Server::start();
    server
        .fault(json!({"fault": {"kind": "redirect", "to": "https://example.com/x"}}))
        .await;
    let response = server.raw_post("verify/lookup", &FIELDS).await.unwrap();
    assert_eq!(response.status(), 307);
    assert_eq!(response.headers()["location"], "https://example.com/x");
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn any_status_can_be_dictated_also_in_a_200() {
    let server = Server::start();
    for status in [402, 409, 418, 451, 501, 607, 777] {
        let (http, _, body) = under(&server, json!({"kind": "status", "status": status})).await;
        let json: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((http, &json["return"]["status"]), (status, &json!(status)));
        assert!(json["entries"].is_null());
    }
    let (http, _, body) = under(&server, json!({"kind": "status_in_200", "status": 418})).await;
    let json: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((http, &json["return"]["status"]), (200, &json!(418)));
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_rate_limit_gives_451_beyond_its_number() {
    let server = Server::start();
    server
        .fault(json!({"fault": {"kind": "rate_limit", "per_second": 1}}))
        .await;
    assert_eq!(server.lookup(PHONE).await.status(), 200);
    assert_eq!(server.lookup(PHONE).await.status(), 451);
    server.advance(1);
    assert_eq!(server.lookup(PHONE).await.status(), 200);
}

#[tokio::test]
async fn rules_are_listed_with_their_hits_and_removed() {
    let server = Server::start();
    server
        .fault(
            json!({"method": "verify/lookup", "receptor_suffix": "4501", "times": 1,
            "fault": {"kind": "status", "status": 409}}),
        )
        .await;
    assert_eq!(server.lookup("09351118820").await.status(), 200);
    assert_eq!(server.lookup(PHONE).await.status(), 409);
    assert_eq!(server.lookup(PHONE).await.status(), 200);
    let listed: Value = server.read("/_sim/faults").await.json().await.unwrap();
    assert_eq!(listed["rules"][0]["applied"], 1);
    assert_eq!(
        listed["rules"][0]["fault"],
        json!({"kind": "status", "status": 409})
    );
    let stats: Value = server.read("/_sim/stats").await.json().await.unwrap();
    assert_eq!(
        stats["requests"]["verify/lookup"],
        json!({"200": 2, "409": 1})
    );
    assert_eq!(stats["faults"], json!({"status": 1}));

    let url = format!("{}/_sim/faults", server.url);
    assert_eq!(
        server.client.delete(&url).send().await.unwrap().status(),
        204
    );
    let listed: Value = server.read("/_sim/faults").await.json().await.unwrap();
    assert_eq!(listed, json!({"rules": []}));
}

#[tokio::test]
async fn a_rate_hits_the_same_share_of_calls_for_the_same_seed() {
    let pattern = async || {
        let server = Server::start();
        server
            .fault(json!({"rate": 0.5, "seed": 11, "fault": {"kind": "status", "status": 409}}))
            .await;
        let mut hits = Vec::new();
        for _ in 0..40 {
            hits.push(server.lookup(PHONE).await.status() == 409);
        }
        hits
    };
    let first = pattern().await;
    assert_eq!(first, pattern().await);
    assert!(first.contains(&true) && first.contains(&false));
}

#[tokio::test]
async fn a_wrong_rule_is_refused_and_the_old_ones_stay() {
    let server = Server::start();
    server.fault(json!({"fault": {"kind": "html_ok"}})).await;
    let url = format!("{}/_sim/faults", server.url);
    for body in [
        "{\"rules\":[{\"fault\":{\"kind\":\"unheard\"}}]}",
        "{\"rules\":[{}]}",
        "x",
    ] {
        let response = server.client.put(&url).body(body).send().await.unwrap();
        assert_eq!(response.status(), 400, "{body}");
    }
    let listed: Value = server.read("/_sim/faults").await.json().await.unwrap();
    assert_eq!(listed["rules"].as_array().unwrap().len(), 1);
}

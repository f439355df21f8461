//! Delivery reports to a callback URL.

use std::sync::{Arc, Mutex};

use axum::{Router, extract::State, http::StatusCode, routing::any};
use serde_json::{Value, json};

use crate::server::{PHONE, Server};

type Seen = Arc<Mutex<Vec<String>>>;

/// A receiver that answers with `status` and notes verb, path, query and body of each report.
async fn receiver(status: StatusCode) -> (String, Seen) {
    let seen = Seen::default();
    let note = move |State(seen): State<Seen>, request: axum::extract::Request| async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 4_096).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        seen.lock()
            .unwrap()
            .push(format!("{} {} {body}", parts.method, parts.uri));
        status
    };
    let router = Router::new()
        .route("/report", any(note))
        .with_state(Arc::clone(&seen));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/report", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, seen)
}

async fn configure(server: &Server, url: &str, more: Value) {
    let mut callback = json!({ "url": url });
    callback
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    server.account(json!({ "callback": null })).await;
    server.account(json!({ "callback": callback })).await;
}

fn taken(seen: &Seen) -> Vec<String> {
    std::mem::take(&mut *seen.lock().unwrap())
}

#[tokio::test]
async fn each_change_of_state_is_posted_as_a_form_when_it_is_due() {
    let server = Server::start();
    let (url, seen) = receiver(StatusCode::OK).await;
    configure(&server, &url, json!({})).await;
    let id = server.send(PHONE, "").await.id();
    assert_eq!(server.simulator.send_due_reports().await, 0);
    server.advance(1);
    assert_eq!(server.simulator.send_due_reports().await, 1);
    assert_eq!(
        taken(&seen),
        [format!("POST /report messageid={id}&status=4")]
    );
    server.advance(3);
    assert_eq!(server.simulator.send_due_reports().await, 1);
    assert_eq!(
        taken(&seen),
        [format!("POST /report messageid={id}&status=10")]
    );
    server.advance(1_000);
    assert_eq!(server.simulator.send_due_reports().await, 0);
}

#[tokio::test]
async fn reports_can_go_by_get_twice_and_out_of_order() {
    let server = Server::start();
    let (url, seen) = receiver(StatusCode::OK).await;
    let more = json!({"method": "GET", "duplicates": true, "out_of_order": true});
    configure(&server, &url, more).await;
    let id = server.send(PHONE, "").await.id();
    server.advance(10);
    server.simulator.send_due_reports().await;
    let report = |status| format!("GET /report?messageid={id}&status={status} ");
    assert_eq!(taken(&seen), [report(10), report(10), report(4), report(4)]);
}

#[tokio::test]
async fn lookups_leave_from_foreign_lines_and_are_reported_on_demand_only() {
    let server = Server::start();
    let (url, seen) = receiver(StatusCode::OK).await;
    configure(&server, &url, json!({})).await;
    server.lookup(PHONE).await;
    server.advance(10);
    server.simulator.send_due_reports().await;
    assert_eq!(taken(&seen).len(), 0);
    configure(&server, &url, json!({"lookups": true})).await;
    server.lookup(PHONE).await;
    server.advance(10);
    server.simulator.send_due_reports().await;
    assert_eq!(taken(&seen).len(), 1);
}

#[tokio::test]
async fn a_report_that_is_not_answered_with_200_is_tried_again_and_given_up_in_the_end() {
    let server = Server::start();
    let (url, seen) = receiver(StatusCode::ACCEPTED).await;
    configure(
        &server,
        &url,
        json!({"lookups": true, "retries": 2, "retry_ms": 120_000}),
    )
    .await;
    server.lookup(PHONE).await;
    server.advance(10);
    for _ in 0..5 {
        server.simulator.send_due_reports().await;
        server.simulator.send_due_reports().await;
        server.advance(120);
    }
    assert_eq!(taken(&seen).len(), 3, "one try and two more");
}

#[tokio::test]
async fn a_cancelled_message_is_reported_as_cancelled_and_no_more() {
    let server = Server::start();
    let (url, seen) = receiver(StatusCode::OK).await;
    configure(&server, &url, json!({})).await;
    let date = (crate::server::START + 600).to_string();
    let fields = [("receptor", PHONE), ("message", "x"), ("date", &date)];
    let id = server.post("sms/send", &fields).await.id();
    server
        .post("sms/cancel", &[("messageid", &id.to_string())])
        .await;
    server.advance(1_000);
    server.simulator.send_due_reports().await;
    assert_eq!(
        taken(&seen),
        [format!("POST /report messageid={id}&status=13")]
    );
}

#[tokio::test]
async fn the_sender_of_reports_notices_new_messages_by_itself() {
    let server = Server::start();
    let (url, seen) = receiver(StatusCode::OK).await;
    configure(&server, &url, json!({"lookups": true})).await;
    let simulator = server.simulator.clone();
    let sender = tokio::spawn(async move { simulator.send_reports().await });
    server.lookup(PHONE).await;
    server.advance(10);
    while seen.lock().unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    sender.abort();
}

//! `account/*`, `utils/getdate`, `verify/templatelist`.

use serde_json::json;

use crate::server::{PHONE, START, Server};

#[tokio::test]
async fn the_credit_falls_with_every_message() {
    let server = Server::start();
    server
        .account(json!({"credit": 10_000, "type": "child", "expiredate": 1_826_703_012}))
        .await;
    server.lookup(PHONE).await;
    let answer = server.post("account/info", &[]).await;
    let expected = json!({"remaincredit": 7_720, "expiredate": 1_826_703_012, "type": "child"});
    assert_eq!(answer.json["entries"], expected);
}

#[tokio::test]
async fn the_configuration_is_all_text_and_any_parameter_changes_it() {
    let server = Server::start();
    let read = server.get("account/config", &[]).await;
    let expected = json!({"apilogs": "justfaults", "dailyreport": "disabled",
        "debugmode": "disabled", "defaultsender": "30009911", "mincreditalarm": "500000",
        "resendfailed": "disabled"});
    assert_eq!(read.json["entries"], expected);
    let change = [
        ("debugmode", "enabled"),
        ("mincreditalarm", "7"),
        ("defaultsender", "10004346"),
    ];
    let changed = server.get("account/config", &change).await;
    assert_eq!(changed.json["entries"]["debugmode"], "enabled");
    let account = server.simulator.account();
    assert!(account.debugmode);
    assert_eq!(account.mincreditalarm, 7);
    assert_eq!(account.default_sender.as_deref(), Some("10004346"));
    let wrong = [("resendfailed", "enabled"), ("debugmode", "maybe")];
    assert_eq!(server.post("account/config", &wrong).await.status(), 400);
    assert!(
        !server.simulator.account().resendfailed,
        "a refused change changes nothing"
    );
}

#[tokio::test]
async fn the_date_is_that_of_tehran() {
    let server = Server::start();
    let answer = server.get("utils/getdate", &[]).await;
    let expected = json!({"datetime": "20/11/2026 01:00:12 ب.ظ", "year": 2026, "month": 11,
        "day": 20, "hour": 13, "minute": 0, "second": 12, "unixtime": START});
    assert_eq!(answer.json["entries"], expected);
}

#[tokio::test]
async fn the_template_list_tells_why_a_lookup_is_424() {
    let server = Server::start();
    server
        .account(json!({"templates": {"draft": {"text": "%token", "approved": false}}}))
        .await;
    let answer = server.get("verify/templatelist", &[("page", "1")]).await;
    let expected = json!({"name": "draft", "approvalStatus": "PendingReview", "sendPriority": 1,
        "smsMessage": "%token"});
    assert_eq!(*answer.row(0), expected);
    let metadata =
        json!({"totalcount": "3", "currentpage": "1", "totalpages": "1", "pagesize": "50"});
    assert_eq!(answer.json["metadata"], metadata);
    let beyond = server.get("verify/templatelist", &[("page", "2")]).await;
    assert_eq!(beyond.json["entries"], json!([]));
    assert_eq!(
        server
            .get("verify/templatelist", &[("page", "0")])
            .await
            .status(),
        400
    );
}

#[tokio::test]
async fn a_wrong_change_of_the_account_is_refused_with_its_reason() {
    let server = Server::start();
    let url = format!("{}/_sim/account", server.url);
    for body in ["{\"credits\": 1}", "not json", "[]"] {
        let response = server.client.put(&url).body(body).send().await.unwrap();
        assert_eq!(response.status(), 400, "{body}");
        let json: serde_json::Value = response.json().await.unwrap();
        assert!(
            json["error"]
                .as_str()
                .is_some_and(|error| !error.is_empty()),
            "{body}"
        );
    }
    let shown: serde_json::Value = server.read("/_sim/account").await.json().await.unwrap();
    assert_eq!(shown["credit"], 100_000_000);
}

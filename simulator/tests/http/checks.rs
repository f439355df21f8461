//! What is looked at before the parameters.

use serde_json::json;
use simulator::SimulatorConfig;

use crate::server::{PHONE, Server, answer};

#[tokio::test]
async fn unknown_methods_and_other_formats_are_404() {
    let server = Server::start();
    for path in [
        "sms/unheard.json",
        "sms/send.xml",
        "sms/send",
        "sms/countpostalcode.json",
        "x",
    ] {
        let url = format!("{}/v1/demo/{path}", server.url);
        let answer = answer(server.client.get(url).send().await.unwrap()).await;
        assert_eq!((answer.http, answer.status()), (404, 404), "{path}");
    }
}

#[tokio::test]
async fn only_the_given_keys_are_accepted_and_the_dummy_key_only_tells_the_date() {
    let config = SimulatorConfig {
        api_keys: vec!["GOOD1".to_owned()],
        ..SimulatorConfig::default()
    };
    let server = Server::start_with(config);
    let status = async |key: &str, method: &str| {
        let url = format!("{}/v1/{key}/{method}.json", server.url);
        answer(server.client.get(url).send().await.unwrap())
            .await
            .status()
    };
    assert_eq!(status("GOOD1", "account/info").await, 200);
    assert_eq!(status("OTHER", "account/info").await, 403);
    assert_eq!(status("0", "account/info").await, 403);
    assert_eq!(status("0", "utils/getdate").await, 200);
    let any = Server::start();
    let url = format!("{}/v1/not-a-key!/account/info.json", any.url);
    let refused = answer(any.client.get(url).send().await.unwrap()).await;
    assert_eq!(
        refused.json["return"]["message"],
        "کد شناسائی معتبر نمی باشد "
    );
}

#[tokio::test]
async fn the_account_refuses_every_call_for_its_own_reasons() {
    let server = Server::start();
    let cases = [
        (json!({"disabled": true}), json!({"disabled": false}), 401),
        (
            json!({"kyc_verified": false}),
            json!({"kyc_verified": true}),
            430,
        ),
        (
            json!({"allowed_ips": ["10.0.0.1"]}),
            json!({"allowed_ips": ["127.0.0.1"]}),
            416,
        ),
        (
            json!({"ip_limited": true}),
            json!({"ip_limited": false}),
            429,
        ),
    ];
    for (change, back, status) in cases {
        server.account(change.clone()).await;
        assert_eq!(server.lookup(PHONE).await.status(), status, "{change}");
        assert_eq!(
            server.get("account/info", &[]).await.status(),
            status,
            "{change}"
        );
        server.account(back).await;
        assert_eq!(
            server.get("account/info", &[]).await.status(),
            200,
            "{change}"
        );
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn calls_beyond_the_rate_are_451_until_the_second_is_over() {
    let server = Server::start();
    server.account(json!({"calls_per_second": 2})).await;
    assert_eq!(server.lookup(PHONE).await.status(), 200);
    assert_eq!(server.lookup(PHONE).await.status(), 200);
    assert_eq!(server.lookup(PHONE).await.status(), 451);
    server.advance(1);
    assert_eq!(server.lookup(PHONE).await.status(), 200);
}

#[tokio::test]
async fn other_verbs_are_405() {
    let server = Server::start();
    let url = format!("{}/v1/demo/sms/send.json", server.url);
    let answer = answer(server.client.delete(url).send().await.unwrap()).await;
    assert_eq!(answer.status(), 405);
}

#[tokio::test]
async fn http_mirrors_the_status_or_is_always_200() {
    let server = Server::start();
    let unknown = [("receptor", PHONE), ("template", "unheard"), ("token", "1")];
    let mirrored = server.post("verify/lookup", &unknown).await;
    assert_eq!((mirrored.http, mirrored.status()), (424, 424));
    assert!(mirrored.json["entries"].is_null());
    server
        .account(json!({"http_status_mode": "always200"}))
        .await;
    let always = server.post("verify/lookup", &unknown).await;
    assert_eq!((always.http, always.status()), (200, 424));
}

#[tokio::test]
async fn earlier_checks_win() {
    let server = Server::start();
    server
        .account(json!({"disabled": true, "plan": "basic", "credit": 0}))
        .await;
    assert_eq!(server.post("sms/unheard", &[]).await.status(), 404);
    assert_eq!(server.post("verify/lookup", &[]).await.status(), 401);
    server.account(json!({"disabled": false})).await;
    assert_eq!(server.post("verify/lookup", &[]).await.status(), 400);
    let bad = [("receptor", "1"), ("template", "unheard"), ("token", "a b")];
    assert_eq!(server.post("verify/lookup", &bad).await.status(), 426);
    server.account(json!({"plan": "advanced"})).await;
    assert_eq!(server.post("verify/lookup", &bad).await.status(), 411);
    let bad = [
        ("receptor", PHONE),
        ("template", "unheard"),
        ("token", "a b"),
    ];
    assert_eq!(server.post("verify/lookup", &bad).await.status(), 424);
    let bad = [
        ("receptor", PHONE),
        ("template", "ramz-otp"),
        ("token", "a b"),
    ];
    assert_eq!(server.post("verify/lookup", &bad).await.status(), 431);
    assert_eq!(server.lookup(PHONE).await.status(), 418);
}

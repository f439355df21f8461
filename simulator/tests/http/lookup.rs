//! `verify/lookup`.

use serde_json::json;

use crate::server::{PHONE, START, Server};

#[tokio::test]
async fn a_lookup_renders_its_template_and_is_delivered_in_time() {
    let server = Server::start();
    let fields = [
        ("receptor", PHONE),
        ("template", "ramz-otp"),
        ("token", "40917"),
    ];
    for answer in [
        server.post("verify/lookup", &fields).await,
        server.get("verify/lookup", &fields).await,
    ] {
        let expected = json!({"messageid": answer.id(), "message": "کد ورود شما: 40917", "status": 5,
            "statustext": "ارسال به مخابرات", "sender": "2000660110", "receptor": PHONE,
            "date": START, "cost": 2_280});
        assert_eq!(*answer.row(0), expected);
    }
    assert_eq!(
        server.accepted(),
        2,
        "a lookup has no duplicate suppression"
    );
    server.advance(3);
    let message = &server.simulator.messages(Some(PHONE), 1)[0];
    assert_eq!(
        (message.status, message.code.as_deref()),
        (10, Some("40917"))
    );
    assert!(!message.voice);
}

#[tokio::test]
async fn all_tokens_are_filled_and_may_hold_their_spaces() {
    let server = Server::start();
    let text = "%token10: %token, %token2 %token3 (%token20)";
    server.account(json!({"templates": {"all": text}})).await;
    let fields = [
        ("receptor", PHONE),
        ("template", "all"),
        ("token", "1,2/3"),
        ("token2", "b"),
        ("token3", "c"),
        ("token10", "آقای احمدی عزیز"),
        ("token20", "x y z"),
    ];
    let answer = server.post("verify/lookup", &fields).await;
    assert_eq!(
        answer.row(0)["message"],
        "آقای احمدی عزیز: 1,2/3, b c (x y z)"
    );
}

#[tokio::test]
async fn refused_lookups_name_their_reason_and_make_nothing() {
    let server = Server::start();
    server
        .account(json!({"templates": {"no-token": "%token2 only",
            "draft": {"text": "%token", "approved": false}}}))
        .await;
    let with = |template: &'static str, token: &'static str| {
        vec![
            ("receptor", PHONE),
            ("template", template),
            ("token", token),
        ]
    };
    let and = |mut fields: Vec<(&'static str, &'static str)>, name, value| {
        fields.push((name, value));
        fields
    };
    let good = || with("ramz-otp", "1234");
    let cases = [
        (vec![("receptor", PHONE), ("template", "ramz-otp")], 400),
        (with("ramz-otp", ""), 406),
        (and(good(), "receptor", "12"), 411),
        (with("unheard", "1234"), 424),
        (with("draft", "1234"), 424),
        (with("no-token", "1234"), 432),
        (with("ramz-otp", "12 34"), 431),
        (with("ramz-otp", "12_34"), 431),
        (with("ramz-otp", "12\n34"), 431),
        (and(good(), "token2", "a b"), 431),
        (and(good(), "token10", "a b c d e f g"), 431),
        (with("ramz-otp", "12\u{1}34"), 422),
        (and(with("ramz-otp", "12ab"), "type", "call"), 428),
        (
            and(with("ramz-otp", "12ab"), "receptor", "02188001122"),
            428,
        ),
        (and(good(), "type", "fax"), 400),
        (and(good(), "tag", "unheard"), 607),
    ];
    for (fields, status) in cases {
        let answer = server.post("verify/lookup", &fields).await;
        assert_eq!(answer.status(), status, "{fields:?}");
        assert_eq!(u64::from(answer.http), status, "{fields:?}");
    }
    server.account(json!({"plan": "basic"})).await;
    assert_eq!(server.lookup(PHONE).await.status(), 426);
    server
        .account(json!({"plan": "advanced", "credit": 2_279}))
        .await;
    assert_eq!(server.lookup(PHONE).await.status(), 418);
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_landline_or_the_type_call_makes_it_a_voice_call() {
    let server = Server::start();
    server.lookup("02188001122").await;
    assert!(server.simulator.messages(None, 1)[0].voice);
    let fields = [
        ("receptor", PHONE),
        ("template", "ramz-otp"),
        ("token", "1234"),
        ("type", "Call"),
    ];
    server.post("verify/lookup", &fields).await;
    assert!(server.simulator.messages(None, 1)[0].voice);
    let fields = [
        ("receptor", PHONE),
        ("template", "ramz-otp"),
        ("token", "1234"),
        ("type", "Sms"),
    ];
    server.post("verify/lookup", &fields).await;
    assert!(!server.simulator.messages(None, 1)[0].voice);
}

#[tokio::test]
async fn the_end_of_a_message_follows_the_receptor() {
    let server = Server::start();
    let rules =
        json!([{"receptor_suffix": "01", "status": 11}, {"receptor_suffix": "02", "status": 6}]);
    server
        .account(json!({"delivery": {"rules": rules, "operator_ms": 1_000}}))
        .await;
    for (phone, status) in [("09120000001", 11), ("09120000002", 6), ("09120000003", 10)] {
        server.lookup(phone).await;
        assert_eq!(server.simulator.messages(Some(phone), 1)[0].status, 5);
        server.advance(1);
        assert_eq!(server.simulator.messages(Some(phone), 1)[0].status, status);
    }
}

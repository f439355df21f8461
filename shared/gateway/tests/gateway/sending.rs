//! What goes over the wire, and the answers of a gateway in good health.

use domain::challenge::{Channel, Locale};
use domain::delivery::DeliveryStatus;
use domain::otp::Purpose;
use gateway::{
    Gateway, GatewaySettings, Method, RefusalClass, RefusedBy, SendOutcome, UnknownReason,
};

use super::server::Server;
use super::{
    CANARY_CODE, CANARY_KEY, LOCAL_ID, MESSAGE_ID, accepted, deliver, deliver_by, outcome, phone,
    plain, settings, with_template,
};

#[tokio::test]
async fn a_template_message_is_one_posted_form() {
    let server = Server::answering(200, accepted(5, "09123004501")).await;
    let delivery = deliver(&with_template(&server.url)).await;
    assert_eq!(delivery.method, Method::Lookup);
    assert_eq!(
        delivery.outcome,
        SendOutcome::Accepted {
            messageid: MESSAGE_ID,
            status: DeliveryStatus::HandedOver(5),
            cost: Some(2_280),
        }
    );
    let request = server.only_request();
    assert_eq!(
        request.line(),
        format!("POST /v1/{CANARY_KEY}/verify/lookup.json HTTP/1.1")
    );
    let fields: Vec<_> = request.form.iter().collect();
    let expected = [
        ("receptor", "09123004501"),
        ("template", "login"),
        ("token", CANARY_CODE),
        ("type", "sms"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(
        fields,
        expected.iter().map(|(n, v)| (n, v)).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_call_goes_by_the_template_and_says_so() {
    let server = Server::answering(200, accepted(5, "09123004501")).await;
    let delivery = deliver_by(&with_template(&server.url), Channel::Call).await;
    assert!(matches!(delivery.outcome, SendOutcome::Accepted { .. }));
    assert_eq!(server.only_request().field("type"), Some("call"));
}

#[tokio::test]
async fn a_call_without_a_template_makes_no_request() {
    let server = Server::answering(200, accepted(5, "09123004501")).await;
    let gateway = plain(&server.url);
    assert!(!gateway.can_call(Locale::Fa, Purpose::SignIn));
    let delivery = deliver_by(&gateway, Channel::Call).await;
    assert_eq!(delivery.outcome, SendOutcome::NeedsTemplate);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_plain_message_carries_text_line_and_local_id() {
    let server = Server::answering(200, accepted(1, "09123004501")).await;
    let gateway = Gateway::new(GatewaySettings {
        sender: Some("30009911".to_owned()),
        webotp_domain: Some("example.ir".to_owned()),
        ..settings(&server.url)
    })
    .expect("good settings");
    let delivery = deliver(&gateway).await;
    assert_eq!(delivery.method, Method::Send);
    assert!(matches!(
        delivery.outcome,
        SendOutcome::Accepted {
            messageid: MESSAGE_ID,
            status: DeliveryStatus::Queued,
            ..
        }
    ));
    let request = server.only_request();
    assert_eq!(
        request.line(),
        format!("POST /v1/{CANARY_KEY}/sms/send.json HTTP/1.1")
    );
    assert_eq!(request.field("receptor"), Some("09123004501"));
    assert_eq!(request.field("sender"), Some("30009911"));
    assert_eq!(request.field("localid"), Some("900000000017"));
    let text = format!("کد ورود شما: \u{200e}{CANARY_CODE}\n@example.ir #{CANARY_CODE}");
    assert_eq!(request.field("message"), Some(text.as_str()));
    assert_eq!(request.form.len(), 4);
}

#[tokio::test]
async fn without_a_line_of_our_own_the_field_is_left_out() {
    let server = Server::answering(200, accepted(1, "09123004501")).await;
    deliver(&plain(&server.url)).await;
    assert_eq!(server.only_request().field("sender"), None);
}

#[tokio::test]
async fn a_notice_is_sent_as_it_is_written() {
    let server = Server::answering(200, accepted(1, "09123004501")).await;
    let text = "شماره حساب شما تغییر کرد & + %";
    let outcome = plain(&server.url).send_text(&phone(), text, LOCAL_ID).await;
    assert!(matches!(outcome, SendOutcome::Accepted { .. }));
    assert_eq!(server.only_request().field("message"), Some(text));
}

#[test]
fn the_method_is_known_before_the_call() {
    let gateway = with_template("http://127.0.0.1:1");
    assert_eq!(gateway.method(Locale::En, Purpose::Admin), Method::Lookup);
    assert!(gateway.can_call(Locale::En, Purpose::Admin));
    let gateway = plain("http://127.0.0.1:1");
    assert_eq!(gateway.method(Locale::En, Purpose::Admin), Method::Send);
}

#[tokio::test]
async fn states_of_a_living_message_are_accepted() {
    for status in [1, 2, 4, 5, 10, 50] {
        let server = Server::answering(200, accepted(status, "09123004501")).await;
        for gateway in [plain(&server.url), with_template(&server.url)] {
            let expected = SendOutcome::Accepted {
                messageid: MESSAGE_ID,
                status: DeliveryStatus::from_code(status),
                cost: Some(2_280),
            };
            assert_eq!(outcome(&gateway).await, expected);
            assert_eq!(expected.error_class(), None);
            assert_eq!(expected.gateway_status(), Some(200));
        }
    }
}

#[tokio::test]
async fn an_entry_that_has_already_failed_is_a_refusal() {
    let cases = [
        (6, RefusalClass::Message),
        (11, RefusalClass::Message),
        (14, RefusalClass::Message),
        (13, RefusalClass::Config),
    ];
    for (status, class) in cases {
        let server = Server::answering(200, accepted(status, "09123004501")).await;
        for gateway in [plain(&server.url), with_template(&server.url)] {
            let refused = outcome(&gateway).await;
            assert_eq!(
                refused,
                SendOutcome::Refused {
                    refusal: RefusedBy::Entry {
                        messageid: MESSAGE_ID,
                        status: DeliveryStatus::from_code(status),
                    },
                    class,
                }
            );
            assert_eq!(refused.error_class(), Some("refused_entry"));
        }
    }
}

#[tokio::test]
async fn an_answer_about_another_receptor_is_a_collision_of_local_ids() {
    // Even when that other message has failed: ours was not sent.
    for status in [1, 10, 14] {
        let server = Server::answering(200, accepted(status, "09351118820")).await;
        let collision = outcome(&plain(&server.url)).await;
        assert_eq!(
            collision,
            SendOutcome::Collision {
                messageid: MESSAGE_ID
            }
        );
        assert_eq!(collision.error_class(), Some("localid_collision"));
    }
}

#[tokio::test]
async fn the_receptor_may_come_back_in_another_form() {
    for receptor in ["9123004501", "+989123004501", "00989123004501"] {
        let server = Server::answering(200, accepted(1, receptor)).await;
        let outcome = outcome(&plain(&server.url)).await;
        assert!(
            matches!(outcome, SendOutcome::Accepted { .. }),
            "{receptor}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn odd_but_complete_answers_are_understood() {
    let bodies = [
        r#"{"return":{"status":200},"entries":{"messageid":2890114507,"status":5}}"#,
        r#"{"entries":[{"MessageID":"2890114507","Status":"5","Cost":"2280"}],"Return":{"Status":"200"}}"#,
        "\u{feff}{\"return\":{\"status\":200},\"entries\":[{\"messageid\":2890114507,\"status\":5,\"cost\":null}]}",
    ];
    for body in bodies {
        let server = Server::answering(200, body).await;
        let outcome = outcome(&with_template(&server.url)).await;
        assert!(
            matches!(
                outcome,
                SendOutcome::Accepted {
                    messageid: MESSAGE_ID,
                    status: DeliveryStatus::HandedOver(5),
                    ..
                }
            ),
            "{body}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn accepted_without_an_id_is_unknown() {
    for entries in [
        "null",
        "[]",
        "{}",
        "[null]",
        r#"[{"status":5}]"#,
        r#"[{"messageid":0,"status":5}]"#,
        r#"[{"messageid":null,"status":14}]"#,
        r#"[{"messageid":"x","status":5}]"#,
    ] {
        let body = format!(r#"{{"return":{{"status":200}},"entries":{entries}}}"#);
        let server = Server::answering(200, body).await;
        let unknown = outcome(&with_template(&server.url)).await;
        let reason = UnknownReason::NoMessageId;
        assert_eq!(unknown, SendOutcome::Unknown { reason }, "{entries}");
        assert_eq!(unknown.error_class(), Some("no_message_id"));
        assert_eq!(unknown.gateway_status(), Some(200));
    }
}

//! What becomes of a message and of its code.

use shared::hot_state::{Accepted, Guess};
use shared::records::{Begun, SendResult};

use super::stage::{MASKED, NUMBER, Service, failed, taken};

pub(crate) async fn a_code_that_was_delivered_and_used(at: Service) {
    let (new, accepted) = at.ask().await;
    assert!(matches!(accepted, Accepted::Sent(_)));
    at.send(&new, taken(2_890_114_633)).await;
    at.pass(6);
    at.report(10).await;
    at.pass(13);
    at.sign_in(&new).await;

    let shown = at.why(&[NUMBER]).done();
    let lines = [
        &format!("{MASKED}, the last 24 h; times are UTC"),
        "a code to sign in was asked for, by SMS",
        "sent to the gateway by template, attempt 1",
        "+1.0 s  the gateway took it as message 2890114633, 2280 rials",
        "+7.0 s  delivered to the phone",
        "+20 s  the code was used",
        "account  registered",
        "limits   1 of 3 messages in 2 min, 1 of 10 messages in 24 h, 0 of 10 failed tries",
        "service  ",
    ];
    for line in lines {
        assert!(shown.contains(line), "{line:?} is missing:\n{shown}");
    }
    assert!(
        shown.ends_with(", 20 s after it was asked for.\n"),
        "{shown}"
    );
    for secret in at.secrets(&new).await {
        assert!(!shown.contains(&secret), "{shown}");
    }
    let json = at.asked(NUMBER);
    assert_eq!(json["conclusion"]["code"], "verified");
    let events = json["events"].as_array().expect("events");
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str()).collect();
    let expected = ["asked", "sending", "accepted", "delivered", "verified"].map(Some);
    assert_eq!(names, expected, "{json:#}");
    assert_eq!(json["sends"][0]["messageid"], 2_890_114_633_i64);
    for printed in [shown, json.to_string()] {
        for number in [NUMBER, "+989123456789", "9123456789"] {
            assert!(!printed.contains(number), "the number is masked: {printed}");
        }
    }
}

pub(crate) async fn a_code_that_was_delivered_and_expired(at: Service) {
    at.sent().await;
    at.pass(6);
    at.report(10).await;
    let said = at.concludes("delivered");
    assert!(
        said.contains("the operator reports it delivered 6.0 s later; the code expired unused at"),
        "{said}"
    );
    let shown = at.why(&[NUMBER]).done();
    assert!(shown.contains("  the code expired unused\n"), "{shown}");
}

pub(crate) async fn a_code_that_waits_to_be_typed_in(at: Service) {
    let new = at.sent().await;
    let said = at.concludes("accepted");
    assert!(
        said.contains("whether it reached the phone is not known"),
        "{said}"
    );
    assert!(
        said.contains("0 of 3 attempts were used with the session id"),
        "{said}"
    );
    let challenge = at.hot.challenge(new.id).await.expect("an answer");
    let challenge = challenge.expect("a challenge");
    let attempt = async || {
        let counted = at.hot.count_by_session(3, &challenge, false, None).await;
        counted.expect("an answer");
    };
    let guess = async || {
        let guesses = [Guess {
            root: &challenge.root,
            right: false,
        }];
        let counted = at.hot.count_by_phone(3, &guesses).await;
        counted.expect("an answer");
    };
    attempt().await;
    guess().await;
    guess().await;
    let said = at.concludes("accepted");
    assert!(
        said.contains("1 of 3 attempts were used with the session id, 2 of 3 by the number"),
        "{said}"
    );
    attempt().await;
    attempt().await;
    let said = at.concludes("accepted");
    assert!(
        said.contains("typed in wrong 3 times by the one who asked first"),
        "{said}"
    );
}

pub(crate) async fn a_message_that_did_not_reach_the_phone(at: Service) {
    at.sent().await;
    at.pass(6);
    at.report(11).await;
    let said = at.concludes("undelivered");
    assert!(said.contains("did not reach the phone, which is switched off or out of reach (message status 11). A new code can be asked for now."), "{said}");
    at.report(14).await;
    let said = at.concludes("undelivered");
    assert!(said.contains("blocks messages of this kind"), "{said}");
    // "Not known any more" says nothing about the phone.
    at.report(100).await;
    at.concludes("accepted");
}

pub(crate) async fn a_message_that_the_gateway_refused(at: Service) {
    let (new, _) = at.ask().await;
    at.send(
        &new,
        failed(SendResult::Refused, Some(411), "refused_message"),
    )
    .await;
    let said = at.concludes("refused");
    assert!(said.contains("411: the number is not valid"), "{said}");
    assert!(
        said.contains("The number itself, or the text for it, is at fault."),
        "{said}"
    );
    let (new, _) = at.ask().await;
    at.send(
        &new,
        failed(SendResult::Refused, Some(424), "refused_config"),
    )
    .await;
    let said = at.concludes("refused");
    assert!(
        said.contains("424: the template does not exist or is not approved yet"),
        "{said}"
    );
    assert!(said.contains("others are refused too"), "{said}");
}

pub(crate) async fn a_message_that_did_not_go_out(at: Service) {
    let (new, _) = at.ask().await;
    let begin = at.begin_of(&new, at.now());
    at.send(&new, failed(SendResult::NotSent, None, "connect"))
        .await;
    let said = at.concludes("not_sent_yet");
    assert!(
        said.contains(
            "Attempt 1 did not go out (no connection to the gateway); it is tried again until"
        ),
        "{said}"
    );
    assert!(said.contains("Start "), "{said}");
    at.show_a_worker().await;
    assert!(!at.concludes("not_sent_yet").contains("Start "));
    at.ledger.expire(begin).await.expect("an answer");
    let said = at.concludes("expired");
    assert!(
        said.contains("1 attempts did not go out (no connection to the gateway)"),
        "{said}"
    );
}

pub(crate) async fn a_message_of_which_nobody_knows(at: Service) {
    let (new, _) = at.ask().await;
    at.send(&new, failed(SendResult::Unknown, None, "timeout"))
        .await;
    let said = at.concludes("unknown");
    assert!(said.contains("Nobody knows whether it went out"), "{said}");
    assert!(
        said.contains("no complete answer of the gateway in time"),
        "{said}"
    );
}

/// A worker that died in the middle of a call.
pub(crate) async fn a_message_whose_worker_died(at: Service) {
    let (new, _) = at.ask().await;
    let begin = at.begin_of(&new, at.now());
    let begun = at.ledger.begin(begin).await.expect("begun");
    assert!(matches!(begun, Begun::Started { .. }));
    let said = at.concludes("interrupted");
    assert!(said.contains("was not heard of since"), "{said}");
}

pub(crate) async fn the_same_code_sent_again(at: Service) {
    let new = at.sent().await;
    at.pass(31);
    let mut begin = at.begin_of(&new, at.now());
    begin.key.send = 2;
    at.ledger.begin(begin).await.expect("begun");
    let shown = at.why(&[NUMBER]).done();
    assert!(
        shown.contains("the same code was asked for again, by SMS (message 2)"),
        "{shown}"
    );
}

//! No request is ever repeated by the HTTP library: the template route has no duplicate
//! suppression, so a repeated form is a second message.

use gateway::{SendOutcome, UnknownReason};

use super::server::{Act, Server};
use super::{accepted, outcome, with_template};

const RESET: SendOutcome = SendOutcome::Unknown {
    reason: UnknownReason::Reset,
};

#[tokio::test]
async fn a_kept_connection_that_closes_instead_of_answering_is_unknown_and_not_tried_again() {
    for reset in [false, true] {
        let server = Server::scripted(move |number| match number {
            0 => Act::Answer(200, accepted(5, "09123004501")),
            _ if reset => Act::WriteAndReset(Vec::new()),
            _ => Act::WriteAndClose(Vec::new()),
        })
        .await;
        let gateway = with_template(&server.url);
        assert!(matches!(
            outcome(&gateway).await,
            SendOutcome::Accepted { .. }
        ));
        assert_eq!(outcome(&gateway).await, RESET, "reset: {reset}");
        assert_eq!(server.connections(), 1, "the connection was kept");
        assert_eq!(server.requests().len(), 2, "the second was not repeated");
    }
}

#[tokio::test]
async fn the_next_message_after_a_broken_connection_goes_out_on_a_new_one() {
    let server = Server::scripted(|number| match number {
        1 => Act::WriteAndClose(Vec::new()),
        _ => Act::Answer(200, accepted(5, "09123004501")),
    })
    .await;
    let gateway = with_template(&server.url);
    assert!(matches!(
        outcome(&gateway).await,
        SendOutcome::Accepted { .. }
    ));
    assert_eq!(outcome(&gateway).await, RESET);
    assert!(matches!(
        outcome(&gateway).await,
        SendOutcome::Accepted { .. }
    ));
    assert_eq!(server.requests().len(), 3);
}

/// The server closes each connection soon after its answer, after one of 64 delays, without having said so, so that the
/// next request meets a connection in any state between open and closed. Whatever the timing:
/// each message arrives once at most, and exactly once when it was accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_closed_behind_our_back_never_doubles_a_message() {
    let server = Server::scripted(|number| {
        let linger = number % 64;
        Act::AnswerAndClose(200, accepted(1, "09123004501"), linger)
    })
    .await;
    let gateway = super::plain(&server.url);
    let mut accepted_ids = Vec::new();
    for localid in 1..=300 {
        let text = "متن";
        match gateway.send_text(&super::phone(), text, localid).await {
            SendOutcome::Accepted { .. } => accepted_ids.push(localid.to_string()),
            outcome => assert_eq!(outcome, RESET),
        }
    }
    let mut arrived: Vec<String> = server
        .requests()
        .iter()
        .filter_map(|request| request.field("localid").map(str::to_owned))
        .collect();
    arrived.sort();
    let total = arrived.len();
    arrived.dedup();
    assert_eq!(arrived.len(), total, "a message arrived twice");
    assert!(!accepted_ids.is_empty());
    for id in accepted_ids {
        assert!(arrived.contains(&id));
    }
}

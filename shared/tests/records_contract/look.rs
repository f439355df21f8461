//! What the ledger keeps about sends of unknown fate.

use chrono::TimeDelta;
use shared::records::{
    Begin, Begun, LedgerRow, LedgerState, LedgerWriter, MessageId, Route, SendResult,
};

use crate::stage::{Stage, accepted, failed, finish, phone};

/// An attempt whose outcome is unknown.
async fn unknown(stage: &Stage, writer: &LedgerWriter) -> (Begin, LedgerRow) {
    let begin = stage.begin(1);
    writer.begin(begin.clone()).await.expect("begun");
    let timeout = failed(SendResult::Unknown, "timeout");
    writer
        .finish(finish(&begin, 1, timeout))
        .await
        .expect("finished");
    let row = row(stage, &begin).await;
    (begin, row)
}

async fn row(stage: &Stage, begin: &Begin) -> LedgerRow {
    let row = stage.records.ledger_row(begin.key).await;
    row.expect("an answer").expect("a row")
}

fn writer(stage: &Stage) -> LedgerWriter {
    LedgerWriter::start(stage.records.clone(), stage.clock.clone())
}

pub(crate) async fn a_look_counts_once_however_often_it_is_recorded(stage: Stage) {
    let writer = writer(&stage);
    let (begin, fresh) = unknown(&stage, &writer).await;
    assert_eq!((fresh.looks, fresh.looked_at), (0, None));

    stage.clock.advance(2_500);
    let first_at = stage.now();
    let counted = stage.records.count_look(&fresh, first_at).await;
    assert!(counted.expect("an answer"));
    let looked = row(&stage, &begin).await;
    assert_eq!((looked.looks, looked.looked_at), (1, Some(first_at)));
    assert_eq!(looked.state, LedgerState::Unknown);

    stage.clock.advance(2_500);
    let repeated = stage.records.count_look(&fresh, stage.now()).await;
    assert!(!repeated.expect("an answer"));
    assert_eq!(row(&stage, &begin).await, looked);
    let second = stage.records.count_look(&looked, stage.now()).await;
    assert!(second.expect("an answer"));
    assert_eq!(row(&stage, &begin).await.looks, 2);
}

pub(crate) async fn looks_belong_to_the_attempt_that_is_looked_for(stage: Stage) {
    let writer = writer(&stage);
    let (begin, fresh) = unknown(&stage, &writer).await;
    stage
        .records
        .count_look(&fresh, stage.now())
        .await
        .expect("counted");
    let looked = row(&stage, &begin).await;

    let mut again = begin.clone();
    again.fence = 2;
    let begun = writer.resend_unknown(again.clone()).await.expect("begun");
    assert!(matches!(begun, Begun::Started { attempt: 2, .. }));

    let sending = row(&stage, &begin).await;
    assert_eq!((sending.looks, sending.looked_at), (0, None));
    let of_the_first = stage.records.count_look(&looked, stage.now()).await;
    assert!(!of_the_first.expect("an answer"));
    let while_sending = stage.records.count_look(&sending, stage.now()).await;
    assert!(!while_sending.expect("an answer"));
    assert_eq!(row(&stage, &begin).await, sending);
}

pub(crate) async fn looks_stay_when_the_send_is_given_up(stage: Stage) {
    let writer = writer(&stage);
    let (begin, fresh) = unknown(&stage, &writer).await;
    let counted = stage.records.count_look(&fresh, stage.now()).await;
    assert!(counted.expect("an answer"));
    let late = finish(&begin, 1, failed(SendResult::NotSent, "connect"));
    writer.finish(late).await.expect("finished");
    writer.expire(begin.clone()).await.expect("expired");
    let expired = row(&stage, &begin).await;
    assert_eq!((expired.state, expired.looks), (LedgerState::Expired, 1));
}

pub(crate) async fn messages_of_other_sends_are_told_from_ones_own(stage: Stage) {
    let writer = writer(&stage);
    let mut sends = Vec::new();
    for messageid in [2_890_000_001, 2_890_000_002] {
        let begin = stage.begin(1);
        writer.begin(begin.clone()).await.expect("begun");
        let end = finish(&begin, 1, accepted(messageid));
        writer.finish(end).await.expect("finished");
        sends.push(begin.key);
    }
    let asked = [2_890_000_003, 2_890_000_002, 2_890_000_001];
    let others = async |numbers: &[i64], than| -> Vec<i64> {
        let messages: Vec<MessageId> = numbers.iter().map(|id| (*id).into()).collect();
        let others = stage
            .records
            .messages_of_other_sends(&Route::KAVENEGAR, &messages, than);
        let others = others.await.expect("an answer");
        others.iter().filter_map(MessageId::number).collect()
    };
    assert_eq!(others(&asked, sends[0]).await, [2_890_000_002]);
    let mut resend = sends[0];
    resend.send = 2;
    assert_eq!(
        others(&asked, resend).await,
        [2_890_000_001, 2_890_000_002],
        "another message of the same challenge is another send"
    );
    assert!(others(&asked[..1], sends[0]).await.is_empty());
    assert!(others(&[], sends[0]).await.is_empty());
}

pub(crate) async fn open_sends_to_a_number_are_found_by_the_time_of_their_attempt(stage: Stage) {
    let writer = writer(&stage);
    let (begin, _) = unknown(&stage, &writer).await;
    let at = stage.now();
    let second = TimeDelta::seconds(1);
    let is_open = async |number, than, from, to| {
        let number = phone(number);
        let open = stage
            .records
            .has_open_send(&number, &Route::KAVENEGAR, than, from, to);
        open.await.expect("an answer")
    };
    let mut other = begin.key;
    other.send = 2;
    assert!(is_open(1, other, at, at).await);
    assert!(!is_open(1, begin.key, at, at).await, "it is the same send");
    assert!(!is_open(2, other, at, at).await, "another number");
    assert!(!is_open(1, other, at + second, at + second).await);
    assert!(!is_open(1, other, at - second, at - second).await);

    writer
        .finish(finish(&begin, 1, accepted(1)))
        .await
        .expect("finished");
    assert!(!is_open(1, other, at, at).await, "it is decided");
    let sending = stage.begin(1);
    writer.begin(sending).await.expect("begun");
    assert!(is_open(1, other, at, at).await);
}

pub(crate) async fn a_taken_local_id_is_replaced_in_the_next_attempt(stage: Stage) {
    let writer = writer(&stage);
    let first = stage.begin(1);
    writer.begin(first.clone()).await.expect("begun");
    let taken = failed(SendResult::LocalIdTaken, "localid_collision");
    writer
        .finish(finish(&first, 1, taken))
        .await
        .expect("finished");
    let not_sent = row(&stage, &first).await;
    assert_eq!(
        (not_sent.state, not_sent.localid),
        (LedgerState::NotSent, None)
    );

    let mut second = stage.begin(2);
    second.key = first.key;
    let begun = writer.begin(second.clone()).await.expect("begun");
    assert_eq!(
        begun,
        Begun::Started {
            attempt: 2,
            localid: second.localid
        }
    );
    assert_ne!(second.localid, first.localid);
    assert_eq!(row(&stage, &first).await.localid, Some(second.localid));
}

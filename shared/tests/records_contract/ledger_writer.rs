//! The ledger's writer: batches must not be seen from outside.

use std::time::Duration;

use harness::eventually;
use shared::records::{
    Begin, Begun, Finished, LedgerOutcome, LedgerState, LedgerWriter, RecordsError, SendResult,
};
use tokio::task::JoinSet;

use crate::stage::{PATIENT, Stage, accepted, failed, finish};

fn writer(stage: &Stage) -> LedgerWriter {
    LedgerWriter::start(stage.records.clone(), stage.clock.clone())
}

/// Hands all in at once and returns the answers in the order of the begins.
async fn begin_all(writer: &LedgerWriter, begins: &[Begin]) -> Vec<Result<Begun, RecordsError>> {
    let mut calls = JoinSet::new();
    for (place, begin) in begins.iter().cloned().enumerate() {
        let writer = writer.clone();
        calls.spawn(async move { (place, writer.begin(begin).await) });
    }
    let mut answers = calls.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

async fn finish_all(
    writer: &LedgerWriter,
    begins: &[Begin],
    outcome: impl Fn(usize) -> LedgerOutcome,
) {
    let mut calls = JoinSet::new();
    for (place, begin) in begins.iter().enumerate() {
        let (writer, end) = (writer.clone(), finish(begin, 1, outcome(place)));
        calls.spawn(async move { writer.finish(end).await });
    }
    for answer in calls.join_all().await {
        assert_eq!(answer.expect("an answer"), Finished::Recorded);
    }
}

fn messageid(place: usize) -> i64 {
    1_000 + i64::try_from(place).expect("small")
}

pub(crate) async fn a_burst_is_recorded_row_by_row(stage: Stage) {
    let writer = writer(&stage);
    let begins: Vec<Begin> = (0..700).map(|fence| stage.begin(fence)).collect();
    for (begin, begun) in begins.iter().zip(begin_all(&writer, &begins).await) {
        let expected = Begun::Started {
            attempt: 1,
            localid: begin.localid,
        };
        assert_eq!(begun.expect("begun"), expected);
    }
    finish_all(&writer, &begins, |place| match place % 3 {
        0 => accepted(messageid(place)),
        1 => failed(SendResult::NotSent, "connect"),
        _ => failed(SendResult::Unknown, "timeout"),
    })
    .await;
    for (place, begin) in begins.iter().enumerate() {
        let row = stage
            .records
            .ledger_row(begin.key)
            .await
            .expect("an answer")
            .expect("a row");
        let expected = match place % 3 {
            0 => (LedgerState::Accepted, Some(messageid(place).into())),
            1 => (LedgerState::NotSent, None),
            _ => (LedgerState::Unknown, None),
        };
        assert_eq!((row.state, row.message_id), expected, "{place}");
        assert_eq!(row.fence, begin.fence);
    }
}

pub(crate) async fn several_begins_of_one_send_at_once_start_one_attempt(stage: Stage) {
    let writer = writer(&stage);
    let first = stage.begin(0);
    let begins: Vec<Begin> = (0..50)
        .map(|fence| Begin {
            fence,
            ..first.clone()
        })
        .collect();
    let answers: Vec<Begun> = begin_all(&writer, &begins)
        .await
        .into_iter()
        .map(|answer| answer.expect("an answer"))
        .collect();
    let count = |wanted: fn(&Begun) -> bool| answers.iter().filter(|one| wanted(one)).count();
    assert_eq!(
        count(|begun| matches!(begun, Begun::Started { attempt: 1, .. })),
        1
    );
    assert_eq!(count(|begun| matches!(begun, Begun::FoundSending(_))), 1);
    assert_eq!(
        count(|begun| *begun == Begun::Ended(LedgerState::Unknown)),
        48
    );
}

pub(crate) async fn one_taken_messageid_does_not_spoil_its_batch(stage: Stage) {
    let writer = writer(&stage);
    let begins: Vec<Begin> = (0..256).map(|fence| stage.begin(fence)).collect();
    begin_all(&writer, &begins).await;

    finish_all(&writer, &begins, |place| {
        accepted(messageid(if place == 200 { 100 } else { place }))
    })
    .await;

    let mut without_number = 0;
    for begin in &begins {
        let row = stage
            .records
            .ledger_row(begin.key)
            .await
            .expect("an answer")
            .expect("a row");
        assert_eq!(row.state, LedgerState::Accepted);
        if row.message_id.is_none() {
            assert_eq!(row.error_class.as_deref(), Some("messageid_conflict"));
            assert_eq!(row.next_check_at, None);
            without_number += 1;
        }
    }
    assert_eq!(without_number, 1);
}

/// Where the ledger refuses a local id that another send has: in a file, and in a database of the release before.
pub(crate) async fn one_taken_localid_does_not_spoil_its_batch(stage: Stage) {
    stage.with_the_keys_of_before().await;
    let writer = writer(&stage);
    let mut begins: Vec<Begin> = (0..50).map(|fence| stage.begin(fence)).collect();
    begins[30].localid = begins[10].localid;

    let answers = begin_all(&writer, &begins).await;

    let refused = answers
        .iter()
        .filter(|answer| matches!(answer, Err(RecordsError::Conflict)))
        .count();
    let started = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Begun::Started { .. })))
        .count();
    assert_eq!((refused, started), (1, 49));
}

/// In a new database of PostgreSQL: which of two messages a local id means, the gateway says.
#[tokio::test]
async fn two_sends_with_one_localid_are_begun_without_an_index_of_them() {
    let stage = Stage::postgres().await;
    let writer = writer(&stage);
    let mut begins: Vec<Begin> = (0..2).map(|fence| stage.begin(fence)).collect();
    begins[1].localid = begins[0].localid;

    let answers = begin_all(&writer, &begins).await;

    for answer in answers {
        assert!(
            matches!(answer, Ok(Begun::Started { localid, .. }) if localid == begins[0].localid)
        );
    }
}

pub(crate) async fn one_unreadable_row_does_not_spoil_its_batch(stage: Stage) {
    let writer = writer(&stage);
    let mut begins: Vec<Begin> = (0..50).map(|fence| stage.begin(fence)).collect();
    writer.begin(begins[20].clone()).await.expect("begun");
    stage
        .execute("UPDATE sends SET attempt = -5")
        .await
        .expect("a row changed by hand");
    begins[20].fence = 4_711;

    let answers = begin_all(&writer, &begins).await;

    for (index, answer) in answers.iter().enumerate() {
        match answer {
            Err(RecordsError::Corrupt { .. }) => assert_eq!(index, 20),
            Ok(Begun::Started { .. }) => assert_ne!(index, 20),
            other => panic!("{index}: {other:?}"),
        }
    }
}

pub(crate) async fn one_row_that_is_refused_for_good_does_not_spoil_its_batch(stage: Stage) {
    let writer = writer(&stage);
    let begins: Vec<Begin> = (0..50).map(|fence| stage.begin(fence)).collect();
    stage
        .refuse("sends", &format!("NEW.localid = {}", begins[30].localid))
        .await;
    let answers = begin_all(&writer, &begins).await;
    for (index, answer) in answers.iter().enumerate() {
        match answer {
            Err(RecordsError::Refused(_)) => assert_eq!(index, 30),
            Ok(Begun::Started { .. }) => assert_ne!(index, 30),
            other => panic!("{index}: {other:?}"),
        }
    }

    // The same where attempts end.
    stage.refuse("sends", "NEW.messageid = 2890000010").await;
    let ends = begins.iter().enumerate().filter(|(index, _)| *index != 30);
    let ends = ends.map(|(index, begin)| {
        let index = i64::try_from(index).expect("a small number");
        writer.finish(finish(begin, 1, accepted(2_890_000_000 + index)))
    });
    let answers = futures::future::join_all(ends).await;
    let refused = answers
        .iter()
        .filter(|answer| matches!(answer, Err(RecordsError::Refused(_))))
        .count();
    let recorded = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!((refused, recorded), (1, 48), "{answers:?}");
}

pub(crate) async fn closing_writes_what_was_handed_in_and_refuses_more(stage: Stage) {
    let writer = writer(&stage);
    let begins: Vec<Begin> = (0..40).map(|fence| stage.begin(fence)).collect();
    let mut calls = Vec::new();
    for begin in &begins {
        let mut call = Box::pin(writer.begin(begin.clone()));
        // Handed in by the first poll; the answer is awaited below.
        assert!(futures::poll!(&mut call).is_pending());
        calls.push(call);
    }

    writer.close().await;

    for answer in futures::future::join_all(calls).await {
        assert!(matches!(answer, Ok(Begun::Started { .. })), "{answer:?}");
    }
    assert_eq!(stage.count("sends").await, 40);
    let late = writer.begin(stage.begin(1)).await.expect_err("closed");
    assert!(matches!(late, RecordsError::Unavailable(_)), "{late:?}");
    writer.close().await;
}

pub(crate) async fn what_was_handed_in_is_written_although_the_caller_went_away(stage: Stage) {
    let writer = writer(&stage);
    let begin = stage.begin(1);
    let mut call = Box::pin(writer.begin(begin.clone()));
    // Handed in by the first poll; nobody waits for the answer.
    assert!(futures::poll!(&mut call).is_pending());
    drop(call);
    drop(writer);
    eventually(PATIENT, async || {
        stage
            .records
            .ledger_row(begin.key)
            .await
            .expect("an answer")
    })
    .await;
}

/// Somebody keeps a row locked: those beside it in the batch are written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_locked_row_does_not_spoil_its_batch() {
    let stage = Stage::postgres_of(6, Duration::from_secs(8)).await;
    let writer = writer(&stage);
    let begins: Vec<Begin> = (0..50).map(|fence| stage.begin(fence)).collect();
    writer.begin(begins[20].clone()).await.expect("begun");
    let mut lock = stage.server().begin().await.expect("a transaction");
    sqlx::query("SELECT 1 FROM sends FOR UPDATE")
        .execute(&mut *lock)
        .await
        .expect("locked");

    let answers = begin_all(&writer, &begins).await;
    for (index, answer) in answers.iter().enumerate() {
        match answer {
            Err(RecordsError::Unavailable(_)) => assert_eq!(index, 20),
            Ok(Begun::Started { .. }) => assert_ne!(index, 20),
            other => panic!("{index}: {other:?}"),
        }
    }

    // The same where attempts end.
    let ends = begins.iter().enumerate();
    let ends =
        ends.map(|(place, begin)| writer.finish(finish(begin, 1, accepted(messageid(place)))));
    let answers = futures::future::join_all(ends).await;
    for (index, answer) in answers.iter().enumerate() {
        match answer {
            Err(RecordsError::Unavailable(_)) => assert_eq!(index, 20),
            Ok(Finished::Recorded) => assert_ne!(index, 20),
            other => panic!("{index}: {other:?}"),
        }
    }
    lock.rollback().await.expect("free");
    let end = finish(&begins[20], 1, accepted(messageid(20)));
    let ended = writer.finish(end).await.expect("finished");
    assert_eq!(ended, Finished::Recorded);
}

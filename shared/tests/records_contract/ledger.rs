//! The moves of a row of the ledger, and what must not move it.

use chrono::TimeDelta;
use shared::records::{
    Begin, Begun, Expired, FIRST_DELIVERY_CHECK, Finished, Interrupted, LedgerRow, LedgerState,
    LedgerWriter, MessageId, SendKey, SendResult,
};

use uuid::Uuid;

use crate::stage::{Stage, accepted, failed, finish, phone};

fn writer(stage: &Stage) -> LedgerWriter {
    LedgerWriter::start(stage.records.clone(), stage.clock.clone())
}

async fn row(stage: &Stage, key: SendKey) -> LedgerRow {
    stage
        .records
        .ledger_row(key)
        .await
        .expect("an answer")
        .expect("a row")
}

fn started(begin: &Begin, attempt: u32) -> Begun {
    Begun::Started {
        attempt,
        localid: begin.localid,
    }
}

pub(crate) async fn an_attempt_begins_once_and_its_end_is_final(stage: Stage) {
    let writer = writer(&stage);
    let begin = stage.begin(7);
    assert_eq!(
        stage
            .records
            .ledger_row(begin.key)
            .await
            .expect("an answer"),
        None
    );

    assert_eq!(
        writer.begin(begin.clone()).await.expect("begun"),
        started(&begin, 1)
    );

    let sending = row(&stage, begin.key).await;
    assert_eq!(sending.key, begin.key);
    assert_eq!(sending.phone, Some(begin.phone.clone()));
    assert_eq!(sending.purpose, begin.purpose);
    assert_eq!(sending.channel, begin.channel);
    assert_eq!(sending.method, Some(begin.method));
    assert_eq!(sending.state, LedgerState::Sending);
    assert_eq!((sending.attempt, sending.fence), (1, 7));
    assert_eq!(sending.localid, Some(begin.localid));
    assert_eq!(sending.accepted_at, begin.accepted_at);
    assert_eq!(sending.deadline_at, begin.deadline_at);
    assert_eq!(sending.started_at, Some(stage.now()));
    assert_eq!(sending.finished_at, None);
    assert_eq!(sending.trace_id, begin.trace_id);
    assert_eq!(sending.request_id, begin.request_id);
    assert!(!sending.resent_ambiguous);

    stage.clock.advance(250);
    let finished = writer.finish(finish(&begin, 1, accepted(88))).await;
    assert_eq!(finished.expect("finished"), Finished::Recorded);

    let ended = row(&stage, begin.key).await;
    assert_eq!(ended.state, LedgerState::Accepted);
    assert_eq!(ended.message_id, Some(88.into()));
    assert_eq!(ended.cost_rials, Some(1_200));
    assert_eq!(
        (ended.gateway_status, ended.entry_status),
        (Some(200), Some(5))
    );
    assert_eq!(ended.error_class, None);
    assert_eq!(ended.finished_at, Some(stage.now()));
    assert_eq!(
        ended.next_check_at,
        Some(stage.now() + FIRST_DELIVERY_CHECK)
    );
    assert_eq!(ended.started_at, sending.started_at);

    let mut again = begin.clone();
    again.fence = 8;
    let answer = writer.begin(again).await.expect("an answer");
    assert_eq!(answer, Begun::Ended(LedgerState::Accepted));
    let refused = failed(SendResult::Refused, "invalid_receptor");
    let finished = writer.finish(finish(&begin, 1, refused)).await;
    assert_eq!(finished.expect("an answer"), Finished::Stale);
    assert_eq!(row(&stage, begin.key).await, ended);
}

pub(crate) async fn an_attempt_that_surely_failed_is_followed_by_the_next(stage: Stage) {
    let writer = writer(&stage);
    let first = stage.begin(1);
    writer.begin(first.clone()).await.expect("begun");
    let outcome = failed(SendResult::NotSent, "connect");
    writer
        .finish(finish(&first, 1, outcome))
        .await
        .expect("finished");
    let not_sent = row(&stage, first.key).await;
    assert_eq!(not_sent.state, LedgerState::NotSent);
    assert_eq!(not_sent.error_class.as_deref(), Some("connect"));
    assert_eq!(not_sent.next_check_at, None);

    stage.clock.advance(2_000);
    let mut second = stage.begin(2);
    second.key = first.key;
    let answer = writer.begin(second.clone()).await.expect("begun");

    assert_eq!(
        answer,
        started(&first, 2),
        "the local id of the first attempt stays"
    );
    let sending = row(&stage, first.key).await;
    assert_eq!((sending.attempt, sending.fence), (2, 2));
    assert_eq!(sending.started_at, Some(stage.now()));
    assert_eq!(sending.finished_at, None);
    assert_eq!(sending.error_class, None);
    assert!(!sending.resent_ambiguous);
    let refused = failed(SendResult::Refused, "invalid_receptor");
    let finished = writer.finish(finish(&second, 2, refused)).await;
    assert_eq!(finished.expect("finished"), Finished::Recorded);
    let answer = writer.begin(second).await.expect("an answer");
    assert_eq!(answer, Begun::Ended(LedgerState::Refused));
}

pub(crate) async fn a_row_left_in_sending_by_a_dead_run_becomes_unknown(stage: Stage) {
    let writer = writer(&stage);
    let dead = stage.begin(1);
    let started_at = stage.now();
    writer.begin(dead.clone()).await.expect("begun");

    stage.clock.advance(15_000);
    let mut next = stage.begin(2);
    next.key = dead.key;
    let answer = writer.begin(next.clone()).await.expect("an answer");

    let interrupted = Interrupted {
        attempt: 1,
        fence: 1,
        started_at,
        localid: dead.localid,
    };
    assert_eq!(answer, Begun::FoundSending(interrupted));
    let unknown = row(&stage, dead.key).await;
    assert_eq!(unknown.state, LedgerState::Unknown);
    assert_eq!(unknown.error_class.as_deref(), Some("interrupted"));
    assert_eq!((unknown.attempt, unknown.fence), (1, 1));
    assert_eq!(unknown.finished_at, Some(stage.now()));
    let answer = writer.begin(next).await.expect("an answer");
    assert_eq!(answer, Begun::Ended(LedgerState::Unknown));
}

pub(crate) async fn a_run_whose_begin_lost_its_answer_begins_again(stage: Stage) {
    let writer = writer(&stage);
    let begin = stage.begin(6);
    writer.begin(begin.clone()).await.expect("begun");

    let answer = writer.begin(begin.clone()).await.expect("an answer");
    let Begun::FoundSending(own) = answer else {
        panic!("not found: {answer:?}");
    };
    assert_eq!(own.fence, begin.fence);
    let not_sent = failed(SendResult::NotSent, "begin_unanswered");
    let finished = writer.finish(finish(&begin, own.attempt, not_sent)).await;
    assert_eq!(finished.expect("finished"), Finished::Recorded);

    let answer = writer.begin(begin.clone()).await.expect("begun");
    assert_eq!(answer, started(&begin, 2));
}

pub(crate) async fn the_late_truth_of_the_same_run_is_taken_from_unknown(stage: Stage) {
    let writer = writer(&stage);
    for (messageid, outcome, state) in [
        (Some(MessageId::from(5)), accepted(5), LedgerState::Accepted),
        (
            None,
            failed(SendResult::NotSent, "connect"),
            LedgerState::NotSent,
        ),
    ] {
        let slow = stage.begin(1);
        writer.begin(slow.clone()).await.expect("begun");
        let mut next = slow.clone();
        next.fence = 2;
        writer.begin(next).await.expect("found");

        let finished = writer.finish(finish(&slow, 1, outcome)).await;

        assert_eq!(finished.expect("finished"), Finished::Recorded);
        let ended = row(&stage, slow.key).await;
        assert_eq!((ended.state, ended.message_id), (state, messageid));
    }
}

pub(crate) async fn i_02_a_finish_with_another_fence_or_attempt_changes_nothing(stage: Stage) {
    let writer = writer(&stage);
    let begin = stage.begin(5);
    writer.begin(begin.clone()).await.expect("begun");
    let before = row(&stage, begin.key).await;

    let mut other_fence = finish(&begin, 1, accepted(9));
    other_fence.fence = 4;
    let other_attempt = finish(&begin, 2, accepted(9));
    let mut other_send = finish(&begin, 1, accepted(9));
    other_send.key.send = 2;

    for stale in [other_fence, other_attempt, other_send] {
        let finished = writer.finish(stale).await.expect("an answer");
        assert_eq!(finished, Finished::Stale);
    }
    assert_eq!(row(&stage, begin.key).await, before);
    assert_eq!(stage.count("sends").await, 1);
}

pub(crate) async fn a_finish_that_is_repeated_counts_as_recorded(stage: Stage) {
    let writer = writer(&stage);
    let begin = stage.begin(5);
    writer.begin(begin.clone()).await.expect("begun");
    for _ in 0..2 {
        let finished = writer.finish(finish(&begin, 1, accepted(9))).await;
        assert_eq!(finished.expect("an answer"), Finished::Recorded);
    }
}

pub(crate) async fn an_unknown_send_is_repeated_once_and_marked(stage: Stage) {
    let writer = writer(&stage);
    let begin = stage.begin(1);
    writer.begin(begin.clone()).await.expect("begun");
    let timeout = failed(SendResult::Unknown, "timeout");
    writer
        .finish(finish(&begin, 1, timeout.clone()))
        .await
        .expect("finished");

    let plain = writer.begin(begin.clone()).await.expect("an answer");
    assert_eq!(plain, Begun::Ended(LedgerState::Unknown));
    let mut again = begin.clone();
    again.fence = 2;
    let answer = writer.resend_unknown(again.clone()).await.expect("begun");
    assert_eq!(answer, started(&begin, 2));
    assert!(row(&stage, begin.key).await.resent_ambiguous);

    let late = writer.finish(finish(&begin, 1, accepted(3))).await;
    assert_eq!(late.expect("an answer"), Finished::Stale);
    writer
        .finish(finish(&again, 2, timeout))
        .await
        .expect("finished");
    let third = writer.resend_unknown(again).await.expect("an answer");
    assert_eq!(third, Begun::Ended(LedgerState::Unknown));

    let sure = stage.begin(1);
    writer.begin(sure.clone()).await.expect("begun");
    writer
        .finish(finish(&sure, 1, accepted(4)))
        .await
        .expect("finished");
    let answer = writer.resend_unknown(sure).await.expect("an answer");
    assert_eq!(answer, Begun::Ended(LedgerState::Accepted));
}

pub(crate) async fn a_late_job_expires_unless_it_was_sent(stage: Stage) {
    let writer = writer(&stage);

    let never_begun = stage.begin(1);
    let expired = writer.expire(never_begun.clone()).await.expect("expired");
    assert_eq!(expired, Expired::Recorded);
    let ended = row(&stage, never_begun.key).await;
    assert_eq!((ended.state, ended.attempt), (LedgerState::Expired, 0));
    assert_eq!(
        (ended.method, ended.localid, ended.started_at),
        (None, None, None)
    );
    assert_eq!(ended.finished_at, Some(stage.now()));
    let answer = writer.begin(never_begun.clone()).await.expect("an answer");
    assert_eq!(answer, Begun::Ended(LedgerState::Expired));
    let again = writer.expire(never_begun).await.expect("an answer");
    assert_eq!(again, Expired::Ended(LedgerState::Expired));

    let failed_once = stage.begin(1);
    writer.begin(failed_once.clone()).await.expect("begun");
    let outcome = failed(SendResult::NotSent, "connect");
    writer
        .finish(finish(&failed_once, 1, outcome))
        .await
        .expect("finished");
    let expired = writer.expire(failed_once.clone()).await.expect("expired");
    assert_eq!(expired, Expired::Recorded);
    let ended = row(&stage, failed_once.key).await;
    assert_eq!((ended.state, ended.attempt), (LedgerState::Expired, 1));
    assert_eq!(ended.error_class.as_deref(), Some("connect"));

    let dead = stage.begin(1);
    writer.begin(dead.clone()).await.expect("begun");
    let found = writer.expire(dead.clone()).await.expect("an answer");
    assert!(matches!(
        found,
        Expired::FoundSending(Interrupted {
            attempt: 1,
            fence: 1,
            ..
        })
    ));
    assert_eq!(row(&stage, dead.key).await.state, LedgerState::Unknown);
    let unknown = writer.expire(dead).await.expect("an answer");
    assert_eq!(unknown, Expired::Ended(LedgerState::Unknown));
}

pub(crate) async fn the_sends_of_a_request_are_found_by_its_id(stage: Stage) {
    let writer = writer(&stage);
    let first = stage.begin(1);
    writer.begin(first.clone()).await.expect("begun");
    stage.clock.advance(1_000);
    // A resend is a request of its own, and a request can also lead to a notice.
    let mut resend = stage.begin(1);
    resend.key.root = first.key.root;
    resend.key.send = 2;
    writer.begin(resend.clone()).await.expect("begun");
    stage.clock.advance(1_000);
    let mut notice = stage.begin(1);
    notice.request_id = resend.request_id;
    writer.begin(notice.clone()).await.expect("begun");
    let mut by_nobody = stage.begin(1);
    by_nobody.request_id = None;
    writer.begin(by_nobody).await.expect("begun");

    let found = async |request: Option<Uuid>, limit| -> Vec<SendKey> {
        let request = request.expect("an id");
        let rows = stage.records.sends_of_request(request, limit).await;
        rows.expect("rows").iter().map(|row| row.key).collect()
    };
    assert_eq!(found(first.request_id, 10).await, [first.key]);
    assert_eq!(found(resend.request_id, 10).await, [resend.key, notice.key]);
    assert_eq!(found(resend.request_id, 1).await, [resend.key]);
    assert_eq!(found(Some(stage.random.uuid_v4()), 10).await, []);

    // A later run whose job does not know the request takes nothing away.
    let lost = failed(SendResult::NotSent, "connect");
    writer
        .finish(finish(&first, 1, lost))
        .await
        .expect("finished");
    let mut again = stage.begin(2);
    again.key = first.key;
    again.request_id = None;
    writer.begin(again).await.expect("begun");
    assert_eq!(row(&stage, first.key).await.request_id, first.request_id);
}

pub(crate) async fn the_timeline_and_the_counts_see_every_send(stage: Stage) {
    let writer = writer(&stage);
    let beginning = stage.now();
    let root = stage.root();
    let mut sends = Vec::new();
    for send in 1..=3 {
        let mut begin = stage.begin(1);
        begin.key = SendKey::first_leg(root, send);
        writer.begin(begin.clone()).await.expect("begun");
        sends.push(begin);
        stage.clock.advance(1_000);
    }
    let mut other = stage.begin(1);
    other.phone = phone(2);
    writer.expire(other).await.expect("expired");
    writer
        .finish(finish(&sends[0], 1, accepted(1)))
        .await
        .expect("finished");

    let records = &stage.records;
    let timeline = async |since, limit| -> Vec<u32> {
        let rows = records.sends_of_phone(&phone(1), since, limit).await;
        rows.expect("rows").iter().map(|row| row.key.send).collect()
    };
    assert_eq!(timeline(beginning, 10).await, [3, 2, 1]);
    assert_eq!(timeline(beginning, 2).await, [3, 2]);
    assert_eq!(
        timeline(beginning + TimeDelta::seconds(1), 10).await,
        [3, 2]
    );
    let of_challenge = records.sends_of_root(root).await;
    let numbers: Vec<u32> = of_challenge
        .expect("rows")
        .iter()
        .map(|row| row.key.send)
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
    let none = records.sends_of_root(stage.root()).await;
    assert_eq!(none.expect("rows"), []);
    let counts = records.count_by_state(beginning).await.expect("counts");
    assert_eq!(
        counts,
        [
            (LedgerState::Accepted, 1),
            (LedgerState::Expired, 1),
            (LedgerState::Sending, 2)
        ]
    );
    let recent = records
        .count_by_state(beginning + TimeDelta::seconds(2))
        .await;
    assert_eq!(
        recent.expect("counts"),
        [(LedgerState::Expired, 1), (LedgerState::Sending, 1)]
    );
}

/// What an emptied hot state asks for: codes and no notices, of this number, given up or not.
pub(crate) async fn f_06_codes_that_were_sent_to_a_number_are_remembered(stage: Stage) {
    let writer = writer(&stage);
    let start = stage.clock.now_millis();
    let any = async |since| {
        stage
            .records
            .has_sends_since(since)
            .await
            .expect("an answer")
    };
    let of = async |number, since| {
        let sends = stage.records.code_sends_of(&phone(number), since).await;
        sends.expect("an answer")
    };
    assert!(!any(start - 1).await);
    assert_eq!(of(1, start - 1).await, [0; 0]);
    let mut moments = Vec::new();
    for _ in 0..3 {
        moments.push(stage.clock.now_millis());
        writer.begin(stage.begin(1)).await.expect("begun");
        stage.clock.advance(60_000);
    }
    let given_up = Begin {
        accepted_at: stage.now() - TimeDelta::seconds(95),
        ..stage.begin(1)
    };
    moments.push(given_up.accepted_at.timestamp_millis());
    writer.expire(given_up).await.expect("given up");
    writer
        .begin(Begin {
            purpose: domain::notice::NoticeKind::PasswordChanged.into(),
            ..stage.begin(1)
        })
        .await
        .expect("begun");
    writer
        .begin(Begin {
            phone: phone(2),
            ..stage.begin(1)
        })
        .await
        .expect("begun");
    moments.sort_unstable();
    assert!(any(start).await);
    assert_eq!(of(1, start).await, moments);
    assert_eq!(of(1, moments[0] + 1).await, moments[1..]);
    assert_eq!(of(2, start).await.len(), 1);
    assert_eq!(of(3, start).await, [0; 0]);
    assert!(!any(stage.clock.now_millis() + 1).await);
}

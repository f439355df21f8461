//! Following accepted messages: what an answer may change. Who reads what is in `delivery_reading.rs`.

use chrono::{DateTime, TimeDelta, Utc};
use domain::delivery::DeliveryStatus;
use domain::delivery::{CHECKS, Milestone, Progress};
use domain::phone::Operator;
use shared::records::{
    ASKED_AGAIN_AFTER, CheckPlace, DeliveryCheck, DueChecks, LedgerOutcome, LedgerRow, LedgerState,
    LedgerWriter, Reported, Route, SendKey, SendResult,
};

use crate::stage::{Stage, accepted, finish, phone};

/// The gateway's number of the first message.
pub(crate) const FIRST: i64 = 2_890_000_001;

/// Lets the gateway take a message at this moment.
pub(crate) async fn sent(stage: &Stage, messageid: i64) -> SendKey {
    ended(stage, accepted(messageid)).await
}

async fn ended(stage: &Stage, outcome: LedgerOutcome) -> SendKey {
    let writer = LedgerWriter::start(stage.records.clone(), stage.clock.clone());
    let begin = stage.begin(1);
    writer.begin(begin.clone()).await.expect("begun");
    let end = finish(&begin, 1, outcome);
    writer.finish(end).await.expect("finished");
    begin.key
}

pub(crate) async fn row(stage: &Stage, key: SendKey) -> LedgerRow {
    let row = stage.records.ledger_row(key).await;
    row.expect("an answer").expect("a row")
}

pub(crate) async fn due(stage: &Stage, limit: u32) -> Vec<DeliveryCheck> {
    due_behind(stage, &CheckPlace::START, limit).await.checks
}

pub(crate) async fn due_behind(stage: &Stage, place: &CheckPlace, limit: u32) -> DueChecks {
    let due = stage
        .records
        .due_delivery_checks(&Route::KAVENEGAR, place, limit, stage.now());
    due.await.expect("an answer")
}

pub(crate) async fn due_one(stage: &Stage) -> DeliveryCheck {
    let mut due = due(stage, 500).await;
    assert_eq!(due.len(), 1, "{due:?}");
    due.remove(0)
}

async fn next(stage: &Stage) -> Option<DateTime<Utc>> {
    next_behind(stage, &CheckPlace::START).await
}

pub(crate) async fn next_behind(stage: &Stage, place: &CheckPlace) -> Option<DateTime<Utc>> {
    let next = stage.records.next_delivery_check(&Route::KAVENEGAR, place);
    next.await.expect("an answer")
}

/// What this answer means for a message that was read now.
pub(crate) fn told(stage: &Stage, check: &DeliveryCheck, code: i32) -> (DeliveryCheck, Progress) {
    let age = stage.now() - check.accepted_at;
    let said = Some(DeliveryStatus::from_code(code));
    let progress = Progress::after(check.known, said, age, false);
    (check.clone(), progress)
}

/// Records this answer; what it reached, where that is this caller's to count.
pub(crate) async fn record(
    stage: &Stage,
    check: &DeliveryCheck,
    code: i32,
) -> Option<Vec<Milestone>> {
    let told = told(stage, check, code);
    let recorded = stage
        .records
        .record_deliveries(std::slice::from_ref(&told), stage.now())
        .await
        .expect("an answer");
    recorded.contains(&check.key).then_some(told.1.reached)
}

pub(crate) async fn report(stage: &Stage, messageid: i64, code: i32) -> Reported {
    let (messageid, status) = (messageid.into(), DeliveryStatus::from_code(code));
    let noted =
        stage
            .records
            .note_delivery_report(&Route::KAVENEGAR, &messageid, status, stage.now());
    noted.await.expect("an answer")
}

pub(crate) fn advance(stage: &Stage, by: TimeDelta) {
    stage.clock.advance(by.num_milliseconds());
}

pub(crate) async fn a_message_is_counted_once_for_each_stage_that_it_reaches(stage: Stage) {
    let key = sent(&stage, FIRST).await;
    let accepted_at = stage.now();
    let mut counted = Vec::new();
    for (at, code) in CHECKS.into_iter().zip([1, 5, 5, 1, 10]) {
        let at = accepted_at + at;
        assert_eq!(next(&stage).await, Some(at));
        advance(&stage, at - stage.now());
        let check = due_one(&stage).await;
        counted.extend(record(&stage, &check, code).await.expect("recorded"));
        assert_eq!(row(&stage, key).await.delivery_checked_at, Some(at));
        // The same answer of the same check once more.
        assert_eq!(
            record(&stage, &check, code).await.filter(|r| !r.is_empty()),
            None
        );
    }
    assert_eq!(counted, [Milestone::HandedOver, Milestone::Delivered]);
    let delivered = row(&stage, key).await;
    assert_eq!(delivered.delivery_status, Some(10));
    assert_eq!(delivered.delivered_at, Some(stage.now()));
    assert_eq!((delivered.next_check_at, next(&stage).await), (None, None));
    assert_eq!(delivered.state, LedgerState::Accepted);
}

pub(crate) async fn what_has_come_to_its_end_stays_there(stage: Stage) {
    for (number, code) in (0..).zip([6, 10, 11, 13, 14]) {
        let key = sent(&stage, FIRST + number).await;
        advance(&stage, CHECKS[0]);
        let slow = due_one(&stage).await;
        advance(&stage, ASKED_AGAIN_AFTER);
        let fast = due_one(&stage).await;
        let reached = record(&stage, &fast, code).await.expect("recorded");
        let milestone = Milestone::of(DeliveryStatus::from_code(code));
        assert_eq!(reached.last().copied(), milestone);
        let ended = row(&stage, key).await;
        assert_eq!(ended.next_check_at, None);
        assert_eq!(ended.delivered_at.is_some(), code == 10);
        for other in [1, 4, 10, 11, 14, 100] {
            assert_eq!(
                record(&stage, &slow, other).await,
                None,
                "{other} after {code}"
            );
            assert_eq!(
                report(&stage, FIRST + number, other).await,
                Reported::Closed
            );
        }
        assert_eq!(row(&stage, key).await, ended);
        advance(&stage, TimeDelta::hours(1));
        assert_eq!(due(&stage, 500).await, []);
    }
}

pub(crate) async fn an_answer_without_anything_new_moves_the_next_check_only(stage: Stage) {
    let key = sent(&stage, FIRST).await;
    let accepted_at = stage.now();
    advance(&stage, CHECKS[0]);
    let check = due_one(&stage).await;
    let age = stage.now() - check.accepted_at;
    let silent = (check.clone(), Progress::after(None, None, age, false));
    let recorded = stage
        .records
        .record_deliveries(&[silent], stage.now())
        .await;
    assert_eq!(recorded.expect("an answer").len(), 1);
    let silent = row(&stage, key).await;
    assert_eq!((silent.delivery_status, silent.delivered_at), (None, None));
    assert_eq!(silent.next_check_at, Some(accepted_at + CHECKS[1]));

    advance(&stage, CHECKS[1] - CHECKS[0]);
    let check = due_one(&stage).await;
    assert_eq!(record(&stage, &check, 100).await, Some(Vec::new()));
    let not_known = row(&stage, key).await;
    assert_eq!(not_known.delivery_status, Some(100));
    assert_eq!(not_known.next_check_at, Some(accepted_at + CHECKS[2]));
    let recorded = stage.records.record_deliveries(&[], stage.now()).await;
    assert!(recorded.expect("an answer").is_empty());
}

pub(crate) async fn a_message_whose_end_nobody_learns_is_unknown_in_the_end(stage: Stage) {
    let key = sent(&stage, FIRST).await;
    let accepted_at = stage.now();
    advance(&stage, CHECKS[0]);
    let check = due_one(&stage).await;
    record(&stage, &check, 5).await.expect("recorded");
    // No worker was there for two days.
    advance(&stage, TimeDelta::hours(49));
    let slow = due_one(&stage).await;
    advance(&stage, ASKED_AGAIN_AFTER);
    let check = due_one(&stage).await;
    assert_eq!(
        record(&stage, &check, 100).await,
        Some(vec![Milestone::Unknown])
    );
    assert_eq!(record(&stage, &slow, 100).await, None, "counted twice");
    let over = row(&stage, key).await;
    assert_eq!((over.delivery_status, over.next_check_at), (Some(5), None));
    assert_eq!(over.finished_at, Some(accepted_at));
    assert_eq!(report(&stage, FIRST, 10).await, Reported::Closed);
    assert_eq!(row(&stage, key).await, over);
}

pub(crate) async fn a_34_a_report_makes_the_gateway_be_asked_and_is_believed_in_nothing(
    stage: Stage,
) {
    let key = sent(&stage, FIRST).await;
    let fresh = row(&stage, key).await;
    assert_eq!(report(&stage, FIRST + 1, 10).await, Reported::NoSuchMessage);
    // The message is on its way: no reason to ask earlier.
    for code in [1, 2, 4, 5, 99, 100] {
        assert_eq!(report(&stage, FIRST, code).await, Reported::Open);
    }
    assert_eq!(row(&stage, key).await, fresh);

    advance(&stage, TimeDelta::seconds(2));
    for _ in 0..3 {
        assert_eq!(report(&stage, FIRST, 10).await, Reported::Open);
        let mut hastened = fresh.clone();
        hastened.next_check_at = Some(stage.now());
        assert_eq!(
            row(&stage, key).await,
            hastened,
            "more than the moment changed"
        );
    }
    let check = due_one(&stage).await;
    let reached = record(&stage, &check, 11).await;
    assert_eq!(
        reached,
        Some(vec![Milestone::HandedOver, Milestone::Undelivered])
    );
    assert_eq!(row(&stage, key).await.delivery_status, Some(11));
}

pub(crate) async fn a_report_that_comes_while_the_gateway_is_asked_is_not_lost(stage: Stage) {
    let key = sent(&stage, FIRST).await;
    advance(&stage, CHECKS[0]);
    let check = due_one(&stage).await;
    advance(&stage, TimeDelta::seconds(1));
    assert_eq!(report(&stage, FIRST, 10).await, Reported::Open);
    let reported_at = stage.now();
    advance(&stage, TimeDelta::seconds(1));
    // The gateway answered before the message arrived.
    record(&stage, &check, 5).await.expect("recorded");
    assert_eq!(row(&stage, key).await.next_check_at, Some(reported_at));
    let check = due_one(&stage).await;
    assert_eq!(
        record(&stage, &check, 10).await,
        Some(vec![Milestone::Delivered])
    );
    assert_eq!(row(&stage, key).await.next_check_at, None);
}

pub(crate) async fn the_messages_of_a_deleted_account_are_followed_without_its_number(
    stage: Stage,
) {
    let key = sent(&stage, FIRST).await;
    let erased = format!(
        "UPDATE sends SET phone = NULL WHERE phone = '{}'",
        phone(1).as_e164()
    );
    assert_eq!(stage.execute(erased).await.expect("erased"), 1);
    advance(&stage, CHECKS[0]);
    let check = due_one(&stage).await;
    assert_eq!(check.operator, Operator::Other);
    record(&stage, &check, 10).await.expect("recorded");
    assert_eq!(row(&stage, key).await.delivery_status, Some(10));
}

pub(crate) async fn an_entry_that_had_failed_at_once_shows_how(stage: Stage) {
    let outcome = LedgerOutcome {
        result: SendResult::Refused,
        message_id: Some(FIRST.into()),
        cost_rials: None,
        gateway_status: Some(200),
        entry_status: Some(14),
        error_class: Some("refused_entry".to_owned()),
    };
    let key = ended(&stage, outcome).await;
    let refused = row(&stage, key).await;
    assert_eq!(refused.state, LedgerState::Refused);
    assert_eq!(refused.delivery_status, Some(14));
    assert_eq!(refused.delivery_checked_at, Some(stage.now()));
    assert_eq!((refused.next_check_at, next(&stage).await), (None, None));
    assert_eq!(report(&stage, FIRST, 10).await, Reported::Closed);

    let taken = row(&stage, sent(&stage, FIRST + 1).await).await;
    assert_eq!((taken.entry_status, taken.delivery_status), (Some(5), None));
    assert_eq!(taken.delivery_checked_at, None);
}

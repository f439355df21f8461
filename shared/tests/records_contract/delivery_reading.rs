//! Following accepted messages: which are due, in what order they are read, and what becomes of those about which
//! nothing can be recorded.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::delivery::{CHECKS, Milestone, Progress};
use domain::phone::Operator;
use shared::records::{
    ASKED_AGAIN_AFTER, CheckPlace, DeliveryCheck, RecordsError, Reported, SendKey,
};

use crate::delivery::{
    FIRST, advance, due, due_behind, due_one, next_behind, record, report, row, sent, told,
};
use crate::stage::Stage;

fn messages(due: &[DeliveryCheck]) -> Vec<i64> {
    let number = |check: &DeliveryCheck| check.message_id.number().expect("a number");
    due.iter().map(number).collect()
}

/// The moment of a row as it is written by any release.
fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

/// Takes what is due as a worker of the release before does: each row has the end of a lease from then on.
async fn taken_before(stage: &Stage) -> DateTime<Utc> {
    let lease_end = stage.now() + TimeDelta::seconds(60);
    let take = format!(
        "UPDATE sends SET next_check_at = '{}' WHERE next_check_at <= '{}'",
        text(lease_end),
        text(stage.now())
    );
    stage.execute(take).await.expect("taken");
    lease_end
}

async fn put_off(stage: &Stage, place: &CheckPlace) -> bool {
    let put_off = stage
        .records
        .put_off_delivery_check(place, stage.now())
        .await;
    put_off.expect("an answer")
}

pub(crate) async fn checks_are_read_in_due_order_up_to_a_limit(stage: Stage) {
    assert_eq!(next_behind(&stage, &CheckPlace::START).await, None);
    let accepted_at = stage.now();
    for number in 0..5 {
        sent(&stage, FIRST + number).await;
        advance(&stage, TimeDelta::seconds(1));
    }
    let first_due = accepted_at + CHECKS[0];
    assert_eq!(
        next_behind(&stage, &CheckPlace::START).await,
        Some(first_due)
    );
    assert_eq!(due(&stage, 500).await, [], "nothing is due yet");

    // The first four are due, to the very moment.
    advance(&stage, first_due + TimeDelta::seconds(3) - stage.now());
    let first = due(&stage, 3).await;
    assert_eq!(messages(&first), [FIRST, FIRST + 1, FIRST + 2]);
    let check = &first[0];
    assert_eq!(
        (check.accepted_at, check.known, check.operator),
        (accepted_at, None, Operator::Mci)
    );
    assert_eq!(check.due_at, first_due);
    let all = due(&stage, 500).await;
    assert_eq!(
        messages(&all),
        [FIRST, FIRST + 1, FIRST + 2, FIRST + 3],
        "whoever reads takes nothing"
    );
    advance(&stage, TimeDelta::seconds(1));
    assert_eq!(messages(&due(&stage, 500).await).len(), 5);
}

pub(crate) async fn a_reader_goes_on_behind_the_place_they_came_to(stage: Stage) {
    // Five at one moment, five a second later: a limit of three cuts through both.
    for number in 0..10 {
        sent(&stage, FIRST + number).await;
        if number == 4 {
            advance(&stage, TimeDelta::seconds(1));
        }
    }
    advance(&stage, CHECKS[0]);
    let whole = due(&stage, 500).await;
    let (mut place, mut read) = (CheckPlace::START, Vec::new());
    for expected in [3, 3, 3, 1, 0] {
        let next = due_behind(&stage, &place, 3).await;
        assert_eq!((next.checks.len(), next.rows()), (expected, expected));
        let oldest = next.checks.first().map(|check| check.due_at);
        assert_eq!(next_behind(&stage, &place).await, oldest);
        assert_eq!(next.last, next.checks.last().map(DeliveryCheck::place));
        read.extend(next.checks);
        place = next.last.unwrap_or(place);
    }
    assert_eq!(read, whole, "each once, in order");
    let order: Vec<(DateTime<Utc>, SendKey)> = whole
        .iter()
        .map(|check| (check.due_at, check.key))
        .collect();
    assert!(order.is_sorted(), "of one moment by their keys");
    assert_eq!(BTreeSet::from_iter(messages(&whole)).len(), 10);
}

pub(crate) async fn what_becomes_due_is_behind_every_place_that_was_read(stage: Stage) {
    sent(&stage, FIRST).await;
    advance(&stage, CHECKS[0]);
    sent(&stage, FIRST + 1).await;
    sent(&stage, FIRST + 2).await;
    let place = due_one(&stage).await.place();
    assert_eq!(due_behind(&stage, &place, 500).await.rows(), 0);
    // A report has one of them asked about earlier, the other has its time.
    advance(&stage, TimeDelta::milliseconds(1));
    assert_eq!(report(&stage, FIRST + 2, 10).await, Reported::Open);
    let hastened = due_behind(&stage, &place, 500).await;
    assert_eq!(messages(&hastened.checks), [FIRST + 2]);
    advance(&stage, CHECKS[0]);
    let both = due_behind(&stage, &place, 500).await;
    assert_eq!(messages(&both.checks), [FIRST + 2, FIRST + 1]);
}

pub(crate) async fn f_01_a_check_whose_reader_died_is_still_due(stage: Stage) {
    let key = sent(&stage, FIRST).await;
    advance(&stage, CHECKS[0]);
    let before = row(&stage, key).await;
    let dead = due_one(&stage).await;
    assert_eq!(row(&stage, key).await, before, "to read is not to write");
    let alive = due_one(&stage).await;
    assert_eq!(alive, dead);

    // The dead one was only slow: its answer is as good as any.
    assert_eq!(
        record(&stage, &dead, 5).await,
        Some(vec![Milestone::HandedOver])
    );
    let handed_over = row(&stage, key).await;
    assert_eq!(handed_over.delivery_status, Some(5));
    let planned = before.finished_at.expect("accepted") + CHECKS[1];
    assert_eq!(handed_over.next_check_at, Some(planned));
    // The other's answer came second and is not counted.
    assert_eq!(record(&stage, &alive, 5).await, None);
    assert_eq!(record(&stage, &alive, 10).await, None);
    assert_eq!(row(&stage, key).await, handed_over);
}

pub(crate) async fn of_several_who_ask_about_the_same_one_records_it(stage: Stage) {
    for number in 0..120 {
        sent(&stage, FIRST + number).await;
    }
    advance(&stage, CHECKS[0]);
    let checks = due(&stage, 500).await;
    assert_eq!(checks.len(), 120);
    let askers = (0..8).map(|asker| {
        let (records, now) = (stage.records.clone(), stage.now());
        let told: Vec<_> = checks.iter().map(|check| told(&stage, check, 5)).collect();
        tokio::spawn(async move {
            // Not all of them read as many.
            let told = &told[..120 - 10 * asker];
            records.record_deliveries(told, now).await
        })
    });
    let mut all = BTreeSet::new();
    for asker in askers.collect::<Vec<_>>() {
        let recorded = asker.await.expect("no panic").expect("an answer");
        for key in recorded {
            assert!(all.insert(key), "{key} twice");
        }
    }
    assert_eq!(all.len(), 120);
    assert_eq!(due(&stage, 500).await, []);
}

pub(crate) async fn a_worker_of_the_release_before_asks_beside_this_one(stage: Stage) {
    // It takes what was just read here. Whoever records first counts, and its lease stays until its end.
    for (number, new_first) in [(0, true), (1, false)] {
        let key = sent(&stage, FIRST + number).await;
        advance(&stage, CHECKS[0]);
        let new = due_one(&stage).await;
        let lease_end = taken_before(&stage).await;
        let old = DeliveryCheck {
            due_at: lease_end,
            ..new.clone()
        };
        let order = if new_first {
            [&new, &old]
        } else {
            [&old, &new]
        };
        assert_eq!(
            record(&stage, order[0], 5).await,
            Some(vec![Milestone::HandedOver])
        );
        assert_eq!(record(&stage, order[1], 5).await, None, "counted twice");
        let planned = new.accepted_at + CHECKS[1];
        let next = row(&stage, key).await.next_check_at;
        assert_eq!(next, Some(if new_first { lease_end } else { planned }));
        advance(&stage, TimeDelta::seconds(60));
        let check = due_one(&stage).await;
        assert_eq!(
            record(&stage, &check, 10).await,
            Some(vec![Milestone::Delivered])
        );
    }
    // What it has taken is not read here, until it died with it.
    sent(&stage, FIRST + 2).await;
    advance(&stage, CHECKS[0]);
    taken_before(&stage).await;
    advance(&stage, TimeDelta::milliseconds(59_999));
    assert_eq!(due(&stage, 500).await, []);
    advance(&stage, TimeDelta::milliseconds(1));
    due_one(&stage).await;
}

pub(crate) async fn an_answer_that_says_nothing_leaves_the_lease_of_the_release_before(
    stage: Stage,
) {
    let key = sent(&stage, FIRST).await;
    advance(&stage, CHECKS[0]);
    let new = due_one(&stage).await;
    let lease_end = taken_before(&stage).await;
    let age = stage.now() - new.accepted_at;
    let silent = (new.clone(), Progress::after(None, None, age, false));
    let recorded = stage
        .records
        .record_deliveries(&[silent], stage.now())
        .await;
    assert_eq!(recorded.expect("an answer").len(), 1);
    assert_eq!(row(&stage, key).await.next_check_at, Some(lease_end));
    // What the old one heard is new, and its to count.
    let old = DeliveryCheck {
        due_at: lease_end,
        ..new
    };
    assert_eq!(
        record(&stage, &old, 10).await,
        Some(vec![Milestone::HandedOver, Milestone::Delivered])
    );
}

pub(crate) async fn a_row_that_cannot_be_read_does_not_keep_the_others_waiting(stage: Stage) {
    let broken = sent(&stage, FIRST).await;
    sent(&stage, FIRST + 1).await;
    let spoil = format!(
        "UPDATE sends SET phone = 'nobody' WHERE challenge_id = {}",
        stage.blob(broken.root.as_bytes())
    );
    assert_eq!(stage.execute(spoil).await.expect("spoilt"), 1);
    advance(&stage, CHECKS[0]);
    let read = due_behind(&stage, &CheckPlace::START, 500).await;
    assert_eq!(messages(&read.checks), [FIRST + 1]);
    assert_eq!((read.unreadable.len(), read.rows()), (1, 2));
    // It is put off, so that it does not look like one that nobody asks about.
    record(&stage, &read.checks[0], 10).await.expect("recorded");
    assert!(put_off(&stage, &read.unreadable[0]).await);
    let next = next_behind(&stage, &CheckPlace::START).await;
    assert_eq!(next, Some(stage.now() + ASKED_AGAIN_AFTER));
    assert_eq!(due_behind(&stage, &CheckPlace::START, 500).await.rows(), 0);
    advance(&stage, ASKED_AGAIN_AFTER);
    let again = due_behind(&stage, &CheckPlace::START, 500).await;
    assert_eq!((again.checks.len(), again.unreadable.len()), (0, 1));
}

pub(crate) async fn a_row_that_the_database_refuses_is_put_off_and_no_other(stage: Stage) {
    let key = sent(&stage, FIRST).await;
    sent(&stage, FIRST + 1).await;
    stage.refuse("sends", "NEW.delivery_status = 6").await;
    advance(&stage, CHECKS[0]);
    let checks = due(&stage, 500).await;
    let refused = checks.iter().find(|check| check.key == key);
    let refused = refused.expect("due");
    let told = [told(&stage, refused, 6)];
    let recorded = stage.records.record_deliveries(&told, stage.now()).await;
    assert!(
        matches!(recorded, Err(RecordsError::Refused(_))),
        "{recorded:?}"
    );
    assert!(put_off(&stage, &refused.place()).await);
    assert_eq!(messages(&due(&stage, 500).await), [FIRST + 1]);
    advance(&stage, ASKED_AGAIN_AFTER);
    assert_eq!(due(&stage, 500).await.len(), 2, "it is due again");
}

pub(crate) async fn what_was_recorded_or_hastened_meanwhile_is_not_put_off(stage: Stage) {
    let key = sent(&stage, FIRST).await;
    advance(&stage, CHECKS[0]);
    let check = due_one(&stage).await;
    advance(&stage, TimeDelta::seconds(1));
    assert_eq!(report(&stage, FIRST, 10).await, Reported::Open);
    let hastened = row(&stage, key).await;
    assert_eq!(hastened.next_check_at, Some(stage.now()));
    assert!(!put_off(&stage, &check.place()).await);
    assert_eq!(row(&stage, key).await, hastened);
    record(&stage, &due_one(&stage).await, 10)
        .await
        .expect("recorded");
    let ended = row(&stage, key).await;
    assert!(!put_off(&stage, &check.place()).await);
    assert_eq!(row(&stage, key).await, ended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_row_is_read_and_keeps_no_other_from_being_recorded() {
    let stage = Stage::postgres_of(6, Duration::from_secs(2)).await;
    let key = sent(&stage, FIRST).await;
    sent(&stage, FIRST + 1).await;
    advance(&stage, CHECKS[0]);
    let mut lock = stage.server().begin().await.expect("a transaction");
    sqlx::query("SELECT 1 FROM sends WHERE challenge_id = $1 FOR UPDATE")
        .bind(&key.root.as_bytes()[..])
        .execute(&mut *lock)
        .await
        .expect("locked");
    let checks = due(&stage, 500).await;
    assert_eq!(checks.len(), 2);
    for check in &checks {
        let told = [told(&stage, check, 10)];
        let recorded = stage.records.record_deliveries(&told, stage.now()).await;
        match recorded {
            Err(error) => assert!(error.is_locked() && check.key == key, "{error}"),
            Ok(recorded) => assert!(recorded.contains(&check.key) && check.key != key),
        }
    }
    let left = due_one(&stage).await;
    assert_eq!(left.key, key);
    assert_eq!(due_behind(&stage, &left.place(), 500).await.rows(), 0);
    lock.rollback().await.expect("free");
    record(&stage, &left, 10).await.expect("recorded");
}

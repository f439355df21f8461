//! The key of the ledger: root, send and leg; messages by route and number; and the release before beside it.

use chrono::TimeDelta;
use domain::delivery::{CHECKS, DeliveryStatus};
use shared::records::{
    Begin, Begun, CheckPlace, Finished, LedgerRow, LedgerState, LedgerWriter, MessageId, Reported,
    Route, SendKey, SendResult,
};

use crate::stage::{Stage, accepted, failed, finish, phone};

fn writer(stage: &Stage) -> LedgerWriter {
    LedgerWriter::start(stage.records.clone(), stage.clock.clone())
}

async fn row(stage: &Stage, key: SendKey) -> LedgerRow {
    let row = stage.records.ledger_row(key).await;
    row.expect("an answer").expect("a row")
}

/// What the release before writes when an attempt begins: it knows no legs and no routes.
async fn begun_before(stage: &Stage, begin: &Begin) -> sqlx::Result<u64> {
    let (challenge, now) = (stage.blob(begin.key.root.as_bytes()), stage.now());
    let at = now.to_rfc3339_opts(chrono::SecondsFormat::Micros, false);
    stage
        .execute(format!(
            "INSERT INTO sends (challenge_id, send_number, phone, purpose, channel, method, state, \
             attempt, fence, localid, resent_ambiguous, accepted_at, deadline_at, started_at, \
             created_at, updated_at) \
             VALUES ({challenge}, {}, '{}', 'sign_in', 'sms', 'lookup', 'sending', 1, {}, {}, FALSE, \
             '{at}', '{at}', '{at}', '{at}', '{at}') \
             ON CONFLICT (challenge_id, send_number) DO UPDATE SET \
             state = CASE WHEN sends.state = 'sending' THEN 'unknown' ELSE excluded.state END, \
             attempt = CASE WHEN sends.state = 'sending' THEN sends.attempt ELSE sends.attempt + 1 END, \
             fence = CASE WHEN sends.state = 'sending' THEN sends.fence ELSE excluded.fence END, \
             finished_at = excluded.updated_at, updated_at = excluded.updated_at \
             WHERE sends.state IN ('sending', 'not_sent')",
            begin.key.send,
            begin.phone.as_e164(),
            begin.fence,
            begin.localid,
        ))
        .await
}

/// And when it ended, with this number at the gateway.
async fn accepted_before(stage: &Stage, begin: &Begin, number: i64) -> sqlx::Result<u64> {
    let at = |time: chrono::DateTime<chrono::Utc>| {
        time.to_rfc3339_opts(chrono::SecondsFormat::Micros, false)
    };
    let (challenge, now) = (stage.blob(begin.key.root.as_bytes()), stage.now());
    stage
        .execute(format!(
            "UPDATE sends SET state = 'accepted', messageid = {number}, finished_at = '{0}', \
             next_check_at = '{1}', updated_at = '{0}' WHERE challenge_id = {challenge} \
             AND send_number = {2} AND fence = {3} AND state IN ('sending', 'unknown')",
            at(now),
            at(now + CHECKS[0]),
            begin.key.send,
            begin.fence,
        ))
        .await
}

pub(crate) async fn each_leg_of_a_send_is_a_row_of_its_own(stage: Stage) {
    stage.without_the_key_of_before().await;
    let writer = writer(&stage);
    let first = stage.begin(1);
    writer.begin(first.clone()).await.expect("begun");
    let lost = finish(&first, 1, failed(SendResult::NotSent, "connect"));
    writer.finish(lost).await.expect("finished");
    let mut second = Begin {
        localid: stage.random.positive_i64(),
        ..first.clone()
    };
    second.key.leg = 2;
    let begun = writer.begin(second.clone()).await.expect("begun");
    let fresh = Begun::Started {
        attempt: 1,
        localid: second.localid,
    };
    assert_eq!(begun, fresh, "an attempt of its own");
    let end = finish(&second, 1, accepted(2_890_000_002));
    let ended = writer.finish(end).await.expect("finished");
    assert_eq!(ended, Finished::Recorded);

    let of_root = stage.records.sends_of_root(first.key.root).await;
    let rows: Vec<_> = of_root
        .expect("rows")
        .into_iter()
        .map(|row| (row.key, row.state))
        .collect();
    assert_eq!(
        rows,
        [
            (first.key, LedgerState::NotSent),
            (second.key, LedgerState::Accepted)
        ]
    );
    // What is found out about one is not the other's.
    let is_open = async |than| {
        let (at, number) = (stage.now(), phone(1));
        let open = stage
            .records
            .has_open_send(&number, &Route::KAVENEGAR, than, at, at);
        open.await.expect("an answer")
    };
    let mut again = first.clone();
    again.fence = 9;
    writer.begin(again).await.expect("begun");
    assert!(!is_open(first.key).await);
    assert!(is_open(second.key).await);
    stage.clock.advance(CHECKS[0].num_milliseconds());
    let due = stage
        .records
        .due_delivery_checks(&Route::KAVENEGAR, &CheckPlace::START, 10, stage.now())
        .await
        .expect("an answer");
    let keys: Vec<SendKey> = due.checks.iter().map(|check| check.key).collect();
    assert_eq!(keys, [second.key]);
    assert_eq!(second.key.to_string(), format!("{}/2", first.key));
}

pub(crate) async fn a_message_number_belongs_to_one_send_of_its_route(stage: Stage) {
    let writer = writer(&stage);
    let [first, other, same] = [1, 2, 3].map(|fence| stage.begin(fence));
    for begin in [&first, &other, &same] {
        writer.begin(begin.clone()).await.expect("begun");
    }
    // As a newer release writes it.
    let elsewhere = format!(
        "UPDATE sends SET route = 'another' WHERE challenge_id = {}",
        stage.blob(other.key.root.as_bytes())
    );
    assert_eq!(stage.execute(elsewhere).await.expect("moved"), 1);
    for begin in [&first, &other, &same] {
        let end = finish(begin, 1, accepted(77));
        let ended = writer.finish(end).await.expect("finished");
        assert_eq!(ended, Finished::Recorded);
    }
    let number = Some(MessageId::from(77));
    assert_eq!(row(&stage, first.key).await.message_id, number);
    let elsewhere = row(&stage, other.key).await;
    assert_eq!(elsewhere.message_id, number);
    assert_eq!(elsewhere.route.as_str(), "another");
    let second = row(&stage, same.key).await;
    assert_eq!(second.message_id, None, "it is the first one's");
    assert_eq!(second.error_class.as_deref(), Some("messageid_conflict"));

    // A question to one gateway tells nothing of the other's messages.
    let message = MessageId::from(77);
    let others = stage
        .records
        .messages_of_other_sends(&Route::KAVENEGAR, std::slice::from_ref(&message), first.key)
        .await
        .expect("an answer");
    assert_eq!(others, []);
    stage.clock.advance(CHECKS[0].num_milliseconds());
    let due = stage
        .records
        .due_delivery_checks(&Route::KAVENEGAR, &CheckPlace::START, 10, stage.now())
        .await
        .expect("an answer");
    let keys: Vec<SendKey> = due.checks.iter().map(|check| check.key).collect();
    assert_eq!(keys, [first.key]);
}

pub(crate) async fn rows_of_the_release_before_are_moved_and_followed(stage: Stage) {
    stage.with_the_keys_of_before().await;
    let writer = writer(&stage);
    let now = stage.now();
    let ended = stage.begin(1);
    begun_before(&stage, &ended).await.expect("begun");
    accepted_before(&stage, &ended, 4_711).await.expect("ended");
    let seen = row(&stage, ended.key).await;
    assert_eq!((seen.key.leg, &seen.route), (1, &Route::KAVENEGAR));
    assert_eq!(seen.message_id, Some(MessageId::from(4_711)));
    let again = writer.begin(ended.clone()).await.expect("an answer");
    assert_eq!(again, Begun::Ended(LedgerState::Accepted));

    // One that a worker of the release before has left.
    let left = stage.begin(2);
    begun_before(&stage, &left).await.expect("begun");
    let mut other = left.clone();
    other.fence = 3;
    let found = writer.begin(other).await.expect("an answer");
    assert!(matches!(found, Begun::FoundSending(it) if it.fence == 2));
    // Its number is taken, although only as a number.
    let end = finish(&left, 1, accepted(4_711));
    let finished = writer.finish(end).await.expect("finished");
    assert_eq!(finished, Finished::Recorded);
    let without = row(&stage, left.key).await;
    assert_eq!(without.error_class.as_deref(), Some("messageid_conflict"));

    let (route, message) = (Route::KAVENEGAR, MessageId::from(4_711));
    let others = stage
        .records
        .messages_of_other_sends(&route, std::slice::from_ref(&message), left.key)
        .await
        .expect("an answer");
    assert_eq!(others, std::slice::from_ref(&message));
    let status = DeliveryStatus::from_code(10);
    let noted = stage
        .records
        .note_delivery_report(&route, &message, status, now);
    assert_eq!(noted.await.expect("an answer"), Reported::Open);
    let due = stage
        .records
        .due_delivery_checks(&route, &CheckPlace::START, 10, now + TimeDelta::seconds(1))
        .await
        .expect("an answer");
    let due: Vec<_> = due
        .checks
        .into_iter()
        .map(|it| (it.key, it.message_id))
        .collect();
    assert_eq!(due, [(ended.key, message)]);
}

pub(crate) async fn the_release_before_goes_on_with_rows_of_this_one(stage: Stage) {
    stage.with_the_keys_of_before().await;
    let writer = writer(&stage);
    let [ended, left, failed_before] = [1, 2, 3].map(|fence| stage.begin(fence));
    for begin in [&ended, &left, &failed_before] {
        writer.begin(begin.clone()).await.expect("begun");
    }
    let end = finish(&ended, 1, accepted(4_711));
    writer.finish(end).await.expect("finished");
    let end = finish(&failed_before, 1, failed(SendResult::NotSent, "connect"));
    writer.finish(end).await.expect("finished");

    // It reads the number as a number, and the moves are those of its own rows.
    let by_number = "sends WHERE messageid = 4711 AND state = 'accepted'";
    assert_eq!(stage.count(by_number).await, 1);
    for (begin, moved, state) in [
        (&ended, 0, LedgerState::Accepted),
        (&left, 1, LedgerState::Unknown),
        (&failed_before, 1, LedgerState::Sending),
    ] {
        let mut other = begin.clone();
        other.fence = 9;
        let rows = begun_before(&stage, &other).await.expect("an answer");
        assert_eq!((rows, row(&stage, begin.key).await.state), (moved, state));
    }
    let mut other = failed_before.clone();
    other.fence = 9;
    accepted_before(&stage, &other, 4_712).await.expect("ended");
    let told = row(&stage, failed_before.key).await;
    assert_eq!(told.message_id, Some(MessageId::from(4_712)));
    assert_eq!(told.key.leg, 1);
}

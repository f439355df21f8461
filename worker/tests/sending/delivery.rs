//! What becomes of the messages that the gateway has accepted.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::challenge::{ChallengeId, Channel};
use domain::delivery::DeliveryStatus;
use domain::otp::Purpose;
use harness::{PostgresServer, RedisServer, eventually};
use serde_json::json;
use shared::records::{LedgerRow, LedgerState, Reported, Route as GatewayRoute};
use uuid::Uuid;

use crate::stage::{PATIENCE, PHONE, Route, Stage, Working};

const SECOND: i64 = 1_000;
const KAVENEGAR: GatewayRoute = GatewayRoute::KAVENEGAR;
/// The first question about a message, with the time in which questions gather.
const FIRST: i64 = 11 * SECOND;
/// From there to the second question.
const TO_THE_SECOND: i64 = 20 * SECOND;
/// A question that was not answered comes again after this time, and the deliveries of a worker that died are
/// followed by another.
const A_MINUTE: i64 = 61 * SECOND;
const DAYS: i64 = 2 * 24 * 3_600 * SECOND;

/// How the simulator's messages go.
fn deliver(stage: &Stage, delivery: &serde_json::Value) {
    stage
        .simulator
        .change_account(json!({ "delivery": delivery }))
        .expect("a change");
}

async fn becomes(stage: &Stage, id: ChallengeId, status: i64) -> LedgerRow {
    eventually(PATIENCE, async || {
        let row = stage.row(id, 1).await?;
        (row.delivery_status == Some(status)).then_some(row)
    })
    .await
}

/// Waits until the gateway was asked so often.
async fn asked(stage: &Stage, questions: u64) {
    eventually(PATIENCE, async || {
        (stage.questions() >= questions).then_some(())
    })
    .await;
}

/// Waits for what is counted right after the ledger has it.
async fn counts(worker: &Working, status: &str, messages: f64) {
    eventually(PATIENCE, async || {
        (worker.delivery(status, "mci") >= messages).then_some(())
    })
    .await;
    assert_counted(worker, status, messages);
}

fn assert_counted(worker: &Working, status: &str, messages: f64) {
    let counted = worker.delivery(status, "mci");
    assert!(
        (counted - messages).abs() < f64::EPSILON,
        "{counted} {status}"
    );
}

/// Asks for a code and lets it be accepted.
async fn accepted(stage: &Stage) -> ChallengeId {
    accepted_for(stage, Purpose::SignIn).await
}

async fn accepted_for(stage: &Stage, purpose: Purpose) -> ChallengeId {
    let id = stage.ask_for(PHONE, Channel::Sms, purpose).await;
    stage.reaches(id, LedgerState::Accepted).await;
    id
}

/// The worker knows the settings of the account.
async fn knows_the_account(worker: &Working, resend_failed: f64) {
    worker
        .shows("ramz_gateway_resendfailed", resend_failed)
        .await;
}

pub(crate) async fn a_message_is_followed_until_it_is_delivered(stage: &Stage) {
    deliver(stage, &json!({ "operator_ms": 15_000 }));
    let worker = stage.work().await;
    let id = accepted(stage).await;
    assert_eq!(stage.row(id, 1).await.expect("a row").delivery_status, None);
    stage.advance(FIRST);
    let handed_over = becomes(stage, id, 5).await;
    counts(&worker, "handed_over", 1.0).await;
    assert_counted(&worker, "delivered", 0.0);
    assert_eq!(handed_over.delivered_at, None);
    let accepted_at = handed_over.finished_at.expect("accepted");
    let planned = handed_over.next_check_at.expect("a next check") - accepted_at;
    assert_eq!(planned.num_seconds(), 30);

    stage.advance(TO_THE_SECOND);
    let delivered = becomes(stage, id, 10).await;
    counts(&worker, "delivered", 1.0).await;
    assert_counted(&worker, "handed_over", 1.0);
    assert_eq!(delivered.delivered_at, Some(stage.clock.now()));
    assert_eq!(delivered.next_check_at, None);
    let (messages, seconds) = worker.delivery_seconds();
    assert_eq!(messages, 1);
    assert!((seconds - 31.0).abs() < 1e-9, "{seconds}");

    // Nothing is left to be asked; a look that finds so has been made by the time of a new message's.
    stage.advance(DAYS);
    let other = accepted(stage).await;
    stage.advance(FIRST);
    becomes(stage, other, 5).await;
    worker.stop().await;
    assert_eq!(stage.questions(), 3);
}

pub(crate) async fn every_end_of_a_message_is_recorded_and_counted(stage: &Stage) {
    let worker = stage.work().await;
    knows_the_account(&worker, 0.0).await;
    for (status, name, purpose) in [
        (11, "undelivered", Purpose::SignIn),
        (6, "failed", Purpose::Register),
    ] {
        deliver(stage, &json!({ "final_status": status }));
        let id = accepted_for(stage, purpose).await;
        stage.advance(FIRST);
        let row = becomes(stage, id, status).await;
        assert_eq!((row.next_check_at, row.delivered_at), (None, None));
        assert_eq!(row.state, LedgerState::Accepted);
        counts(&worker, name, 1.0).await;
    }
    assert_counted(&worker, "handed_over", 1.0);
    // In debug mode the account takes everything and cancels it.
    let debug = json!({ "debugmode": true });
    stage.simulator.change_account(debug).expect("a change");
    let id = accepted_for(stage, Purpose::ResetPassword).await;
    stage.advance(FIRST);
    becomes(stage, id, 13).await;
    counts(&worker, "cancelled", 1.0).await;
    worker.stop().await;
}

pub(crate) async fn a_message_that_is_blocked_at_once_is_refused_and_shows_why(stage: &Stage) {
    deliver(
        stage,
        &json!({ "rules": [{ "receptor_suffix": "6789", "status": 14 }] }),
    );
    let worker = stage.work_by(Route::Text).await;
    let id = stage.ask(PHONE, Channel::Sms).await;
    let row = stage.reaches(id, LedgerState::Refused).await;
    assert_eq!((row.delivery_status, row.next_check_at), (Some(14), None));
    assert_eq!(row.delivery_checked_at, row.finished_at);
    counts(&worker, "blocked", 1.0).await;
    worker.stop().await;
    assert_eq!(stage.questions(), 0);
}

pub(crate) async fn an_undelivered_message_that_the_gateway_repeats_is_followed(stage: &Stage) {
    let repeat = json!({ "resendfailed": true });
    stage.simulator.change_account(repeat).expect("a change");
    deliver(stage, &json!({ "final_status": 11, "operator_ms": 10_000 }));
    let worker = stage.work().await;
    knows_the_account(&worker, 1.0).await;
    let id = accepted(stage).await;
    stage.advance(FIRST);
    let undelivered = becomes(stage, id, 11).await;
    assert!(undelivered.next_check_at.is_some());
    counts(&worker, "undelivered", 1.0).await;
    stage.advance(TO_THE_SECOND);
    becomes(stage, id, 10).await;
    counts(&worker, "delivered", 1.0).await;
    assert_counted(&worker, "undelivered", 1.0);
    assert_counted(&worker, "handed_over", 1.0);
    worker.stop().await;
}

pub(crate) async fn two_workers_ask_about_each_message_once_in_a_round(stage: &Stage) {
    // While the one is being answered, the other has time to ask; far from the limit of a call, which
    // a busy machine must not reach.
    stage.faults(json!([
        { "method": "sms/status", "fault": { "kind": "delay", "ms": 2_700 } }
    ]));
    let one = stage.work().await;
    let other = stage.work().await;
    let challenges = stage.ask_many(40).await;
    for id in &challenges {
        stage.reaches(*id, LedgerState::Accepted).await;
    }
    stage.advance(FIRST);
    for id in &challenges {
        becomes(stage, *id, 10).await;
    }
    let counted = || one.delivery("delivered", "mci") + other.delivery("delivered", "mci");
    eventually(PATIENCE, async || (counted() >= 40.0).then_some(())).await;
    one.stop().await;
    other.stop().await;
    assert_eq!(stage.questions(), 1, "all of them fit into one question");
}

pub(crate) async fn what_a_worker_of_the_release_before_has_taken_is_asked_when_its_minute_is_over(
    stage: &Stage,
) {
    let worker = stage.work().await;
    let taken = accepted(stage).await;
    worker.stop().await;
    stage.advance(FIRST);
    // It takes each row for a minute, and dies with it.
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, false);
    let (now, minute) = (stage.clock.now(), TimeDelta::seconds(60));
    let take = format!(
        "UPDATE sends SET next_check_at = '{}' WHERE next_check_at <= '{}'",
        text(now + minute),
        text(now)
    );
    stage.execute(&take).await;
    let worker = stage.work().await;
    let other = accepted_for(stage, Purpose::Register).await;
    stage.advance(FIRST);
    becomes(stage, other, 10).await;
    let row = stage.row(taken, 1).await.expect("a row");
    assert_eq!(row.delivery_checked_at, None);
    stage.advance(A_MINUTE);
    becomes(stage, taken, 10).await;
    counts(&worker, "delivered", 2.0).await;
    worker.stop().await;
    assert_eq!(stage.questions(), 2);
}

pub(crate) async fn f_14_what_a_stopped_worker_had_asked_is_asked_by_another(stage: &Stage) {
    stage.faults(json!([
        { "method": "sms/status", "times": 1, "fault": { "kind": "accept_then_hang" } }
    ]));
    let dying = stage.work().await;
    let id = accepted(stage).await;
    stage.advance(FIRST);
    asked(stage, 1).await;
    dying.stop().await;
    let row = stage.row(id, 1).await.expect("a row");
    assert_eq!((row.delivery_status, row.delivery_checked_at), (None, None));

    // It has given the right to ask back, and what was not recorded is still due.
    let living = stage.work().await;
    becomes(stage, id, 10).await;
    counts(&living, "delivered", 1.0).await;
    living.stop().await;
    assert_eq!(stage.questions(), 2);
}

pub(crate) async fn f_01_deliveries_of_a_dead_worker_are_followed_by_another_after_a_minute(
    stage: &Stage,
) {
    let dead = Uuid::from_u128(4_711);
    let life = Duration::from_mins(1);
    let follows = stage.stores.hot_state.follow(&KAVENEGAR, dead, life).await;
    assert!(follows.expect("an answer"));
    let living = stage.work().await;
    let id = accepted(stage).await;
    // It does not ask, and shows how far the questions are behind all the same.
    for late in [1.0, 2.0, 3.0] {
        stage.advance(if late < 2.0 { FIRST } else { SECOND });
        living.shows("ramz_delivery_overdue_seconds", late).await;
    }
    assert_eq!(stage.questions(), 0);
    stage.advance(A_MINUTE);
    becomes(stage, id, 10).await;
    living.shows("ramz_delivery_overdue_seconds", 0.0).await;
    living.stop().await;
}

pub(crate) async fn f_09_a_worker_that_does_not_reach_the_gateway_lets_another_ask(stage: &Stage) {
    let living = stage.work().await;
    let id = accepted(stage).await;
    living.stop().await;
    let cut_off = stage.work_without_gateway().await;
    stage.advance(FIRST);
    cut_off
        .counts("ramz_gateway_requests_total", "sms/status", 1)
        .await;
    let living = stage.work().await;
    becomes(stage, id, 10).await;
    counts(&living, "delivered", 1.0).await;
    cut_off.stop().await;
    living.stop().await;
}

pub(crate) async fn f_09_what_was_not_answered_keeps_nothing_else_waiting(stage: &Stage) {
    stage.faults(json!([
        { "method": "sms/status", "times": 1, "fault": { "kind": "cut_json" } }
    ]));
    let worker = stage.work().await;
    let first = accepted(stage).await;
    stage.advance(FIRST);
    asked(stage, 1).await;
    let other = accepted_for(stage, Purpose::Register).await;
    stage.advance(FIRST);
    becomes(stage, other, 10).await;
    let row = stage.row(first, 1).await.expect("a row");
    assert_eq!(row.delivery_checked_at, None, "its minute is not over");
    stage.advance(A_MINUTE);
    becomes(stage, first, 10).await;
    counts(&worker, "delivered", 2.0).await;
    worker.stop().await;
    assert_eq!(stage.questions(), 3);
}

pub(crate) async fn f_09_answers_that_say_nothing_lose_nothing(stage: &Stage) {
    let worker = stage.work().await;
    let id = accepted(stage).await;
    let once = |fault: serde_json::Value| {
        stage.faults(json!([{ "method": "sms/status", "times": 1, "fault": fault }]));
    };
    // The gateway has no such record: the plan goes on.
    once(json!({ "kind": "status", "status": 449 }));
    stage.advance(FIRST);
    let row = eventually(PATIENCE, async || {
        let row = stage.row(id, 1).await?;
        row.delivery_checked_at.is_some().then_some(row)
    })
    .await;
    assert_eq!(row.delivery_status, None);
    let planned = row.next_check_at.zip(row.finished_at);
    assert_eq!(
        planned.map(|(next, from)| (next - from).num_seconds()),
        Some(30)
    );

    // A page of a proxy, half an answer, a gateway that has enough: the question stays.
    let mut questions = 1;
    for fault in [
        json!({ "kind": "html_ok" }),
        json!({ "kind": "cut_json" }),
        json!({ "kind": "status", "status": 409 }),
    ] {
        once(fault);
        stage.advance(A_MINUTE);
        questions += 1;
        asked(stage, questions).await;
        let again = stage.row(id, 1).await.expect("a row");
        assert_eq!(again.delivery_checked_at, row.delivery_checked_at);
    }
    stage.advance(A_MINUTE);
    becomes(stage, id, 10).await;
    counts(&worker, "delivered", 1.0).await;
    worker.shows("ramz_delivery_overdue_seconds", 0.0).await;
    assert!(worker.counted("ramz_gateway_errors_total", "transient") >= 1.0);
    worker.stop().await;
}

pub(crate) async fn a_message_that_the_gateway_forgot_is_unknown(stage: &Stage) {
    let worker = stage.work().await;
    let id = accepted(stage).await;
    stage.the_gateway_forgets();
    stage.advance(FIRST);
    let row = becomes(stage, id, 100).await;
    assert!(row.next_check_at.is_some(), "not known is not failed");
    stage.advance(DAYS);
    counts(&worker, "unknown", 1.0).await;
    let row = stage.row(id, 1).await.expect("a row");
    assert_eq!((row.delivery_status, row.next_check_at), (Some(100), None));
    assert_counted(&worker, "failed", 0.0);
    assert_counted(&worker, "handed_over", 0.0);
    worker.stop().await;
}

pub(crate) async fn a_34_reports_hasten_the_question_and_decide_nothing(stage: &Stage) {
    let worker = stage.work().await;
    let id = accepted(stage).await;
    let row = stage.row(id, 1).await.expect("a row");
    let messageid = row.message_id.expect("a number");
    let report = async |code| {
        let status = DeliveryStatus::from_code(code);
        let (records, now) = (&stage.stores.records, stage.clock.now());
        let noted = records
            .note_delivery_report(&KAVENEGAR, &messageid, status, now)
            .await;
        noted.expect("an answer")
    };
    // A lie, and then the truth, twice: the gateway decides each time.
    assert_eq!(report(6).await, Reported::Open);
    stage.advance(SECOND);
    becomes(stage, id, 5).await;
    stage.advance(3 * SECOND);
    for _ in 0..2 {
        assert_eq!(report(10).await, Reported::Open);
    }
    stage.advance(SECOND);
    let delivered = becomes(stage, id, 10).await;
    counts(&worker, "delivered", 1.0).await;
    for late in [4, 11, 10] {
        assert_eq!(report(late).await, Reported::Closed);
    }
    let (messages, seconds) = worker.delivery_seconds();
    assert_eq!(messages, 1);
    assert!((seconds - 5.0).abs() < 1e-9, "{seconds}");
    worker.stop().await;
    assert_eq!(stage.row(id, 1).await, Some(delivered));
    assert_eq!(stage.questions(), 2);
}

pub(crate) async fn f_10_nothing_is_asked_while_the_breaker_is_open(stage: &Stage) {
    let worker = stage.work().await;
    let id = accepted(stage).await;
    stage.credit(0);
    let opened = stage.stores.hot_state.open_breaker(418).await;
    assert!(opened.expect("an answer"));
    for late in [1.0, 2.0, 3.0] {
        stage.advance(if late < 2.0 { FIRST } else { SECOND });
        worker.shows("ramz_delivery_overdue_seconds", late).await;
    }
    assert_eq!(stage.questions(), 0);
    stage.credit(1_000_000);
    let closed = stage.stores.hot_state.close_breaker().await;
    closed.expect("closed");
    becomes(stage, id, 10).await;
    worker.shows("ramz_delivery_overdue_seconds", 0.0).await;
    worker.stop().await;
}

pub(crate) async fn questions_leave_the_rate_to_the_messages(stage: &Stage) {
    let worker = stage.work_at_rate(1).await;
    let id = accepted(stage).await;
    // Messages have the places of the next minute.
    for _ in 0..60 {
        let patience = shared::hot_state::gate::LONGEST_PATIENCE;
        let place = stage.stores.hot_state.admit_call(1, patience).await;
        place.expect("an answer");
    }
    for late in [1.0, 2.0, 3.0] {
        stage.advance(if late < 2.0 { FIRST } else { SECOND });
        worker.shows("ramz_delivery_overdue_seconds", late).await;
    }
    assert_eq!(stage.questions(), 0);
    stage.advance(180 * SECOND);
    becomes(stage, id, 10).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_04_deliveries_are_followed_again_when_postgres_is_back() {
    let (redis, mut postgres) =
        tokio::join!(RedisServer::start(), PostgresServer::start_without_fsync());
    let stage = Stage::on(redis.url(), &postgres).await;
    let worker = stage.work().await;
    let id = accepted(&stage).await;
    postgres.kill();
    // It shows for how long the looks have failed.
    eventually(PATIENCE, async || {
        stage.advance(SECOND);
        let overdue = worker.gauge("ramz_delivery_overdue_seconds")?;
        (overdue >= 3.0).then_some(())
    })
    .await;
    postgres.restart().await;
    stage.advance(FIRST);
    becomes(&stage, id, 10).await;
    counts(&worker, "delivered", 1.0).await;
    worker.stop().await;
}

//! Nobody knows at first whether a message went.

use domain::challenge::{ChallengeId, Channel};
use domain::otp::Purpose;
use serde_json::json;
use shared::records::{
    Finish, LedgerOutcome, LedgerRow, LedgerState, MessageId, SendKey, SendResult,
};

use crate::stage::{OTHER_RUN, PATIENCE, PHONE, Route, Stage, Working};

/// The longest wait before a look.
const TO_THE_LOOK: i64 = 3_000;
/// The longest wait between the second look and the repetition.
const TO_THE_REPETITION: i64 = 500;
/// Longer than any delay after a failure.
const A_WHILE: i64 = 16_000;
const TO_THE_DEADLINE: i64 = 90_000;

fn first(challenge: ChallengeId) -> SendKey {
    SendKey::first_leg(challenge.into(), 1)
}

/// Lets the next calls that send fail in this way.
fn spoil(stage: &Stage, route: Route, times: u32, fault: &serde_json::Value) {
    let method = route.method();
    stage.faults(json!([{ "method": method, "times": times, "fault": fault }]));
}

/// Goes from the unknown outcome to the moment at which the message may be sent again.
async fn look_twice(stage: &Stage, id: ChallengeId) -> LedgerRow {
    for looks in 1..=2 {
        stage.let_the_delay_pass(TO_THE_LOOK).await;
        stage.has_looked(id, looks).await;
    }
    stage.row(id, 1).await.expect("a row")
}

/// Waits until the gateway was asked so often, whatever came of it.
async fn asks(worker: &Working, route: Route, times: u32) {
    worker
        .counts("ramz_gateway_requests_total", route.look_method(), times)
        .await;
}

pub(crate) async fn f_11_a_message_whose_answer_was_lost_is_found_and_never_doubled(stage: &Stage) {
    let kinds = [
        "accept_then_reset",
        "cut_json",
        "empty_body",
        "entries_null",
    ];
    for route in Route::ALL {
        let worker = stage.work_by(route).await;
        for kind in kinds {
            spoil(stage, route, 1, &json!({ "kind": kind }));
            let id = stage.ask_many(1).await[0];
            let unknown = stage.reaches(id, LedgerState::Unknown).await;
            assert!(unknown.error_class.is_some(), "{kind}");
            stage.let_the_delay_pass(TO_THE_LOOK).await;
            let row = stage.reaches(id, LedgerState::Accepted).await;
            stage.everything_is_settled().await;
            let newest = &stage.messages()[0];
            assert_eq!(
                row.message_id.as_ref().and_then(MessageId::number),
                i64::try_from(newest.messageid).ok(),
                "{kind}"
            );
            assert_eq!((row.attempt, row.error_class), (1, None), "{kind}");
            assert!(!row.resent_ambiguous, "{kind}");
            assert!(row.next_check_at.is_some(), "its delivery is asked for");
        }
        assert!(worker.has_counted("ramz_sms_reconciled_total", "went", 4));
        assert!(worker.has_counted("ramz_sms_total", "unknown", 4));
        assert!(worker.has_counted("ramz_sms_total", "accepted", 4));
        assert!(worker.has_counted("ramz_sms_resent_ambiguous_total", "", 0));
        worker.stop().await;
    }
    assert_eq!(stage.messages().len(), Route::ALL.len() * kinds.len());
}

pub(crate) async fn f_11_a_message_that_did_not_go_is_sent_once_more_and_flagged(stage: &Stage) {
    let faults = [
        json!({ "kind": "html_error" }),
        json!({ "kind": "html_ok" }),
        json!({ "kind": "reset_before_accept" }),
        json!({ "kind": "status", "status": 402 }),
    ];
    for route in Route::ALL {
        let worker = stage.work_by(route).await;
        for fault in &faults {
            spoil(stage, route, 1, fault);
            let id = stage.ask_many(1).await[0];
            let unknown = stage.reaches(id, LedgerState::Unknown).await;
            let before = stage.messages().len();
            look_twice(stage, id).await;
            assert_eq!(stage.messages().len(), before, "{fault}");
            stage.let_the_delay_pass(TO_THE_REPETITION).await;
            let row = stage.reaches(id, LedgerState::Accepted).await;
            stage.everything_is_settled().await;
            assert!(row.resent_ambiguous, "{fault}");
            assert_eq!((row.attempt, row.localid), (2, unknown.localid), "{fault}");
            let messages = stage.messages();
            assert_eq!(messages.len(), before + 1, "{fault}");
            assert_eq!(messages[0].code, Some(stage.code(id).await), "{fault}");
        }
        assert!(worker.has_counted("ramz_sms_reconciled_total", "resent", 4));
        assert!(worker.has_counted("ramz_sms_resent_ambiguous_total", "", 4));
        assert!(worker.has_counted("ramz_sms_total", "unknown", 4));
        assert!(worker.has_counted("ramz_sms_total", "accepted", 4));
        worker.stop().await;
    }
}

pub(crate) async fn i_02_a_send_that_a_dead_worker_left_open_is_looked_for_before_it_is_sent(
    stage: &Stage,
) {
    for (localid, route) in (815..).zip(Route::ALL) {
        let id = stage.ask_many(1).await[0];
        stage.begin_elsewhere(first(id), route, localid).await;
        let worker = stage.work_by(route).await;
        stage.reaches(id, LedgerState::Unknown).await;
        stage.let_the_delay_pass(TO_THE_LOOK).await;
        stage.has_looked(id, 1).await;
        stage.let_the_delay_pass(0).await;
        worker.stop().await;
        // What one worker has seen counts for the next.
        stage.advance(TO_THE_LOOK);
        let worker = stage.work_by(route).await;
        stage.has_looked(id, 2).await;
        stage.let_the_delay_pass(TO_THE_REPETITION).await;
        let row = stage.reaches(id, LedgerState::Accepted).await;
        stage.everything_is_settled().await;
        worker.stop().await;
        assert!(row.resent_ambiguous);
        assert_eq!((row.attempt, row.localid), (2, Some(localid)));
    }
    assert_eq!(stage.messages().len(), Route::ALL.len());
}

pub(crate) async fn i_02_a_message_that_a_dead_worker_had_sent_is_found(stage: &Stage) {
    for (number, route) in (0..).zip(Route::ALL) {
        let phone = format!("+98912000000{number}");
        let localid = 815 + number;
        let id = stage.ask(&phone, Channel::Sms).await;
        stage.begin_elsewhere(first(id), route, localid).await;
        stage.gateway_takes(&phone, localid).await;
        let worker = stage.work_by(route).await;
        stage.reaches(id, LedgerState::Unknown).await;
        stage.let_the_delay_pass(TO_THE_LOOK).await;
        let row = stage.reaches(id, LedgerState::Accepted).await;
        stage.everything_is_settled().await;
        worker.stop().await;
        assert_eq!((row.attempt, row.fence), (1, OTHER_RUN));
        assert_eq!(
            row.message_id.as_ref().and_then(MessageId::number),
            i64::try_from(stage.messages()[0].messageid).ok()
        );
    }
    assert_eq!(stage.messages().len(), Route::ALL.len());
}

pub(crate) async fn i_02_a_message_is_sent_again_once_at_most(stage: &Stage) {
    for route in Route::ALL {
        let worker = stage.work_by(route).await;
        spoil(stage, route, 2, &json!({ "kind": "reset_before_accept" }));
        let id = stage.ask_many(1).await[0];
        stage.reaches(id, LedgerState::Unknown).await;
        look_twice(stage, id).await;
        stage.let_the_delay_pass(TO_THE_REPETITION).await;
        harness::eventually(PATIENCE, async || {
            let row = stage.row(id, 1).await?;
            (row.attempt == 2 && row.state == LedgerState::Unknown).then_some(())
        })
        .await;
        look_twice(stage, id).await;
        stage.everything_is_settled().await;
        let row = stage.row(id, 1).await.expect("a row");
        assert_eq!((row.state, row.attempt), (LedgerState::Unknown, 2));
        assert!(worker.has_counted("ramz_gateway_requests_total", route.method(), 2));
        assert!(worker.has_counted("ramz_sms_reconciled_total", "resent", 1));
        assert!(worker.has_counted("ramz_sms_reconciled_total", "undecided", 1));
        worker.stop().await;
    }
    assert!(stage.messages().is_empty());
}

pub(crate) async fn i_02_looks_that_fail_prove_nothing(stage: &Stage) {
    let with = stage.work().await;
    spoil(
        stage,
        Route::Template,
        1,
        &json!({ "kind": "accept_then_reset" }),
    );
    let id = stage.ask(PHONE, Channel::Sms).await;
    stage.reaches(id, LedgerState::Unknown).await;
    stage.let_the_delay_pass(0).await;
    with.stop().await;
    stage.advance(TO_THE_LOOK);
    let without = stage.work_without_gateway().await;
    for looks in 1..=3 {
        asks(&without, Route::Template, looks).await;
        stage.let_the_delay_pass(A_WHILE).await;
    }
    asks(&without, Route::Template, 4).await;
    stage.let_the_delay_pass(0).await;
    without.stop().await;
    let row = stage.row(id, 1).await.expect("a row");
    assert_eq!((row.state, row.looks), (LedgerState::Unknown, 0));
    stage.advance(A_WHILE);
    let with = stage.work().await;
    stage.reaches(id, LedgerState::Accepted).await;
    stage.everything_is_settled().await;
    with.stop().await;
    assert_eq!(stage.messages().len(), 1);
}

pub(crate) async fn i_02_looks_that_count_are_two_seconds_apart(stage: &Stage) {
    let worker = stage.work().await;
    let fault = json!({ "kind": "reset_before_accept" });
    spoil(stage, Route::Template, 1, &fault);
    let id = stage.ask(PHONE, Channel::Sms).await;
    let unknown = stage.reaches(id, LedgerState::Unknown).await;
    // A worker has looked and died before it could delay the job.
    stage.let_the_delay_pass(1_500).await;
    let first_at = stage.clock.now();
    let counted = stage.stores.records.count_look(&unknown, first_at).await;
    assert!(counted.expect("an answer"));
    stage.let_the_delay_pass(1_500).await;
    stage.let_the_delay_pass(500).await;
    let row = stage.has_looked(id, 2).await;
    worker.stop().await;
    let apart = row.looked_at.expect("a look") - first_at;
    assert!(apart.num_milliseconds() >= 2_000, "{apart}");
}

pub(crate) async fn i_02_a_message_of_another_send_is_not_taken_for_ones_own(stage: &Stage) {
    let worker = stage.work().await;
    let known = stage.ask(PHONE, Channel::Sms).await;
    stage.reaches(known, LedgerState::Accepted).await;
    spoil(
        stage,
        Route::Template,
        1,
        &json!({ "kind": "reset_before_accept" }),
    );
    let id = stage.ask_for(PHONE, Channel::Sms, Purpose::Register).await;
    stage.reaches(id, LedgerState::Unknown).await;
    look_twice(stage, id).await;
    stage.let_the_delay_pass(TO_THE_REPETITION).await;
    let row = stage.reaches(id, LedgerState::Accepted).await;
    worker.stop().await;
    assert!(row.resent_ambiguous);
    let codes: Vec<_> = stage
        .messages()
        .into_iter()
        .filter_map(|message| message.code)
        .collect();
    assert_eq!(codes, [stage.code(id).await, stage.code(known).await]);
}

pub(crate) async fn i_02_one_message_is_not_taken_for_either_of_two_open_sends(stage: &Stage) {
    let worker = stage.work().await;
    let mut sends = Vec::new();
    for (kind, purpose) in [
        ("accept_then_reset", Purpose::SignIn),
        ("reset_before_accept", Purpose::Register),
    ] {
        spoil(stage, Route::Template, 1, &json!({ "kind": kind }));
        let id = stage.ask_for(PHONE, Channel::Sms, purpose).await;
        stage.reaches(id, LedgerState::Unknown).await;
        sends.push(id);
    }
    let both_wait = || {
        harness::eventually(PATIENCE, async || {
            (stage.queue().await.delayed == 2).then_some(())
        })
    };
    both_wait().await;
    stage.advance(TO_THE_LOOK);
    asks(&worker, Route::Template, 2).await;
    // A job that is put back after the clock was moved would wait for a moment that never comes.
    both_wait().await;
    stage.advance(TO_THE_DEADLINE);
    stage.everything_is_settled().await;
    for id in sends {
        let row = stage.row(id, 1).await.expect("a row");
        assert_eq!(
            (row.state, row.attempt, row.looks),
            (LedgerState::Unknown, 1, 0)
        );
    }
    assert!(worker.has_counted("ramz_sms_reconciled_total", "undecided", 2));
    worker.stop().await;
    assert_eq!(stage.messages().len(), 1);
}

pub(crate) async fn i_02_several_strange_messages_leave_it_undecided(stage: &Stage) {
    let worker = stage.work().await;
    spoil(
        stage,
        Route::Template,
        1,
        &json!({ "kind": "reset_before_accept" }),
    );
    let id = stage.ask(PHONE, Channel::Sms).await;
    stage.reaches(id, LedgerState::Unknown).await;
    for localid in [1, 2] {
        stage.gateway_takes(PHONE, localid).await;
    }
    stage.let_the_delay_pass(TO_THE_LOOK).await;
    stage.everything_is_settled().await;
    assert!(worker.has_counted("ramz_sms_reconciled_total", "undecided", 1));
    worker.stop().await;
    let row = stage.row(id, 1).await.expect("a row");
    assert_eq!((row.state, row.attempt), (LedgerState::Unknown, 1));
    assert_eq!(row.message_id, None);
    assert_eq!(stage.messages().len(), 2);
}

pub(crate) async fn i_07_nothing_is_looked_for_or_sent_again_after_the_deadline(stage: &Stage) {
    let worker = stage.work().await;
    spoil(
        stage,
        Route::Template,
        3,
        &json!({ "kind": "reset_before_accept" }),
    );

    let before_the_repetition = stage.ask_many(1).await[0];
    stage
        .reaches(before_the_repetition, LedgerState::Unknown)
        .await;
    look_twice(stage, before_the_repetition).await;
    stage.let_the_delay_pass(TO_THE_DEADLINE).await;
    stage.everything_is_settled().await;

    let before_the_look = stage.ask_many(1).await[0];
    stage.reaches(before_the_look, LedgerState::Unknown).await;
    stage.let_the_delay_pass(TO_THE_DEADLINE).await;
    stage.everything_is_settled().await;
    assert!(worker.has_counted("ramz_sms_total", "expired", 0));
    worker.stop().await;

    // No look would come before the deadline: none is waited for.
    let late = stage.ask_many(1).await[0];
    stage.advance(TO_THE_DEADLINE - 2_000);
    let worker = stage.work().await;
    stage.reaches(late, LedgerState::Unknown).await;
    stage.everything_is_settled().await;
    assert!(worker.has_counted("ramz_sms_reconciled_total", "undecided", 1));
    worker.stop().await;

    for id in [before_the_repetition, before_the_look, late] {
        let row = stage.row(id, 1).await.expect("a row");
        assert_eq!((row.state, row.attempt), (LedgerState::Unknown, 1));
    }
    assert!(stage.messages().is_empty());
}

pub(crate) async fn i_07_nothing_is_sent_again_for_a_code_that_was_used(stage: &Stage) {
    let worker = stage.work().await;
    spoil(
        stage,
        Route::Template,
        1,
        &json!({ "kind": "reset_before_accept" }),
    );
    let id = stage.ask(PHONE, Channel::Sms).await;
    stage.reaches(id, LedgerState::Unknown).await;
    look_twice(stage, id).await;
    assert!(
        stage
            .stores
            .hot_state
            .close_root(id.into())
            .await
            .expect("an answer")
    );
    stage.let_the_delay_pass(TO_THE_REPETITION).await;
    stage.everything_is_settled().await;
    assert!(worker.has_counted("ramz_sms_reconciled_total", "undecided", 1));
    worker.stop().await;
    let row = stage.row(id, 1).await.expect("a row");
    assert_eq!((row.state, row.attempt), (LedgerState::Unknown, 1));
    assert!(stage.messages().is_empty());
}

pub(crate) async fn a_local_id_that_is_taken_is_replaced(stage: &Stage) {
    stage.gateway_takes("+989120000001", 815).await;
    let id = stage.ask(PHONE, Channel::Sms).await;
    // The first attempt drew the local id and could not reach the gateway.
    let (ledger, attempt) = stage.begin_elsewhere(first(id), Route::Text, 815).await;
    let outcome = LedgerOutcome {
        result: SendResult::NotSent,
        message_id: None,
        cost_rials: None,
        gateway_status: None,
        entry_status: None,
        error_class: Some("connect".to_owned()),
    };
    let finish = Finish {
        key: first(id),
        attempt,
        fence: OTHER_RUN,
        outcome,
    };
    ledger.finish(finish).await.expect("recorded");

    let worker = stage.work_by(Route::Text).await;
    stage.has_failed(id, 2).await;
    let row = stage.row(id, 1).await.expect("a row");
    assert_eq!(row.error_class.as_deref(), Some("localid_collision"));
    assert_eq!(row.message_id, None, "it is the other's");
    stage.let_the_delay_pass(A_WHILE).await;
    let row = stage.reaches(id, LedgerState::Accepted).await;
    assert!(worker.has_counted("ramz_gateway_errors_total", "localid_collision", 1));
    worker.stop().await;
    assert_eq!(row.attempt, 3);
    assert!(row.localid.is_some_and(|localid| localid != 815));
    assert!(!row.resent_ambiguous);
    let messages = stage.messages();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].receptor, "09123456789");
}

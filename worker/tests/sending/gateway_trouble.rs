//! The gateway is away, refuses, or answers so that nobody knows.

use domain::challenge::Channel;
use serde_json::json;
use shared::records::LedgerState;

use crate::stage::{PHONE, Stage};

/// Longer than any first delay of a retry.
const A_WHILE: i64 = 16_000;

pub(crate) async fn a_gateway_that_is_not_there_is_tried_again(stage: &Stage) {
    let id = stage.ask(PHONE, Channel::Sms).await;
    let without = stage.work_without_gateway().await;
    let row = stage.reaches(id, LedgerState::NotSent).await;
    assert_eq!(
        (row.attempt, row.error_class.as_deref()),
        (1, Some("connect"))
    );
    stage.let_the_delay_pass(0).await;
    without.stop().await;
    stage.advance(A_WHILE);
    let with = stage.work().await;
    let row = stage.reaches(id, LedgerState::Accepted).await;
    assert!(row.attempt >= 2, "{row:?}");
    with.stop().await;
    assert_eq!(stage.messages().len(), 1);
}

pub(crate) async fn codes_that_ask_for_patience_are_tried_again(stage: &Stage) {
    stage.faults(json!([{ "times": 2, "fault": { "kind": "status", "status": 409 } }]));
    let id = stage.ask(PHONE, Channel::Sms).await;
    let worker = stage.work().await;
    for attempt in 1..=2 {
        stage.has_failed(id, attempt).await;
        stage.let_the_delay_pass(A_WHILE).await;
    }
    let row = stage.reaches(id, LedgerState::Accepted).await;
    worker.stop().await;
    assert_eq!(row.attempt, 3);
    assert_eq!(stage.messages().len(), 1);
}

pub(crate) async fn f_10_without_credit_the_error_is_recorded_and_the_message_goes_out_after_the_recharge(
    stage: &Stage,
) {
    stage.credit(0);
    let id = stage.ask(PHONE, Channel::Sms).await;
    let worker = stage.work().await;
    let row = stage.reaches(id, LedgerState::NotSent).await;
    assert_eq!(
        (row.gateway_status, row.error_class.as_deref()),
        (Some(418), Some("account"))
    );
    assert!(worker.counted("ramz_gateway_errors_total", "418") >= 1.0);
    stage.credit(1_000_000);
    stage.let_the_delay_pass(A_WHILE).await;
    stage.everything_goes_out().await;
    stage.reaches(id, LedgerState::Accepted).await;
    worker.stop().await;
    assert_eq!(stage.messages().len(), 1);
}

pub(crate) async fn a_refused_receptor_is_final(stage: &Stage) {
    stage.faults(json!([{ "fault": { "kind": "status", "status": 411 } }]));
    let id = stage.ask(PHONE, Channel::Sms).await;
    let worker = stage.work().await;
    let row = stage.reaches(id, LedgerState::Refused).await;
    stage.everything_is_settled().await;
    worker.stop().await;
    assert_eq!((row.gateway_status, row.attempt), (Some(411), 1));
    assert!(stage.messages().is_empty());
}

pub(crate) async fn a_message_that_finds_no_gateway_before_its_deadline_expires(stage: &Stage) {
    let id = stage.ask(PHONE, Channel::Sms).await;
    let worker = stage.work_without_gateway().await;
    stage.reaches(id, LedgerState::NotSent).await;
    stage.let_the_delay_pass(90_000).await;
    stage.reaches(id, LedgerState::Expired).await;
    stage.everything_is_settled().await;
    worker.stop().await;
    assert!(stage.messages().is_empty());
}

//! What is shown of the account.

use domain::challenge::Channel;
use harness::eventually;
use serde_json::json;
use shared::hot_state::OpenBreaker;
use shared::records::LedgerState;

use crate::stage::{CONCURRENCY, PATIENCE, PHONE, Stage};

/// More than the time between two looks at the settings.
const MORE_THAN_AN_HOUR: i64 = 67 * 60 * 1000;

pub(crate) async fn credit_and_harmful_settings_are_shown(stage: &Stage) {
    stage.credit(777_000);
    let worker = stage.work().await;
    worker.shows("ramz_gateway_credit_rials", 777_000.0).await;
    worker.shows("ramz_gateway_debugmode", 0.0).await;
    worker.shows("ramz_gateway_resendfailed", 0.0).await;
    worker.stop().await;
    stage
        .simulator
        .change_account(json!({ "debugmode": true, "resendfailed": true }))
        .expect("a change");
    let worker = stage.work().await;
    worker.shows("ramz_gateway_debugmode", 1.0).await;
    worker.shows("ramz_gateway_resendfailed", 1.0).await;
    worker.stop().await;
    let account = stage.simulator.account();
    assert!(
        account.debugmode && account.resendfailed,
        "looking at the account changed it"
    );
}

pub(crate) async fn a_watch_that_fails_does_not_stop_the_worker(stage: &Stage) {
    stage.faults(json!([{ "method": "account/*", "fault": { "kind": "html_error" } }]));
    let worker = stage.work().await;
    let id = stage.ask(PHONE, Channel::Sms).await;
    stage.reaches(id, LedgerState::Accepted).await;
    eventually(PATIENCE, async || (stage.probes() > 0).then_some(())).await;
    assert_eq!(
        worker.gauge("ramz_gateway_credit_rials"),
        None,
        "a credit that nobody has seen is not shown as zero"
    );
    worker.stop().await;
}

/// The worker goes on; only anyone who reads the log or the metrics can know that nobody gets a code.
pub(crate) async fn f_10_debug_mode_is_seen_while_the_worker_runs_and_when_it_ends(stage: &Stage) {
    let worker = stage.work().await;
    worker.shows("ramz_gateway_debugmode", 0.0).await;
    stage
        .simulator
        .change_account(json!({ "debugmode": true }))
        .expect("a change");
    let id = stage.ask(PHONE, Channel::Sms).await;
    stage.reaches(id, LedgerState::Accepted).await;
    stage.advance(MORE_THAN_AN_HOUR);
    worker.shows("ramz_gateway_debugmode", 1.0).await;
    stage
        .simulator
        .change_account(json!({ "debugmode": false }))
        .expect("a change");
    stage.advance(MORE_THAN_AN_HOUR);
    worker.shows("ramz_gateway_debugmode", 0.0).await;
    worker.stop().await;
}

pub(crate) async fn f_10_a_key_that_is_refused_is_shown_until_it_is_taken_again(stage: &Stage) {
    let worker = stage.work().await;
    worker.shows("ramz_gateway_key_valid", 1.0).await;
    // The last of the first look, so that none is under way.
    worker.shows("ramz_gateway_debugmode", 0.0).await;
    let seen = worker.gauge("ramz_gateway_account_seen_seconds");
    stage.faults(json!([{ "method": "*", "fault": { "kind": "status", "status": 403 } }]));
    let id = stage.ask(PHONE, Channel::Sms).await;
    // Long before the next look: by the refused message.
    worker.shows("ramz_gateway_key_valid", 0.0).await;
    worker.shows("ramz_gateway_breaker_open", 1.0).await;
    assert!(worker.has_counted("ramz_gateway_errors_total", "403", 1));
    stage.all_are_delayed(1).await;
    let breaker = stage.stores.hot_state.breaker().await.expect("an answer");
    assert!(
        matches!(breaker, Some(OpenBreaker { code: 403, .. })),
        "{breaker:?}"
    );
    assert_eq!(
        worker.gauge("ramz_gateway_account_seen_seconds"),
        seen,
        "a refused look is no look"
    );
    stage.faults(json!([]));
    stage.clock.advance(10_000);
    stage.everything_goes_out().await;
    worker.shows("ramz_gateway_key_valid", 1.0).await;
    stage.reaches(id, LedgerState::Accepted).await;
    worker.stop().await;
    assert_eq!(stage.messages().len(), 1);
}

/// A worker that sends nothing finds out as well.
pub(crate) async fn f_10_an_idle_worker_notices_that_its_key_is_refused(stage: &Stage) {
    stage
        .simulator
        .change_account(json!({ "disabled": true }))
        .expect("a change");
    let worker = stage.work().await;
    worker.shows("ramz_gateway_key_valid", 0.0).await;
    worker.shows("ramz_gateway_breaker_open", 0.0).await;
    stage
        .simulator
        .change_account(json!({ "disabled": false }))
        .expect("a change");
    stage.advance(2 * 60 * 1000);
    worker.shows("ramz_gateway_key_valid", 1.0).await;
    worker.stop().await;
}

pub(crate) async fn what_messages_cost_is_counted_and_the_days_of_credit_are_shown(stage: &Stage) {
    let worker = stage.work().await;
    worker.shows("ramz_gateway_key_valid", 1.0).await;
    let challenges = stage.ask_many(10).await;
    for id in challenges {
        stage.reaches(id, LedgerState::Accepted).await;
    }
    let tariff = stage.simulator.account().tariff;
    let cost = u32::try_from(10 * tariff).expect("a price");
    worker.counts("ramz_sms_cost_rials_total", "", cost).await;
    assert!(worker.has_counted("ramz_sms_cost_rials_total", "", cost));
    assert_eq!(
        worker.gauge("ramz_gateway_credit_days_left"),
        None,
        "nothing was spent when it was looked at"
    );
    stage.credit(10 * tariff * 4);
    stage.advance(MORE_THAN_AN_HOUR);
    worker.shows("ramz_gateway_credit_days_left", 4.0).await;
    worker.stop().await;
}

pub(crate) async fn jobs_that_run_are_shown_while_they_do(stage: &Stage) {
    let worker = stage.work().await;
    worker.shows("ramz_worker_busy", 0.0).await;
    worker
        .shows(
            "ramz_worker_concurrency",
            f64::from(u32::try_from(CONCURRENCY).expect("few")),
        )
        .await;
    // Longer than any look at the gauge takes.
    stage.faults(json!([{ "times": 1, "fault": { "kind": "delay", "ms": 4_000 } }]));
    let id = stage.ask(PHONE, Channel::Sms).await;
    worker.shows("ramz_worker_busy", 1.0).await;
    stage.reaches(id, LedgerState::Accepted).await;
    worker.shows("ramz_worker_busy", 0.0).await;
    worker.stop().await;
}

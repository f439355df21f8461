//! What is shown of the account.

use serde_json::json;
use shared::challenge::Channel;
use shared::records::LedgerState;

use crate::stage::{PHONE, Stage};

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
    harness::eventually(crate::stage::PATIENCE, async || {
        (stage.probes() > 0).then_some(())
    })
    .await;
    assert_eq!(
        worker.gauge("ramz_gateway_credit_rials"),
        None,
        "a credit that nobody has seen is not shown as zero"
    );
    worker.stop().await;
}

//! The breaker and the rate of calls, over all workers.

use domain::challenge::{ChallengeId, Channel};
use domain::limits::Rule;
use harness::eventually;
use serde_json::json;
use shared::hot_state::{Accepted, OpenBreaker};
use shared::records::LedgerState;

use crate::stage::{CONCURRENCY, PATIENCE, PHONE, Stage, Working};

const NO_CREDIT: i32 = 418;
/// Longer than a job that was put off waits for the outcome of a probe.
const AFTER_A_PROBE: i64 = 3_000;

async fn breaker(stage: &Stage) -> Option<OpenBreaker> {
    stage.stores.hot_state.breaker().await.expect("an answer")
}

async fn open_breaker(stage: &Stage) {
    let opened = stage.stores.hot_state.open_breaker(NO_CREDIT).await;
    assert!(opened.expect("an answer"));
}

/// Moves the clock to the next probe and waits until it has failed.
async fn let_a_probe_fail(stage: &Stage) {
    let before = breaker(stage).await.expect("open");
    stage
        .clock
        .advance(before.probe_at - stage.clock.now_millis());
    let probes = stage.probes();
    eventually(PATIENCE, async || (stage.probes() > probes).then_some(())).await;
    // During the probe its lease is there, which is 15 seconds long; after it the time to the next.
    eventually(PATIENCE, async || {
        let wait = breaker(stage).await?.probe_at - stage.clock.now_millis();
        (wait != 0 && wait != 15_000).then_some(())
    })
    .await;
}

/// The worker has looked at the account, so that what is asked from now on are probes.
async fn has_looked_at_the_account(worker: &Working) {
    worker.shows("ramz_gateway_debugmode", 0.0).await;
}

async fn attempts(stage: &Stage, challenges: &[ChallengeId]) -> Vec<u32> {
    let mut attempts = Vec::new();
    for id in challenges {
        attempts.push(stage.reaches(*id, LedgerState::Accepted).await.attempt);
    }
    attempts
}

pub(crate) async fn f_10_an_open_breaker_lets_no_call_through(stage: &Stage) {
    stage.credit(0);
    let challenges = stage.ask_many(20).await;
    open_breaker(stage).await;
    let worker = stage.work().await;
    stage.all_are_delayed(20).await;
    // Up to 35 seconds after the first refusal, and far from the deadline.
    for _ in 0..3 {
        let_a_probe_fail(stage).await;
        stage.all_are_delayed(20).await;
        stage.clock.advance(AFTER_A_PROBE);
        stage.all_are_delayed(20).await;
    }
    assert_eq!(stage.calls(), 0);
    worker.stop().await;
    for id in challenges {
        assert_eq!(
            stage.row(id, 1).await,
            None,
            "an attempt was begun although no call is made"
        );
    }
}

pub(crate) async fn f_10_the_first_refusals_open_the_breaker_and_no_further_job_is_tried(
    stage: &Stage,
) {
    stage.credit(0);
    stage.ask_many(100).await;
    let worker = stage.work().await;
    stage.all_are_delayed(100).await;
    let refused = stage.calls();
    assert!(
        (1..=CONCURRENCY).contains(&refused),
        "{refused} calls, more than were under way at once"
    );
    assert_eq!(breaker(stage).await.map(|open| open.code), Some(NO_CREDIT));
    let accepted = stage.try_ask(PHONE).await;
    assert!(
        matches!(
            accepted,
            Accepted::Refused {
                rule: Rule::BreakerOpen,
                ..
            }
        ),
        "{accepted:?}"
    );
    worker.shows("ramz_gateway_breaker_open", 1.0).await;
    let_a_probe_fail(stage).await;
    stage.clock.advance(AFTER_A_PROBE);
    stage.all_are_delayed(100).await;
    assert_eq!(stage.calls(), refused);
    worker.stop().await;
    assert!(stage.messages().is_empty());
}

pub(crate) async fn f_10_after_the_recharge_the_waiting_messages_go_out_before_their_deadline(
    stage: &Stage,
) {
    stage.credit(0);
    let challenges = stage.ask_many(30).await;
    let worker = stage.work().await;
    stage.all_are_delayed(30).await;
    let refused = stage.calls();
    let_a_probe_fail(stage).await;
    stage.all_are_delayed(30).await;
    worker.shows("ramz_gateway_credit_rials", 0.0).await;
    stage.credit(1_000_000);
    stage.clock.advance(10_000);
    stage.everything_goes_out().await;
    let attempts = attempts(stage, &challenges).await;
    // Only those that met the refusal were tried before.
    let tried_twice = attempts.iter().filter(|attempt| **attempt == 2).count();
    assert!(attempts.iter().all(|attempt| *attempt <= 2), "{attempts:?}");
    assert_eq!(u64::try_from(tried_twice).expect("a count"), refused);
    assert_eq!(stage.messages().len(), 30);
    assert!(matches!(stage.try_ask(PHONE).await, Accepted::Sent(_)));
    worker.shows("ramz_gateway_breaker_open", 0.0).await;
    worker.stop().await;
}

pub(crate) async fn f_10_a_key_that_is_refused_opens_the_breaker_until_it_is_taken_again(
    stage: &Stage,
) {
    stage.faults(json!([
        { "method": "*", "fault": { "kind": "status", "status": 403 } }
    ]));
    let challenges = stage.ask_many(20).await;
    let worker = stage.work().await;
    stage.all_are_delayed(20).await;
    let refused = stage.calls();
    assert!((1..=CONCURRENCY).contains(&refused), "{refused} calls");
    assert_eq!(breaker(stage).await.map(|open| open.code), Some(403));
    assert!(worker.counted("ramz_gateway_errors_total", "403") >= 1.0);
    let_a_probe_fail(stage).await;
    stage.all_are_delayed(20).await;
    stage.faults(json!([]));
    stage.clock.advance(10_000);
    stage.everything_goes_out().await;
    attempts(stage, &challenges).await;
    worker.stop().await;
    assert_eq!(stage.messages().len(), 20);
}

pub(crate) async fn f_10_a_message_whose_breaker_never_closes_expires(stage: &Stage) {
    stage.credit(0);
    let id = stage.ask(PHONE, Channel::Sms).await;
    open_breaker(stage).await;
    let worker = stage.work().await;
    stage.all_are_delayed(1).await;
    stage.clock.advance(90_000);
    stage.reaches(id, LedgerState::Expired).await;
    stage.everything_is_settled().await;
    worker.stop().await;
    assert_eq!(stage.calls(), 0);
}

pub(crate) async fn f_10_one_worker_probes_for_all(stage: &Stage) {
    stage.credit(0);
    let workers = [stage.work().await, stage.work().await, stage.work().await];
    for worker in &workers {
        has_looked_at_the_account(worker).await;
    }
    open_breaker(stage).await;
    let before = stage.probes();
    for probe in 1..=3 {
        let_a_probe_fail(stage).await;
        assert_eq!(stage.probes(), before + probe);
    }
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(stage.probes(), before + 3);
}

pub(crate) async fn f_10_a_worker_that_comes_after_the_recharge_closes_the_breaker(stage: &Stage) {
    stage.credit(0);
    let id = stage.ask(PHONE, Channel::Sms).await;
    let first = stage.work().await;
    stage.all_are_delayed(1).await;
    first.stop().await;
    stage.credit(1_000_000);
    stage.clock.advance(30_000);
    assert!(breaker(stage).await.is_some(), "time alone closes nothing");
    let second = stage.work().await;
    stage.everything_goes_out().await;
    stage.reaches(id, LedgerState::Accepted).await;
    second.stop().await;
    assert_eq!(stage.messages().len(), 1);
}

pub(crate) async fn f_10_the_breaker_of_another_worker_is_shown(stage: &Stage) {
    let watching = stage.work().await;
    watching.shows("ramz_gateway_breaker_open", 0.0).await;
    open_breaker(stage).await;
    watching.shows("ramz_gateway_breaker_open", 1.0).await;
    let opened = watching.registry.gather().into_iter();
    let opened = opened
        .filter(|family| family.name() == "ramz_gateway_breaker_opened_total")
        .map(|family| family.get_metric()[0].get_counter().get_value())
        .sum::<f64>();
    assert!(opened < 1.0, "it counts what others opened");
    watching.stop().await;
}

/// What 8 calls a second allow while the clock stands: a quarter of a second's at once, and those
/// that wait up to three seconds for their turn.
const AT_EIGHT_A_SECOND: u64 = 2 + 24;

pub(crate) async fn two_workers_share_one_rate(stage: &Stage) {
    stage.ask_many(60).await;
    let workers = [stage.work_at_rate(8).await, stage.work_at_rate(8).await];
    stage.all_are_delayed(60 - AT_EIGHT_A_SECOND).await;
    assert_eq!(stage.calls(), AT_EIGHT_A_SECOND);
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(stage.messages().len(), 26);
}

pub(crate) async fn a_42_too_many_calls_halve_the_rate_which_recovers(stage: &Stage) {
    stage.faults(json!([{ "times": 1, "fault": { "kind": "status", "status": 451 } }]));
    let id = stage.ask(PHONE, Channel::Sms).await;
    let worker = stage.work_at_rate(8).await;
    stage.has_failed(id, 1).await;
    stage.all_are_delayed(1).await;
    stage.clock.advance(1_000);
    stage.ask_many(60).await;
    // At four a second: one at once and twelve that wait.
    let halved = 13;
    stage.all_are_delayed(61 - halved).await;
    assert_eq!(stage.calls(), 1 + halved);
    // Ten steps lead from the half to the full rate.
    stage.clock.advance(50_000);
    stage.all_are_delayed(61 - halved - AT_EIGHT_A_SECOND).await;
    assert_eq!(stage.calls(), 1 + halved + AT_EIGHT_A_SECOND);
    worker.stop().await;
}

pub(crate) async fn f_14_a_stop_gives_back_what_waits_for_its_turn(stage: &Stage) {
    stage.ask_many(10).await;
    let worker = stage.work_at_rate(1).await;
    eventually(PATIENCE, async || (stage.calls() == 1).then_some(())).await;
    worker.stop().await;
    let queue = stage.queue().await;
    assert_eq!(queue.in_flight, 0, "left behind without an owner");
    assert_eq!(
        queue.waiting + queue.delayed + stage.calls(),
        10,
        "{queue:?}"
    );
}

//! The rate of calls and the breaker.

use std::time::Duration;

use domain::limits::Rule;
use shared::hot_state::gate::{FIRST_PROBE, LONGEST_PROBE, PROBE_GRACE};
use shared::hot_state::{AcceptPolicy, AcceptRequest, Accepted, Admission, OpenBreaker};
use shared::queue::{Disposal, Settlement};

use crate::stage::{MINUTE, SECOND, START, Stage};

const RATE: u32 = 20;
const PHONE: &str = "+989123456789";
const LEASE: Duration = Duration::from_secs(15);
const NO_CREDIT: i32 = 418;

const AT_ONCE: Admission = Admission::Go {
    after: Duration::ZERO,
};

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).expect("a short time")
}

fn after(millis: u64) -> Admission {
    Admission::Go {
        after: Duration::from_millis(millis),
    }
}

async fn admit(stage: &Stage, rate: u32, patience_millis: u64) -> Admission {
    stage
        .hot
        .admit_call(rate, Duration::from_millis(patience_millis))
        .await
        .expect("an answer")
}

/// How many calls may be made at this moment.
async fn calls_at_once(stage: &Stage, rate: u32) -> u32 {
    let mut calls = 0;
    while admit(stage, rate, 0).await == AT_ONCE {
        calls += 1;
    }
    calls
}

/// How many calls are admitted in so many steps of 50 milliseconds.
async fn calls_in(stage: &Stage, rate: u32, steps: u32) -> u32 {
    let mut calls = 0;
    for _ in 0..steps {
        stage.clock.advance(50);
        calls += calls_at_once(stage, rate).await;
    }
    calls
}

async fn slow_down(stage: &Stage) -> bool {
    stage.hot.slow_down().await.expect("an answer")
}

async fn open(stage: &Stage) -> bool {
    stage.hot.open_breaker(NO_CREDIT).await.expect("an answer")
}

async fn take_probe(stage: &Stage) -> bool {
    stage.hot.take_probe(LEASE).await.expect("an answer")
}

async fn put_off(stage: &Stage) -> bool {
    stage.hot.put_off_probe().await.expect("an answer")
}

async fn close(stage: &Stage) -> bool {
    stage.hot.close_breaker().await.expect("an answer")
}

async fn breaker(stage: &Stage) -> Option<OpenBreaker> {
    stage.hot.breaker().await.expect("an answer")
}

async fn refused_by_breaker(stage: &Stage) -> Option<i64> {
    match stage.ask(&stage.new_challenge(PHONE)).await {
        Accepted::Refused {
            rule: Rule::BreakerOpen,
            retry_after_millis,
        } => Some(retry_after_millis),
        Accepted::Sent(_) => None,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn no_second_has_more_calls_than_the_rate_and_its_burst(stage: &Stage) {
    assert_eq!(
        calls_at_once(stage, RATE).await,
        5,
        "a quarter of a second's calls"
    );
    assert_eq!(calls_in(stage, RATE, 20).await, RATE);
    assert_eq!(calls_in(stage, RATE, 20).await, RATE);
    stage.clock.advance(MINUTE);
    assert_eq!(
        calls_at_once(stage, RATE).await,
        5,
        "what was not used before is not saved up"
    );
}

pub(crate) async fn calls_of_all_workers_reserve_their_places_in_one_line(stage: &Stage) {
    let other_worker = stage.hot.clone();
    for _ in 0..5 {
        assert_eq!(admit(stage, RATE, SECOND.unsigned_abs()).await, AT_ONCE);
    }
    assert_eq!(admit(stage, RATE, 1_000).await, after(50));
    let patience = Duration::from_secs(1);
    assert_eq!(
        other_worker
            .admit_call(RATE, patience)
            .await
            .expect("an answer"),
        after(100)
    );
    assert_eq!(admit(stage, RATE, 1_000).await, after(150));
}

pub(crate) async fn a_call_that_would_wait_too_long_reserves_nothing(stage: &Stage) {
    while matches!(admit(stage, RATE, 200).await, Admission::Go { .. }) {}
    let wait = Admission::Wait(Duration::from_millis(50));
    assert_eq!(admit(stage, RATE, 200).await, wait);
    assert_eq!(admit(stage, RATE, 200).await, wait);
    stage.clock.advance(50);
    assert_eq!(admit(stage, RATE, 200).await, after(200));
}

pub(crate) async fn a_rate_below_four_still_lets_one_call_through_at_a_time(stage: &Stage) {
    assert_eq!(admit(stage, 1, 0).await, AT_ONCE);
    assert_eq!(
        admit(stage, 1, 0).await,
        Admission::Wait(Duration::from_secs(1))
    );
    stage.clock.advance(SECOND);
    assert_eq!(admit(stage, 1, 0).await, AT_ONCE);
}

pub(crate) async fn too_many_calls_halve_the_rate_once_in_five_seconds(stage: &Stage) {
    calls_at_once(stage, RATE).await;
    assert!(slow_down(stage).await);
    for _ in 0..50 {
        assert!(
            !slow_down(stage).await,
            "calls that were under way at the old rate count once"
        );
    }
    let halved = calls_in(stage, RATE, 20).await;
    assert!(
        (RATE / 2 - 3..=RATE / 2).contains(&halved),
        "{halved} calls in the next second"
    );
    assert_eq!(calls_in(stage, RATE, 20).await, RATE / 2);
    stage.clock.advance(5 * SECOND);
    assert!(slow_down(stage).await);
    calls_at_once(stage, RATE).await;
    // A quarter and the one step that it had recovered: 0.275 of 20.
    let quarter = calls_in(stage, RATE, 20).await;
    assert!((5..=6).contains(&quarter), "{quarter}");
}

pub(crate) async fn the_rate_recovers_by_time_alone_and_never_falls_below_one_call_a_second(
    stage: &Stage,
) {
    for _ in 0..12 {
        assert!(slow_down(stage).await);
        stage.clock.advance(5 * SECOND);
    }
    // Halving and recovering by a twentieth settles at a tenth.
    calls_at_once(stage, 5).await;
    assert_eq!(calls_in(stage, 5, 20).await, 1);
    stage.clock.advance(45 * SECOND);
    calls_at_once(stage, RATE).await;
    let half = calls_in(stage, RATE, 20).await;
    assert!((RATE / 2..=RATE * 6 / 10).contains(&half), "{half}");
    stage.clock.advance(50 * SECOND);
    calls_at_once(stage, RATE).await;
    assert_eq!(calls_in(stage, RATE, 20).await, RATE);
}

pub(crate) async fn f_10_an_open_breaker_admits_no_call_until_a_probe_succeeds(stage: &Stage) {
    assert!(open(stage).await);
    assert_eq!(
        breaker(stage).await,
        Some(OpenBreaker {
            code: NO_CREDIT,
            since: START,
            probe_at: START + millis(FIRST_PROBE),
        })
    );
    let closed = |millis| Admission::Closed {
        code: NO_CREDIT,
        retry_after: Duration::from_millis(millis),
    };
    assert_eq!(admit(stage, RATE, 1_000).await, closed(7_000));
    stage.clock.advance(4 * SECOND);
    assert_eq!(admit(stage, RATE, 1_000).await, closed(3_000));
    stage.clock.advance(10 * MINUTE);
    assert_eq!(
        admit(stage, RATE, 1_000).await,
        closed(2_000),
        "time alone closes nothing"
    );
    assert!(take_probe(stage).await);
    assert_eq!(
        admit(stage, RATE, 1_000).await,
        closed(2_000),
        "a probe that is under way may soon tell more"
    );
    assert!(close(stage).await);
    assert_eq!(breaker(stage).await, None);
    assert_eq!(admit(stage, RATE, 1_000).await, AT_ONCE);
}

pub(crate) async fn f_10_an_open_breaker_refuses_requests_and_probes_leave_no_gap(stage: &Stage) {
    assert_eq!(refused_by_breaker(stage).await, None);
    open(stage).await;
    assert_eq!(
        refused_by_breaker(stage).await,
        Some(millis(FIRST_PROBE + PROBE_GRACE))
    );
    for _ in 0..3 {
        let due = breaker(stage).await.expect("open").probe_at;
        // A worker that looks a little late.
        stage
            .clock
            .advance(due - stage.clock.now_millis() + 9 * SECOND);
        assert_eq!(refused_by_breaker(stage).await, Some(SECOND));
        assert!(take_probe(stage).await);
        assert_eq!(
            refused_by_breaker(stage).await,
            Some(millis(LEASE + PROBE_GRACE))
        );
        assert!(put_off(stage).await);
        assert!(refused_by_breaker(stage).await.is_some());
    }
    assert!(close(stage).await);
    assert_eq!(refused_by_breaker(stage).await, None);
}

pub(crate) async fn a_breaker_that_nobody_probes_leaves_requests_to_the_guards_of_the_queue(
    stage: &Stage,
) {
    open(stage).await;
    stage.clock.advance(millis(FIRST_PROBE + PROBE_GRACE) - 1);
    assert_eq!(refused_by_breaker(stage).await, Some(1));
    stage.clock.advance(1);
    assert_eq!(refused_by_breaker(stage).await, None);
    assert!(
        matches!(admit(stage, RATE, 0).await, Admission::Closed { .. }),
        "a worker that comes probes before it sends"
    );
    assert!(take_probe(stage).await);
}

pub(crate) async fn one_worker_alone_gets_the_right_to_probe(stage: &Stage) {
    open(stage).await;
    assert!(!take_probe(stage).await, "it is not due");
    stage.clock.advance(millis(FIRST_PROBE));
    let workers = (0..20).map(|_| take_probe(stage));
    let taken = futures::future::join_all(workers).await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
}

pub(crate) async fn a_probe_whose_worker_died_is_due_again_after_its_lease(stage: &Stage) {
    open(stage).await;
    stage.clock.advance(millis(FIRST_PROBE));
    assert!(take_probe(stage).await);
    stage.clock.advance(millis(LEASE) - 1);
    assert!(!take_probe(stage).await);
    stage.clock.advance(1);
    assert!(take_probe(stage).await);
}

pub(crate) async fn probes_that_fail_double_the_time_to_the_next_up_to_a_minute(stage: &Stage) {
    open(stage).await;
    for seconds in [5, 10, 20, 40, 60, 60] {
        let due = breaker(stage).await.expect("open").probe_at;
        assert_eq!(due - stage.clock.now_millis(), seconds * SECOND);
        stage.clock.advance(seconds * SECOND);
        assert!(take_probe(stage).await);
        assert!(put_off(stage).await);
    }
    assert_eq!(breaker(stage).await.expect("open").since, START);
}

pub(crate) async fn a_breaker_that_opens_again_soon_goes_on_with_longer_times(stage: &Stage) {
    for seconds in [5, 10, 20, 40, 60, 60] {
        assert!(open(stage).await);
        let due = breaker(stage).await.expect("open").probe_at;
        assert_eq!(due - stage.clock.now_millis(), seconds * SECOND);
        stage.clock.advance(seconds * SECOND);
        assert!(take_probe(stage).await);
        assert!(close(stage).await);
        stage.clock.advance(SECOND);
    }
    stage.clock.advance(2 * MINUTE);
    assert!(open(stage).await);
    let due = breaker(stage).await.expect("open").probe_at;
    assert_eq!(due - stage.clock.now_millis(), millis(FIRST_PROBE));
    assert!(FIRST_PROBE < LONGEST_PROBE);
}

pub(crate) async fn a_breaker_that_is_open_is_not_opened_again(stage: &Stage) {
    assert!(open(stage).await);
    let before = breaker(stage).await;
    stage.clock.advance(3 * SECOND);
    assert!(!stage.hot.open_breaker(403).await.expect("an answer"));
    assert_eq!(breaker(stage).await, before);
}

pub(crate) async fn what_happens_to_a_closed_breaker_changes_nothing(stage: &Stage) {
    for _ in 0..2 {
        assert!(!take_probe(stage).await);
        assert!(!put_off(stage).await);
        assert!(!close(stage).await);
        assert_eq!(breaker(stage).await, None);
        assert_eq!(refused_by_breaker(stage).await, None);
        open(stage).await;
        close(stage).await;
    }
}

pub(crate) async fn a_job_that_was_put_off_does_not_make_the_queue_look_slow(stage: &Stage) {
    stage.granted(PHONE).await;
    let taken = stage.take_jobs().await;
    let postponed: Vec<_> = taken
        .into_iter()
        .map(|delivery| Settlement {
            delivery,
            disposal: Disposal::Postpone(Duration::from_secs(1)),
        })
        .collect();
    let settled = stage.feed.settle(&postponed).await.expect("an answer");
    assert_eq!(settled, [true]);
    stage.clock.advance(50 * SECOND);
    stage.feed.promote(10).await.expect("an answer");
    let policy = AcceptPolicy {
        queue_max_age_millis: 40 * SECOND,
        ..stage.policy.clone()
    };
    let new = stage.new_challenge("+989121111111");
    let accept = stage.accept(AcceptRequest::New(&new));
    let accepted = stage.hot.accept(&accept, &policy).await.expect("an answer");
    assert!(matches!(accepted, Accepted::Sent(_)), "{accepted:?}");
}

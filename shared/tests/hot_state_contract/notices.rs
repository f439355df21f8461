//! The entry of the queue for notices.

use domain::limits::Rule;
use shared::hot_state::Accepted;
use shared::queue::Job;
use uuid::Uuid;

use crate::stage::{DAY, MINUTE, SECOND, START, Stage};

const PHONE: &str = "+989123456789";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const REQUEST: Uuid = Uuid::from_u128(0x6e1f_0a52_6d0f_4b7c_9d0e_2f4a_0c5b_7d11);

async fn enqueue(stage: &Stage, notice: Uuid) -> bool {
    let deadline = START + DAY;
    let enqueued = stage
        .hot
        .enqueue_notice(notice, deadline, Some(TRACE), Some(REQUEST));
    enqueued.await.expect("an answer")
}

pub(crate) async fn a_notice_is_enqueued_once_however_often_it_is_asked_for(stage: &Stage) {
    let [first, second] = [1, 2].map(Uuid::from_u128);
    assert!(enqueue(stage, first).await);
    assert!(!enqueue(stage, first).await);
    let job = |notice| {
        Job::notice(notice, START, START + DAY, Some(TRACE.to_owned())).of_request(Some(REQUEST))
    };
    assert_eq!(stage.jobs().await, [job(first)]);
    // Not even when its job is long gone.
    stage.take_jobs().await;
    stage.clock.advance(DAY);
    assert!(!enqueue(stage, first).await);
    assert!(enqueue(stage, second).await);
    let untraced = Uuid::from_u128(3);
    let enqueued = stage
        .hot
        .enqueue_notice(untraced, START + DAY, None, None)
        .await;
    assert!(enqueued.expect("an answer"));
    let last = stage.jobs().await.pop();
    assert_eq!(
        last,
        Some(Job::notice(untraced, START + DAY, START + DAY, None))
    );
}

pub(crate) async fn of_many_who_enqueue_a_notice_at_once_one_does(stage: &Stage) {
    let notice = Uuid::from_u128(7);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let hot = stage.hot.clone();
        tasks.spawn(async move { hot.enqueue_notice(notice, START + DAY, None, None).await });
    }
    let done = tasks.join_all().await;
    let first = done
        .into_iter()
        .filter(|done| *done.as_ref().expect("an answer"));
    assert_eq!(first.count(), 1);
    assert_eq!(stage.jobs().await.len(), 1);
}

pub(crate) async fn no_limit_and_no_guard_holds_a_notice_back(stage: &Stage) {
    let full = stage.policy.queue_max;
    let policy = shared::hot_state::AcceptPolicy {
        queue_max: 1,
        ..stage.policy.clone()
    };
    assert!(full > 1);
    assert!(enqueue(stage, Uuid::from_u128(1)).await);
    let new = stage.new_challenge(PHONE);
    let accept = stage.accept(shared::hot_state::AcceptRequest::New(&new));
    let accepted = stage.hot.accept(&accept, &policy).await.expect("an answer");
    let Accepted::Refused { rule, .. } = accepted else {
        panic!("{accepted:?}")
    };
    assert_eq!(rule, Rule::QueueFull, "a notice counts in the depth");
    assert!(stage.hot.open_breaker(418).await.expect("an answer"));
    assert!(enqueue(stage, Uuid::from_u128(2)).await);
}

pub(crate) async fn a_notice_that_was_left_over_does_not_make_the_queue_look_slow(stage: &Stage) {
    // Written at the start, found much later.
    stage.clock.advance(DAY - MINUTE);
    assert!(enqueue(stage, Uuid::from_u128(1)).await);
    stage.clock.advance(39 * SECOND);
    let policy = shared::hot_state::AcceptPolicy {
        queue_max_age_millis: 40 * SECOND,
        ..stage.policy.clone()
    };
    let new = stage.new_challenge(PHONE);
    let accept = stage.accept(shared::hot_state::AcceptRequest::New(&new));
    let accepted = stage.hot.accept(&accept, &policy).await.expect("an answer");
    assert!(matches!(accepted, Accepted::Sent(_)), "{accepted:?}");
}

pub(crate) async fn the_mark_of_a_notice_is_swept_when_its_time_is_over(stage: &Stage) {
    assert!(enqueue(stage, Uuid::from_u128(1)).await);
    stage.clock.advance(25 * 60 * MINUTE);
    stage.hot.sweep().await.expect("an answer");
    assert!(!enqueue(stage, Uuid::from_u128(1)).await, "swept too early");
    stage.clock.advance(1);
    // Redis forgets by its own time, which is not the test's.
    let swept = stage.hot.sweep().await.expect("an answer");
    assert!(swept <= 1);
    assert_eq!(swept == 1, enqueue(stage, Uuid::from_u128(1)).await);
}

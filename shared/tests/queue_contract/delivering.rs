//! What a feed promises to one consumer and to two.

use std::time::Duration;

use shared::hot_state::Accepted;
use shared::queue::{Delivery, Disposal, Feed, Settlement};
use uuid::Uuid;

use crate::stage::{IDLE, START, Stage, challenges_of};

const NO_WAIT: Duration = Duration::from_millis(1);

async fn read(feed: &Feed, free: usize) -> Vec<Delivery> {
    // The first read of an empty Redis makes the group and returns nothing.
    for _ in 0..3 {
        let taken = feed.read(free, NO_WAIT).await.expect("the queue answers");
        if !taken.is_empty() {
            return taken;
        }
    }
    Vec::new()
}

async fn read_one(feed: &Feed) -> Delivery {
    let mut taken = read(feed, 1).await;
    assert_eq!(taken.len(), 1);
    taken.remove(0)
}

async fn settle(feed: &Feed, delivery: &Delivery, disposal: Disposal) -> bool {
    let settlement = Settlement {
        delivery: delivery.clone(),
        disposal,
    };
    feed.settle(&[settlement]).await.expect("the queue answers")[0]
}

pub(crate) async fn a_read_takes_what_is_free_and_no_more_oldest_first(stage: &Stage) {
    let feed = stage.feed();
    let challenges = stage.enqueue(5).await;
    let first = read(&feed, 2).await;
    assert_eq!(challenges_of(&first), challenges[..2]);
    assert!(
        first
            .iter()
            .all(|d| (d.attempts, d.deliveries, d.is_suspect()) == (0, 1, false))
    );
    let second = read(&stage.feed(), 10).await;
    assert_eq!(challenges_of(&second), challenges[2..]);
    assert!(read(&feed, 10).await.is_empty());
    let stats = stage.stats().await;
    assert_eq!(
        (stats.waiting, stats.in_flight, stats.delayed, stats.dead),
        (0, 5, 0, 0)
    );
    stage.clock.advance(7_000);
    assert_eq!(stage.stats().await.oldest_age_millis, 7_000);
}

pub(crate) async fn q_04_a_worker_that_lost_a_job_cannot_settle_it(stage: &Stage) {
    let (stalled, other) = (stage.feed(), stage.feed());
    stage.enqueue(1).await;
    let lost = read_one(&stalled).await;
    assert!(!other.has_orphan(IDLE).await.expect("an answer"));
    assert_eq!(other.claim_orphan(IDLE).await.expect("an answer"), None);
    stage.age_running_jobs(IDLE).await;
    assert!(other.has_orphan(IDLE).await.expect("an answer"));
    let taken = other
        .claim_orphan(IDLE)
        .await
        .expect("an answer")
        .expect("the orphan");
    assert_eq!((&taken.payload, taken.deliveries), (&lost.payload, 2));
    assert!(!taken.is_suspect(), "one death proves nothing");

    for disposal in [
        Disposal::Done,
        Disposal::Delay(Duration::ZERO),
        Disposal::Postpone(Duration::ZERO),
        Disposal::Dead("test"),
        Disposal::GiveBack,
    ] {
        assert!(!settle(&stalled, &lost, disposal).await);
    }
    let stats = stage.stats().await;
    assert_eq!(
        (stats.waiting, stats.in_flight, stats.delayed, stats.dead),
        (0, 1, 0, 0)
    );
    // A worker that claims its own job back holds another delivery of it.
    stage.age_running_jobs(IDLE).await;
    let again = other
        .claim_orphan(IDLE)
        .await
        .expect("an answer")
        .expect("the orphan");
    assert!(again.is_suspect());
    assert!(!settle(&other, &taken, Disposal::Done).await);
    assert!(settle(&other, &again, Disposal::Done).await);
    assert!(stage.leftovers().await.is_empty());
}

pub(crate) async fn a_repeated_settlement_is_stale(stage: &Stage) {
    let feed = stage.feed();
    stage.enqueue(1).await;
    let delivery = read_one(&feed).await;
    assert!(settle(&feed, &delivery, Disposal::Delay(Duration::from_secs(1))).await);
    assert!(!settle(&feed, &delivery, Disposal::Delay(Duration::from_secs(1))).await);
    assert_eq!(stage.stats().await.delayed, 1);
}

pub(crate) async fn a_delayed_job_comes_back_when_it_is_due_and_counts_the_attempt(stage: &Stage) {
    let feed = stage.feed();
    stage.enqueue(1).await;
    let first = read_one(&feed).await;
    assert!(settle(&feed, &first, Disposal::Delay(Duration::from_millis(1_500))).await);
    assert_eq!(stage.stats().await.delayed, 1);
    stage.clock.advance(1_499);
    feed.promote(100).await.expect("the queue answers");
    assert!(read(&feed, 1).await.is_empty(), "it came back too early");
    stage.clock.advance(1);
    feed.promote(100).await.expect("the queue answers");
    let second = read_one(&feed).await;
    assert_eq!(
        (second.attempts, second.deliveries, second.payload),
        (1, 1, first.payload)
    );
}

pub(crate) async fn a_postponed_job_comes_back_when_it_is_due_and_counts_nothing(stage: &Stage) {
    let feed = stage.feed();
    stage.enqueue(1).await;
    let first = read_one(&feed).await;
    for round in 1..=2 {
        let held = if round == 1 {
            first.clone()
        } else {
            read_one(&feed).await
        };
        assert!(
            settle(
                &feed,
                &held,
                Disposal::Postpone(Duration::from_millis(1_500))
            )
            .await
        );
        assert_eq!(stage.stats().await.delayed, 1);
        stage.clock.advance(1_499);
        feed.promote(100).await.expect("the queue answers");
        assert!(read(&feed, 1).await.is_empty(), "it came back too early");
        stage.clock.advance(1);
        feed.promote(100).await.expect("the queue answers");
    }
    assert_eq!(
        stage.stats().await.oldest_age_millis,
        0,
        "a job that was put off says nothing about the queue"
    );
    let last = read_one(&feed).await;
    assert_eq!(
        (last.attempts, last.deliveries, last.payload),
        (0, 1, first.payload)
    );
}

pub(crate) async fn a_dead_letter_is_kept_with_its_reason_and_never_comes_back(stage: &Stage) {
    let feed = stage.feed();
    stage.enqueue(1).await;
    let delivery = read_one(&feed).await;
    assert!(settle(&feed, &delivery, Disposal::Dead("refused")).await);
    assert_eq!(
        stage.leftovers().await.into_iter().collect::<Vec<_>>(),
        [("dead".to_owned(), 1)]
    );
    stage.clock.advance(3_600_000);
    feed.promote(100).await.expect("the queue answers");
    assert!(read(&feed, 10).await.is_empty());
    assert_eq!(feed.claim_orphan(IDLE).await.expect("an answer"), None);
}

pub(crate) async fn a_job_that_is_given_back_can_be_taken_at_once_and_counts_nothing(
    stage: &Stage,
) {
    let (leaving, other) = (stage.feed(), stage.feed());
    stage.enqueue(1).await;
    let delivery = read_one(&leaving).await;
    assert!(settle(&leaving, &delivery, Disposal::GiveBack).await);
    let taken = read_one(&other).await;
    assert_eq!(
        (taken.attempts, taken.deliveries, taken.payload),
        (0, 1, delivery.payload)
    );
}

pub(crate) async fn a_job_that_was_put_off_and_given_back_still_says_nothing_about_the_queue(
    stage: &Stage,
) {
    let feed = stage.feed();
    stage
        .enqueue_notice(Uuid::from_u128(7), START + 86_400_000)
        .await;
    let fresh = read_one(&feed).await;
    assert!(settle(&feed, &fresh, Disposal::GiveBack).await);
    stage.clock.advance(50_000);
    assert!(
        !matches!(stage.ask(40_000).await, Accepted::Sent(_)),
        "a job that was given back without having run is late, and so is the queue"
    );
    let held = read_one(&feed).await;
    let put_off = Disposal::Postpone(Duration::from_hours(1));
    assert!(settle(&feed, &held, put_off).await);
    stage.clock.advance(3_600_000);
    feed.promote(100).await.expect("the queue answers");
    let back = read_one(&feed).await;
    assert!(settle(&feed, &back, Disposal::GiveBack).await);
    assert_eq!(stage.stats().await.oldest_age_millis, 0);
    let accepted = stage.ask(40_000).await;
    assert!(matches!(accepted, Accepted::Sent(_)), "{accepted:?}");
    let again = read_one(&feed).await;
    assert_eq!(
        (again.attempts, again.deliveries, again.payload),
        (0, 1, fresh.payload)
    );
}

pub(crate) async fn a_job_that_is_kept_alive_is_no_orphan(stage: &Stage) {
    let (busy, other) = (stage.feed(), stage.feed());
    stage.enqueue(1).await;
    let delivery = read_one(&busy).await;
    stage.age_running_jobs(IDLE).await;
    busy.keep_alive(&[(delivery.id.clone(), 1)])
        .await
        .expect("the queue answers");
    assert!(!other.has_orphan(IDLE).await.expect("an answer"));
    assert_eq!(other.claim_orphan(IDLE).await.expect("an answer"), None);
    assert!(
        settle(&busy, &delivery, Disposal::Done).await,
        "it counted as a delivery"
    );
}

pub(crate) async fn keeping_alive_does_not_take_a_lost_job_back(stage: &Stage) {
    let (stalled, other) = (stage.feed(), stage.feed());
    stage.enqueue(1).await;
    let lost = read_one(&stalled).await;
    stage.age_running_jobs(IDLE).await;
    let taken = other
        .claim_orphan(IDLE)
        .await
        .expect("an answer")
        .expect("the orphan");
    stage.age_running_jobs(IDLE).await;
    stalled
        .keep_alive(&[(lost.id.clone(), 1)])
        .await
        .expect("the queue answers");
    assert!(
        other.has_orphan(IDLE).await.expect("an answer"),
        "it reset the life of another's job"
    );
    assert!(settle(&other, &taken, Disposal::Done).await);
}

pub(crate) async fn leaving_loses_no_job(stage: &Stage) {
    let (leaving, other) = (stage.feed(), stage.feed());
    stage.enqueue(2).await;
    let held = read_one(&leaving).await;
    leaving.leave().await.expect("the queue answers");
    leaving
        .remove_gone_consumers()
        .await
        .expect("the queue answers");
    stage.age_running_jobs(IDLE).await;
    let taken = other
        .claim_orphan(IDLE)
        .await
        .expect("an answer")
        .expect("the orphan");
    assert_eq!(taken.payload, held.payload);
    assert!(settle(&other, &taken, Disposal::Done).await);
    let rest = read_one(&other).await;
    assert!(settle(&other, &rest, Disposal::Done).await);
    for feed in [&leaving, &other] {
        feed.leave().await.expect("the queue answers");
    }
    assert!(stage.leftovers().await.is_empty());
}

pub(crate) async fn i_10_finished_jobs_leave_nothing_behind(stage: &Stage) {
    let feed = stage.feed();
    stage.enqueue(300).await;
    let mut finished = 0;
    while finished < 300 {
        let settlements: Vec<_> = read(&feed, 256)
            .await
            .into_iter()
            .map(|delivery| Settlement {
                delivery,
                disposal: Disposal::Done,
            })
            .collect();
        let settled = feed.settle(&settlements).await.expect("the queue answers");
        assert!(settled.iter().all(|ours| *ours));
        finished += settled.len();
    }
    assert!(stage.leftovers().await.is_empty());
}

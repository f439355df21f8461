//! Workers tell that they live; nothing else is believed, least of all that they are busy.

use std::time::Duration;

use harness::eventually;
use shared::queue::{Disposal, QueueSettings};

use crate::stage::{PATIENCE, Stage, quick};

pub(crate) async fn a_quiet_worker_lives_for_as_long_as_it_says_so(stage: &Stage) {
    let feed = stage.feed();
    assert_eq!(stage.stats().await.consumers, 0, "an API is no worker");
    for _ in 0..4 {
        feed.keep_alive(&[]).await.expect("the queue answers");
        assert_eq!(stage.stats().await.consumers, 1);
        stage.clock.advance(29_000);
        assert_eq!(stage.stats().await.consumers, 1, "a word may come late");
    }
    stage.clock.advance(1_000);
    assert_eq!(stage.stats().await.consumers, 0, "it was silent for 30 s");
    feed.keep_alive(&[]).await.expect("the queue answers");
    assert_eq!(stage.stats().await.consumers, 1, "it was only late");
    feed.leave().await.expect("the queue answers");
    assert_eq!(stage.stats().await.consumers, 0);
}

pub(crate) async fn a_worker_without_work_tells_that_it_lives_until_it_stops(stage: &Stage) {
    let settings = QueueSettings {
        keep_alive: Duration::from_millis(10),
        ..quick()
    };
    let worker = stage.work_with(settings, |_| async { Disposal::Done });
    let counts = async |workers: u64| {
        eventually(PATIENCE, || async {
            (stage.stats().await.consumers == workers).then_some(())
        })
        .await;
    };
    counts(1).await;
    // Two quiet minutes, after which Redis 7.0 calls a consumer idle that waits for work.
    stage.clock.advance(120_000);
    counts(1).await;
    worker.stop().await;
    assert_eq!(stage.stats().await.consumers, 0, "it said good-bye");
}

pub(crate) async fn workers_that_died_are_forgotten(stage: &Stage) {
    for _ in 0..20 {
        let died = stage.feed();
        died.keep_alive(&[]).await.expect("the queue answers");
    }
    assert_eq!(stage.told().await.len(), 20);
    stage.clock.advance(60_000);
    let lives = stage.feed();
    lives.keep_alive(&[]).await.expect("the queue answers");
    lives
        .remove_gone_consumers()
        .await
        .expect("the queue answers");
    assert_eq!(stage.told().await, [lives.consumer()]);
}

pub(crate) async fn a_clock_that_was_set_back_makes_no_dead_worker_live(stage: &Stage) {
    let (died, lives) = (stage.feed(), stage.feed());
    stage.clock.advance(3_600_000);
    died.keep_alive(&[]).await.expect("the queue answers");
    stage.clock.advance(-3_600_000);
    lives.keep_alive(&[]).await.expect("the queue answers");
    assert_eq!(stage.stats().await.consumers, 1);
    lives
        .remove_gone_consumers()
        .await
        .expect("the queue answers");
    assert_eq!(stage.told().await, [lives.consumer()]);
}

/// The case of Redis alone: its consumers outlive their workers, and a release that does not tell
/// is still to be seen beside one that does.
pub(crate) async fn the_names_of_consumers_go_with_their_workers(stage: &Stage) {
    let (lives, died) = (stage.feed(), stage.feed());
    for feed in [&lives, &died] {
        stage.consume_with(feed.consumer()).await;
        feed.keep_alive(&[]).await.expect("the queue answers");
    }
    stage.consume_with("of-the-release-before").await;
    assert_eq!(stage.stats().await.consumers, 3);
    stage.clock.advance(59_999);
    lives.keep_alive(&[]).await.expect("the queue answers");
    assert_eq!(stage.stats().await.consumers, 2);
    stage.clock.advance(1);
    lives
        .remove_gone_consumers()
        .await
        .expect("the queue answers");
    let mut left = stage.consumers().await;
    left.sort();
    let mut expected = vec![lives.consumer().to_owned(), "of-the-release-before".into()];
    expected.sort();
    assert_eq!(left, expected);
}

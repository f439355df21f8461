//! Redis is at its `maxmemory`, and the queue in it is emptied all the same.

use std::time::Duration;

use harness::RedisServer;
use shared::queue::{Delivery, Disposal, Feed, Settlement};

use crate::stage::{IDLE, PATIENCE, Runs, Stage};

const NO_WAIT: Duration = Duration::from_millis(1);

async fn read(feed: &Feed, free: usize) -> Vec<Delivery> {
    // The first read makes the group and returns nothing.
    for _ in 0..3 {
        let taken = feed.read(free, NO_WAIT).await.expect("the queue answers");
        if !taken.is_empty() {
            return taken;
        }
    }
    Vec::new()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_every_step_of_the_queue_works_in_a_full_redis() {
    let server = RedisServer::start().await;
    let stage = Stage::on_redis(&server.url());
    stage.enqueue(6).await;
    server.is_full_to(1.5).await;
    assert!(stage.try_ask().await.is_err(), "it takes nothing more");
    let (feed, other) = (stage.feed(), stage.feed());

    let taken = read(&feed, 6).await;
    assert_eq!(taken.len(), 6);
    let running = taken.iter().map(|job| (job.id.clone(), job.deliveries));
    let running: Vec<_> = running.collect();
    feed.keep_alive(&running).await.expect("kept alive");
    stage.age_running_jobs(IDLE).await;
    assert!(other.has_orphan(IDLE).await.expect("an answer"));
    let orphan = other.claim_orphan(IDLE).await.expect("an answer");
    let orphan = orphan.expect("an orphan");

    let disposals = [
        Disposal::Done,
        Disposal::Delay(Duration::from_secs(1)),
        Disposal::Postpone(Duration::from_secs(1)),
        Disposal::Dead("panics"),
        Disposal::GiveBack,
    ];
    let mine = taken.into_iter().filter(|job| job.id != orphan.id);
    let settlements: Vec<_> = mine
        .zip(disposals)
        .map(|(delivery, disposal)| Settlement { delivery, disposal })
        .collect();
    let settled = feed.settle(&settlements).await.expect("settled");
    assert_eq!(settled, [true; 5]);
    let end = Settlement {
        delivery: orphan,
        disposal: Disposal::Done,
    };
    assert_eq!(other.settle(&[end]).await.expect("settled"), [true]);

    let stats = stage.stats().await;
    assert_eq!(
        (stats.waiting, stats.in_flight, stats.delayed, stats.dead),
        (1, 0, 2, 1)
    );
    stage.clock.advance(1_000);
    assert_eq!(feed.promote(10).await.expect("put back"), 2);
    assert_eq!(read(&other, 10).await.len(), 3);
    feed.remove_gone_consumers().await.expect("tidied up");
    feed.leave().await.expect("a good-bye");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_a_worker_empties_the_queue_of_a_full_redis_once() {
    let server = RedisServer::start().await;
    let stage = Stage::on_redis(&server.url());
    let challenges = stage.enqueue(50).await;
    server.is_full_to(1.0).await;
    let (runs, again) = (Runs::default(), Runs::default());
    let (counted, delayed) = (runs.clone(), again.clone());
    let worker = stage.work(8, move |job| {
        counted.count(&job);
        // Every job is put off once: a delay is a write too.
        let first = counted.of(&crate::stage::challenge_of(&job)) == 1;
        if !first {
            delayed.count(&job);
        }
        async move {
            if first {
                Disposal::Delay(Duration::ZERO)
            } else {
                Disposal::Done
            }
        }
    });
    again.reach(50).await;
    harness::eventually(PATIENCE, || async {
        stage.leftovers().await.is_empty().then_some(())
    })
    .await;
    worker.stop().await;
    for challenge in &challenges {
        assert_eq!((runs.of(challenge), again.of(challenge)), (2, 1));
    }
}

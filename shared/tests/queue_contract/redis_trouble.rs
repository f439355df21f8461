//! Redis stalls, restarts and forgets its scripts; the worker stays and heals.

use std::time::Duration;

use harness::{RedisServer, eventually};
use shared::queue::Disposal;

use crate::stage::{Gate, IDLE, PATIENCE, Runs, Stage, TestWorker, connect};

fn counting_worker(stage: &Stage, runs: &Runs) -> TestWorker {
    let counted = runs.clone();
    stage.work(8, move |job| {
        counted.count(&job);
        async { Disposal::Done }
    })
}

/// Until a question to the queue goes unanswered for as long as anybody waits.
async fn no_answer_from(stage: &Stage) {
    eventually(PATIENCE, || async {
        stage.feed().stats().await.is_err().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q_10_forgotten_scripts_are_loaded_again() {
    let server = RedisServer::start().await;
    let stage = Stage::on_redis(&server.url());
    let runs = Runs::default();
    let worker = counting_worker(&stage, &runs);
    for round in 1..=3 {
        redis::cmd("SCRIPT")
            .arg("FLUSH")
            .query_async::<()>(&mut connect(&server.url()).await)
            .await
            .expect("the scripts are flushed");
        stage.enqueue(10).await;
        runs.reach(10 * round).await;
    }
    worker.stop().await;
    assert_eq!(runs.total(), 30);
    assert!(stage.leftovers().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_an_emptied_redis_gets_its_group_again() {
    let server = RedisServer::start().await;
    let stage = Stage::on_redis(&server.url());
    let runs = Runs::default();
    let worker = counting_worker(&stage, &runs);
    stage.enqueue(5).await;
    runs.reach(5).await;
    redis::cmd("FLUSHALL")
        .query_async::<()>(&mut connect(&server.url()).await)
        .await
        .expect("everything is flushed");
    stage.enqueue(5).await;
    runs.reach(10).await;
    worker.stop().await;
}

/// Eight jobs are being run and twelve wait when Redis dies; the eight end while it is away, and cannot be
/// settled before it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_03_a_killed_redis_comes_back_and_every_job_runs() {
    let mut server = RedisServer::start().await;
    let stage = Stage::on_redis(&server.url());
    let (gate, runs) = (Gate::closed(), Runs::default());
    let worker = stage.work(8, gate.holding(&runs, |_| true));
    let challenges = stage.enqueue(20).await;
    runs.reach(8).await;
    server.flush_aof().await;
    server.kill();
    gate.open();
    no_answer_from(&stage).await;
    assert_eq!(runs.total(), 8, "nobody can read more");
    server.restart().await;
    runs.reach(20).await;
    eventually(PATIENCE, || async {
        let stats = stage.feed().stats().await.ok()?;
        (stats.waiting + stats.in_flight + stats.delayed == 0).then_some(())
    })
    .await;
    worker.stop().await;
    assert!(challenges.iter().all(|challenge| runs.of(challenge) == 1));
    assert!(stage.leftovers().await.is_empty());
}

/// The same with a Redis that stands still for longer than anybody waits for an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_07_a_stalled_redis_ends_no_worker_and_repeats_no_job() {
    let mut server = RedisServer::start().await;
    let stage = Stage::on_redis(&server.url());
    let (gate, runs) = (Gate::closed(), Runs::default());
    let worker = stage.work(8, gate.holding(&runs, |_| true));
    let challenges = stage.enqueue(200).await;
    runs.reach(8).await;
    server.pause();
    gate.open();
    no_answer_from(&stage).await;
    assert_eq!(runs.total(), 8, "nobody can read more");
    server.resume();
    runs.reach(200).await;
    worker.stop().await;
    assert!(challenges.iter().all(|challenge| runs.of(challenge) == 1));
    assert!(stage.leftovers().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_09_a_stop_while_redis_is_away_still_ends() {
    let mut server = RedisServer::start().await;
    let stage = Stage::on_redis(&server.url());
    let (gate, runs) = (Gate::closed(), Runs::default());
    let worker = stage.work(8, gate.holding(&runs, |_| true));
    stage.enqueue(1).await;
    runs.reach(1).await;
    server.kill();
    gate.open();
    worker.stop().await;
}

/// A client gives a read up, and Redis hands the jobs out to it all the same: they belong to somebody who does
/// not know of them, and are taken over like those of a dead worker.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_34_a_read_whose_answer_nobody_gets_loses_no_job() {
    let mut server = RedisServer::start().await;
    let stage = Stage::on_redis(&server.url());
    let cut = stage.feed();
    // The first read of an empty Redis makes the group.
    let none = cut.read(5, Duration::from_millis(1)).await;
    assert!(none.expect("an answer").is_empty());
    let challenges = stage.enqueue(5).await;
    server.pause();
    let reading = cut.read(5, Duration::from_secs(10));
    let given_up = tokio::time::timeout(Duration::from_millis(300), reading).await;
    assert!(given_up.is_err(), "a server that stands still answered");
    server.resume();
    eventually(PATIENCE, || async {
        (stage.stats().await.in_flight == 5).then_some(())
    })
    .await;

    stage.age_running_jobs(IDLE).await;
    let runs = Runs::default();
    let worker = counting_worker(&stage, &runs);
    runs.reach(5).await;
    worker.stop().await;
    assert!(challenges.iter().all(|challenge| runs.of(challenge) == 1));
    assert!(stage.leftovers().await.is_empty());
}

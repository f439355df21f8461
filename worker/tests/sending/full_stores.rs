//! The stores are full: what was accepted before is sent all the same.

use harness::{PostgresServer, RedisServer, SmallDisk};
use shared::hot_state::{Accepted, HotStateError};
use shared::records::LedgerState;

use crate::stage::Stage;

const ASKED: u32 = 50;

async fn all_are_sent_once(stage: &Stage, asked: &[domain::challenge::ChallengeId]) {
    stage.everything_is_settled().await;
    assert_eq!(stage.messages().len(), asked.len());
    for id in asked {
        let row = stage.row(*id, 1).await.expect("a row");
        assert_eq!((row.state, row.attempt), (LedgerState::Accepted, 1));
    }
    assert_eq!(stage.queue().await.dead, 0);
}

async fn is_refused(stage: &Stage) {
    let measured = stage.stores.hot_state.measure_room().await;
    measured.expect("an answer").expect("a limit");
    let refused = stage.ask_in_vain("+989130000001").await;
    assert!(matches!(refused, Err(HotStateError::Full)), "{refused:?}");
}

async fn is_taken_again(stage: &Stage) {
    let measured = stage.stores.hot_state.measure_room().await;
    measured.expect("an answer");
    let accepted = stage.ask_in_vain("+989130000002").await;
    assert!(matches!(accepted, Ok(Accepted::Sent(_))), "{accepted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_a_worker_that_starts_at_a_full_redis_sends_what_is_there() {
    let (redis, postgres) =
        tokio::join!(RedisServer::start(), PostgresServer::start_without_fsync());
    let stage = Stage::on(redis.url(), &postgres).await;
    let asked = stage.ask_many(ASKED).await;
    redis.is_full_to(1.0).await;
    is_refused(&stage).await;

    let worker = stage.work().await;
    all_are_sent_once(&stage, &asked).await;

    redis.has_room().await;
    is_taken_again(&stage).await;
    stage.everything_is_settled().await;
    worker.stop().await;
    assert_eq!(stage.messages().len(), asked.len() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_jobs_that_meet_a_gateway_in_trouble_wait_in_a_full_redis() {
    let (redis, postgres) =
        tokio::join!(RedisServer::start(), PostgresServer::start_without_fsync());
    let stage = Stage::on(redis.url(), &postgres).await;
    let asked = stage.ask_many(5).await;
    redis.is_full_to(1.0).await;
    let worker = stage.work_without_gateway().await;
    stage.all_are_delayed(5).await;
    worker.stop().await;
    let worker = stage.work().await;
    stage.advance(5_000);
    stage.everything_is_settled().await;
    worker.stop().await;
    assert_eq!(stage.messages().len(), asked.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_12_a_worker_sends_what_is_there_in_the_reserve_of_the_disk() {
    let Some(disk) = SmallDisk::mount(24) else {
        return;
    };
    let stage = Stage::one_file_on(&disk).await;
    let asked = stage.ask_many(ASKED).await;
    // Less than the reserve of a disk of this size, and more than the messages need.
    disk.fill_but(4_500);
    is_refused(&stage).await;
    let worker = stage.work().await;
    all_are_sent_once(&stage, &asked).await;
    worker.stop().await;
    disk.empty();
    is_taken_again(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_12_a_worker_at_a_full_disk_waits_for_room_and_blames_no_job() {
    let Some(disk) = SmallDisk::mount(24) else {
        return;
    };
    let stage = Stage::one_file_on(&disk).await;
    let asked = stage.ask_many(ASKED).await;
    disk.fill_but(0);
    let worker = stage.work().await;
    // Some may go out in what the log of the file has left; none is lost and none goes out twice.
    for _ in 0..100 {
        let refused = stage.ask_in_vain("+989130000003").await;
        let away = matches!(refused, Err(HotStateError::Unavailable(_)));
        assert!(away, "{refused:?}");
    }
    disk.empty();
    all_are_sent_once(&stage, &asked).await;
    worker.stop().await;
    is_taken_again(&stage).await;
}

//! PostgreSQL is away while a job waits for its ledger.

use domain::challenge::Channel;
use harness::{PostgresServer, RedisServer, eventually};
use shared::records::LedgerState;

use crate::stage::{PATIENCE, PHONE, Stage};

async fn a_job_waits_for_the_ledger(
    meanwhile: impl AsyncFn(&Stage, domain::challenge::ChallengeId),
) -> (Stage, LedgerState, usize) {
    let (redis, mut postgres) =
        tokio::join!(RedisServer::start(), PostgresServer::start_without_fsync());
    let stage = Stage::on(redis.url(), &postgres).await;
    let id = stage.ask(PHONE, Channel::Sms).await;
    postgres.kill();
    let worker = stage.work().await;
    eventually(PATIENCE, async || {
        (stage.queue().await.in_flight == 1).then_some(())
    })
    .await;
    meanwhile(&stage, id).await;
    postgres.restart().await;
    stage.everything_is_settled().await;
    worker.stop().await;
    let state = stage.row(id, 1).await.expect("a row").state;
    let messages = stage.messages().len();
    (stage, state, messages)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_01_a_message_that_waited_for_the_ledger_goes_out_once() {
    let (_stage, state, messages) = a_job_waits_for_the_ledger(async |_, _| {}).await;
    assert_eq!((state, messages), (LedgerState::Accepted, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_07_nothing_is_sent_when_the_ledger_answers_after_the_deadline() {
    let too_late = async |stage: &Stage, _| stage.advance(90_000);
    let (_stage, state, messages) = a_job_waits_for_the_ledger(too_late).await;
    assert_eq!((state, messages), (LedgerState::Expired, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_07_nothing_is_sent_for_a_code_that_was_used_while_the_ledger_was_away() {
    let used = async |stage: &Stage, id: domain::challenge::ChallengeId| {
        assert!(
            stage
                .stores
                .hot_state
                .close_root(id.into())
                .await
                .expect("an answer")
        );
        stage.advance(5_000);
    };
    let (_stage, state, messages) = a_job_waits_for_the_ledger(used).await;
    assert_eq!((state, messages), (LedgerState::Expired, 0));
}

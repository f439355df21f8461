//! Another Redis takes over behind the same address, and the old one lives on with the connections
//! that it has.

use std::time::{Duration, Instant};

use harness::{RedisServer, Relay, eventually};
use shared::queue::Disposal;

use crate::stage::{PATIENCE, Runs, Stage, connect};

/// From the change of the address to the first write that is taken.
const HEALED_WITHIN: Duration = Duration::from_secs(10);

/// Two servers, the second a replica of the first, behind one address.
struct Pair {
    first: RedisServer,
    second: RedisServer,
    relay: Relay,
}

impl Pair {
    async fn start() -> Self {
        let (first, second) = tokio::join!(RedisServer::start(), RedisServer::start());
        second.follow(&first).await;
        let relay = Relay::start(first.address()).await;
        Self {
            first,
            second,
            relay,
        }
    }

    fn stage(&self) -> Stage {
        Stage::on_redis(&format!("redis://{}/", self.relay.address()))
    }

    /// What a managed service does; open connections stay where they are.
    async fn fail_over(&self) {
        self.second.take_the_lead().await;
        self.relay.lead_to(self.second.address());
    }

    async fn set(&self, name: &str, value: &str) {
        redis::cmd("CONFIG")
            .arg("SET")
            .arg(name)
            .arg(value)
            .query_async::<()>(&mut connect(&self.first.url()).await)
            .await
            .expect("a setting");
    }
}

/// What the old primary lives on as.
#[derive(Clone, Copy, Debug)]
enum Old {
    /// `READONLY`, and `UNBLOCKED` for anyone who waits in a read.
    Replica,
    /// `MASTERDOWN`.
    ReplicaWithoutPrimary,
    /// `NOREPLICAS`.
    PrimaryWithoutReplicas,
    /// It says nothing: it takes writes that nobody will see.
    CutOffPrimary,
    /// It hangs.
    Stopped,
}

async fn heals_from(old: Old) {
    let mut pair = Pair::start().await;
    let stage = pair.stage();
    let runs = Runs::default();
    let counted = runs.clone();
    let worker = stage.work(8, move |job| {
        counted.count(&job);
        async { Disposal::Done }
    });
    stage.enqueue(5).await;
    runs.reach(5).await;
    eventually(PATIENCE, || async {
        stage.leftovers().await.is_empty().then_some(())
    })
    .await;

    pair.fail_over().await;
    let changed = Instant::now();
    match old {
        Old::Replica => pair.first.step_down_for(&pair.second).await,
        Old::ReplicaWithoutPrimary => {
            pair.set("replica-serve-stale-data", "no").await;
            let nobody = RedisServer::start().await;
            pair.first.step_down_for(&nobody).await;
        }
        Old::PrimaryWithoutReplicas => pair.set("min-replicas-to-write", "1").await,
        Old::CutOffPrimary => {}
        Old::Stopped => pair.first.pause(),
    }
    // A cut-off primary goes on taking what comes; those jobs are lost with it.
    let alone = match old {
        Old::CutOffPrimary => stage.on_same_keys_of(&pair.second.url()),
        _ => stage.on_same_keys_of(&format!("redis://{}/", pair.relay.address())),
    };
    let challenge = alone.enqueue_patiently(PATIENCE).await;
    eventually(PATIENCE, || async {
        (runs.of(&challenge) > 0).then_some(())
    })
    .await;
    // The worker wrote to the new one as well, or the job would be there.
    eventually(PATIENCE, || async {
        alone.leftovers().await.is_empty().then_some(())
    })
    .await;
    let writes = stage.enqueue_patiently(PATIENCE).await;
    eventually(PATIENCE, || async { (runs.of(&writes) > 0).then_some(()) }).await;
    let took = changed.elapsed();
    assert!(took < HEALED_WITHIN, "{old:?}: {took:?}");
    assert_eq!((runs.of(&challenge), runs.of(&writes)), (1, 1), "{old:?}");
    if matches!(old, Old::Stopped) {
        pair.first.resume();
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_left_for_the_new_primary() {
    heals_from(Old::Replica).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_without_a_primary_is_left_for_the_new_primary() {
    heals_from(Old::ReplicaWithoutPrimary).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_without_replicas_is_left_for_the_new_primary() {
    heals_from(Old::PrimaryWithoutReplicas).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_was_cut_off_and_does_not_know_is_left_for_the_new_one() {
    heals_from(Old::CutOffPrimary).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_left_for_the_new_primary() {
    heals_from(Old::Stopped).await;
}

//! Each code by which Redis says that it is not the one to write to, or cannot: who writes as the API does, the
//! worker's reader and its settler go on within seconds, and no job is lost or run twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::challenge::ChallengeId;
use harness::{RedisServer, eventually};
use shared::queue::Disposal;
use tokio::sync::Semaphore;

use crate::answers::Answers;
use crate::stage::{PATIENCE, Runs, Stage, TestWorker};

/// From the refusal, or from its end, to the first write that is taken.
const HEALED_WITHIN: Duration = Duration::from_secs(10);
/// What may be on the way over the connections when the first refusal comes. Anyone who went on with them would meet
/// far more until they are old.
const FEW: u64 = 30;

/// A worker whose jobs wait for a permit each.
pub(crate) struct Held {
    pub(crate) gate: Arc<Semaphore>,
    runs: Runs,
    pub(crate) worker: TestWorker,
}

impl Held {
    pub(crate) fn on(stage: &Stage) -> Self {
        let (gate, runs) = (Arc::new(Semaphore::new(0)), Runs::default());
        let (held, counted) = (Arc::clone(&gate), runs.clone());
        let worker = stage.work(8, move |job| {
            let held = Arc::clone(&held);
            counted.count(&job);
            async move {
                held.acquire().await.expect("it is never closed").forget();
                Disposal::Done
            }
        });
        Self { gate, runs, worker }
    }

    /// Three jobs that are done, and one that runs.
    pub(crate) async fn begin(&self, stage: &Stage) -> ChallengeId {
        self.gate.add_permits(3);
        stage.enqueue(3).await;
        self.runs.reach(3).await;
        eventually(PATIENCE, || async {
            stage.leftovers().await.is_empty().then_some(())
        })
        .await;
        let running = stage.enqueue(1).await[0];
        self.runs.reach(4).await;
        running
    }

    /// What runs is settled, and what is asked for now runs, all of it once.
    pub(crate) async fn heals(
        &self,
        asking: &Stage,
        seen: &Stage,
        running: ChallengeId,
        code: &str,
    ) {
        let begun = Instant::now();
        // For whatever was asked for meanwhile, too.
        self.gate.add_permits(100_000);
        let asked = asking.enqueue_patiently(PATIENCE).await;
        eventually(PATIENCE, || async {
            (self.runs.of(&asked) > 0).then_some(())
        })
        .await;
        eventually(PATIENCE, || async {
            seen.leftovers().await.is_empty().then_some(())
        })
        .await;
        let took = begun.elapsed();
        assert!(took < HEALED_WITHIN, "{code}: {took:?}");
        assert_eq!(
            (self.runs.of(&running), self.runs.of(&asked)),
            (1, 1),
            "{code}"
        );
    }
}

/// The connections that are open begin to say so; their address leads to a good server.
async fn is_left(code: &'static str) {
    let server = RedisServer::start().await;
    let answers = Answers::in_front_of(&server.address()).await;
    let stage = Stage::on_redis(&answers.url());
    let alone = stage.on_same_keys_of(&server.url());
    let held = Held::on(&stage);
    let running = held.begin(&stage).await;
    answers.refuse_on_open_connections(code);
    held.heals(&stage, &alone, running, code).await;
    let refused = answers.refused();
    assert!(
        (1..FEW).contains(&refused),
        "{code}: {refused} commands were refused"
    );
    held.worker.stop().await;
}

/// The only server says so for a while, on whatever connection.
async fn passes(code: &'static str) {
    let server = RedisServer::start().await;
    let answers = Answers::in_front_of(&server.address()).await;
    let stage = Stage::on_redis(&answers.url());
    let alone = stage.on_same_keys_of(&server.url());
    let held = Held::on(&stage);
    let running = held.begin(&stage).await;
    answers.refuse(code);
    held.gate.add_permits(1);
    // Both the settler and the reader have met it.
    eventually(PATIENCE, || async { (answers.refused() > 3).then_some(()) }).await;
    let error = stage.try_ask().await.expect_err("refused").to_string();
    assert!(error.contains(code), "{error}");
    answers.refuse_no_more();
    held.heals(&stage, &alone, running, code).await;
    held.worker.stop().await;
}

macro_rules! codes {
    ($($name:ident: $fate:ident($code:literal),)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            $fate($code).await;
        })*
    };
}

codes! {
    f_20_readonly_is_left: is_left("READONLY"),
    f_20_moved_is_left: is_left("MOVED"),
    f_20_ask_is_left: is_left("ASK"),
    f_20_unblocked_is_left: is_left("UNBLOCKED"),
    f_20_masterdown_is_left: is_left("MASTERDOWN"),
    f_20_loading_is_left: is_left("LOADING"),
    f_20_noreplicas_is_left: is_left("NOREPLICAS"),
    f_20_clusterdown_is_left: is_left("CLUSTERDOWN"),
    f_20_noauth_is_left: is_left("NOAUTH"),
    f_20_readonly_passes: passes("READONLY"),
    f_20_masterdown_passes: passes("MASTERDOWN"),
    f_20_loading_passes: passes("LOADING"),
    f_20_noreplicas_passes: passes("NOREPLICAS"),
    f_20_clusterdown_passes: passes("CLUSTERDOWN"),
    f_20_noauth_passes: passes("NOAUTH"),
    f_20_misconf_passes: passes("MISCONF"),
    f_20_oom_passes: passes("OOM"),
    f_20_busy_passes: passes("BUSY"),
    f_20_tryagain_passes: passes("TRYAGAIN"),
    f_20_noperm_passes: passes("NOPERM"),
}

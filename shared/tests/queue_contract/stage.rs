//! A queue with a clock that stands still, jobs in it, and workers on it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use apalis_core::error::BoxDynError;
use apalis_core::monitor::Monitor;
use apalis_core::worker::builder::WorkerBuilder;
use domain::challenge::{ChallengeId, Channel, Locale, NewChallenge};
use domain::clock::Clock;
use domain::limits::Quotas;
use domain::otp::{KeyRing, Purpose};
use domain::phone::PhoneNumber;
use domain::random::Random;
use harness::eventually;
use prometheus::Registry;
use shared::hot_state::{Accept, AcceptPolicy, AcceptRequest, Accepted, HotState, HotStateError};
use shared::queue::{
    Delivery, Disposal, Feed, Job, JobTask, QueueBackend, QueueEvents, QueueSettings, QueueStats,
};
use shared::redis_store::RedisStore;
use shared::sqlite_file::SqliteFile;
use shared::telemetry::MetricSet as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use crate::runs::{Gate, Runs};
pub(crate) use crate::stores::START;
use crate::stores::{keys, redis as redis_keys, sqlite};

/// A job that shows no life for this long is an orphan; tests say so, they don't wait for it.
pub(crate) const IDLE: Duration = Duration::from_secs(12);
/// Long enough for a machine under load; nothing waits for it when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Stage {
    pub(crate) clock: Clock,
    hot: HotState,
    random: Random,
    keys: KeyRing,
    store: Store,
    phones: AtomicU64,
}

enum Store {
    Redis {
        store: RedisStore,
        url: String,
        tag: String,
    },
    Sqlite {
        file: SqliteFile,
        _folder: tempfile::TempDir,
    },
}

/// A worker that runs jobs with a handler of the test.
pub(crate) struct TestWorker {
    pub(crate) stop: CancellationToken,
    pub(crate) registry: Registry,
    task: JoinHandle<()>,
}

impl TestWorker {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("it ends")
            .expect("it did not panic");
    }

    pub(crate) fn counter(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == name)
            .expect("a metric");
        family
            .get_metric()
            .iter()
            .map(|metric| metric.get_counter().get_value())
            .sum()
    }
}

impl Stage {
    pub(crate) async fn redis() -> Self {
        Self::on_redis(&redis_keys::shared_server().await.url())
    }

    pub(crate) fn on_redis(url: &str) -> Self {
        let (store, tag) = redis_keys::new_keys(url);
        let clock = Clock::manual(START);
        let hot = HotState::redis(store.clone(), clock.clone());
        Self::new(
            hot,
            clock,
            Store::Redis {
                store,
                url: url.to_owned(),
                tag,
            },
        )
    }

    pub(crate) async fn sqlite() -> Self {
        let (file, folder) = sqlite::file_in(tempfile::tempdir().expect("a folder")).await;
        let clock = Clock::manual(START);
        let hot = HotState::sqlite(file.clone(), clock.clone());
        Self::new(
            hot,
            clock,
            Store::Sqlite {
                file,
                _folder: folder,
            },
        )
    }

    /// The same queue as another server has it.
    pub(crate) fn on_same_keys_of(&self, url: &str) -> Self {
        let Store::Redis { tag, .. } = &self.store else {
            panic!("a queue in Redis");
        };
        let store = RedisStore::connect_tagged(url, tag).expect("an address");
        let hot = HotState::redis(store.clone(), self.clock.clone());
        let store = Store::Redis {
            store,
            url: url.to_owned(),
            tag: tag.clone(),
        };
        let mut stage = Self::new(hot, self.clock.clone(), store);
        stage.phones = AtomicU64::new(9_130_000_000);
        stage
    }

    fn new(hot: HotState, clock: Clock, store: Store) -> Self {
        let random = Random::operating_system();
        Self {
            clock,
            hot,
            random,
            keys: keys(),
            store,
            phones: AtomicU64::new(9_120_000_000),
        }
    }

    /// A consumer of its own.
    pub(crate) fn feed(&self) -> Feed {
        match &self.store {
            Store::Redis { store, .. } => {
                Feed::redis(store.clone(), self.clock.clone(), &self.random)
            }
            Store::Sqlite { file, .. } => {
                Feed::sqlite(file.clone(), self.clock.clone(), &self.random)
            }
        }
    }

    /// Enqueues jobs as the API does; their challenges, oldest first.
    pub(crate) async fn enqueue(&self, count: usize) -> Vec<ChallengeId> {
        let mut challenges = Vec::with_capacity(count);
        for _ in 0..count {
            let new = self.new_challenge();
            let accepted = self.accept(&new, i64::MAX).await;
            assert!(matches!(accepted, Accepted::Sent(_)), "{accepted:?}");
            challenges.push(new.id);
        }
        challenges
    }

    /// Enqueues a job as soon as the queue takes one.
    pub(crate) async fn enqueue_patiently(&self, patience: Duration) -> ChallengeId {
        eventually(patience, || async {
            let new = self.new_challenge();
            let accepted = self.try_accept(&new, i64::MAX).await.ok()?;
            assert!(matches!(accepted, Accepted::Sent(_)), "{accepted:?}");
            Some(new.id)
        })
        .await
    }

    /// A key of this queue.
    pub(crate) fn key(&self, name: &str) -> String {
        let Store::Redis { tag, .. } = &self.store else {
            panic!("a queue in Redis");
        };
        format!("{{{tag}}}:{name}")
    }

    /// Asks for one code; the error where the queue cannot be used.
    pub(crate) async fn try_ask(&self) -> Result<Accepted, HotStateError> {
        self.try_accept(&self.new_challenge(), i64::MAX).await
    }

    /// Enqueues a notice as the API does.
    pub(crate) async fn enqueue_notice(&self, notice: Uuid, deadline: i64) {
        let enqueued = self.hot.enqueue_notice(notice, deadline, None, None).await;
        assert!(enqueued.expect("the queue answers"));
    }

    /// Asks for one code where the queue may be behind by this many milliseconds at most.
    pub(crate) async fn ask(&self, queue_max_age_millis: i64) -> Accepted {
        self.accept(&self.new_challenge(), queue_max_age_millis)
            .await
    }

    fn new_challenge(&self) -> NewChallenge {
        let number = self.phones.fetch_add(1, Ordering::Relaxed);
        let phone = PhoneNumber::from_e164(&format!("+98{number}")).expect("canonical");
        NewChallenge::begin(
            &self.random,
            &self.keys,
            phone,
            Purpose::SignIn,
            6,
            Locale::Fa,
        )
        .1
    }

    async fn accept(&self, new: &NewChallenge, queue_max_age_millis: i64) -> Accepted {
        let accepted = self.try_accept(new, queue_max_age_millis).await;
        accepted.expect("hot state answers")
    }

    async fn try_accept(
        &self,
        new: &NewChallenge,
        queue_max_age_millis: i64,
    ) -> Result<Accepted, HotStateError> {
        let policy = AcceptPolicy {
            code_life_millis: 120_000,
            resend_cooldown_millis: 30_000,
            max_attempts: 3,
            quotas: Quotas::NONE,
            queue_max: 1_000_000,
            queue_max_age_millis,
        };
        let accept = Accept {
            request: AcceptRequest::New(new),
            nonce: self.random.bytes(),
            channel: Channel::Sms,
            caller: None,
            trace: None,
            request_id: None,
            device: None,
        };
        self.hot.accept(&accept, &policy).await
    }

    /// Enqueues a payload that no API of this build writes.
    pub(crate) async fn enqueue_payload(&self, payload: &str) {
        match &self.store {
            Store::Redis { url, tag, .. } => {
                let mut command = redis::cmd("XADD");
                command
                    .arg(format!("{{{tag}}}:jobs"))
                    .arg("*")
                    .arg("j")
                    .arg(payload);
                command
                    .query_async::<String>(&mut connect(url).await)
                    .await
                    .expect("an entry");
            }
            Store::Sqlite { file, .. } => {
                sqlx::query("INSERT INTO jobs (payload, due_at) VALUES ($1, $2)")
                    .bind(payload)
                    .bind(self.clock.now_millis())
                    .execute(file.writer())
                    .await
                    .expect("a row");
            }
        }
    }

    /// Makes the jobs that are being run look as if their workers had been silent for `idle`.
    pub(crate) async fn age_running_jobs(&self, idle: Duration) {
        match &self.store {
            Store::Redis { url, tag, .. } => {
                let stream = format!("{{{tag}}}:jobs");
                let mut connection = connect(url).await;
                let pending: Vec<(String, String, u64, u64)> = redis::cmd("XPENDING")
                    .arg(&stream)
                    .arg("workers")
                    .arg("-")
                    .arg("+")
                    .arg(100_000)
                    .query_async(&mut connection)
                    .await
                    .expect("the pending entries");
                for (id, consumer, _, _) in pending {
                    let mut command = redis::cmd("XCLAIM");
                    command
                        .arg(&stream)
                        .arg("workers")
                        .arg(consumer)
                        .arg(0)
                        .arg(id);
                    command
                        .arg("IDLE")
                        .arg(idle.as_millis().to_string())
                        .arg("JUSTID");
                    let _: Vec<String> = command.query_async(&mut connection).await.expect("an id");
                }
            }
            Store::Sqlite { .. } => {
                self.clock
                    .advance(i64::try_from(idle.as_millis()).expect("a short time"));
            }
        }
    }

    /// What the feed's own tables or keys hold, as `what: how many`; empty when nothing is left.
    pub(crate) async fn leftovers(&self) -> HashMap<String, u64> {
        let stats = self.stats().await;
        let mut left: HashMap<_, _> = HashMap::from([
            ("waiting".to_owned(), stats.waiting),
            ("in flight".to_owned(), stats.in_flight),
            ("delayed".to_owned(), stats.delayed),
            ("dead".to_owned(), stats.dead),
        ]);
        if let Store::Redis { url, tag, .. } = &self.store {
            let length: u64 = redis::cmd("XLEN")
                .arg(format!("{{{tag}}}:jobs"))
                .query_async(&mut connect(url).await)
                .await
                .expect("a length");
            left.insert("entries of the stream".to_owned(), length);
        }
        left.retain(|_, count| *count > 0);
        left
    }

    /// The workers that told that they live and are remembered.
    pub(crate) async fn told(&self) -> Vec<String> {
        match &self.store {
            Store::Redis { url, tag, .. } => redis::cmd("ZRANGE")
                .arg(format!("{{{tag}}}:workers"))
                .arg(0)
                .arg(-1)
                .query_async(&mut connect(url).await)
                .await
                .expect("a sorted set"),
            Store::Sqlite { file, .. } => sqlx::query_scalar("SELECT name FROM workers")
                .fetch_all(file.readers())
                .await
                .expect("rows"),
        }
    }

    /// Makes a consumer of this name in Redis, as a read of it would.
    pub(crate) async fn consume_with(&self, name: &str) {
        self.group("CREATE", &["$", "MKSTREAM"]).await;
        self.group("CREATECONSUMER", &[name]).await;
    }

    /// The consumers that Redis knows.
    pub(crate) async fn consumers(&self) -> Vec<String> {
        let Store::Redis { url, tag, .. } = &self.store else {
            return Vec::new();
        };
        let mut command = redis::cmd("XINFO");
        command.arg("CONSUMERS").arg(format!("{{{tag}}}:jobs"));
        let infos: Vec<HashMap<String, redis::Value>> = command
            .arg("workers")
            .query_async(&mut connect(url).await)
            .await
            .expect("the consumers");
        let names = infos.iter().map(|info| &info["name"]);
        names
            .map(|name| redis::from_redis_value_ref(name).expect("a name"))
            .collect()
    }

    /// `XGROUP`; a group that is there already is as good.
    async fn group(&self, what: &str, arguments: &[&str]) {
        let Store::Redis { url, tag, .. } = &self.store else {
            return;
        };
        let mut command = redis::cmd("XGROUP");
        command.arg(what).arg(format!("{{{tag}}}:jobs"));
        command.arg("workers").arg(arguments);
        let answer = command
            .query_async::<redis::Value>(&mut connect(url).await)
            .await;
        if let Err(error) = answer {
            assert_eq!(error.code(), Some("BUSYGROUP"), "{error}");
        }
    }

    pub(crate) async fn stats(&self) -> QueueStats {
        self.feed().stats().await.expect("the queue answers")
    }

    /// Starts an apalis worker with this handler.
    pub(crate) fn work<H, F>(&self, concurrency: usize, handler: H) -> TestWorker
    where
        H: Fn(Job) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Disposal> + Send + 'static,
    {
        self.work_with(
            QueueSettings {
                concurrency,
                ..quick()
            },
            handler,
        )
    }

    pub(crate) fn work_with<H, F>(&self, settings: QueueSettings, handler: H) -> TestWorker
    where
        H: Fn(Job) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Disposal> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let registry = Registry::new();
        let events = QueueEvents::register(&registry).expect("fresh names");
        let (feed, stopped) = (self.feed(), stop.clone());
        let monitor = Monitor::new().register(move |_| {
            let handler = handler.clone();
            let backend =
                QueueBackend::start(feed.clone(), settings.clone(), events.clone(), &stopped);
            WorkerBuilder::new("test")
                .backend(backend)
                .build(move |job: Job| {
                    let run = handler(job);
                    async move { Ok::<_, BoxDynError>(run.await) }
                })
        });
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let end = async move {
                stopped.cancelled().await;
                Ok(())
            };
            monitor
                .run_with_signal(end)
                .await
                .expect("a worker ends without an error");
        });
        TestWorker {
            stop,
            registry,
            task,
        }
    }
}

/// Settings of a worker that looks for orphans all the time.
pub(crate) fn quick() -> QueueSettings {
    QueueSettings {
        block: Duration::from_millis(50),
        orphan_idle: IDLE,
        orphan_scan: Duration::from_millis(10),
        promote: Duration::from_millis(10),
        ..QueueSettings::default()
    }
}

pub(crate) fn challenge_of(job: &Job) -> ChallengeId {
    match job.task {
        JobTask::Send { challenge, .. } => challenge,
        JobTask::Notice { .. } => panic!("a notice"),
    }
}

pub(crate) fn challenges_of(deliveries: &[Delivery]) -> Vec<ChallengeId> {
    deliveries
        .iter()
        .map(|d| challenge_of(&Job::decode(&d.payload).expect("a job")))
        .collect()
}

pub(crate) async fn connect(url: &str) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url).expect("an address");
    client
        .get_multiplexed_async_connection()
        .await
        .expect("a connection")
}

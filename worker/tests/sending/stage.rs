//! Stores, a simulated gateway, and workers with a clock that stands still.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use harness::{PostgresServer, RedisServer, eventually, free_port};
use prometheus::Registry;
use serde_json::json;
use shared::challenge::{ChallengeId, Channel, Locale, NewChallenge};
use shared::clock::Clock;
use shared::config::{Environment, WorkerConfig};
use shared::hot_state::{Accept, AcceptPolicy, AcceptRequest, Accepted, Window};
use shared::kavenegar::{Gateway, GatewaySettings, SendOutcome};
use shared::notice::{MessagePurpose, NoticeKind};
use shared::otp::{KeyRing, Purpose};
use shared::phone::PhoneNumber;
use shared::queue::QueueStats;
use shared::random::Random;
use shared::records::{
    Begin, Begun, LedgerRow, LedgerState, LedgerWriter, NewNotice, PoolSettings, SendKey,
    SendMethod,
};
use shared::serving::{ServeLimits, serve};
use shared::stores::Stores;
use simulator::{FaultRule, ReceivedMessage, Simulator, SimulatorConfig};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) const START: i64 = 1_763_700_000_000;
/// The request whose sends these are.
pub(crate) const REQUEST: Uuid = Uuid::from_u128(0x6e1f_0a52_6d0f_4b7c_9d0e_2f4a_0c5b_7d11);
pub(crate) const PHONE: &str = "+989123456789";
/// Long enough for a machine under load; nothing waits for it when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// Messages that a worker handles at once.
pub(crate) const CONCURRENCY: u64 = 16;
/// The fence of an attempt that no worker of the stage has made.
pub(crate) const OTHER_RUN: i64 = 4_711;
pub(crate) const OTP_KEY: &str = "k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=";
pub(crate) const OTHER_KEY: &str = "k2:tVbUwTRkzH3F4nY6dPzq0uX1M5y8cJ7eA2sK9oLhB3w=";

static SERVERS: OnceCell<(RedisServer, PostgresServer)> = OnceCell::const_new();

pub(crate) struct Stage {
    pub(crate) stores: Stores,
    pub(crate) clock: Clock,
    gateway_clock: simulator::Clock,
    pub(crate) simulator: Simulator,
    settings: Settings,
    random: Random,
    gateway: SocketAddr,
    phones: AtomicU64,
    _folder: tempfile::TempDir,
    _gateway_stop: tokio_util::sync::DropGuard,
}

/// How messages go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// By a template: `verify/lookup`.
    Template,
    /// As a text: `sms/send`.
    Text,
}

impl Route {
    pub(crate) const ALL: [Self; 2] = [Self::Template, Self::Text];

    /// The gateway's method.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Template => "verify/lookup",
            Self::Text => "sms/send",
        }
    }

    /// The same in the ledger.
    pub(crate) fn ledger_method(self) -> SendMethod {
        match self {
            Self::Template => SendMethod::Lookup,
            Self::Text => SendMethod::Send,
        }
    }

    /// The method by which a message of this route is looked for.
    pub(crate) fn look_method(self) -> &'static str {
        match self {
            Self::Template => "sms/statusbyreceptor",
            Self::Text => "sms/statuslocalmessageid",
        }
    }
}

/// Where the stores are.
struct Settings {
    database_url: String,
    redis_url: Option<String>,
}

impl Settings {
    fn config(&self, with: &WorkWith) -> WorkerConfig {
        let mut settings = vec![
            ("DATABASE_URL", self.database_url.clone()),
            ("OTP_KEY", with.otp_key.clone()),
            ("KAVENEGAR_API_KEY", "ABCDEF0123456789".to_owned()),
            ("KAVENEGAR_URL", format!("http://{}/", with.gateway)),
            ("KAVENEGAR_RATE", with.rate.to_string()),
            ("WORKER_CONCURRENCY", CONCURRENCY.to_string()),
        ];
        if with.route == Route::Template {
            settings.push(("KAVENEGAR_TEMPLATE", "ramz-otp".to_owned()));
        }
        let more = with.settings.iter();
        settings.extend(more.map(|(name, value)| (*name, (*value).to_owned())));
        settings.extend(self.redis_url.clone().map(|url| ("REDIS_URL", url)));
        WorkerConfig::load(&Environment::from_pairs(settings)).expect("a configuration")
    }

    async fn open_stores(&self, clock: &Clock, random: &Random, with: &WorkWith) -> Stores {
        let config = self.config(with);
        let pool = PoolSettings {
            max_connections: 3,
            time_limit: Duration::from_secs(30),
        };
        Stores::open(&config.stores, pool, clock, random)
            .await
            .expect("stores")
    }
}

/// What a worker of a test differs in.
struct WorkWith {
    otp_key: String,
    gateway: SocketAddr,
    rate: u32,
    route: Route,
    /// Settings that only some tests have.
    settings: &'static [(&'static str, &'static str)],
}

impl WorkWith {
    fn gateway(gateway: SocketAddr) -> Self {
        Self {
            otp_key: OTP_KEY.to_owned(),
            gateway,
            rate: 100,
            route: Route::Template,
            settings: &[],
        }
    }
}

/// A worker on the stage.
pub(crate) struct Working {
    stop: CancellationToken,
    pub(crate) registry: Registry,
    task: JoinHandle<()>,
}

impl Working {
    pub(crate) fn tell_to_stop(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("it ends")
            .expect("no panic");
    }

    /// The value of a gauge without labels, once it has one.
    pub(crate) fn gauge(&self, metric: &str) -> Option<f64> {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == metric)?;
        let metric = family.get_metric().first()?;
        Some(metric.get_gauge().get_value())
    }

    /// Waits until a gauge has this value.
    pub(crate) async fn shows(&self, metric: &str, value: f64) {
        eventually(PATIENCE, async || {
            self.gauge(metric)
                .is_some_and(|shown| (shown - value).abs() < f64::EPSILON)
                .then_some(())
        })
        .await;
    }

    /// The counter with this value of a label; all of it if that is empty.
    pub(crate) fn counted(&self, metric: &str, label: &str) -> f64 {
        self.counted_yet(metric, label).expect("a metric")
    }

    /// None before the worker has registered it.
    fn counted_yet(&self, metric: &str, label: &str) -> Option<f64> {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == metric)?;
        let with_label = family.get_metric().iter().filter(|metric| {
            label.is_empty() || metric.get_label().iter().any(|pair| pair.value() == label)
        });
        Some(
            with_label
                .map(|metric| metric.get_counter().get_value())
                .sum(),
        )
    }

    /// Waits until it was counted so often.
    pub(crate) async fn counts(&self, metric: &str, label: &str, times: u32) {
        eventually(PATIENCE, async || {
            let counted = self.counted_yet(metric, label)?;
            (counted >= f64::from(times)).then_some(())
        })
        .await;
    }

    /// Messages that reached this, by the prefixes of this operator.
    pub(crate) fn delivery(&self, status: &str, operator: &str) -> f64 {
        let families = self.registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == "ramz_delivery_total")
            .expect("a metric");
        let series = family.get_metric().iter().filter(|metric| {
            let labels = metric.get_label();
            let has = |name, value| {
                labels
                    .iter()
                    .any(|pair| pair.name() == name && pair.value() == value)
            };
            has("status", status) && has("operator", operator)
        });
        series.map(|metric| metric.get_counter().get_value()).sum()
    }

    /// How many messages were seen delivered, and the seconds that they took together.
    pub(crate) fn delivery_seconds(&self) -> (u64, f64) {
        let families = self.registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == "ramz_delivery_seconds")
            .expect("a metric");
        let metrics = family.get_metric().iter();
        metrics.fold((0, 0.0), |(count, sum), metric| {
            let histogram = metric.get_histogram();
            (
                count + histogram.get_sample_count(),
                sum + histogram.get_sample_sum(),
            )
        })
    }

    /// Whether it was counted exactly so often.
    pub(crate) fn has_counted(&self, metric: &str, label: &str, times: u32) -> bool {
        (self.counted(metric, label) - f64::from(times)).abs() < f64::EPSILON
    }
}

impl Stage {
    pub(crate) async fn production() -> Self {
        // One Redis for all, so each stage has a logical database of its own.
        static DATABASES: AtomicU64 = AtomicU64::new(0);
        let (redis, postgres) = SERVERS
            .get_or_init(async || {
                tokio::join!(RedisServer::start(), PostgresServer::start_without_fsync())
            })
            .await;
        let database = DATABASES.fetch_add(1, Ordering::Relaxed);
        let redis_url = format!("{}/{database}", redis.url().trim_end_matches('/'));
        Self::on(redis_url, postgres).await
    }

    /// On servers of the test, which may break them.
    pub(crate) async fn on(redis_url: String, postgres: &PostgresServer) -> Self {
        let database_url = postgres.create_database().await;
        let pool = sqlx::PgPool::connect(&database_url)
            .await
            .expect("a connection");
        migrate::run_postgres(&pool).await.expect("the schema");
        pool.close().await;
        let folder = tempfile::tempdir().expect("a folder");
        Self::with(database_url, Some(redis_url), folder).await
    }

    pub(crate) async fn one_file() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("ramz.sqlite3").display());
        let file = shared::sqlite_file::SqliteFile::open(&url)
            .await
            .expect("a file");
        migrate::run_sqlite(file.writer())
            .await
            .expect("the schema");
        file.close().await;
        Self::with(url, None, folder).await
    }

    async fn with(
        database_url: String,
        redis_url: Option<String>,
        folder: tempfile::TempDir,
    ) -> Self {
        let clock = Clock::manual(START);
        let random = Random::operating_system();
        let gateway_clock = simulator::Clock::manual(START);
        let config = SimulatorConfig {
            clock: gateway_clock.clone(),
            ..SimulatorConfig::default()
        };
        let simulator = Simulator::new(config).expect("a simulator");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let gateway = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let limits = ServeLimits::default();
        tokio::spawn(serve(listener, simulator.router(), limits, stop.clone()));
        let settings = Settings {
            database_url,
            redis_url,
        };
        let stores = settings
            .open_stores(&clock, &random, &WorkWith::gateway(gateway))
            .await;
        Self {
            stores,
            clock,
            gateway_clock,
            simulator,
            settings,
            random,
            gateway,
            phones: AtomicU64::new(9_120_000_000),
            _folder: folder,
            _gateway_stop: stop.drop_guard(),
        }
    }

    /// A worker that can do everything.
    pub(crate) async fn work(&self) -> Working {
        self.work_with(WorkWith::gateway(self.gateway)).await
    }

    pub(crate) async fn work_by(&self, route: Route) -> Working {
        let with = WorkWith {
            route,
            ..WorkWith::gateway(self.gateway)
        };
        self.work_with(with).await
    }

    /// A worker with templates and these settings besides.
    pub(crate) async fn work_with_settings(
        &self,
        settings: &'static [(&'static str, &'static str)],
    ) -> Working {
        let with = WorkWith {
            settings,
            ..WorkWith::gateway(self.gateway)
        };
        self.work_with(with).await
    }

    pub(crate) async fn work_with_key(&self, otp_key: &str) -> Working {
        let with = WorkWith {
            otp_key: otp_key.to_owned(),
            ..WorkWith::gateway(self.gateway)
        };
        self.work_with(with).await
    }

    /// A worker that calls the gateway so many times a second, together with its like.
    pub(crate) async fn work_at_rate(&self, rate: u32) -> Working {
        let with = WorkWith {
            rate,
            ..WorkWith::gateway(self.gateway)
        };
        self.work_with(with).await
    }

    /// A worker whose gateway is not there.
    pub(crate) async fn work_without_gateway(&self) -> Working {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], free_port()));
        self.work_with(WorkWith::gateway(nowhere)).await
    }

    /// The same for plain texts.
    pub(crate) async fn work_without_gateway_by_text(&self) -> Working {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let with = WorkWith {
            route: Route::Text,
            ..WorkWith::gateway(nowhere)
        };
        self.work_with(with).await
    }

    async fn work_with(&self, with: WorkWith) -> Working {
        let (stop, registry) = (CancellationToken::new(), Registry::new());
        let config = self.settings.config(&with);
        let stores = self
            .settings
            .open_stores(&self.clock, &self.random, &with)
            .await;
        let (clock, random) = (self.clock.clone(), self.random.clone());
        let (stopped, counted) = (stop.clone(), registry.clone());
        let task = tokio::spawn(async move {
            worker::work(config, stores, &counted, clock, random, stopped)
                .await
                .expect("a worker ends without an error");
        });
        Working {
            stop,
            registry,
            task,
        }
    }

    pub(crate) fn keys() -> KeyRing {
        KeyRing::parse(OTP_KEY).expect("a key ring")
    }

    /// Asks for a code as the API does.
    pub(crate) async fn ask(&self, phone: &str, channel: Channel) -> ChallengeId {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let keys = Self::keys();
        let (_, new) =
            NewChallenge::begin(&self.random, &keys, phone, Purpose::SignIn, 6, Locale::Fa);
        self.accept(AcceptRequest::New(&new), channel).await;
        new.id
    }

    /// Writes a notice and puts it into the queue, as the API does.
    pub(crate) async fn notify(&self, phone: &str, kind: NoticeKind, locale: Locale) -> NewNotice {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let notice = NewNotice::new(&self.random, phone, kind, locale, self.clock.now());
        let (at, deadline) = (notice.created_at, notice.waiting().deadline_at);
        let sql = "INSERT INTO notices (id, phone, kind, locale, created_at, deadline_at) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        macro_rules! write {
            ($pool:ty) => {{
                let pool = <$pool>::connect(&self.settings.database_url).await;
                sqlx::query(sql)
                    .bind(notice.id)
                    .bind(notice.phone.as_e164())
                    .bind(kind.as_str())
                    .bind(locale.as_str())
                    .bind(at)
                    .bind(deadline)
                    .execute(&pool.expect("a connection"))
                    .await
                    .expect("written");
            }};
        }
        if self.settings.redis_url.is_some() {
            write!(sqlx::PgPool);
        } else {
            write!(sqlx::SqlitePool);
        }
        let hot_state = &self.stores.hot_state;
        let enqueued = hot_state.enqueue_notice(notice.id, deadline.timestamp_millis(), None, None);
        assert!(enqueued.await.expect("an answer"));
        notice
    }

    /// Removes the notices, as the deletion of an account does.
    pub(crate) async fn remove_notices(&self) {
        let sql = "DELETE FROM notices";
        if self.settings.redis_url.is_some() {
            let pool = sqlx::PgPool::connect(&self.settings.database_url).await;
            let pool = pool.expect("a connection");
            sqlx::query(sql).execute(&pool).await.expect("deleted");
        } else {
            let pool = sqlx::SqlitePool::connect(&self.settings.database_url).await;
            let pool = pool.expect("a connection");
            sqlx::query(sql).execute(&pool).await.expect("deleted");
        }
    }

    /// Asks for the codes of many.
    pub(crate) async fn ask_many(&self, count: u32) -> Vec<ChallengeId> {
        let mut challenges = Vec::new();
        for _ in 0..count {
            let number = self.phones.fetch_add(1, Ordering::Relaxed);
            challenges.push(self.ask(&format!("+98{number}"), Channel::Sms).await);
        }
        challenges
    }

    pub(crate) async fn resend(&self, id: ChallengeId) {
        self.accept(AcceptRequest::Resend { id, phone: None }, Channel::Sms)
            .await;
    }

    async fn accept(&self, request: AcceptRequest<'_>, channel: Channel) {
        let accepted = self.try_accept(request, channel).await;
        assert!(matches!(accepted, Accepted::Sent(_)), "{accepted:?}");
    }

    /// Asks for a code that may be refused.
    pub(crate) async fn try_ask(&self, phone: &str) -> Accepted {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let keys = Self::keys();
        let (_, new) =
            NewChallenge::begin(&self.random, &keys, phone, Purpose::SignIn, 6, Locale::Fa);
        self.try_accept(AcceptRequest::New(&new), Channel::Sms)
            .await
    }

    async fn try_accept(&self, request: AcceptRequest<'_>, channel: Channel) -> Accepted {
        let window = Window {
            count: 1_000,
            millis: 1,
        };
        let policy = AcceptPolicy {
            code_life_millis: 120_000,
            resend_cooldown_millis: 30_000,
            max_attempts: 3,
            phone_short: window,
            phone_day: window,
            address_per_minute: 1,
            queue_max: 1_000_000,
            queue_max_age_millis: i64::MAX,
        };
        let trace = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let accept = Accept {
            request,
            nonce: self.random.bytes(),
            channel,
            address: None,
            trace,
            request_id: Some(REQUEST),
        };
        self.stores
            .hot_state
            .accept(&accept, &policy)
            .await
            .expect("an answer")
    }

    /// Faults of the gateway; a rule that names no method is for messages only, so that looks at
    /// the account do not use it up.
    pub(crate) fn faults(&self, rules: serde_json::Value) {
        let mut rules: Vec<FaultRule> = serde_json::from_value(rules).expect("rules");
        for rule in &mut rules {
            rule.method
                .get_or_insert_with(|| "verify/lookup".to_owned());
        }
        self.simulator.set_faults(rules).expect("rules");
    }

    /// The code of a challenge.
    pub(crate) async fn code(&self, id: ChallengeId) -> String {
        let challenge = self.stores.hot_state.challenge(id).await;
        let challenge = challenge.expect("an answer").expect("a record");
        let code = challenge.code(&Self::keys()).expect("a key");
        code.expose().to_owned()
    }

    pub(crate) fn credit(&self, rials: i64) {
        self.simulator
            .change_account(json!({ "credit": rials }))
            .expect("a change");
    }

    /// The gateway takes a message that is not of this worker.
    pub(crate) async fn gateway_takes(&self, phone: &str, localid: i64) {
        let with = WorkWith {
            route: Route::Text,
            ..WorkWith::gateway(self.gateway)
        };
        let config = self.settings.config(&with);
        let gateway = Gateway::new(GatewaySettings::from(config.gateway)).expect("a gateway");
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let outcome = gateway.send_text(&phone, "سفارش شما رسید", localid).await;
        assert!(
            matches!(outcome, SendOutcome::Accepted { .. }),
            "{outcome:?}"
        );
    }

    pub(crate) fn messages(&self) -> Vec<ReceivedMessage> {
        self.simulator.messages(None, 1_000)
    }

    pub(crate) async fn row(&self, challenge: ChallengeId, send: u32) -> Option<LedgerRow> {
        let key = SendKey { challenge, send };
        self.stores
            .records
            .ledger_row(key)
            .await
            .expect("an answer")
    }

    /// The row once it has come to this state.
    pub(crate) async fn reaches(&self, challenge: ChallengeId, state: LedgerState) -> LedgerRow {
        eventually(PATIENCE, async || {
            self.row(challenge, 1)
                .await
                .filter(|row| row.state == state)
        })
        .await
    }

    /// Takes the challenges away, as a store does that lost its data, and leaves the jobs.
    pub(crate) async fn lose_challenges(&self) {
        if let Some(url) = &self.settings.redis_url {
            let client = redis::Client::open(url.as_str()).expect("an address");
            let mut connection = client
                .get_multiplexed_async_connection()
                .await
                .expect("a connection");
            let keys: Vec<String> = redis::cmd("KEYS")
                .arg("{ramz}:c:*")
                .query_async(&mut connection)
                .await
                .expect("the keys");
            redis::cmd("DEL")
                .arg(keys)
                .exec_async(&mut connection)
                .await
                .expect("deleted");
        } else {
            let pool = sqlx::SqlitePool::connect(&self.settings.database_url).await;
            sqlx::query("DELETE FROM hot_challenges")
                .execute(&pool.expect("a connection"))
                .await
                .expect("deleted");
        }
    }

    /// Waits until this attempt surely did not leave.
    pub(crate) async fn has_failed(&self, challenge: ChallengeId, attempt: u32) {
        eventually(PATIENCE, async || {
            let row = self.row(challenge, 1).await?;
            ((row.state, row.attempt) == (LedgerState::NotSent, attempt)).then_some(())
        })
        .await;
    }

    /// Begins an attempt as a worker does that dies or ends right after.
    pub(crate) async fn begin_elsewhere(
        &self,
        key: SendKey,
        route: Route,
        localid: i64,
    ) -> (LedgerWriter, u32) {
        let challenge = self.stores.hot_state.challenge(key.challenge).await;
        let challenge = challenge.expect("an answer").expect("a record");
        let purpose = challenge.purpose.into();
        self.begin_for(key, challenge.phone, purpose, route, localid)
            .await
    }

    pub(crate) async fn begin_for(
        &self,
        key: SendKey,
        phone: PhoneNumber,
        purpose: MessagePurpose,
        route: Route,
        localid: i64,
    ) -> (LedgerWriter, u32) {
        let ledger = LedgerWriter::start(self.stores.records.clone(), self.clock.clone());
        let begin = Begin {
            key,
            phone,
            purpose,
            channel: Channel::Sms,
            method: route.ledger_method(),
            fence: OTHER_RUN,
            localid,
            accepted_at: self.clock.now(),
            deadline_at: self.clock.now(),
            trace_id: None,
            request_id: None,
        };
        match ledger.begin(begin).await {
            Ok(Begun::Started { attempt, .. }) => (ledger, attempt),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn queue(&self) -> QueueStats {
        self.stores.feed.stats().await.expect("an answer")
    }

    /// Waits until this many jobs are delayed and no other is left.
    pub(crate) async fn all_are_delayed(&self, jobs: u64) {
        eventually(PATIENCE, async || {
            let queue = self.queue().await;
            (queue.delayed == jobs && queue.waiting + queue.in_flight == 0).then_some(())
        })
        .await;
    }

    /// Waits until the breaker is closed and lets all jobs go that were put off because of it.
    pub(crate) async fn everything_goes_out(&self) {
        eventually(PATIENCE, async || {
            let breaker = self.stores.hot_state.breaker().await.expect("an answer");
            breaker.is_none().then_some(())
        })
        .await;
        eventually(PATIENCE, async || {
            let queue = self.queue().await;
            (queue.waiting + queue.in_flight == 0).then_some(())
        })
        .await;
        // Longer than a job waits for the outcome of a probe.
        self.clock.advance(3_000);
        self.everything_is_settled().await;
    }

    /// Calls that would send a message, as the gateway counted them.
    pub(crate) fn calls(&self) -> u64 {
        self.simulator.calls("verify/lookup")
    }

    /// How many times the gateway was asked about deliveries.
    pub(crate) fn questions(&self) -> u64 {
        self.simulator.calls("sms/status")
    }

    /// How many times the gateway was asked for the credit.
    pub(crate) fn probes(&self) -> u64 {
        self.simulator.calls("account/info")
    }

    /// Waits until no job is left in any form.
    pub(crate) async fn everything_is_settled(&self) {
        eventually(PATIENCE, async || {
            let queue = self.queue().await;
            (queue.waiting + queue.in_flight + queue.delayed == 0).then_some(())
        })
        .await;
    }

    /// Waits until a job is delayed, then lets its time come.
    pub(crate) async fn let_the_delay_pass(&self, millis: i64) {
        eventually(PATIENCE, async || {
            (self.queue().await.delayed > 0).then_some(())
        })
        .await;
        self.advance(millis);
    }

    /// Waits until so many looks have found nothing.
    pub(crate) async fn has_looked(&self, challenge: ChallengeId, looks: u32) -> LedgerRow {
        eventually(PATIENCE, async || {
            self.row(challenge, 1)
                .await
                .filter(|row| row.state == LedgerState::Unknown && row.looks == looks)
        })
        .await
    }

    /// The gateway's time goes on by days, after which it knows no message any more.
    pub(crate) fn the_gateway_forgets(&self) {
        self.gateway_clock.advance(Duration::from_hours(72));
    }

    /// Moves the time of all, the gateway included.
    pub(crate) fn advance(&self, millis: i64) {
        self.clock.advance(millis);
        self.gateway_clock
            .advance(Duration::from_millis(millis.unsigned_abs()));
    }
}

//! Stores, a simulated gateway, and workers with a clock that stands still.

mod asking;
mod gateway;
mod ledger;
mod queue;
mod working;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::clock::Clock;
use domain::otp::KeyRing;
use domain::random::Random;
use harness::{PostgresServer, RedisServer, SmallDisk};
use serving::serve;
use shared::config::ServeLimits;
use shared::config::{Environment, WorkerConfig};
use shared::records::{PoolSettings, SendMethod};
use shared::stores::Stores;
use simulator::{Simulator, SimulatorConfig};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use working::Working;

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
            ..PoolSettings::default()
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
        Self::one_file_in(tempfile::tempdir().expect("a folder")).await
    }

    /// On a disk of the test, which may fill it.
    pub(crate) async fn one_file_on(disk: &SmallDisk) -> Self {
        Self::one_file_in(tempfile::tempdir_in(disk.path()).expect("a folder")).await
    }

    async fn one_file_in(folder: tempfile::TempDir) -> Self {
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

    pub(crate) fn keys() -> KeyRing {
        KeyRing::parse(OTP_KEY).expect("a key ring")
    }

    /// Moves the time of all, the gateway included.
    pub(crate) fn advance(&self, millis: i64) {
        self.clock.advance(millis);
        self.gateway_clock
            .advance(Duration::from_millis(millis.unsigned_abs()));
    }
}

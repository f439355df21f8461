//! Opens the stores at the start.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use shared::clock::Clock;
use shared::config::StoresConfig;
use shared::hot_state::HotState;
use shared::queue::Feed;
use shared::random::Random;
use shared::records::{PoolSettings, Records, RecordsError};
use shared::redis_store::RedisStore;
use shared::sqlite_file::SqliteFile;
use tokio::time::{Instant, sleep};

/// How long a start waits for the database; orchestrators often start both at once.
const WAIT_LIMIT: Duration = Duration::from_mins(1);
const WAIT_PAUSE: Duration = Duration::from_millis(500);
const WAIT_LOG_EVERY: Duration = Duration::from_secs(5);

/// Hot state, queue and records.
pub(crate) struct Stores {
    pub(crate) hot_state: HotState,
    pub(crate) queue: Feed,
    pub(crate) records: Records,
}

/// Why the stores cannot be used. No text holds a URL, since that may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum StoresError {
    /// The address of Redis is wrong.
    #[error("REDIS_URL cannot be used: {0}")]
    Redis(&'static str),
    /// The address of the database is wrong, or it holds what cannot be read.
    #[error("DATABASE_URL cannot be used: {0}")]
    Records(#[from] RecordsError),
    /// The SQLite file cannot be opened.
    #[error("the file of DATABASE_URL cannot be opened: {0}")]
    File(#[from] sqlx::Error),
    /// The database stayed away.
    #[error("the database did not answer within {limit} s: {cause}", limit = WAIT_LIMIT.as_secs())]
    Away {
        /// What its driver said last.
        cause: String,
    },
    /// The database answers, but not to us.
    #[error("the database refused: {0}")]
    Refused(String),
    /// The schema is not that of this version.
    #[error(
        "the database lacks migrations ({0}); run `migrate` with the same DATABASE_URL, then start again"
    )]
    Pending(String),
}

/// Opens what the settings name, and refuses a database without this version's schema. Redis may
/// be away; requests are then refused until it comes.
pub(crate) async fn open(
    config: &StoresConfig,
    clock: &Clock,
    random: &Random,
) -> Result<Stores, StoresError> {
    let stores = match config {
        StoresConfig::PostgresAndRedis {
            database_url,
            redis_url,
        } => {
            let redis = RedisStore::connect(redis_url.expose_secret())
                .map_err(|_| StoresError::Redis("it is not a URL such as redis://host:6379/"))?;
            let url = database_url.expose_secret();
            Stores {
                hot_state: HotState::redis(redis.clone(), clock.clone()),
                queue: Feed::redis(redis, clock.clone(), random),
                records: Records::connect(url, PoolSettings::default()).await?,
            }
        }
        StoresConfig::Sqlite { url } => {
            let file = SqliteFile::open(url).await?;
            Stores {
                hot_state: HotState::sqlite(file.clone(), clock.clone()),
                queue: Feed::sqlite(file.clone(), clock.clone(), random),
                records: Records::from_sqlite(file),
            }
        }
    };
    require_schema(&stores.records).await?;
    Ok(stores)
}

async fn require_schema(records: &Records) -> Result<(), StoresError> {
    let deadline = Instant::now() + WAIT_LIMIT;
    let mut logged_at: Option<Instant> = None;
    let pending = loop {
        let cause = match records.pending_migrations().await {
            Ok(pending) => break pending,
            Err(RecordsError::Unavailable(cause)) => cause,
            Err(error) => return Err(error.into()),
        };
        if !may_come_up(&cause) {
            return Err(StoresError::Refused(cause.to_string()));
        }
        let now = Instant::now();
        if now >= deadline {
            let cause = cause.to_string();
            return Err(StoresError::Away { cause });
        }
        if logged_at.is_none_or(|at| now - at >= WAIT_LOG_EVERY) {
            let seconds_left = (deadline - now).as_secs();
            tracing::warn!(%cause, seconds_left, "waiting for the database");
            logged_at = Some(now);
        }
        sleep(WAIT_PAUSE).await;
    };
    if pending.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = pending.iter().map(ToString::to_string).collect();
    Err(StoresError::Pending(names.join(", ")))
}

/// Whether waiting can help: a server that starts, not a wrong password.
fn may_come_up(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        // 57P03, cannot_connect_now: PostgreSQL is starting up or shutting down.
        sqlx::Error::Database(error) => error.code().as_deref() == Some("57P03"),
        _ => false,
    }
}

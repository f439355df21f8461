//! Opens the stores that the configuration names: the one place that looks at the shape.

mod room_watch;
mod schema;
mod versions;
mod watch;

use domain::clock::Clock;
use domain::random::Random;
use secrecy::{ExposeSecret as _, SecretString};

use crate::hot_state::HotState;
use crate::queue::Feed;
use crate::records::{PoolSettings, Pooler, Records, RecordsError};
use crate::redis_store::RedisStore;
use crate::sqlite_file::SqliteFile;

pub use schema::SchemaError;
pub use versions::LEAST_REDIS;
pub use watch::StoreWatch;

/// Where they are: `DATABASE_URL` and `REDIS_URL`.
#[derive(Clone, Debug)]
pub enum StoresConfig {
    /// Records in PostgreSQL, hot state and queue in Redis.
    PostgresAndRedis {
        /// `postgres://…`
        database_url: SecretString,
        /// What stands between a process and PostgreSQL.
        pooler: Pooler,
        /// `redis://…` or `rediss://…`
        redis_url: SecretString,
    },
    /// Everything in one SQLite file.
    Sqlite {
        /// `sqlite://…`
        url: String,
    },
}

/// Both seams and a place in the queue, opened.
#[derive(Clone, Debug)]
pub struct Stores {
    /// What lives minutes.
    pub hot_state: HotState,
    /// What lives long.
    pub records: Records,
    /// The queue, under a consumer name of this start.
    pub feed: Feed,
}

/// Why stores cannot be opened. Names no password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database.
    #[error("DATABASE_URL: {0}")]
    Records(#[from] RecordsError),
    /// Not a usable address.
    #[error("REDIS_URL: not a usable redis:// or rediss:// address")]
    Redis,
    /// The file of the one-process shape.
    #[error("DATABASE_URL: the SQLite file cannot be opened: {0}")]
    Sqlite(#[source] sqlx::Error),
}

impl Stores {
    /// Opens what is configured. Servers may still be away: each call heals by itself. A SQLite
    /// file is made if there is none.
    pub async fn open(
        config: &StoresConfig,
        pool: PoolSettings,
        clock: &Clock,
        random: &Random,
    ) -> Result<Self, OpenError> {
        match config {
            StoresConfig::PostgresAndRedis {
                database_url,
                pooler,
                redis_url,
            } => {
                let pool = PoolSettings {
                    pooler: *pooler,
                    ..pool
                };
                let redis =
                    RedisStore::connect(redis_url.expose_secret()).map_err(|_| OpenError::Redis)?;
                Ok(Self {
                    hot_state: HotState::redis(redis.clone(), clock.clone()),
                    records: Records::connect(database_url.expose_secret(), pool).await?,
                    feed: Feed::redis(redis, clock.clone(), random),
                })
            }
            StoresConfig::Sqlite { url } => {
                let file = SqliteFile::open(url).await.map_err(OpenError::Sqlite)?;
                Ok(Self::in_file(file, clock, random))
            }
        }
    }

    /// Everything in one file.
    pub fn in_file(file: SqliteFile, clock: &Clock, random: &Random) -> Self {
        Self {
            hot_state: HotState::sqlite(file.clone(), clock.clone()),
            records: Records::from_sqlite(file.clone()),
            feed: Feed::sqlite(file, clock.clone(), random),
        }
    }
}

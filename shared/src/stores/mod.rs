//! Opens the stores that the configuration names: the one place that looks at the shape.

mod schema;
mod watch;

use secrecy::ExposeSecret as _;

use crate::clock::Clock;
use crate::config::StoresConfig;
use crate::hot_state::HotState;
use crate::queue::Feed;
use crate::random::Random;
use crate::records::{PoolSettings, Records, RecordsError};
use crate::redis_store::RedisStore;
use crate::sqlite_file::SqliteFile;

pub use schema::SchemaError;
pub use watch::StoreWatch;

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
    /// file is made where it lacks.
    pub async fn open(
        config: &StoresConfig,
        pool: PoolSettings,
        clock: &Clock,
        random: &Random,
    ) -> Result<Self, OpenError> {
        match config {
            StoresConfig::PostgresAndRedis {
                database_url,
                redis_url,
            } => {
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

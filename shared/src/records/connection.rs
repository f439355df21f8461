//! One connection of either database, with a time limit around everything that is done on it.

use std::future::Future;
use std::time::Duration;

use migrate::Pending;
use sqlx::{Connection as _, PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};
use tokio::time::{Instant, timeout_at};

use super::RecordsError;
use super::dispatch::on_connection;
use super::places::{Place, Work};
use super::postgres_server::{Pooler, PostgresServer};
use crate::sqlite_file::SqliteFile;

/// What a database may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Connections to PostgreSQL that are held at most; SQLite has its own count.
    pub max_connections: u32,
    /// How long one call may take altogether, the wait for a connection included.
    pub time_limit: Duration,
    /// What stands between this process and PostgreSQL.
    pub pooler: Pooler,
}

impl Default for PoolSettings {
    /// Ten connections, and a limit under which the API can answer 503 within a second.
    fn default() -> Self {
        Self {
            max_connections: 10,
            time_limit: Duration::from_millis(800),
            pooler: Pooler::None,
        }
    }
}

/// How many connections are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Open and free.
    pub idle: u32,
    /// In use.
    pub used: u32,
    /// How many there may be.
    pub most: u32,
}

impl Connections {
    fn of<DB: sqlx::Database>(pool: &sqlx::Pool<DB>) -> Self {
        Self::counted(
            pool.num_idle(),
            pool.size(),
            pool.options().get_max_connections(),
        )
    }

    /// The numbers of a pool are read one after the other while it works, and its count of idle
    /// connections goes below zero, which wraps, while one is taken that is just being given back.
    fn counted(idle: usize, size: u32, most: u32) -> Self {
        let idle = u32::try_from(idle).unwrap_or(0).min(size);
        Self {
            idle,
            used: size - idle,
            most,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            idle: self.idle + other.idle,
            used: self.used + other.used,
            most: self.most + other.most,
        }
    }
}

/// The records of Ramz in whichever database holds them. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Records {
    store: Store,
    time_limit: Duration,
}

#[derive(Clone, Debug)]
pub(super) enum Store {
    Postgres(PostgresServer),
    Sqlite(SqliteFile),
}

const LAST_MIGRATION: &str =
    "SELECT version, description FROM _sqlx_migrations ORDER BY version DESC LIMIT 1";

/// The one transaction of a SQLite file waits for the disk and for its turn; 800 ms would refuse
/// bursts that are over in two seconds.
const SQLITE_TIME_LIMIT: Duration = Duration::from_secs(5);

impl Records {
    /// Opens the database of a `postgres://`, `postgresql://` or `sqlite:` URL.
    ///
    /// PostgreSQL need not be up: the first call connects, and each call heals by itself when the
    /// server comes back. A SQLite file is opened at once, and made if there is none.
    pub async fn connect(url: &str, settings: PoolSettings) -> Result<Self, RecordsError> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => {
                let server = PostgresServer::connect(url, settings)?;
                Ok(Self {
                    store: Store::Postgres(server),
                    time_limit: settings.time_limit,
                })
            }
            Some("sqlite") => {
                let file = SqliteFile::open_patiently(url, settings.time_limit).await?;
                Ok(Self::from_sqlite(file).with_time_limit(settings.time_limit))
            }
            _ => Err(RecordsError::Url(
                "the database URL must begin with postgres://, postgresql:// or sqlite:",
            )),
        }
    }

    /// Records in a file that hot state and queue share.
    pub fn from_sqlite(file: SqliteFile) -> Self {
        Self {
            store: Store::Sqlite(file),
            time_limit: SQLITE_TIME_LIMIT,
        }
    }

    /// The same records under another time limit, for callers that may wait longer than a request.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Whether the database answers, and is one that takes writes.
    pub async fn ping(&self) -> Result<(), RecordsError> {
        let answers = match &self.store {
            Store::Postgres(_) => "SELECT NOT pg_is_in_recovery()",
            Store::Sqlite(_) => "SELECT TRUE",
        };
        // Whether codes can be asked for does not hang on what else is slow.
        on_connection!(self, Place::of(Work::Asking), readers, connection => {
            let takes_writes: bool = sqlx::query_scalar(answers).fetch_one(connection).await?;
            if takes_writes {
                Ok(())
            } else {
                Err(RecordsError::standby())
            }
        })
    }

    /// The version of a server that is older than the least that is tested.
    pub(crate) async fn old_server(&self) -> Result<Option<String>, RecordsError> {
        match &self.store {
            Store::Postgres(server) => {
                let deadline = self.deadline();
                server
                    .ask(deadline, async |connection| {
                        migrate::old_postgres(connection).await
                    })
                    .await
            }
            Store::Sqlite(_) => Ok(None),
        }
    }

    /// Why no connection can be made to the server of the records, with its place; the pool itself
    /// says only that it has none.
    pub(crate) async fn why_away(&self) -> Option<String> {
        match &self.store {
            Store::Postgres(server) => server.why_away(self.deadline()).await,
            Store::Sqlite(_) => None,
        }
    }

    /// The database that this is: `postgres` or `sqlite`.
    pub fn back_end(&self) -> &'static str {
        match &self.store {
            Store::Postgres(_) => "postgres",
            Store::Sqlite(_) => "sqlite",
        }
    }

    /// How many connections this process has to it.
    pub fn connections(&self) -> Connections {
        match &self.store {
            Store::Postgres(server) => Connections::of(server.pool()),
            Store::Sqlite(file) => {
                Connections::of(file.readers()).plus(Connections::of(file.writer()))
            }
        }
    }

    /// What the database lacks of this version's schema; where there is something, the API does
    /// not start.
    pub async fn pending_migrations(&self) -> Result<Vec<Pending>, RecordsError> {
        match &self.store {
            Store::Postgres(server) => {
                server
                    .ask(self.deadline(), async |connection| {
                        migrate::pending_on_postgres(connection).await
                    })
                    .await
            }
            Store::Sqlite(file) => {
                let pending = async { Ok(migrate::pending_sqlite(file.readers()).await?) };
                within(self.deadline(), pending).await
            }
        }
    }

    /// Number and name of the newest migration that was applied.
    pub async fn last_migration(&self) -> Result<Option<(i64, String)>, RecordsError> {
        on_connection!(self, readers, connection => {
            Ok(sqlx::query_as(LAST_MIGRATION).fetch_optional(connection).await?)
        })
    }

    /// What ends a `SELECT` of rows that the same statement then takes. A SQLite file has one writer
    /// at a time, so there is nobody to skip.
    pub(super) fn skip_locked(&self) -> &'static str {
        match &self.store {
            Store::Postgres(_) => " FOR UPDATE SKIP LOCKED",
            Store::Sqlite(_) => "",
        }
    }

    /// How long a statement may run in the server, in milliseconds; a SQLite file has no server.
    pub(super) fn statement_limit(&self) -> Option<String> {
        match &self.store {
            Store::Postgres(_) => Some(self.time_limit.as_millis().max(1).to_string()),
            Store::Sqlite(_) => None,
        }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn time_limit(&self) -> Duration {
        self.time_limit
    }

    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.time_limit
    }
}

/// Waits for `work` until the deadline.
pub(super) async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, RecordsError>>,
) -> Result<T, RecordsError> {
    timeout_at(deadline, work)
        .await
        .unwrap_or_else(|_| Err(RecordsError::timed_out()))
}

/// A transaction for reading much: PostgreSQL ends each of its statements by itself when nobody waits for it any
/// more.
macro_rules! reading {
    ($records:expr, $connection:ident) => {{
        use sqlx::Connection as _;
        let mut transaction = $connection.begin().await?;
        if let Some(limit) = $records.statement_limit() {
            sqlx::query($crate::records::connection::LIMIT_STATEMENTS)
                .bind(limit)
                .execute(&mut *transaction)
                .await?;
        }
        transaction
    }};
}
pub(super) use reading;

/// Of one transaction.
pub(super) const LIMIT_STATEMENTS: &str = "SELECT set_config('statement_timeout', $1, TRUE)";

/// Begins a transaction that will write.
pub(super) trait BeginWriting: sqlx::Connection {
    /// The transaction; dropping it undoes what it did.
    fn begin_writing(
        &mut self,
    ) -> impl Future<Output = sqlx::Result<Transaction<'_, Self::Database>>> + Send;
}

impl BeginWriting for PgConnection {
    async fn begin_writing(&mut self) -> sqlx::Result<Transaction<'_, Postgres>> {
        self.begin().await
    }
}

impl BeginWriting for SqliteConnection {
    /// Takes the write lock at once: a transaction that reads first and then writes fails when
    /// another process wrote in between.
    async fn begin_writing(&mut self) -> sqlx::Result<Transaction<'_, Sqlite>> {
        self.begin_with("BEGIN IMMEDIATE").await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_idle_connections_that_wrapped_is_none() {
        let connections = Connections::counted(usize::MAX, 3, 10);
        assert_eq!((connections.idle, connections.used), (0, 3));
        let late = Connections::counted(4, 3, 10);
        assert_eq!((late.idle, late.used), (3, 0));
        let twice = connections.plus(late);
        assert_eq!((twice.idle, twice.used, twice.most), (3, 3, 20));
    }
}

//! What the API keeps its state in, with a door for tests.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::clock::Clock;
use domain::random::Random;
use harness::{PostgresServer, RedisServer};
use migrate::{run_postgres, run_sqlite};
use shared::hot_state::HotState;
use shared::queue::Feed;
use shared::records::{PoolSettings, Records};
use shared::redis_store::RedisStore;
use shared::sqlite_file::SqliteFile;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

static STORES: AtomicU64 = AtomicU64::new(0);

/// What the API keeps its state in, opened a second time so that tests look behind its back.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) hot: HotState,
    pub(crate) records: Records,
    pub(crate) queue: Feed,
    pub(crate) raw: Raw,
    pub(crate) database_url: String,
}

#[derive(Clone)]
pub(crate) enum Raw {
    Redis { url: String, tag: String },
    Sqlite(SqliteFile),
}

pub(crate) async fn start_servers() -> (RedisServer, PostgresServer) {
    tokio::join!(RedisServer::start(), PostgresServer::start_without_fsync())
}

impl Stores {
    pub(crate) async fn on_servers(
        redis: &RedisServer,
        postgres: &PostgresServer,
        clock: &Clock,
    ) -> Self {
        let database_url = postgres.create_database().await;
        let pool = PgPool::connect(&database_url).await.expect("connected");
        run_postgres(&pool).await.expect("migrated");
        pool.close().await;
        let tag = format!("t{}", STORES.fetch_add(1, Ordering::Relaxed));
        let store = RedisStore::connect_tagged(&redis.url(), &tag).expect("an address");
        let settings = PoolSettings::default();
        Self {
            hot: HotState::redis(store.clone(), clock.clone()),
            records: Records::connect(&database_url, settings)
                .await
                .expect("a URL"),
            queue: Feed::redis(store, clock.clone(), &Random::operating_system()),
            raw: Raw::Redis {
                url: redis.url(),
                tag,
            },
            database_url,
        }
    }

    pub(crate) async fn in_folder(folder: &tempfile::TempDir, clock: &Clock) -> Self {
        let database_url = format!("sqlite://{}", folder.path().join("ramz.sqlite3").display());
        let file = SqliteFile::open(&database_url).await.expect("a file");
        run_sqlite(file.writer()).await.expect("migrated");
        Self {
            hot: HotState::sqlite(file.clone(), clock.clone()),
            records: Records::from_sqlite(file.clone()),
            queue: Feed::sqlite(file.clone(), clock.clone(), &Random::operating_system()),
            raw: Raw::Sqlite(file),
            database_url,
        }
    }

    /// Runs SQL of the test's own.
    pub(crate) async fn execute(&self, sql: impl Into<String>) {
        let sql = AssertSqlSafe(sql.into());
        let done = match &self.raw {
            Raw::Redis { .. } => sqlx::query(sql).execute(&self.postgres().await).await.err(),
            Raw::Sqlite(file) => sqlx::query(sql).execute(file.writer()).await.err(),
        };
        assert!(done.is_none(), "{done:?}");
    }

    /// The texts of a query with one column.
    pub(crate) async fn texts(&self, sql: impl Into<String>) -> Vec<String> {
        let sql = AssertSqlSafe(sql.into());
        match &self.raw {
            Raw::Redis { .. } => {
                let pool = self.postgres().await;
                sqlx::query_scalar(sql).fetch_all(&pool).await
            }
            Raw::Sqlite(file) => sqlx::query_scalar(sql).fetch_all(file.writer()).await,
        }
        .expect("texts")
    }

    async fn postgres(&self) -> PgPool {
        let pool = PgPool::connect(&self.database_url).await;
        pool.expect("connected")
    }

    /// Bytes as a literal of this database; a UUID is bytes in one and a type in the other.
    pub(crate) fn uuid(&self, id: Uuid) -> String {
        match &self.raw {
            Raw::Redis { .. } => format!("'{id}'"),
            Raw::Sqlite(_) => self.bytes(id.as_bytes()),
        }
    }

    pub(crate) fn bytes(&self, bytes: &[u8]) -> String {
        let digits = hex::encode(bytes);
        match &self.raw {
            Raw::Redis { .. } => format!("'\\x{digits}'"),
            Raw::Sqlite(_) => format!("x'{digits}'"),
        }
    }

    /// Every value of every column of every table, as text, by table.
    pub(crate) async fn dump(&self) -> Vec<(String, Vec<String>)> {
        let (tables, columns_of): (_, fn(&str) -> String) = match &self.raw {
            Raw::Redis { .. } => (
                "SELECT table_name::text FROM information_schema.tables \
                 WHERE table_schema = 'public' ORDER BY 1",
                |table| {
                    format!(
                        "SELECT 'COALESCE(' || quote_ident(column_name) || '::text, '''')' \
                         FROM information_schema.columns \
                         WHERE table_schema = 'public' AND table_name = '{table}'"
                    )
                },
            ),
            Raw::Sqlite(_) => (
                "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1",
                |table| format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')"),
            ),
        };
        let mut dump = Vec::new();
        for table in self.texts(tables).await {
            let columns = self.texts(columns_of(&table)).await.join(" || '|' || ");
            let rows = self.texts(format!("SELECT {columns} FROM {table}")).await;
            dump.push((table, rows));
        }
        if let Raw::Redis { url, tag } = &self.raw {
            dump.push(("redis".to_owned(), dump_redis(url, tag).await));
        }
        dump
    }

    /// Runs one statement behind the API's back: a Redis command, whose first argument gets the
    /// stage's key prefix, or SQL.
    pub(crate) async fn meddle(&self, redis_command: &[&str], sql: &'static str) {
        match &self.raw {
            Raw::Redis { url, tag } => {
                let client = redis::Client::open(url.as_str()).expect("an address");
                let mut connection = client
                    .get_multiplexed_async_connection()
                    .await
                    .expect("connected");
                let mut command = redis::cmd(redis_command[0]);
                command.arg(format!("{{{tag}}}:{}", redis_command[1]));
                command.arg(&redis_command[2..]);
                let _: redis::Value = command.query_async(&mut connection).await.expect("done");
            }
            Raw::Sqlite(file) => {
                let done = sqlx::query(sql).execute(file.writer()).await;
                done.expect("done");
            }
        }
    }
}

/// Every key with what it holds.
async fn dump_redis(url: &str, tag: &str) -> Vec<String> {
    let client = redis::Client::open(url).expect("an address");
    let connection = client.get_multiplexed_async_connection().await;
    let mut connection = connection.expect("connected");
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg(format!("{{{tag}}}:*"))
        .query_async(&mut connection)
        .await
        .expect("the keys");
    let mut dump = Vec::new();
    for key in keys {
        // Small values are packed as they are.
        let value: Option<Vec<u8>> = redis::cmd("DUMP")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .expect("a value");
        let value = value.unwrap_or_default();
        dump.push(format!("{key} {}", String::from_utf8_lossy(&value)));
    }
    dump
}

//! What the API keeps its state in, with a door for tests.

use std::sync::atomic::{AtomicU64, Ordering};

use harness::{PostgresServer, RedisServer};
use migrate::{run_postgres, run_sqlite};
use shared::clock::Clock;
use shared::hot_state::HotState;
use shared::queue::Feed;
use shared::random::Random;
use shared::records::{PoolSettings, Records};
use shared::redis_store::RedisStore;
use shared::sqlite_file::SqliteFile;
use sqlx::PgPool;

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

//! Redis and PostgreSQL.

use std::sync::LazyLock;

use redis::Script;
use redis::aio::ConnectionManager;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use super::{Job, Opened, Opening};
use crate::Failure;

/// Where jobs wait.
pub(super) const JOBS: &str = "{floor}:jobs";
/// As many as the API of Ramz has by default.
const CONNECTIONS: u32 = 10;

static ASK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('SET', KEYS[1], ARGV[1], 'PX', 120000)
        redis.call('LPUSH', KEYS[2], ARGV[1])
        return 1",
    )
});

const TABLES: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS floor_users (
        id UUID PRIMARY KEY,
        phone TEXT NOT NULL UNIQUE,
        created_at TIMESTAMPTZ NOT NULL,
        last_sign_in_at TIMESTAMPTZ NOT NULL
    )",
    "CREATE TABLE IF NOT EXISTS floor_uses (
        challenge UUID PRIMARY KEY,
        used_at TIMESTAMPTZ NOT NULL
    )",
    "CREATE TABLE IF NOT EXISTS floor_sessions (
        id UUID PRIMARY KEY,
        user_id UUID NOT NULL,
        created_at TIMESTAMPTZ NOT NULL
    )",
    "CREATE TABLE IF NOT EXISTS floor_tokens (
        hash BYTEA PRIMARY KEY,
        session_id UUID NOT NULL,
        expires_at TIMESTAMPTZ NOT NULL
    )",
];

const SIGN_IN: &str = "WITH person AS (
        INSERT INTO floor_users (id, phone, created_at, last_sign_in_at)
        VALUES ($1, $2, now(), now())
        ON CONFLICT (phone) DO UPDATE SET last_sign_in_at = now()
        RETURNING id, xmax = 0 AS is_new
    ), used AS (
        INSERT INTO floor_uses (challenge, used_at) VALUES ($3, now())
    ), opened AS (
        INSERT INTO floor_sessions (id, user_id, created_at) SELECT $4, id, now() FROM person
    ), token AS (
        INSERT INTO floor_tokens (hash, session_id, expires_at)
        VALUES ($5, $4, now() + INTERVAL '1 day')
    )
    SELECT id, is_new FROM person";

pub(super) struct Servers {
    redis: ConnectionManager,
    pool: PgPool,
}

impl Servers {
    pub(super) async fn connect(redis: &str, database_url: &str) -> Result<Self, Failure> {
        let redis = redis::Client::open(redis)?.get_connection_manager().await?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .test_before_acquire(false)
            .connect(database_url)
            .await?;
        for table in TABLES {
            sqlx::query(table).execute(&pool).await?;
        }
        Ok(Self { redis, pool })
    }

    pub(super) async fn ask(&self, session: Uuid, job: &Job) -> Result<(), Failure> {
        ASK.key(key_of(session))
            .key(JOBS)
            .arg(serde_json::to_string(job)?)
            .invoke_async::<()>(&mut self.redis.clone())
            .await?;
        Ok(())
    }

    /// Nothing where the code is not right.
    pub(super) async fn sign_in(
        &self,
        challenge: Uuid,
        code: &str,
        opening: &Opening,
    ) -> Result<Option<Opened>, Failure> {
        let mut take = redis::cmd("GETDEL");
        take.arg(key_of(challenge));
        let kept: Option<String> = take.query_async(&mut self.redis.clone()).await?;
        let job: Option<Job> = kept.as_deref().map(serde_json::from_str).transpose()?;
        let Some(Job { phone, .. }) = job.filter(|job| job.code == code) else {
            return Ok(None);
        };
        let (user, is_new) = sqlx::query_as(SIGN_IN)
            .bind(opening.user)
            .bind(&phone)
            .bind(challenge)
            .bind(opening.session)
            .bind(opening.token_hash)
            .fetch_one(&self.pool)
            .await?;
        Ok(Some(Opened {
            user,
            phone,
            is_new,
        }))
    }
}

fn key_of(session: Uuid) -> String {
    format!("{{floor}}:c:{session}")
}

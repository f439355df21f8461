//! Changes of the ledger and of the users that would stop their writers for minutes if a migration made them: a table
//! of ten million rows gets its indexes while messages are sent.
//!
//! `CREATE INDEX CONCURRENTLY` cannot run inside a transaction, waits for those of others, and leaves an index
//! behind that is not valid where it breaks off. So it is no migration: this goes ahead of them, step by step, does
//! only what is missing, and can be run again. The migration itself, which finds everything made, stands for it where a
//! database is new.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Anyone who wants a table waits for its change so long at most: a backup that reads the table would keep the
/// change waiting, and the change everybody behind it.
const STAND_IN_LINE: &str = "SET LOCAL lock_timeout = '150ms'";
/// How often a change is tried, so long apart.
const TRIES: u32 = 60;
const APART: Duration = Duration::from_millis(500);

const IS_THERE: &str = "SELECT to_regclass('sends') IS NOT NULL";

/// A change that is done in no time once its table is free.
struct Quick {
    /// Whether it is still to be made, which is not so where its table is still to come.
    is_open: &'static str,
    change: &'static str,
}

const QUICK: [Quick; 4] = [
    Quick {
        is_open: "SELECT to_regclass('sends') IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pg_attribute \
             WHERE attrelid = to_regclass('sends') AND attname = 'leg' AND NOT attisdropped)",
        change: "ALTER TABLE sends ADD COLUMN leg BIGINT NOT NULL DEFAULT 1, \
             ADD COLUMN route TEXT NOT NULL DEFAULT 'kavenegar', ADD COLUMN message_id TEXT",
    },
    Quick {
        is_open: "SELECT to_regclass('number_erasures') IS NOT NULL AND NOT EXISTS (SELECT 1 \
             FROM pg_attribute WHERE attrelid = to_regclass('number_erasures') \
             AND attname = 'looked_at' AND NOT attisdropped)",
        change: "ALTER TABLE number_erasures ADD COLUMN looked_at TIMESTAMPTZ",
    },
    Quick {
        is_open: "SELECT to_regclass('challenge_uses') IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pg_trigger \
             WHERE tgrelid = to_regclass('challenge_uses') AND tgname = 'challenge_uses_stay')",
        change: "CREATE OR REPLACE FUNCTION challenge_uses_stay() RETURNS trigger LANGUAGE plpgsql \
             AS $stay$ BEGIN RAISE EXCEPTION 'a code that was used stays used' \
             USING ERRCODE = 'insufficient_privilege'; END $stay$; \
             CREATE TRIGGER challenge_uses_stay BEFORE DELETE ON challenge_uses FOR EACH ROW \
             WHEN (OLD.used_at > CURRENT_TIMESTAMP - INTERVAL '1 day') \
             EXECUTE FUNCTION challenge_uses_stay()",
    },
    Quick {
        is_open: "SELECT EXISTS (SELECT 1 FROM pg_constraint \
             WHERE conrelid = to_regclass('sends') AND conname = 'sends_localid_key')",
        change: "ALTER TABLE sends DROP CONSTRAINT sends_localid_key",
    },
];
/// Null where there is no such index.
const IS_VALID: &str = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)";
/// A limit of the role is meant for programs that serve people.
const NO_LIMITS: &str = "SET statement_timeout = 0; SET lock_timeout = 0; \
     SET idle_in_transaction_session_timeout = 0";
const USUAL_LIMITS: &str = "RESET statement_timeout; RESET lock_timeout; \
     RESET idle_in_transaction_session_timeout";

const INDEXES: [(&str, &str); 8] = [
    (
        "users_superusers",
        "CREATE INDEX CONCURRENTLY users_superusers ON users (created_at) WHERE is_superuser",
    ),
    (
        "users_kept_out",
        "CREATE INDEX CONCURRENTLY users_kept_out ON users (phone) WHERE blocked_at IS NOT NULL",
    ),
    (
        "sends_by_leg",
        "CREATE UNIQUE INDEX CONCURRENTLY sends_by_leg ON sends (challenge_id, send_number, leg)",
    ),
    (
        "sends_by_message",
        "CREATE UNIQUE INDEX CONCURRENTLY sends_by_message \
         ON sends (route, COALESCE(message_id, CAST(messageid AS TEXT)))",
    ),
    (
        "users_by_last_digits",
        "CREATE INDEX CONCURRENTLY users_by_last_digits ON users (substr(phone, length(phone) - 3))",
    ),
    (
        "users_by_email",
        "CREATE INDEX CONCURRENTLY users_by_email ON users (lower(email))",
    ),
    (
        "users_by_first_name",
        "CREATE INDEX CONCURRENTLY users_by_first_name ON users (lower(first_name))",
    ),
    (
        "users_by_last_name",
        "CREATE INDEX CONCURRENTLY users_by_last_name ON users (lower(last_name))",
    ),
];

/// Makes what the migrations to come would make with the table locked.
pub(crate) async fn prepare(connection: &mut PgConnection) -> sqlx::Result<()> {
    for quick in &QUICK {
        change(connection, quick).await?;
    }
    let is_there: bool = sqlx::query_scalar(IS_THERE)
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        return Ok(());
    }
    for (name, create) in INDEXES {
        make(connection, name, create).await?;
    }
    Ok(())
}

async fn change(connection: &mut PgConnection, quick: &Quick) -> sqlx::Result<()> {
    let mut tries = 0;
    loop {
        let is_open: bool = sqlx::query_scalar(quick.is_open)
            .fetch_one(&mut *connection)
            .await?;
        if !is_open {
            return Ok(());
        }
        tries += 1;
        match change_once(connection, quick.change).await {
            Err(error) if tries < TRIES && is_lock_not_available(&error) => {
                tokio::time::sleep(APART).await;
            }
            changed => changed?,
        }
    }
}

async fn change_once(connection: &mut PgConnection, change: &'static str) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(STAND_IN_LINE)
        .execute(&mut *transaction)
        .await?;
    sqlx::raw_sql(change).execute(&mut *transaction).await?;
    transaction.commit().await
}

fn is_lock_not_available(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(refusal) if refusal.code().as_deref() == Some("55P03"))
}

async fn make(
    connection: &mut PgConnection,
    name: &'static str,
    create: &'static str,
) -> sqlx::Result<()> {
    let is_valid: Option<bool> = sqlx::query_scalar(IS_VALID)
        .bind(name)
        .fetch_optional(&mut *connection)
        .await?;
    if is_valid == Some(true) {
        return Ok(());
    }
    sqlx::raw_sql(NO_LIMITS).execute(&mut *connection).await?;
    if is_valid == Some(false) {
        let drop = format!("DROP INDEX CONCURRENTLY {name}");
        sqlx::raw_sql(AssertSqlSafe(drop))
            .execute(&mut *connection)
            .await?;
    }
    let made = sqlx::raw_sql(create).execute(&mut *connection).await;
    sqlx::raw_sql(USUAL_LIMITS)
        .execute(&mut *connection)
        .await?;
    made.map(|_| ())
}

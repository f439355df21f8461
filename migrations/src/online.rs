//! Changes of the ledger that would stop its writers for minutes if a migration made them: a table of ten million
//! rows gets its indexes while messages are sent.
//!
//! `CREATE INDEX CONCURRENTLY` cannot run inside a transaction, waits for those of others, and leaves an index
//! behind that is not valid where it breaks off. So it is no migration: this goes ahead of them, step by step, does
//! only what is missing, and can be run again. The migration itself, which finds everything made, stands for it where a
//! database is new.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Whoever writes to the table waits for a new column so long at most: a backup that reads the table would keep the
/// change waiting, and the change everybody behind it.
const STAND_IN_LINE: &str = "SET LOCAL lock_timeout = '150ms'";
/// How often a column is tried to be added, so long apart.
const TRIES: u32 = 60;
const APART: Duration = Duration::from_millis(500);

const IS_THERE: &str = "SELECT to_regclass('sends') IS NOT NULL";
const HAS_COLUMNS: &str = "SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = 'sends'::regclass \
     AND attname = 'leg' AND NOT attisdropped)";
const COLUMNS: &str = "ALTER TABLE sends ADD COLUMN leg BIGINT NOT NULL DEFAULT 1, \
     ADD COLUMN route TEXT NOT NULL DEFAULT 'kavenegar', ADD COLUMN message_id TEXT";
/// Null where there is no such index.
const IS_VALID: &str = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)";
/// A limit of the role is meant for programs that serve people.
const NO_LIMITS: &str = "SET statement_timeout = 0; SET lock_timeout = 0; \
     SET idle_in_transaction_session_timeout = 0";
const USUAL_LIMITS: &str = "RESET statement_timeout; RESET lock_timeout; \
     RESET idle_in_transaction_session_timeout";

const INDEXES: [(&str, &str); 2] = [
    (
        "sends_by_leg",
        "CREATE UNIQUE INDEX CONCURRENTLY sends_by_leg ON sends (challenge_id, send_number, leg)",
    ),
    (
        "sends_by_message",
        "CREATE UNIQUE INDEX CONCURRENTLY sends_by_message \
         ON sends (route, COALESCE(message_id, CAST(messageid AS TEXT)))",
    ),
];

/// Makes what the migrations to come would make with the table locked.
pub(crate) async fn prepare(connection: &mut PgConnection) -> sqlx::Result<()> {
    let is_there: bool = sqlx::query_scalar(IS_THERE)
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        return Ok(());
    }
    add_columns(connection).await?;
    for (name, create) in INDEXES {
        make(connection, name, create).await?;
    }
    Ok(())
}

async fn add_columns(connection: &mut PgConnection) -> sqlx::Result<()> {
    let mut tries = 0;
    loop {
        let has_columns: bool = sqlx::query_scalar(HAS_COLUMNS)
            .fetch_one(&mut *connection)
            .await?;
        if has_columns {
            return Ok(());
        }
        tries += 1;
        match add_once(connection).await {
            Err(error) if tries < TRIES && is_lock_not_available(&error) => {
                tokio::time::sleep(APART).await;
            }
            added => added?,
        }
    }
}

async fn add_once(connection: &mut PgConnection) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(STAND_IN_LINE)
        .execute(&mut *transaction)
        .await?;
    sqlx::raw_sql(COLUMNS).execute(&mut *transaction).await?;
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

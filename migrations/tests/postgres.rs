//! Migrating a PostgreSQL database, and that both databases come to the same schema.

use std::time::Duration;

use harness::{PostgresServer, eventually};
use migrate::{pending_postgres, run_postgres, run_sqlite};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{PgConnection, PgPool, SqlitePool};
use tokio::task::JoinSet;

/// Bounds a failing test only.
const PATIENT: Duration = Duration::from_mins(2);

/// Table, column, whether it takes nulls, and its type in the words of SQLite.
type Column = (String, String, bool, String);

const POSTGRES_COLUMNS: &str = "SELECT table_name::text, column_name::text, is_nullable = 'YES', \
     CASE data_type WHEN 'uuid' THEN 'BLOB' WHEN 'bytea' THEN 'BLOB' WHEN 'bigint' THEN 'INTEGER' \
     WHEN 'boolean' THEN 'BOOLEAN' WHEN 'text' THEN 'TEXT' WHEN 'jsonb' THEN 'TEXT' \
     WHEN 'timestamp with time zone' THEN 'TEXT' ELSE data_type END \
     FROM information_schema.columns \
     WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'";
/// SQLite's primary keys take nulls unless the column says otherwise; here they count as not.
const SQLITE_COLUMNS: &str = "SELECT tables.name, columns.name, \
     columns.\"notnull\" = 0 AND columns.pk = 0, columns.type \
     FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns \
     WHERE tables.type = 'table' AND tables.name NOT LIKE '\\_sqlx%' ESCAPE '\\' \
     AND tables.name NOT LIKE 'sqlite%' AND tables.name NOT LIKE 'hot\\_%' ESCAPE '\\' \
     AND tables.name NOT IN ('jobs', 'dead_jobs', 'workers')";
/// Without those that a constraint has made, which SQLite names in its own way.
const POSTGRES_INDEXES: &str = "SELECT tablename::text, indexname::text FROM pg_indexes \
     WHERE schemaname = 'public' AND indexname NOT LIKE '%\\_pkey' \
     AND indexname NOT LIKE '%\\_key'";
const SQLITE_INDEXES: &str = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'index' \
     AND name NOT LIKE 'sqlite%' AND tbl_name NOT LIKE 'hot\\_%' ESCAPE '\\' AND tbl_name NOT IN ('jobs', 'workers')";

#[tokio::test]
async fn several_migrators_at_once_wait_for_each_other_and_nothing_stays_pending() {
    let server = PostgresServer::start_without_fsync().await;
    let pool = PgPool::connect(&server.create_database().await)
        .await
        .expect("a connection");
    let pending = pending_postgres(&pool).await.expect("a list");
    assert_eq!(
        pending.first().map(ToString::to_string).as_deref(),
        Some("0001_accounts")
    );
    let mut migrators = JoinSet::new();
    for _ in 0..4 {
        let pool = pool.clone();
        migrators.spawn(async move { run_postgres(&pool).await.expect("migrated") });
    }
    migrators.join_all().await;
    assert_eq!(pending_postgres(&pool).await.expect("a list"), []);
    assert_eq!(run_postgres(&pool).await.expect("nothing to do"), []);
}

/// Of records, that is: hot state and queue are tables in the file only.
#[tokio::test]
async fn both_databases_have_the_same_tables_columns_and_indexes() {
    let server = PostgresServer::start_without_fsync().await;
    let postgres = PgPool::connect(&server.create_database().await)
        .await
        .expect("a connection");
    run_postgres(&postgres).await.expect("migrated");
    let directory = tempfile::tempdir().expect("a directory");
    let options = SqliteConnectOptions::new()
        .filename(directory.path().join("ramz.db"))
        .create_if_missing(true);
    let sqlite = SqlitePool::connect_with(options).await.expect("a file");
    run_sqlite(&sqlite).await.expect("migrated");

    let mut in_postgres: Vec<Column> = sqlx::query_as(POSTGRES_COLUMNS)
        .fetch_all(&postgres)
        .await
        .expect("columns");
    let mut in_sqlite: Vec<Column> = sqlx::query_as(SQLITE_COLUMNS)
        .fetch_all(&sqlite)
        .await
        .expect("columns");
    in_postgres.sort();
    in_sqlite.sort();
    assert!(in_postgres.len() > 60);
    assert_eq!(in_postgres, in_sqlite);

    let mut in_postgres: Vec<(String, String)> = sqlx::query_as(POSTGRES_INDEXES)
        .fetch_all(&postgres)
        .await
        .expect("indexes");
    let mut in_sqlite: Vec<(String, String)> = sqlx::query_as(SQLITE_INDEXES)
        .fetch_all(&sqlite)
        .await
        .expect("indexes");
    in_postgres.sort();
    in_sqlite.sort();
    assert!(in_postgres.len() > 8);
    assert_eq!(in_postgres, in_sqlite);
}

/// Of the ledger, with what they are made of, and the triggers.
const LEDGER: &str = "SELECT indexname || ' ' || indexdef FROM pg_indexes WHERE tablename = 'sends' \
     UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal \
     UNION ALL SELECT prosrc FROM pg_proc WHERE proname = 'challenge_uses_stay' \
     UNION ALL SELECT column_name || ' ' || data_type || ' ' || is_nullable || ' ' \
     || COALESCE(column_default, '') FROM information_schema.columns \
     WHERE table_name IN ('sends', 'number_erasures') ORDER BY 1";
const ROW: &str = "INSERT INTO sends (challenge_id, send_number, purpose, channel, state, attempt, \
     fence, accepted_at, deadline_at, created_at, updated_at) \
     SELECT decode(repeat('00', 16), 'hex'), $1, 'sign_in', 'sms', 'not_sent', 1, 1, now, now, now, now \
     FROM (SELECT CURRENT_TIMESTAMP AS now) AS times";

async fn ledger(pool: &PgPool) -> Vec<String> {
    let rows = sqlx::query_scalar(LEDGER).fetch_all(pool).await;
    rows.expect("columns and indexes")
}

async fn add_row(connection: &mut PgConnection, number: i64) -> sqlx::Result<()> {
    let added = sqlx::query(ROW).bind(number).execute(connection).await;
    added.map(|_| ())
}

/// A ledger as the release before has it.
async fn before_legs(server: &PostgresServer) -> PgPool {
    let pool = PgPool::connect(&server.create_database().await).await;
    let pool = pool.expect("a connection");
    run_postgres(&pool).await.expect("migrated");
    for statement in [
        "DROP INDEX sends_by_leg, sends_by_message",
        "ALTER TABLE sends DROP COLUMN leg, DROP COLUMN route, DROP COLUMN message_id",
        "ALTER TABLE number_erasures DROP COLUMN looked_at",
        "DROP FUNCTION challenge_uses_stay() CASCADE",
        "ALTER TABLE sends ADD PRIMARY KEY (challenge_id, send_number), ADD UNIQUE (messageid), \
         ADD UNIQUE (localid), REPLICA IDENTITY DEFAULT",
        "DELETE FROM _sqlx_migrations WHERE version IN (21, 33)",
    ] {
        let done = sqlx::query(statement).execute(&pool).await;
        done.expect("a step back");
    }
    pool
}

#[tokio::test]
async fn the_ledger_is_changed_while_others_write_to_it() {
    let server = PostgresServer::start_without_fsync().await;
    let new = PgPool::connect(&server.create_database().await).await;
    let new = new.expect("a connection");
    run_postgres(&new).await.expect("migrated");
    let pool = before_legs(&server).await;

    // Somebody has written and takes time over it; anyone who wants the table for itself waits for that.
    let mut slow = pool.begin().await.expect("a transaction");
    add_row(&mut slow, 1).await.expect("a row");
    let migrating = tokio::spawn({
        let pool = pool.clone();
        async move { run_postgres(&pool).await }
    });
    let asked = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE sends%'";
    eventually(PATIENT, async || {
        let waiting: i64 = sqlx::query_scalar(asked)
            .fetch_one(&pool)
            .await
            .expect("a count");
        (waiting > 0).then_some(())
    })
    .await;
    let mut writer = pool.acquire().await.expect("a connection");
    sqlx::query("SET lock_timeout = '2s'")
        .execute(&mut *writer)
        .await
        .expect("a limit");
    for number in 2..12 {
        add_row(&mut writer, number).await.expect("no long wait");
    }
    assert!(!migrating.is_finished(), "it waits for the slow one");
    slow.commit().await.expect("committed");

    let applied = migrating.await.expect("no panic").expect("migrated");
    assert_eq!(applied.len(), 2);
    assert_eq!(pending_postgres(&pool).await.expect("a list"), []);
    // Only what programs of the release before name is there besides.
    let (mut kept, new) = (ledger(&pool).await, ledger(&new).await);
    kept.retain(|it| !new.contains(it));
    assert_eq!(
        kept,
        [
            "sends_messageid_key CREATE UNIQUE INDEX sends_messageid_key ON public.sends USING btree (messageid)",
            "sends_pkey CREATE UNIQUE INDEX sends_pkey ON public.sends USING btree (challenge_id, send_number)"
        ]
    );
    assert_eq!(ledger(&pool).await.len(), new.len() + 2);
    // Nor does it lose them when it is migrated again.
    run_postgres(&pool).await.expect("nothing to do");
    assert_eq!(ledger(&pool).await.len(), new.len() + 2);
}

#[tokio::test]
async fn an_index_whose_making_broke_off_is_made_again() {
    let server = PostgresServer::start_without_fsync().await;
    let pool = before_legs(&server).await;
    let mut connection = pool.acquire().await.expect("a connection");
    for number in 1..3 {
        add_row(&mut connection, number).await.expect("a row");
    }
    // What is left of one that could not be finished, here because its rows are not unique.
    let broken = "CREATE UNIQUE INDEX CONCURRENTLY sends_by_leg ON sends (purpose)";
    let refused = sqlx::query(broken).execute(&mut *connection).await;
    refused.expect_err("two rows of one purpose");
    run_postgres(&pool).await.expect("migrated");
    let valid: bool = sqlx::query_scalar(
        "SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'sends'::regclass",
    )
    .fetch_one(&pool)
    .await
    .expect("an answer");
    assert!(valid);
    let leg = ledger(&pool).await.into_iter();
    let leg: Vec<String> = leg.filter(|it| it.starts_with("sends_by_leg ")).collect();
    assert!(
        leg[0].ends_with("(challenge_id, send_number, leg)"),
        "{leg:?}"
    );
}

#[tokio::test]
async fn messages_from_before_deliveries_were_followed_are_not_asked_about_in_arrears() {
    let server = PostgresServer::start_without_fsync().await;
    let pool = PgPool::connect(&server.create_database().await)
        .await
        .expect("a connection");
    run_postgres(&pool).await.expect("migrated");
    // As a database of 0.1.0 has them: the first check of each message, ten seconds after it.
    for (number, age) in [(1_i64, "30 days"), (2, "2 hours"), (3, "1 minute")] {
        sqlx::query(
            "INSERT INTO sends (challenge_id, send_number, purpose, channel, state, attempt, \
             fence, accepted_at, deadline_at, created_at, updated_at, next_check_at) \
             SELECT decode(repeat('00', 16), 'hex'), $1, 'sign_in', 'sms', 'accepted', 1, 1, \
             at, at, at, at, at FROM (SELECT CURRENT_TIMESTAMP - $2::interval AS at) AS times",
        )
        .bind(number)
        .bind(age)
        .execute(&pool)
        .await
        .expect("a row");
    }
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version = 11")
        .execute(&pool)
        .await
        .expect("forgotten");
    assert_eq!(run_postgres(&pool).await.expect("migrated").len(), 1);
    let open: Vec<i64> =
        sqlx::query_scalar("SELECT send_number FROM sends WHERE next_check_at IS NOT NULL")
            .fetch_all(&pool)
            .await
            .expect("rows");
    assert_eq!(open, [3]);
}

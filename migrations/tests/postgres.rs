//! Migrating a PostgreSQL database, and that both databases come to the same schema.

use harness::PostgresServer;
use migrate::{pending_postgres, run_postgres, run_sqlite};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{PgPool, SqlitePool};
use tokio::task::JoinSet;

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

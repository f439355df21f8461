//! Migrating a SQLite file.

use std::path::Path;

use migrate::{PendingReason, pending_sqlite, run_sqlite};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use tokio::task::JoinSet;

async fn open(directory: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(directory.join("ramz.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal);
    SqlitePool::connect_with(options).await.expect("a file")
}

#[tokio::test]
async fn everything_is_pending_first_and_nothing_afterwards() {
    let directory = tempfile::tempdir().expect("a directory");
    let pool = open(directory.path()).await;
    let pending = pending_sqlite(&pool).await.expect("a list");
    assert!(
        pending
            .iter()
            .all(|one| one.reason == PendingReason::NotApplied)
    );
    let names: Vec<String> = pending.iter().map(ToString::to_string).collect();
    assert!(names.starts_with(&["0001_accounts".to_owned(), "0002_send_ledger".to_owned()]));

    assert_eq!(run_sqlite(&pool).await.expect("migrated"), pending);

    assert_eq!(pending_sqlite(&pool).await.expect("a list"), []);
    assert_eq!(run_sqlite(&pool).await.expect("nothing to do"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_migrators_at_once_wait_for_each_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut migrators = JoinSet::new();
    for _ in 0..8 {
        let path = directory.path().to_owned();
        migrators.spawn(async move { run_sqlite(&open(&path).await).await.expect("migrated") });
    }
    let applied = migrators.join_all().await;
    let working = applied.iter().filter(|list| !list.is_empty()).count();
    assert_eq!(
        working, 1,
        "one applied everything, the others found nothing to do"
    );
}

#[tokio::test]
async fn a_changed_migration_is_told_and_not_applied_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let pool = open(directory.path()).await;
    run_sqlite(&pool).await.expect("migrated");
    sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1")
        .execute(&pool)
        .await
        .expect("changed");
    let pending = pending_sqlite(&pool).await.expect("a list");
    assert_eq!(pending.len(), 1);
    assert_eq!(
        (pending[0].version, pending[0].reason),
        (1, PendingReason::Changed)
    );
    run_sqlite(&pool).await.expect_err("somebody has to look");
}

#[tokio::test]
async fn migrations_of_a_newer_release_do_not_stop_an_older_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let pool = open(directory.path()).await;
    run_sqlite(&pool).await.expect("migrated");
    sqlx::query(
        "INSERT INTO _sqlx_migrations \
         SELECT 9999, 'newer', installed_on, success, checksum, execution_time \
         FROM _sqlx_migrations WHERE version = 1",
    )
    .execute(&pool)
    .await
    .expect("added");
    assert_eq!(pending_sqlite(&pool).await.expect("a list"), []);
    assert_eq!(run_sqlite(&pool).await.expect("nothing to do"), []);
}

#[tokio::test]
async fn messages_from_before_deliveries_were_followed_are_not_asked_about_in_arrears() {
    let directory = tempfile::tempdir().expect("a directory");
    let pool = open(directory.path()).await;
    run_sqlite(&pool).await.expect("migrated");
    // As a file of 0.1.0 has them: the first check of each message, ten seconds after it.
    for (number, age) in [(1, "-30 days"), (2, "-2 hours"), (3, "-1 minute")] {
        sqlx::query(
            "INSERT INTO sends (challenge_id, send_number, purpose, channel, state, attempt, \
             fence, accepted_at, deadline_at, created_at, updated_at, next_check_at) \
             SELECT zeroblob(16), $1, 'sign_in', 'sms', 'accepted', 1, 1, at, at, at, at, at \
             FROM (SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', $2) AS at)",
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
    assert_eq!(run_sqlite(&pool).await.expect("migrated").len(), 1);
    let open: Vec<i64> =
        sqlx::query_scalar("SELECT send_number FROM sends WHERE next_check_at IS NOT NULL")
            .fetch_all(&pool)
            .await
            .expect("rows");
    assert_eq!(open, [3]);
}

//! One transaction with two inserts, synced to the disk, over one writer connection.

use std::path::Path;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::Failure;

pub(super) struct SqliteWrites(SqlitePool);

impl SqliteWrites {
    pub(super) async fn open(file: &Path) -> Result<Self, Failure> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await?;
        for table in [
            "CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY, phone TEXT NOT NULL)",
            "CREATE TABLE IF NOT EXISTS jobs (number INTEGER PRIMARY KEY, record TEXT NOT NULL)",
        ] {
            sqlx::query(table).execute(&pool).await?;
        }
        Ok(Self(pool))
    }

    pub(super) async fn write(&self, id: &str, phone: &str) -> Result<(), Failure> {
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO records (id, phone) VALUES ($1, $2)")
            .bind(id)
            .bind(phone)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO jobs (record) VALUES ($1)")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_rows_are_in_the_file_and_commits_are_synced() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("floor.sqlite");
        let writes = SqliteWrites::open(&file).await.expect("a file");
        writes.write("one", "+989120000000").await.expect("written");
        assert!(writes.write("one", "+989120000000").await.is_err());
        let count = |query| sqlx::query_scalar::<_, i64>(query).fetch_one(&writes.0);
        let records = count("SELECT COUNT(*) FROM records").await;
        assert_eq!(records.expect("a count"), 1);
        assert_eq!(
            count("SELECT COUNT(*) FROM jobs").await.expect("a count"),
            1
        );
        // 2 is FULL.
        assert_eq!(count("PRAGMA synchronous").await.expect("a mode"), 2);
    }
}

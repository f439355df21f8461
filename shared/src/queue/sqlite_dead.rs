//! Dead letters in their table.

use domain::clock::UnixMillis;

use super::dead::DeadLetter;
use super::feed::QueueError;
use super::job::Job;
use super::sqlite_feed::{SqliteFeed, unavailable};

const BEFORE: &str = "SELECT id, payload, attempts, reason, died_at FROM dead_jobs \
     WHERE id < $1 ORDER BY id DESC LIMIT $2";
const BY_ID: &str = "SELECT id, payload, attempts, reason, died_at FROM dead_jobs WHERE id = $1";
const REVIVE: &str = "INSERT INTO jobs (payload, due_at, put_off) \
     SELECT payload, $2, TRUE FROM dead_jobs WHERE id = $1";
const DROP: &str = "DELETE FROM dead_jobs WHERE id = $1";

type Row = (i64, String, u32, String, UnixMillis);

impl SqliteFeed {
    pub(super) async fn dead_letters(
        &self,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, QueueError> {
        let before = match before {
            Some(id) => match row_id(id) {
                Some(id) => id,
                None => return Ok(Vec::new()),
            },
            None => i64::MAX,
        };
        let rows: Vec<Row> = sqlx::query_as(BEFORE)
            .bind(before)
            .bind(limit)
            .fetch_all(self.file.readers())
            .await
            .map_err(unavailable)?;
        Ok(rows.into_iter().map(read).collect())
    }

    pub(super) async fn dead_letter(&self, id: &str) -> Result<Option<DeadLetter>, QueueError> {
        let Some(id) = row_id(id) else {
            return Ok(None);
        };
        let row: Option<Row> = sqlx::query_as(BY_ID)
            .bind(id)
            .fetch_optional(self.file.readers())
            .await
            .map_err(unavailable)?;
        Ok(row.map(read))
    }

    pub(super) async fn revive(&self, id: &str) -> Result<bool, QueueError> {
        let Some(id) = row_id(id) else {
            return Ok(false);
        };
        let mut transaction = self.file.begin_writing().await.map_err(unavailable)?;
        let revived = sqlx::query(REVIVE)
            .bind(id)
            .bind(self.clock.now_millis())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        sqlx::query(DROP)
            .bind(id)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        self.file.wake_workers();
        Ok(revived.rows_affected() > 0)
    }

    pub(super) async fn drop_dead_letter(&self, id: &str) -> Result<bool, QueueError> {
        let Some(id) = row_id(id) else {
            return Ok(false);
        };
        let dropped = sqlx::query(DROP)
            .bind(id)
            .execute(self.file.writer())
            .await
            .map_err(unavailable)?;
        Ok(dropped.rows_affected() > 0)
    }
}

/// As the table gives them out; what comes from outside may be anything.
fn row_id(id: &str) -> Option<i64> {
    id.parse()
        .ok()
        .filter(|number: &i64| number.to_string() == id)
}

fn read((id, payload, attempts, reason, died_at): Row) -> DeadLetter {
    DeadLetter {
        id: id.to_string(),
        job: Job::decode(&payload),
        attempts,
        reason,
        died_at,
    }
}

//! The queue in the SQLite file: one table for jobs that wait, run or are delayed, one for dead
//! letters.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use domain::clock::{Clock, UnixMillis};
use sqlx::types::Json;

use super::delivery::{Delivery, Disposal, Settlement};
use super::feed::{FORGOTTEN_AFTER, GONE_AFTER, LONGEST_DELAY, QueueError, QueueStats};
use crate::sqlite_file::SqliteFile;

/// How often a waiting read looks by itself; a request for a code wakes it at once.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What waits for its time by the time of the first placeholder. A job that was never put off is due
/// whatever the clock says, and one that lies further away than any was put off by a clock that was set
/// back since.
macro_rules! due {
    ($now:literal) => {
        concat!(
            "consumer IS NULL AND (due_at <= ",
            $now,
            " OR due_at > ",
            $now,
            " + 900000 OR (attempts = 0 AND NOT put_off))"
        )
    };
}

const _: () = assert!(LONGEST_DELAY.as_millis() == 900_000, "as in `due`");

const TAKE: &str = concat!(
    "UPDATE jobs SET consumer = $1, claimed_at = $2, deliveries = deliveries + 1 ",
    "WHERE id IN (SELECT id FROM jobs WHERE ",
    due!("$2"),
    " ORDER BY due_at, id LIMIT $3) RETURNING id, payload, attempts, deliveries"
);
const IS_DUE: &str = concat!("SELECT EXISTS (SELECT 1 FROM jobs WHERE ", due!("$1"), ")");
const IS_ORPHANED: &str = "SELECT EXISTS (SELECT 1 FROM jobs WHERE claimed_at <= $1)";
const CLAIM: &str = "UPDATE jobs SET consumer = $1, claimed_at = $2, deliveries = deliveries + 1 \
     WHERE id = (SELECT id FROM jobs WHERE claimed_at <= $3 ORDER BY id LIMIT 1) \
     RETURNING id, payload, attempts, deliveries";
const KEEP_ALIVE: &str = "UPDATE jobs SET claimed_at = $1 \
     WHERE id = $2 AND consumer = $3 AND deliveries = $4";
/// A worker that has nothing to do writes only every ten seconds: each commit is synced to the disk.
const LIVES: &str = "INSERT INTO workers (name, seen_at) VALUES ($1, $2) \
     ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at \
     WHERE excluded.seen_at NOT BETWEEN workers.seen_at AND workers.seen_at + 9999";
/// A time that lies ahead was told before the clock was set back.
const FORGET: &str = "DELETE FROM workers WHERE seen_at <= $1 - $2 OR seen_at > $1 + $2";
const LEAVE: &str = "DELETE FROM workers WHERE name = $1";
const FINISH: &str = "DELETE FROM jobs WHERE id = $1 AND consumer = $2 AND deliveries = $3";
/// Of a list of pairs of id and deliveries: most jobs end so.
const FINISH_ALL: &str = "DELETE FROM jobs WHERE id IN (SELECT jobs.id \
     FROM json_each($1) AS done CROSS JOIN jobs ON jobs.id = done.value ->> 0 \
     WHERE jobs.consumer = $2 AND jobs.deliveries = done.value ->> 1) RETURNING id";
const PUT_BACK: &str = "UPDATE jobs SET consumer = NULL, claimed_at = NULL, deliveries = 0, \
     attempts = $4, due_at = $5, put_off = put_off OR $6 \
     WHERE id = $1 AND consumer = $2 AND deliveries = $3";
const BURY: &str = "INSERT INTO dead_jobs (payload, attempts, reason, died_at) \
     SELECT payload, attempts, $4, $5 FROM jobs \
     WHERE id = $1 AND consumer = $2 AND deliveries = $3";
const STATS: &str = "SELECT \
     COUNT(*) FILTER (WHERE consumer IS NULL AND due_at <= $1), \
     COUNT(*) FILTER (WHERE consumer IS NOT NULL), \
     COUNT(*) FILTER (WHERE consumer IS NULL AND due_at > $1), \
     (SELECT COUNT(*) FROM dead_jobs), \
     (SELECT COUNT(*) FROM workers WHERE seen_at > $1 - $2 AND seen_at <= $1 + $2), \
     MIN(json_extract(payload, '$.accepted_at')) FILTER (WHERE NOT put_off) FROM jobs";

type Row = (i64, String, u32, u32);
type StatsRow = (i64, i64, i64, i64, i64, Option<i64>);

#[derive(Clone, Debug)]
pub(super) struct SqliteFeed {
    pub(super) file: SqliteFile,
    pub(super) clock: Clock,
    consumer: Arc<str>,
}

impl SqliteFeed {
    pub(super) fn new(file: SqliteFile, clock: Clock, consumer: String) -> Self {
        Self {
            file,
            clock,
            consumer: consumer.into(),
        }
    }

    pub(super) fn consumer(&self) -> &str {
        &self.consumer
    }

    pub(super) async fn read(
        &self,
        free: usize,
        block: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let patience = tokio::time::Instant::now() + block;
        loop {
            let written = self.file.written();
            let now = self.clock.now_millis();
            let due: bool = sqlx::query_scalar(IS_DUE)
                .bind(now)
                .fetch_one(self.file.readers())
                .await
                .map_err(unavailable)?;
            if due {
                return self.take(now, free).await;
            }
            let look_again = patience.min(tokio::time::Instant::now() + LOOK_AGAIN);
            let _woken_or_not = tokio::time::timeout_at(look_again, written).await;
            if tokio::time::Instant::now() >= patience {
                return Ok(Vec::new());
            }
        }
    }

    async fn take(&self, now: UnixMillis, free: usize) -> Result<Vec<Delivery>, QueueError> {
        let mut transaction = self.file.begin_writing().await.map_err(unavailable)?;
        let mut rows: Vec<Row> = sqlx::query_as(TAKE)
            .bind(&*self.consumer)
            .bind(now)
            .bind(i64::try_from(free).unwrap_or(i64::MAX))
            .fetch_all(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        rows.sort_unstable_by_key(|row| row.0);
        Ok(rows.into_iter().map(delivery).collect())
    }

    pub(super) async fn has_orphan(&self, idle: Duration) -> Result<bool, QueueError> {
        sqlx::query_scalar(IS_ORPHANED)
            .bind(self.before(idle))
            .fetch_one(self.file.readers())
            .await
            .map_err(unavailable)
    }

    pub(super) async fn claim_orphan(
        &self,
        idle: Duration,
    ) -> Result<Option<Delivery>, QueueError> {
        let row: Option<Row> = sqlx::query_as(CLAIM)
            .bind(&*self.consumer)
            .bind(self.clock.now_millis())
            .bind(self.before(idle))
            .fetch_optional(self.file.writer())
            .await
            .map_err(unavailable)?;
        Ok(row.map(delivery))
    }

    pub(super) async fn keep_alive(&self, running: &[(String, u32)]) -> Result<(), QueueError> {
        let now = self.clock.now_millis();
        let mut transaction = self.file.begin_writing().await.map_err(unavailable)?;
        for (id, deliveries) in running {
            sqlx::query(KEEP_ALIVE)
                .bind(now)
                .bind(row_id(id))
                .bind(&*self.consumer)
                .bind(*deliveries)
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
        sqlx::query(LIVES)
            .bind(&*self.consumer)
            .bind(now)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    /// A delayed job is due by its time; nothing has to be moved.
    #[expect(clippy::unused_async, reason = "the Redis feed has work to do here")]
    pub(super) async fn promote(&self, _limit: usize) -> Result<usize, QueueError> {
        Ok(0)
    }

    pub(super) async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<bool>, QueueError> {
        let now = self.clock.now_millis();
        let is_done = |settlement: &&Settlement| matches!(settlement.disposal, Disposal::Done);
        let done: Vec<_> = settlements
            .iter()
            .filter(is_done)
            .map(|done| (row_id(&done.delivery.id), done.delivery.deliveries))
            .collect();
        let mut settled = Vec::with_capacity(settlements.len());
        let mut transaction = self.file.begin_writing().await.map_err(unavailable)?;
        let mut finished = HashSet::new();
        if !done.is_empty() {
            let ended: Vec<i64> = sqlx::query_scalar(FINISH_ALL)
                .bind(Json(done))
                .bind(&*self.consumer)
                .fetch_all(&mut *transaction)
                .await
                .map_err(unavailable)?;
            finished.extend(ended);
        }
        for Settlement { delivery, disposal } in settlements {
            let id = row_id(&delivery.id);
            let fenced = |statement| {
                sqlx::query(statement)
                    .bind(id)
                    .bind(&*self.consumer)
                    .bind(delivery.deliveries)
            };
            if let Disposal::Dead(reason) = disposal {
                fenced(BURY)
                    .bind(*reason)
                    .bind(now)
                    .execute(&mut *transaction)
                    .await
                    .map_err(unavailable)?;
            }
            let end = match disposal {
                Disposal::Done => {
                    settled.push(finished.contains(&id));
                    continue;
                }
                Disposal::Dead(_) => fenced(FINISH),
                Disposal::Delay(after) => fenced(PUT_BACK)
                    .bind(delivery.attempts + 1)
                    .bind(later(now, *after))
                    .bind(true),
                Disposal::Postpone(after) => fenced(PUT_BACK)
                    .bind(delivery.attempts)
                    .bind(later(now, *after))
                    .bind(true),
                Disposal::GiveBack => fenced(PUT_BACK)
                    .bind(delivery.attempts)
                    .bind(now)
                    .bind(false),
            };
            let ended = end.execute(&mut *transaction).await.map_err(unavailable)?;
            settled.push(ended.rows_affected() == 1);
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(settled)
    }

    pub(super) async fn remove_gone_consumers(&self) -> Result<(), QueueError> {
        sqlx::query(FORGET)
            .bind(self.clock.now_millis())
            .bind(millis(FORGOTTEN_AFTER))
            .execute(self.file.writer())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    pub(super) async fn leave(&self) -> Result<(), QueueError> {
        sqlx::query(LEAVE)
            .bind(&*self.consumer)
            .execute(self.file.writer())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    pub(super) async fn stats(&self) -> Result<QueueStats, QueueError> {
        let now = self.clock.now_millis();
        let row: StatsRow = sqlx::query_as(STATS)
            .bind(now)
            .bind(millis(GONE_AFTER))
            .fetch_one(self.file.readers())
            .await
            .map_err(unavailable)?;
        let (waiting, in_flight, delayed, dead, consumers, oldest) = row;
        Ok(QueueStats {
            waiting: waiting.unsigned_abs(),
            in_flight: in_flight.unsigned_abs(),
            delayed: delayed.unsigned_abs(),
            dead: dead.unsigned_abs(),
            consumers: consumers.unsigned_abs(),
            oldest_age_millis: oldest.map_or(0, |at| now.saturating_sub(at).max(0).unsigned_abs()),
        })
    }

    fn before(&self, idle: Duration) -> UnixMillis {
        self.clock.now_millis() - millis(idle)
    }
}

fn delivery((id, payload, attempts, deliveries): Row) -> Delivery {
    Delivery {
        id: id.to_string(),
        payload,
        attempts,
        deliveries,
    }
}

fn later(now: UnixMillis, after: Duration) -> UnixMillis {
    now.saturating_add(millis(after))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The id was made by [`delivery`]; another text fits no row.
fn row_id(id: &str) -> i64 {
    id.parse().unwrap_or_default()
}

#[expect(clippy::needless_pass_by_value, reason = "it is used with map_err")]
pub(super) fn unavailable(error: sqlx::Error) -> QueueError {
    QueueError::Unavailable(error.to_string().into())
}

//! Removes rows that are too old to be of use, in small steps that disturb nobody.
//!
//! Every worker does so; of several at once one works at a sort of rows and the others pass by
//! ([`Records::remove_old`]). A step that takes too long is made smaller, down to one row, which gets as long as it
//! takes: a session may have a million old tokens. One that fails otherwise is made again with the next round.

use std::time::Duration;

use domain::clock::Clock;
use domain::random::Random;
use shared::config::Retention;
use shared::records::{OldRows, Records, RetentionStep};
use strum::VariantArray as _;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The first round begins within this time of the start, so that workers that start together do not begin
/// together.
const FIRST: Duration = Duration::from_mins(5);
const EVERY: Duration = Duration::from_mins(10);
/// Rows of a step.
const STEP_ROWS: u32 = 500;
/// To take a number out changes nearly all indexes of the ledger, which costs five times what a removal does.
const STEP_NUMBERS: u32 = 100;
/// A session takes its refresh tokens along, which are many more.
const STEP_SESSIONS: u32 = 25;
/// How long a step of one row may take.
const PATIENT: Duration = Duration::from_mins(10);
/// Between two steps the database is left alone for this many times as long as the step took, and at least
/// for `LEAST_REST`.
const REST: u32 = 3;
const LEAST_REST: Duration = Duration::from_millis(50);

shared::metrics! {
    /// Counts what was removed.
    #[derive(Clone, Debug)]
    pub(crate) struct RetentionMetrics {
        /// Rows that were removed because of their age, or lost their number (send_numbers).
        rows: IntCounterVec("ramz_retention_rows_total", ["table"]) of OldRows::VARIANTS;
    }
}

impl RetentionMetrics {
    fn add(&self, what: OldRows, rows: u64) {
        self.rows.with_label_values(&[what]).inc_by(rows);
    }
}

/// What removing needs.
#[derive(Clone)]
pub(crate) struct RetentionRounds {
    pub(crate) records: Records,
    pub(crate) retention: Retention,
    pub(crate) metrics: RetentionMetrics,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl RetentionRounds {
    /// Makes its rounds until the stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let rounds = async {
            sleep(FIRST.mul_f64(self.random.fraction())).await;
            loop {
                self.round().await;
                sleep(EVERY).await;
            }
        };
        stop.run_until_cancelled(Box::pin(rounds)).await;
    }

    /// Removes all that is too old by now.
    pub(crate) async fn round(&self) {
        for (what, kept) in self.retention.kept() {
            self.remove(what, kept).await;
        }
    }

    async fn remove(&self, what: OldRows, kept: chrono::TimeDelta) {
        let most = match what {
            OldRows::Sessions => STEP_SESSIONS,
            OldRows::SendNumbers => STEP_NUMBERS,
            _ => STEP_ROWS,
        };
        let patient = self.records.clone().with_time_limit(PATIENT);
        let (mut removed, mut limit, mut records) = (0, most, &self.records);
        loop {
            let (began, now) = (Instant::now(), self.clock.now());
            match records.remove_old(what, kept, now, limit).await {
                Ok(RetentionStep::More(rows)) => {
                    removed += rows;
                    self.metrics.add(what, rows);
                    (limit, records) = (limit.saturating_mul(2).min(most), &self.records);
                }
                Ok(RetentionStep::Done(rows)) => {
                    removed += rows;
                    self.metrics.add(what, rows);
                    break;
                }
                Ok(RetentionStep::Elsewhere) => break,
                Err(error) if error.is_late() && limit > 1 => limit /= 2,
                Err(error) if error.is_late() && !std::ptr::eq(records, &raw const patient) => {
                    tracing::info!(table = what.as_str(), "an old row takes long to remove");
                    records = &patient;
                }
                Err(error) => {
                    tracing::warn!(%error, table = what.as_str(), "old rows cannot be removed now");
                    break;
                }
            }
            sleep((began.elapsed() * REST).max(LEAST_REST)).await;
        }
        if removed > 0 {
            tracing::info!(
                table = what.as_str(),
                rows = removed,
                "old rows were removed"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;
    use shared::config::{Environment, WorkerConfig};
    use shared::sqlite_file::SqliteFile;
    use shared::telemetry::MetricSet as _;

    use super::*;

    const START: i64 = 1_763_700_000_000;

    fn retention(days: &str) -> Retention {
        let settings = [
            ("DATABASE_URL", "sqlite://unused.db"),
            ("OTP_KEY", "a:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU="),
            ("KAVENEGAR_API_KEY", "ABCDEF0123456789"),
            ("RETENTION_DAYS", days),
        ];
        let config = WorkerConfig::load(&Environment::from_pairs(settings));
        config.expect("a configuration").retention
    }

    #[tokio::test]
    async fn prv_01_a_round_removes_all_that_is_too_old_and_counts_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = SqliteFile::open_path(&folder.path().join("ramz.db")).await;
        let file = file.expect("a file");
        migrate::run_sqlite(file.writer())
            .await
            .expect("migrations");
        let add = |day: u8, rows: u32| {
            sqlx::query(
                "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $1) \
                 INSERT INTO audit_log (id, at, source, action, details) \
                 SELECT randomblob(16), '2025-09-' || $2 || 'T00:00:00.' || printf('%06d', n) \
                 || '+00:00', 'system', 'test', '{}' FROM n",
            )
            .bind(rows)
            .bind(format!("{day:02}"))
        };
        for (day, rows) in [(1, 1_200), (30, 3)] {
            let added = add(day, rows).execute(file.writer()).await;
            added.expect("rows");
        }
        let registry = Registry::new();
        let mut rounds = RetentionRounds {
            records: Records::from_sqlite(file.clone()),
            retention: retention("audit_log:never"),
            metrics: RetentionMetrics::register(&registry).expect("registered"),
            clock: Clock::manual(START),
            random: Random::seeded(1),
        };
        rounds.round().await;
        let left = async || -> i64 {
            let rows = sqlx::query_scalar("SELECT COUNT(*) FROM audit_log");
            rows.fetch_one(file.writer()).await.expect("a count")
        };
        assert_eq!(left().await, 1_203, "kept for ever");
        // START is the 21st of November: 60 days before it is the 22nd of September.
        rounds.retention = retention("audit_log:60");
        rounds.round().await;
        assert_eq!(left().await, 3);
        let counted = |rows: OldRows| {
            rounds
                .metrics
                .rows
                .with_label_values(&[rows.as_str()])
                .get()
        };
        assert_eq!(counted(OldRows::AuditLog), 1_200);
        assert_eq!(counted(OldRows::Sends), 0);
        rounds.round().await;
        assert_eq!(counted(OldRows::AuditLog), 1_200);
    }

    /// Old sessions of which each takes so long to remove that a step of many is never done in its time.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn prv_01_a_step_that_takes_too_long_is_made_smaller_until_it_is_done() {
        let server = harness::PostgresServer::start_without_fsync().await;
        let url = server.create_database().await;
        let pool = sqlx::PgPool::connect(&url).await.expect("a connection");
        migrate::run_postgres(&pool).await.expect("migrations");
        for statement in [
            "INSERT INTO users (id, username, created_at, updated_at) \
             VALUES (gen_random_uuid(), 'one', now(), now())",
            "INSERT INTO sessions (id, user_id, created_at, last_used_at, idle_expires_at, expires_at) \
             SELECT gen_random_uuid(), users.id, at, at, at, at FROM users, \
             (SELECT TIMESTAMPTZ '2025-09-01' + n * INTERVAL '1 minute' AS at \
             FROM generate_series(1, 8) AS n) AS moments",
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(0.1); RETURN OLD; END $$",
            // The first one takes longer than any step may.
            "CREATE FUNCTION very_slow() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(0.75); RETURN OLD; END $$",
            "CREATE TRIGGER slow BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION slow()",
            "CREATE TRIGGER very_slow BEFORE DELETE ON sessions FOR EACH ROW \
             WHEN (OLD.expires_at < TIMESTAMPTZ '2025-09-01 00:01:30') EXECUTE FUNCTION very_slow()",
        ] {
            sqlx::query(statement)
                .execute(&pool)
                .await
                .expect(statement);
        }
        let settings = shared::records::PoolSettings {
            time_limit: Duration::from_secs(1),
            ..shared::records::PoolSettings::default()
        };
        let records = Records::connect(&url, settings).await.expect("a URL");
        let rounds = RetentionRounds {
            records,
            retention: retention("sessions:30"),
            metrics: RetentionMetrics::register(&Registry::new()).expect("registered"),
            clock: Clock::manual(START),
            random: Random::seeded(1),
        };
        rounds.round().await;
        let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sessions")
            .fetch_one(&pool)
            .await
            .expect("a count");
        assert_eq!(left, 0);
        let counted = rounds
            .metrics
            .rows
            .with_label_values(&[OldRows::Sessions.as_str()]);
        assert_eq!(counted.get(), 8);
    }
}

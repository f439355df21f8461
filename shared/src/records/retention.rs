//! Removing what is too old to be of use, a few rows at a time.
//!
//! Each sort of rows goes in the order of one moment of theirs, which has an index, and how far that went is kept
//! in `retention_progress`: anyone who goes on begins there and reads nothing twice, neither rows that stay
//! nor those that are gone. One step is one short transaction. Anyone who makes it holds the row of its sort, so
//! of several processes one works and the others pass by.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::AssertSqlSafe;

use super::connection::Store;
use super::dispatch::in_transaction;
use super::{Records, RecordsError, micros};

/// The present by the database. A worker's clock may be wrong by years, and what it removes is gone.
const POSTGRES_NOW: &str = "SELECT CURRENT_TIMESTAMP";
const SQLITE_NOW: &str = "SELECT strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')";
/// A step that takes too long ends in the server too, and lets the row of its sort go: else anyone who tries a smaller one
/// would find it at work.
const LIMIT_STATEMENTS: &str = "SELECT set_config('statement_timeout', $1, TRUE)";

macro_rules! end {
    ($table:literal, $moment:literal, $and:literal) => {
        concat!(
            "SELECT ",
            $moment,
            " FROM ",
            $table,
            " WHERE ",
            $moment,
            " >= $1 AND ",
            $moment,
            " < $2",
            $and,
            " ORDER BY ",
            $moment,
            " LIMIT 1 OFFSET $3"
        )
    };
}
macro_rules! remove {
    ($table:literal, $moment:literal, $and:literal) => {
        Statements {
            end: end!($table, $moment, $and),
            act: concat!(
                "DELETE FROM ",
                $table,
                " WHERE ",
                $moment,
                " >= $1 AND ",
                $moment,
                " < $2",
                $and
            ),
        }
    };
}

/// A sort of rows that go when they are old. Numbers go before the rows that hold them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::IntoStaticStr, strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum OldRows {
    /// Sessions with their refresh tokens, by the end of their life.
    Sessions,
    /// The codes that were used, by the moment of their use.
    ChallengeUses,
    /// The numbers in the ledger of sends, by the moment of the send. The rows stay.
    SendNumbers,
    /// The rows of the ledger.
    Sends,
    /// Notices that nobody could put into the queue, by the moment at which they were written.
    Notices,
    /// Entries of the audit log, by their moment.
    AuditLog,
}

impl OldRows {
    /// The name in settings, metrics and the records.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    fn statements(self) -> Statements {
        match self {
            Self::Sessions => remove!("sessions", "expires_at", ""),
            Self::ChallengeUses => remove!("challenge_uses", "used_at", ""),
            Self::SendNumbers => Statements {
                end: end!("sends", "created_at", ""),
                act: concat!(
                    "UPDATE sends SET phone = NULL WHERE created_at >= $1 AND created_at < $2 ",
                    "AND phone IS NOT NULL"
                ),
            },
            Self::Sends => remove!("sends", "created_at", ""),
            Self::Notices => remove!("notices", "created_at", " AND enqueued_at IS NULL"),
            Self::AuditLog => remove!("audit_log", "at", ""),
        }
    }
}

struct Statements {
    /// The moment of the last row of a step, a given number of rows after its first.
    end: &'static str,
    /// What becomes of the rows of a step.
    act: &'static str,
}

const NOTE: &str = "UPDATE retention_progress SET done_until = $2 WHERE what = $1";

/// What a step has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionStep {
    /// Changed so many rows, and there may be more.
    More(u64),
    /// Changed so many rows, and they were the last.
    Done(u64),
    /// Another process is at it.
    Elsewhere,
}

impl Records {
    /// Removes some of the rows of this sort whose moment is longer ago than `kept`, the oldest first: `limit`
    /// of them, and those of the same moment as the last. The present is `now`, or what the database holds for it
    /// where that is earlier.
    ///
    /// Of several processes that keep rows for different times the shortest counts.
    pub async fn remove_old(
        &self,
        what: OldRows,
        kept: TimeDelta,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<RetentionStep, RecordsError> {
        let (present, statement_limit) = match self.store() {
            Store::Postgres(_) => (POSTGRES_NOW, Some(self.time_limit() / 2)),
            Store::Sqlite(_) => (SQLITE_NOW, None),
        };
        let statements = what.statements();
        let held = format!(
            "SELECT done_until FROM retention_progress WHERE what = $1{}",
            self.skip_locked()
        );
        in_transaction!(self, transaction => {
            if let Some(limit) = statement_limit {
                sqlx::query(LIMIT_STATEMENTS)
                    .bind(limit.as_millis().max(1).to_string())
                    .execute(&mut *transaction)
                    .await?;
            }
            let present: DateTime<Utc> =
                sqlx::query_scalar(present).fetch_one(&mut *transaction).await?;
            let present = micros(now.min(present));
            let before = present - kept;
            let from: Option<DateTime<Utc>> = sqlx::query_scalar(AssertSqlSafe(&*held))
                .bind(what.as_str())
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(from) = from else { return Ok(RetentionStep::Elsewhere) };
            if from >= before {
                // Nobody was there yet: the clock was wrong. (A moment before that is another worker's, which
                // keeps rows for a shorter time.)
                if from > present {
                    sqlx::query(NOTE)
                        .bind(what.as_str())
                        .bind(before)
                        .execute(&mut *transaction)
                        .await?;
                }
                // Its row is free when this returns.
                transaction.commit().await?;
                return Ok(RetentionStep::Done(0));
            }
            let last: Option<DateTime<Utc>> = sqlx::query_scalar(statements.end)
                .bind(from)
                .bind(before)
                .bind(i64::from(limit.saturating_sub(1)))
                .fetch_optional(&mut *transaction)
                .await?;
            let until = last.map_or(before, |last| last + TimeDelta::microseconds(1));
            let acted = sqlx::query(statements.act)
                .bind(from)
                .bind(until)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(NOTE)
                .bind(what.as_str())
                .bind(until)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            let rows = acted.rows_affected();
            Ok(match last {
                Some(_) => RetentionStep::More(rows),
                None => RetentionStep::Done(rows),
            })
        })
    }
}

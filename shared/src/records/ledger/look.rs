//! What the ledger knows of looks at the gateway, by which a send of unknown fate is cleared up.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::QueryBuilder;

use super::row::LedgerRow;
use super::{LedgerState, SendKey};
use crate::phone::PhoneNumber;
use crate::records::dispatch::on_connection;
use crate::records::{Records, RecordsError, micros};

/// Counted only on top of the number that the caller has read: a look that is recorded twice, since
/// the first answer was lost, counts once.
const COUNT: &str = "UPDATE sends SET looks = looks + 1, looked_at = $1, updated_at = $1 \
     WHERE challenge_id = $2 AND send_number = $3 AND attempt = $4 AND fence = $5 \
     AND state = 'unknown' AND looks = $6";

/// A row is made before its first attempt and moves for ten minutes at most, the longest life of a
/// challenge; so the rows of a number that may be open now are young.
const OPEN_ROWS_ARE_YOUNGER: TimeDelta = TimeDelta::minutes(11);
/// More than any limit lets through to one number in that time.
const OPEN_ROWS_MAX: u32 = 100;

impl Records {
    /// Records that a look at the gateway did not find the message of this row. False if the row
    /// is no longer as the caller has read it; then nothing was changed.
    pub async fn count_look(
        &self,
        row: &LedgerRow,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        on_connection!(self, writer, connection => {
            let counted = sqlx::query(COUNT)
                .bind(micros(now))
                .bind(row.key.challenge.as_bytes().as_slice())
                .bind(i64::from(row.key.send))
                .bind(i64::from(row.attempt))
                .bind(row.fence)
                .bind(i64::from(row.looks))
                .execute(connection)
                .await?;
            Ok(counted.rows_affected() == 1)
        })
    }

    /// Those of the gateway's message numbers that are recorded as other sends' than this.
    pub async fn messages_of_other_sends(
        &self,
        messageids: &[i64],
        than: SendKey,
    ) -> Result<Vec<i64>, RecordsError> {
        if messageids.is_empty() {
            return Ok(Vec::new());
        }
        on_connection!(self, readers, connection => {
            let mut question = QueryBuilder::new("SELECT messageid FROM sends WHERE messageid IN (");
            let mut list = question.separated(", ");
            for messageid in messageids {
                list.push_bind(*messageid);
            }
            question
                .push(") AND NOT (challenge_id = ")
                .push_bind(than.challenge.as_bytes().to_vec())
                .push(" AND send_number = ")
                .push_bind(i64::from(than.send))
                .push(") ORDER BY messageid");
            Ok(question
                .build_query_scalar()
                .persistent(false)
                .fetch_all(connection)
                .await?)
        })
    }

    /// Whether the outcome of another send to this number is open (`sending` or `unknown`) whose
    /// present attempt began between these moments: its message cannot be told from ours.
    pub async fn has_open_send(
        &self,
        phone: &PhoneNumber,
        other_than: SendKey,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        let since = from - OPEN_ROWS_ARE_YOUNGER;
        let rows = self.sends_of_phone(phone, since, OPEN_ROWS_MAX).await?;
        Ok(rows.iter().any(|row| {
            row.key != other_than
                && matches!(row.state, LedgerState::Sending | LedgerState::Unknown)
                && row.started_at.is_some_and(|at| (from..=to).contains(&at))
        }))
    }
}

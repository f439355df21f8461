//! What the ledger knows of looks at the gateway, by which a send of unknown fate is cleared up.

use chrono::{DateTime, TimeDelta, Utc};
use domain::phone::PhoneNumber;
use sqlx::QueryBuilder;

use super::row::{LedgerRow, message_id};
use super::{MessageId, Route, SendKey};
use crate::records::dispatch::on_connection;
use crate::records::{Records, RecordsError, micros};

/// Counted only on top of the number that the caller has read: a look that is recorded twice, since
/// the first answer was lost, counts once.
const COUNT: &str = "UPDATE sends SET looks = looks + 1, looked_at = $1, updated_at = $1 \
     WHERE challenge_id = $2 AND send_number = $3 AND leg = $4 AND attempt = $5 \
     AND fence = $6 AND state = 'unknown' AND looks = $7";

const COUNT_OPEN: &str = "SELECT COUNT(*) FROM sends WHERE phone = $1 AND created_at >= $2 \
     AND state IN ('sending', 'unknown') AND started_at BETWEEN $3 AND $4 \
     AND route = $5 AND NOT (challenge_id = $6 AND send_number = $7 AND leg = $8)";

const OF_MESSAGES: &str = concat!("SELECT ", message_id!(), " FROM sends WHERE route = ");

/// A row is made before its first attempt and moves as long as its message is wanted, which is
/// longest for a notice; so the rows of a number that may be open now are young.
const OPEN_ROWS_ARE_YOUNGER: TimeDelta = TimeDelta::hours(25);

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
                .bind(row.key.root.as_bytes().as_slice())
                .bind(i64::from(row.key.send))
                .bind(i64::from(row.key.leg))
                .bind(i64::from(row.attempt))
                .bind(row.fence)
                .bind(i64::from(row.looks))
                .execute(connection)
                .await?;
            Ok(counted.rows_affected() == 1)
        })
    }

    /// Those of a gateway's message numbers that are recorded as other sends' than this.
    pub async fn messages_of_other_sends(
        &self,
        route: &Route,
        messages: &[MessageId],
        than: SendKey,
    ) -> Result<Vec<MessageId>, RecordsError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        on_connection!(self, readers, connection => {
            let mut question = QueryBuilder::new(OF_MESSAGES);
            question
                .push_bind(route.as_str())
                .push(concat!(" AND ", message_id!(), " IN ("));
            let mut list = question.separated(", ");
            for message in messages {
                list.push_bind(message.as_str());
            }
            question
                .push(") AND NOT (challenge_id = ")
                .push_bind(than.root.as_bytes().to_vec())
                .push(" AND send_number = ")
                .push_bind(i64::from(than.send))
                .push(" AND leg = ")
                .push_bind(i64::from(than.leg))
                .push(") ORDER BY 1");
            let others: Vec<String> = question
                .build_query_scalar()
                .persistent(false)
                .fetch_all(connection)
                .await?;
            Ok(others.into_iter().map(MessageId::stored).collect())
        })
    }

    /// Whether the outcome of another send to this number over the same gateway is open (`sending` or `unknown`) whose
    /// present attempt began between these moments: its message cannot be told from ours.
    pub async fn has_open_send(
        &self,
        phone: &PhoneNumber,
        route: &Route,
        other_than: SendKey,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        on_connection!(self, readers, connection => {
            let open: i64 = sqlx::query_scalar(COUNT_OPEN)
                .bind(phone.as_e164())
                .bind(micros(from - OPEN_ROWS_ARE_YOUNGER))
                .bind(micros(from))
                .bind(micros(to))
                .bind(route.as_str())
                .bind(other_than.root.as_bytes().as_slice())
                .bind(i64::from(other_than.send))
                .bind(i64::from(other_than.leg))
                .fetch_one(connection)
                .await?;
            Ok(open > 0)
        })
    }
}

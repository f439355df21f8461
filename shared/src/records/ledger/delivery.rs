//! Asking what became of accepted messages: what the gateway said, and reports that came in. Which are due is in
//! `due.rs`.
//!
//! What was learned is written only where the row still is as it was read; of two who asked about the same
//! message the second leaves it alone, and counts nothing.

use std::collections::HashSet;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use domain::delivery::DeliveryStatus;
use domain::delivery::Progress;

use super::due::{DeliveryCheck, answerable};
use super::row::{message_id, stored_key};
use super::{MessageId, Route, SendKey};
use crate::records::dispatch::on_connection;
use crate::records::many_rows::{RowsStatement, TakesRows as _, many_rows};
use crate::records::{Records, RecordsError, micros};

many_rows! {
    struct ToldRow in "told" where "octet_length(of_challenge) = 16" {
        of_challenge: Vec<u8> as "BYTEA",
        of_send: i64 as "BIGINT",
        of_leg: i64 as "BIGINT",
        known_status: i64 as "BIGINT",
        was_due: DateTime<Utc> as "TIMESTAMPTZ",
        told_status: Option<i64> as "BIGINT",
        told_next: Option<DateTime<Utc>> as "TIMESTAMPTZ",
        told_delivered: Option<DateTime<Utc>> as "TIMESTAMPTZ",
        told_at: DateTime<Utc> as "TIMESTAMPTZ",
    }
}

/// A check whose moment is no longer the one that was read stays, unless all is said: a report has asked for it
/// meanwhile, or a worker of the release before has taken it.
const RECORD: &str = "UPDATE sends SET delivery_status = told_status, \
     delivery_checked_at = told_at, delivered_at = COALESCE(delivered_at, told_delivered), \
     next_check_at = CASE WHEN told_next IS NULL OR next_check_at = was_due \
         THEN told_next ELSE next_check_at END, \
     updated_at = told_at \
     FROM told WHERE challenge_id = of_challenge AND send_number = of_send \
     AND leg = of_leg AND next_check_at IS NOT NULL AND COALESCE(delivery_status, -1) = known_status \
     RETURNING challenge_id, send_number, leg";

static TELL: LazyLock<RowsStatement> = LazyLock::new(|| RowsStatement::new::<ToldRow>(RECORD));

impl ToldRow {
    fn of(check: &DeliveryCheck, progress: &Progress, now: DateTime<Utc>) -> Self {
        let code = |status: DeliveryStatus| i64::from(status.code());
        let next = progress.next_check.map(|after| check.accepted_at + after);
        let is_delivered = progress.status == Some(DeliveryStatus::Delivered);
        Self {
            of_challenge: check.key.root.as_bytes().to_vec(),
            of_send: check.key.send.into(),
            of_leg: check.key.leg.into(),
            known_status: check.known.map_or(-1, code),
            was_due: micros(check.due_at),
            told_status: progress.status.map(code),
            told_next: next.map(micros),
            told_delivered: is_delivered.then_some(now),
            told_at: now,
        }
    }
}

/// One that is due already may just be asked about: it gets another moment, so that it is asked about once more.
const HASTEN: &str = concat!(
    "UPDATE sends SET next_check_at = $1 WHERE route = $2 AND ",
    message_id!(),
    " = $3 AND next_check_at <> $1 AND ",
    answerable!()
);
const NEXT_OF_MESSAGE: &str = concat!(
    "SELECT next_check_at FROM sends WHERE route = $1 AND ",
    message_id!(),
    " = $2"
);

/// What became of a report that came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reported {
    /// The message is one whose end is not known yet; the gateway is asked now if the report is
    /// about an end.
    Open,
    /// The message is not asked about any more.
    Closed,
    /// No send has this message.
    NoSuchMessage,
}

impl Records {
    /// Records what is known of messages after asking about them, and returns those whose rows say
    /// so now. Of the others somebody else has recorded something since they were read: what they
    /// reached is not this caller's to count. No message may stand there twice.
    pub async fn record_deliveries(
        &self,
        checked: &[(DeliveryCheck, Progress)],
        now: DateTime<Utc>,
    ) -> Result<HashSet<SendKey>, RecordsError> {
        if checked.is_empty() {
            return Ok(HashSet::new());
        }
        let now = micros(now);
        let mut ordered: Vec<_> = checked.iter().collect();
        ordered.sort_unstable_by_key(|(check, _)| check.key);
        on_connection!(self, writer, connection => {
            let told = ordered.iter().map(|(check, progress)| ToldRow::of(check, progress, now));
            let rows: Vec<(Vec<u8>, i64, i64)> =
                connection.fetch_with_rows(&TELL, told.collect()).await?;
            rows.into_iter()
                .map(|(challenge_id, send_number, leg)| stored_key(&challenge_id, send_number, leg))
                .collect()
        })
    }

    /// Takes note of a report that somebody sent us about a message of this gateway. It is believed in one thing
    /// only: that asking the gateway about this message is worth while now, if the message is said
    /// to have come to its end. So it changes nothing that is known.
    pub async fn note_delivery_report(
        &self,
        route: &Route,
        message: &MessageId,
        status: DeliveryStatus,
        now: DateTime<Utc>,
    ) -> Result<Reported, RecordsError> {
        on_connection!(self, writer, connection => {
            if status.is_final() {
                let hastened = sqlx::query(HASTEN)
                    .bind(micros(now))
                    .bind(route.as_str())
                    .bind(message.as_str())
                    .execute(&mut *connection)
                    .await?;
                if hastened.rows_affected() == 1 {
                    return Ok(Reported::Open);
                }
            }
            let next: Option<Option<DateTime<Utc>>> = sqlx::query_scalar(NEXT_OF_MESSAGE)
                .bind(route.as_str())
                .bind(message.as_str())
                .fetch_optional(connection)
                .await?;
            Ok(match next {
                Some(Some(_)) => Reported::Open,
                Some(None) => Reported::Closed,
                None => Reported::NoSuchMessage,
            })
        })
    }
}

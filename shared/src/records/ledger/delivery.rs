//! Asking what became of accepted messages: which are due, and what the gateway said.
//!
//! A row is due when its `next_check_at` has come. Anyone who takes it moves that moment on by a lease,
//! so no other worker asks about it meanwhile, and one that dies with it loses nothing: the moment
//! comes again. What was learned is written only where the row still is as it was taken; the
//! second who comes leaves it alone, and counts nothing.

use std::collections::HashSet;
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use domain::delivery::DeliveryStatus;
use domain::delivery::Progress;
use domain::phone::Operator;
use sqlx::QueryBuilder;

use super::row::{corrupt, message_id, stored_key};
use super::{MessageId, Route, SendKey};
use crate::records::dispatch::on_connection;
use crate::records::many_rows::{RowsStatement, TakesRows as _, many_rows};
use crate::records::users::stored_phone;
use crate::records::{Records, RecordsError, micros};

/// A check that was taken and not recorded in this time is due again. An answer of the gateway and
/// two statements take seconds.
pub const DELIVERY_LEASE: TimeDelta = TimeDelta::seconds(60);

/// Of the rows that have a next check, those that can be asked about; they all should be.
macro_rules! answerable {
    () => {
        concat!(
            "state = 'accepted' AND ",
            message_id!(),
            " IS NOT NULL AND finished_at IS NOT NULL"
        )
    };
}

const NEXT: &str = concat!(
    "SELECT next_check_at FROM sends WHERE next_check_at IS NOT NULL AND ",
    answerable!(),
    " AND route = $1 ORDER BY next_check_at LIMIT 1"
);

/// `MATERIALIZED`, so that the rows are chosen and locked once.
const DUE: &str = concat!(
    "WITH due (due_challenge, due_send, due_leg) AS MATERIALIZED (",
    "SELECT challenge_id, send_number, leg FROM sends WHERE ",
    answerable!(),
    " AND route = "
);
const DUE_AT: &str = " AND next_check_at <= ";
const TAKE: &str = ") UPDATE sends SET next_check_at = ";
const TAKEN: &str = concat!(
    " FROM due WHERE challenge_id = due_challenge AND send_number = due_send AND leg = due_leg \
     RETURNING challenge_id, send_number, leg, phone, ",
    message_id!(),
    " AS message_id, finished_at, delivery_status"
);

many_rows! {
    struct ToldRow in "told" where "octet_length(of_challenge) = 16" {
        of_challenge: Vec<u8> as "BYTEA",
        of_send: i64 as "BIGINT",
        of_leg: i64 as "BIGINT",
        taken_status: i64 as "BIGINT",
        taken_until: DateTime<Utc> as "TIMESTAMPTZ",
        told_status: Option<i64> as "BIGINT",
        told_next: Option<DateTime<Utc>> as "TIMESTAMPTZ",
        told_delivered: Option<DateTime<Utc>> as "TIMESTAMPTZ",
        told_at: DateTime<Utc> as "TIMESTAMPTZ",
    }
}

/// A check that was asked for meanwhile (its moment is no longer the end of the lease) stays, unless
/// all is said.
const RECORD: &str = "UPDATE sends SET delivery_status = told_status, \
     delivery_checked_at = told_at, delivered_at = COALESCE(delivered_at, told_delivered), \
     next_check_at = CASE WHEN told_next IS NULL OR next_check_at = taken_until \
         THEN told_next ELSE next_check_at END, \
     updated_at = told_at \
     FROM told WHERE challenge_id = of_challenge AND send_number = of_send \
     AND leg = of_leg AND next_check_at IS NOT NULL AND COALESCE(delivery_status, -1) = taken_status \
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
            taken_status: check.known.map_or(-1, code),
            taken_until: micros(check.leased_until),
            told_status: progress.status.map(code),
            told_next: next.map(micros),
            told_delivered: is_delivered.then_some(now),
            told_at: now,
        }
    }
}

const HASTEN: &str = concat!(
    "UPDATE sends SET next_check_at = $1 WHERE route = $2 AND ",
    message_id!(),
    " = $3 AND next_check_at > $1 AND ",
    answerable!()
);
const NEXT_OF_MESSAGE: &str = concat!(
    "SELECT next_check_at FROM sends WHERE route = $1 AND ",
    message_id!(),
    " = $2"
);

/// A message that is to be asked about now, by the one who took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryCheck {
    /// Which send.
    pub key: SendKey,
    /// The gateway's number for the message.
    pub message_id: MessageId,
    /// The operator of the number; [`Operator::Other`] where the account was deleted meanwhile.
    pub operator: Operator,
    /// When the gateway took the message.
    pub accepted_at: DateTime<Utc>,
    /// What is known of the delivery.
    pub known: Option<DeliveryStatus>,
    /// Until when nobody else asks.
    pub leased_until: DateTime<Utc>,
}

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

#[derive(sqlx::FromRow)]
struct TakenRow {
    challenge_id: Vec<u8>,
    send_number: i64,
    leg: i64,
    phone: Option<String>,
    message_id: Option<String>,
    finished_at: Option<DateTime<Utc>>,
    delivery_status: Option<i64>,
}

impl TakenRow {
    fn read(self, leased_until: DateTime<Utc>) -> Result<DeliveryCheck, RecordsError> {
        let known = self.delivery_status.map(|code| {
            let code = i32::try_from(code);
            code.map_err(|_| corrupt("delivery_status is out of range"))
        });
        let phone = stored_phone("sends", self.phone)?;
        Ok(DeliveryCheck {
            key: stored_key(&self.challenge_id, self.send_number, self.leg)?,
            message_id: self
                .message_id
                .map(MessageId::stored)
                .ok_or_else(|| corrupt("message_id is missing"))?,
            operator: phone.as_ref().map_or(Operator::Other, Operator::of),
            accepted_at: self
                .finished_at
                .ok_or_else(|| corrupt("finished_at is missing"))?,
            known: known.transpose()?.map(DeliveryStatus::from_code),
            leased_until,
        })
    }
}

impl Records {
    /// When the next check of a message of this gateway is due, or has been since; none when no message is
    /// open.
    pub async fn next_delivery_check(
        &self,
        route: &Route,
    ) -> Result<Option<DateTime<Utc>>, RecordsError> {
        on_connection!(self, readers, connection => {
            Ok(sqlx::query_scalar(NEXT)
                .bind(route.as_str())
                .fetch_optional(connection)
                .await?)
        })
    }

    /// Takes checks of messages of this gateway that are due, those first that have been so longest, `limit` of them at most,
    /// and none that somebody else has taken in the last [`DELIVERY_LEASE`]. What cannot be read is
    /// left out with an error in the log: it must not keep the others waiting.
    pub async fn take_delivery_checks(
        &self,
        route: &Route,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<DeliveryCheck>, RecordsError> {
        let leased_until = micros(now + DELIVERY_LEASE);
        on_connection!(self, writer, connection => {
            let mut statement = QueryBuilder::new(DUE);
            statement
                .push_bind(route.as_str())
                .push(DUE_AT)
                .push_bind(micros(now))
                .push(" ORDER BY next_check_at LIMIT ")
                .push_bind(i64::from(limit))
                .push(self.skip_locked())
                .push(TAKE)
                .push_bind(leased_until)
                .push(TAKEN);
            let rows: Vec<TakenRow> = statement.build_query_as().fetch_all(connection).await?;
            let readable = rows.into_iter().filter_map(|row| {
                let check = row.read(leased_until);
                check
                    .inspect_err(|error| tracing::error!(%error, "a delivery cannot be followed"))
                    .ok()
            });
            Ok(readable.collect())
        })
    }

    /// Records what is known of messages after asking about them, and returns those whose rows say
    /// so now. Of the others somebody else has recorded something since they were taken: what they
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

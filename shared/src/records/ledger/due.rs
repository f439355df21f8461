//! Which accepted messages the gateway is to be asked about.
//!
//! A row is due when its `next_check_at` has come. It is read and not taken: nothing is written before there is
//! an answer. That one worker alone asks is decided elsewhere (`hot_state/following.rs`); where two do all the
//! same, one of them records (`delivery.rs`).
//!
//! A row is due until what was learned of it is recorded. So that rows for which that fails do not keep the others
//! waiting, a reader goes on behind the place that they came to, and begins anew after [`ASKED_AGAIN_AFTER`].
//! Rows with the same moment are in the order of their keys, so that a limit may cut through them.

use chrono::{DateTime, TimeDelta, Utc};
use domain::delivery::DeliveryStatus;
use domain::phone::Operator;

use super::row::{corrupt, message_id, stored_key};
use super::{MessageId, Route, SendKey};
use crate::records::dispatch::on_connection;
use crate::records::users::stored_phone;
use crate::records::{Records, RecordsError, micros};

/// A check that was made and not recorded is due again after this time.
pub const ASKED_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(60);

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
pub(super) use answerable;

/// The rows of a route behind a place. The first condition follows from the second; it shows that the index of open
/// checks, which has no other rows, will do.
macro_rules! behind {
    () => {
        concat!(
            "next_check_at >= $1 \
             AND (next_check_at, challenge_id, send_number, leg) > ($1, $2, $3, $4) \
             AND route = $5 AND ",
            answerable!()
        )
    };
}

const NEXT: &str = concat!(
    "SELECT next_check_at FROM sends WHERE ",
    behind!(),
    " ORDER BY next_check_at LIMIT 1"
);

const DUE: &str = concat!(
    "SELECT challenge_id, send_number, leg, phone, ",
    message_id!(),
    " AS message_id, finished_at, delivery_status, next_check_at FROM sends WHERE ",
    behind!(),
    " AND next_check_at <= $6 ORDER BY next_check_at, challenge_id, send_number, leg LIMIT $7"
);

const PUT_OFF: &str = "UPDATE sends SET next_check_at = $5 WHERE challenge_id = $2 \
     AND send_number = $3 AND leg = $4 AND next_check_at = $1";

/// A place in the order in which checks are due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckPlace {
    due_at: DateTime<Utc>,
    challenge_id: Vec<u8>,
    send_number: i64,
    leg: i64,
}

impl CheckPlace {
    /// The place before all.
    pub const START: Self = Self {
        due_at: DateTime::UNIX_EPOCH,
        challenge_id: Vec::new(),
        send_number: 0,
        leg: 0,
    };
}

/// A message that is to be asked about now.
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
    /// Since when it is to be asked about.
    pub due_at: DateTime<Utc>,
}

impl DeliveryCheck {
    /// Its place in the order.
    pub fn place(&self) -> CheckPlace {
        CheckPlace {
            due_at: self.due_at,
            challenge_id: self.key.root.as_bytes().to_vec(),
            send_number: self.key.send.into(),
            leg: self.key.leg.into(),
        }
    }
}

/// Checks that are due, as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DueChecks {
    /// Those that can be asked about, in order.
    pub checks: Vec<DeliveryCheck>,
    /// The places of rows that cannot be read.
    pub unreadable: Vec<CheckPlace>,
    /// The last place that was read; none where nothing is due.
    pub last: Option<CheckPlace>,
}

impl DueChecks {
    /// How many rows were read.
    pub fn rows(&self) -> usize {
        self.checks.len() + self.unreadable.len()
    }
}

#[derive(sqlx::FromRow)]
struct DueRow {
    challenge_id: Vec<u8>,
    send_number: i64,
    leg: i64,
    phone: Option<String>,
    message_id: Option<String>,
    finished_at: Option<DateTime<Utc>>,
    delivery_status: Option<i64>,
    next_check_at: DateTime<Utc>,
}

impl DueRow {
    fn place(&self) -> CheckPlace {
        CheckPlace {
            due_at: self.next_check_at,
            challenge_id: self.challenge_id.clone(),
            send_number: self.send_number,
            leg: self.leg,
        }
    }

    fn read(self) -> Result<DeliveryCheck, RecordsError> {
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
            due_at: self.next_check_at,
        })
    }
}

impl Records {
    /// When the next check of a message of this gateway behind a place is due, or has been since; none when no
    /// message is open there.
    pub async fn next_delivery_check(
        &self,
        route: &Route,
        behind: &CheckPlace,
    ) -> Result<Option<DateTime<Utc>>, RecordsError> {
        on_connection!(self, readers, connection => {
            Ok(sqlx::query_scalar(NEXT)
                .bind(behind.due_at)
                .bind(&behind.challenge_id)
                .bind(behind.send_number)
                .bind(behind.leg)
                .bind(route.as_str())
                .fetch_optional(connection)
                .await?)
        })
    }

    /// Reads the checks of messages of this gateway that are due, `limit` of them at most: the first behind a place,
    /// in order. Nothing is written. What cannot be read is told apart, with an error in the log: it must not keep
    /// the others waiting.
    pub async fn due_delivery_checks(
        &self,
        route: &Route,
        behind: &CheckPlace,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<DueChecks, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<DueRow> = sqlx::query_as(DUE)
                .bind(behind.due_at)
                .bind(&behind.challenge_id)
                .bind(behind.send_number)
                .bind(behind.leg)
                .bind(route.as_str())
                .bind(micros(now))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
            let mut due = DueChecks { last: rows.last().map(DueRow::place), ..DueChecks::default() };
            for row in rows {
                let place = row.place();
                match row.read() {
                    Ok(check) => due.checks.push(check),
                    Err(error) => {
                        tracing::error!(%error, "a delivery cannot be followed");
                        due.unreadable.push(place);
                    }
                }
            }
            Ok(due)
        })
    }

    /// Puts a check off by [`ASKED_AGAIN_AFTER`], if it still is where it was read. For a row about which nothing can be
    /// recorded, however often it is tried: it would look like one that nobody has asked about.
    pub async fn put_off_delivery_check(
        &self,
        place: &CheckPlace,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        on_connection!(self, writer, connection => {
            let put_off = sqlx::query(PUT_OFF)
                .bind(place.due_at)
                .bind(&place.challenge_id)
                .bind(place.send_number)
                .bind(place.leg)
                .bind(micros(now + ASKED_AGAIN_AFTER))
                .execute(connection)
                .await?;
            Ok(put_off.rows_affected() == 1)
        })
    }
}

//! What became of messages, in one word for people: the state of the row and what the gateway says of the delivery.

use std::fmt::Write as _;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use domain::delivery::DeliveryStatus;
use domain::otp::Purpose;
use domain::phone::Operator;
use sqlx::AssertSqlSafe;
use strum::VariantArray as _;

use super::row::corrupt;
use super::{LedgerRow, LedgerState};
use crate::records::connection::reading;
use crate::records::dispatch::on_connection;
use crate::records::{Records, RecordsError, micros};

/// The word of a row. It is that of [`SendFate::of`]; a test holds the two together.
macro_rules! fate {
    () => {
        "CASE WHEN state IN ('sending', 'not_sent') THEN 'under_way' WHEN state <> 'accepted' THEN state \
         WHEN delivered_at IS NOT NULL OR delivery_status = 10 THEN 'arrived' \
         WHEN delivery_status IN (6, 11, 13, 14) THEN 'undelivered' ELSE 'handed_over' END"
    };
}
pub(super) use fate;

/// What became of a message.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum SendFate {
    /// The phone has it.
    Arrived,
    /// The gateway has taken it, and nobody has said that it arrived.
    HandedOver,
    /// It is being sent, or will be tried again.
    UnderWay,
    /// The gateway has taken it, and it will not arrive.
    Undelivered,
    /// The gateway did not take it.
    Refused,
    /// It was given up, because it would have come too late.
    Expired,
    /// It may have gone out or not.
    Unknown,
}

impl SendFate {
    /// The name in addresses and in SQL.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What became of the message of this row.
    pub fn of(row: &LedgerRow) -> Self {
        match row.state {
            LedgerState::Sending | LedgerState::NotSent => Self::UnderWay,
            LedgerState::Refused => Self::Refused,
            LedgerState::Expired => Self::Expired,
            LedgerState::Unknown => Self::Unknown,
            LedgerState::Accepted => {
                let status = row
                    .delivery_status
                    .map(|code| DeliveryStatus::from_code(i32::try_from(code).unwrap_or(i32::MAX)));
                match status {
                    _ if row.delivered_at.is_some() => Self::Arrived,
                    Some(DeliveryStatus::Delivered) => Self::Arrived,
                    Some(status) if status.is_final() => Self::Undelivered,
                    _ => Self::HandedOver,
                }
            }
        }
    }
}

/// The operator of a row's number, as [`Operator::of`] tells it.
pub(super) static OPERATOR: LazyLock<String> = LazyLock::new(|| {
    let mut lengths: Vec<usize> = Operator::prefixes().map(|(one, _)| one.len()).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let mut cases = String::new();
    for length in lengths.into_iter().rev() {
        for &operator in Operator::VARIANTS {
            let prefixes: Vec<String> = Operator::prefixes()
                .filter(|(prefix, of)| prefix.len() == length && *of == operator)
                .map(|(prefix, _)| format!("'{prefix}'"))
                .collect();
            if !prefixes.is_empty() {
                // Writing into a text cannot fail.
                let _ = write!(
                    cases,
                    " WHEN substr(phone, 4, {length}) IN ({}) THEN '{}'",
                    prefixes.join(", "),
                    operator.as_str()
                );
            }
        }
    }
    let other = Operator::Other.as_str();
    // +98 and ten digits; what is no number any more belongs to no operator.
    format!(
        "CASE WHEN phone LIKE '+98__________' THEN CASE{cases} ELSE '{other}' END ELSE '{other}' END"
    )
});

static COUNTS: LazyLock<String> = LazyLock::new(|| {
    let codes: Vec<_> = Purpose::VARIANTS
        .iter()
        .map(|purpose| format!("'{}'", purpose.as_str()))
        .collect();
    format!(
        "SELECT {} AS operator, {} AS fate, COUNT(*), \
         CAST(COALESCE(SUM(cost_rials), 0) AS BIGINT), \
         CAST(SUM(CASE WHEN send_number = 1 AND leg = 1 AND purpose IN ({}) THEN 1 ELSE 0 END) AS BIGINT) \
         FROM sends WHERE created_at >= $1 AND created_at < $2 GROUP BY 1, 2",
        *OPERATOR,
        fate!(),
        codes.join(", ")
    )
});

/// How many messages to one operator ended in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendCount {
    /// The operator of the prefix.
    pub operator: Operator,
    /// What became of them.
    pub fate: SendFate,
    /// How many.
    pub messages: u64,
    /// What they cost, in rials, as far as the gateway named a price.
    pub rials: i64,
    /// How many of them brought a new code for the first time.
    pub new_codes: u64,
}

impl Records {
    /// What became of the messages that were begun from one moment up to another, in no order. It reads every row of that
    /// time, so callers want short ones.
    pub async fn send_counts(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<SendCount>, RecordsError> {
        type Counted = (String, String, i64, i64, i64);
        on_connection!(self, readers, connection => {
            let mut reading = reading!(self, connection);
            let counted: Vec<Counted> = sqlx::query_as(AssertSqlSafe(&**COUNTS))
                .bind(micros(from))
                .bind(micros(to))
                .fetch_all(&mut *reading)
                .await?;
            reading.commit().await?;
            counted
                .into_iter()
                .map(|(operator, fate, messages, rials, new_codes)| Ok(SendCount {
                    operator: operator
                        .parse()
                        .map_err(|_| corrupt("an operator of no known name"))?,
                    fate: fate.parse()
                        .map_err(|_| corrupt("state is of no known name"))?,
                    messages: messages.unsigned_abs(),
                    rials,
                    new_codes: new_codes.unsigned_abs(),
                }))
                .collect()
        })
    }
}

//! Lists of sends, the newest first, page by page.
//!
//! A page begins where the one before has ended ([`SendPlace`]), so that the last page is as quick as the first.
//! The ledger has indexes for a number, a request and a message, and for time. What is looked for by anything else is
//! looked for row by row, so many rows for a page: then the page says how far it has come, and the next goes on there.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::challenge::Channel;
use domain::phone::{Operator, PhoneNumber};
use domain::root::RootId;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::fate::{OPERATOR, fate};
use super::row::{StoredRow, ledger_columns, message_id};
use super::{LedgerRow, MessageId, Route, SendFate, SendKey};
use crate::records::connection::reading;
use crate::records::dispatch::on_connection;
use crate::records::{Records, RecordsError, micros};

/// Whom a message number may belong to is answered gateway by gateway, as the index has them: each begins where the
/// one before has ended.
const ROUTES: &str = "route IN (WITH RECURSIVE routes (name) AS (SELECT MIN(route) FROM sends UNION ALL \
     SELECT (SELECT MIN(route) FROM sends WHERE route > name) FROM routes WHERE name IS NOT NULL) \
     SELECT name FROM routes WHERE name IS NOT NULL)";

/// Which sends are looked for. What is not said is every one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendFilter {
    /// Begun at this moment or later.
    pub from: Option<DateTime<Utc>>,
    /// Begun before this moment.
    pub to: Option<DateTime<Utc>>,
    /// What became of them.
    pub fate: Option<SendFate>,
    /// To numbers of this operator, by the prefix.
    pub operator: Option<Operator>,
    /// How they travel.
    pub channel: Option<Channel>,
    /// Over this gateway.
    pub route: Option<Route>,
    /// What the gateway has said: of the call where it is 200 or more, else of the message.
    pub code: Option<i64>,
    /// To this number.
    pub phone: Option<PhoneNumber>,
    /// To numbers that end with these digits; anything else than digits finds nothing.
    pub last_digits: Option<String>,
    /// Of this request.
    pub request: Option<Uuid>,
    /// Of this number at their gateway.
    pub message: Option<MessageId>,
}

impl SendFilter {
    /// Whether an index leads to the rows, or all rows of the time are wanted: then no row is read for nothing, but
    /// for few.
    fn is_led(&self) -> bool {
        let led = self.phone.is_some() || self.request.is_some() || self.message.is_some();
        let every = Self {
            from: self.from,
            to: self.to,
            ..Self::default()
        };
        led || *self == every
    }
}

/// Where a page ends: behind this row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendPlace {
    /// When the row was made.
    pub created_at: DateTime<Utc>,
    /// Which one of those that were made then.
    pub key: SendKey,
}

impl SendPlace {
    /// The place of a row.
    pub fn of(row: &LedgerRow) -> Self {
        Self {
            created_at: row.created_at,
            key: row.key,
        }
    }

    /// No send has the number 0.
    fn is_before_a_moment(&self) -> bool {
        self.key.send == 0
    }

    /// Between the rows that were made before this moment and those that were made at it or later.
    pub fn before(moment: DateTime<Utc>) -> Self {
        Self {
            created_at: micros(moment),
            key: SendKey {
                root: RootId::from_bytes([0; 16]),
                send: 0,
                leg: 0,
            },
        }
    }
}

/// Microseconds since 1970 and the key: what stands in an address.
impl fmt::Display for SendPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SendKey { root, send, leg } = self.key;
        let micros = self.created_at.timestamp_micros();
        write!(f, "{micros}-{root}-{send}-{leg}")
    }
}

/// This text is no place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in a list of sends")]
pub struct NoPlace;

impl FromStr for SendPlace {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let mut parts = text.splitn(4, '-');
        let mut part = || parts.next().ok_or(NoPlace);
        let micros = part()?.parse().map_err(|_| NoPlace)?;
        let root = part()?.parse().map_err(|_| NoPlace)?;
        let send = part()?.parse().map_err(|_| NoPlace)?;
        let leg = part()?.parse().map_err(|_| NoPlace)?;
        Ok(Self {
            created_at: DateTime::from_timestamp_micros(micros).ok_or(NoPlace)?,
            key: SendKey { root, send, leg },
        })
    }
}

/// What comes behind a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendsNext {
    /// Nothing.
    End,
    /// More rows, behind this place.
    More(SendPlace),
    /// Nobody knows: all rows up to this place were looked at, and there are older ones.
    LookFurther(SendPlace),
}

impl SendsNext {
    /// Where the next page begins, if there may be one.
    pub fn place(self) -> Option<SendPlace> {
        match self {
            Self::End => None,
            Self::More(place) | Self::LookFurther(place) => Some(place),
        }
    }
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendsListed {
    /// The newest first.
    pub rows: Vec<LedgerRow>,
    /// What comes behind them.
    pub next: SendsNext,
}

impl Records {
    /// So many of the sends that are looked for, behind a place in the list; `budget` rows of the ledger are looked
    /// at for that, where no index leads to them.
    pub async fn list_sends(
        &self,
        filter: &SendFilter,
        after: Option<SendPlace>,
        limit: u32,
        budget: u32,
    ) -> Result<SendsListed, RecordsError> {
        let digits = filter.last_digits.as_deref();
        if digits.is_some_and(|digits| !digits.bytes().all(|byte| byte.is_ascii_digit())) {
            return Ok(SendsListed {
                rows: Vec::new(),
                next: SendsNext::End,
            });
        }
        on_connection!(self, readers, connection => {
            let mut reading = reading!(self, connection);
            let mut edge: Option<DateTime<Utc>> = None;
            if !filter.is_led() {
                let mut question = QueryBuilder::new("SELECT created_at FROM sends WHERE TRUE");
                push_time!(question, filter, after);
                question
                    .push(" ORDER BY created_at DESC LIMIT 1 OFFSET ")
                    .push_bind(i64::from(budget));
                edge = question
                    .build_query_scalar()
                    .persistent(false)
                    .fetch_optional(&mut *reading)
                    .await?;
            }
            let mut question =
                QueryBuilder::new(concat!("SELECT ", ledger_columns!(), " FROM sends WHERE TRUE"));
            push_time!(question, filter, after);
            if let Some(edge) = edge {
                question.push(" AND created_at >= ").push_bind(edge);
            }
            if let Some(after) = after {
                question
                    .push(" AND (created_at, challenge_id, send_number, leg) < (")
                    .push_bind(after.created_at)
                    .push(", ")
                    .push_bind(after.key.root.as_bytes().to_vec())
                    .push(", ")
                    .push_bind(i64::from(after.key.send))
                    .push(", ")
                    .push_bind(i64::from(after.key.leg))
                    .push(")");
            }
            push_filter!(question, filter);
            question
                .push(" ORDER BY created_at DESC, challenge_id DESC, send_number DESC, leg DESC LIMIT ")
                .push_bind(i64::from(limit) + 1);
            let rows: Vec<StoredRow> = question
                .build_query_as()
                .persistent(false)
                .fetch_all(&mut *reading)
                .await?;
            reading.commit().await?;
            let rows: Result<Vec<LedgerRow>, RecordsError> =
                rows.into_iter().map(LedgerRow::try_from).collect();
            Ok(page(rows?, limit, edge))
        })
    }
}

/// The conditions of time, by which an index leads to the rows.
macro_rules! push_time {
    ($question:ident, $filter:ident, $after:ident) => {
        if let Some(from) = $filter.from {
            $question
                .push(" AND created_at >= ")
                .push_bind(micros(from));
        }
        if let Some(to) = $filter.to {
            $question.push(" AND created_at < ").push_bind(micros(to));
        }
        if let Some(after) = $after {
            // Rows of one moment, more than are looked at for a page, stop nobody.
            let up_to = if after.is_before_a_moment() {
                " AND created_at < "
            } else {
                " AND created_at <= "
            };
            $question.push(up_to).push_bind(after.created_at);
        }
    };
}
use push_time;

/// All other conditions.
macro_rules! push_filter {
    ($question:ident, $filter:ident) => {
        if let Some(phone) = &$filter.phone {
            $question.push(" AND phone = ").push_bind(phone.as_e164());
        }
        if let Some(request) = $filter.request {
            $question.push(" AND request_id = ").push_bind(request);
        }
        if let Some(route) = &$filter.route {
            $question.push(" AND route = ").push_bind(route.as_str());
        }
        if let Some(message) = &$filter.message {
            $question
                .push(concat!(" AND ", message_id!(), " = "))
                .push_bind(message.as_str());
            if $filter.route.is_none() {
                $question.push(" AND ").push(ROUTES);
            }
        }
        if let Some(fate) = $filter.fate {
            $question
                .push(concat!(" AND (", fate!(), ") = "))
                .push_bind(fate.as_str());
        }
        if let Some(channel) = $filter.channel {
            $question
                .push(" AND channel = ")
                .push_bind(channel.as_str());
        }
        if let Some(code) = $filter.code {
            let column = if code >= 200 {
                " AND gateway_status = "
            } else {
                " AND COALESCE(delivery_status, entry_status) = "
            };
            $question.push(column).push_bind(code);
        }
        if let Some(digits) = &$filter.last_digits {
            $question
                .push(" AND phone LIKE ")
                .push_bind(format!("%{digits}"));
        }
        if let Some(operator) = $filter.operator {
            $question
                .push(" AND (")
                .push(&*OPERATOR)
                .push(") = ")
                .push_bind(operator.as_str());
        }
    };
}
use push_filter;

fn page(mut rows: Vec<LedgerRow>, limit: u32, edge: Option<DateTime<Utc>>) -> SendsListed {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let next = if rows.len() > limit {
        rows.truncate(limit);
        rows.last()
            .map_or(SendsNext::End, |last| SendsNext::More(SendPlace::of(last)))
    } else {
        edge.map_or(SendsNext::End, |edge| {
            SendsNext::LookFurther(SendPlace::before(edge))
        })
    };
    SendsListed { rows, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is_one() {
        let place = SendPlace {
            created_at: DateTime::from_timestamp_micros(1_763_700_000_123_456).expect("a moment"),
            key: SendKey {
                root: RootId::from_bytes([7; 16]),
                send: 3,
                leg: 2,
            },
        };
        let text = place.to_string();
        assert_eq!(
            text,
            "1763700000123456-07070707070707070707070707070707-3-2"
        );
        assert_eq!(text.parse(), Ok(place));
        for text in [
            "",
            "1763700000123456",
            "1763700000123456-0707-3-2",
            "1763700000123456-07070707070707070707070707070707-3",
            "1763700000123456-07070707070707070707070707070707-3-2-1",
            "9223372036854775807-07070707070707070707070707070707-3-2",
            "1763700000123456-07070707070707070707070707070707--3-2",
            "' OR 1=1 --",
        ] {
            assert_eq!(text.parse::<SendPlace>(), Err(NoPlace), "{text}");
        }
    }
}

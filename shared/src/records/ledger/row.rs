//! Reading the ledger: one row, the timeline of a number, counts.

use chrono::{DateTime, Utc};
use domain::challenge::Channel;
use domain::notice::MessagePurpose;
use domain::phone::PhoneNumber;
use domain::root::RootId;
use uuid::Uuid;

use super::{LedgerState, MessageId, Route, SendKey, SendMethod};
use crate::records::dispatch::on_connection;
use crate::records::users::stored_phone;
use crate::records::{Records, RecordsError, micros};

/// The number of a message: what the programs of the release before wrote is a number and no text.
macro_rules! message_id {
    () => {
        "COALESCE(message_id, CAST(messageid AS TEXT))"
    };
}
pub(super) use message_id;

macro_rules! ledger_columns {
    () => {
        "challenge_id, send_number, leg, phone, purpose, channel, route, method, state, attempt, \
         fence, localid, COALESCE(message_id, CAST(messageid AS TEXT)) AS message_id, cost_rials, gateway_status, entry_status, error_class, \
         resent_ambiguous, accepted_at, deadline_at, started_at, finished_at, delivery_status, \
         delivery_checked_at, next_check_at, delivered_at, looks, looked_at, trace_id, request_id, \
         created_at"
    };
}

pub(super) use ledger_columns;

const BY_KEY: &str = concat!(
    "SELECT ",
    ledger_columns!(),
    " FROM sends WHERE challenge_id = $1 AND send_number = $2 AND leg = $3"
);
const OF_PHONE: &str = concat!(
    "SELECT ",
    ledger_columns!(),
    " FROM sends WHERE phone = $1 AND created_at >= $2 \
     ORDER BY created_at DESC, challenge_id, send_number, leg LIMIT $3"
);
const OF_ROOT: &str = concat!(
    "SELECT ",
    ledger_columns!(),
    " FROM sends WHERE challenge_id = $1 ORDER BY send_number, leg"
);
const OF_REQUEST: &str = concat!(
    "SELECT ",
    ledger_columns!(),
    " FROM sends WHERE request_id = $1 ORDER BY created_at, challenge_id, send_number, leg LIMIT $2"
);
const COUNT_BY_STATE: &str =
    "SELECT state, COUNT(*) FROM sends WHERE created_at >= $1 GROUP BY state ORDER BY state";

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// Which send.
    pub key: SendKey,
    /// Whom it is for, unless they have deleted their account.
    pub phone: Option<PhoneNumber>,
    /// What the message is for.
    pub purpose: MessagePurpose,
    /// How it travels.
    pub channel: Channel,
    /// Over which gateway.
    pub route: Route,
    /// The gateway's method, once an attempt was made.
    pub method: Option<SendMethod>,
    /// Where it stands.
    pub state: LedgerState,
    /// Attempts begun.
    pub attempt: u32,
    /// The run of the present attempt.
    pub fence: i64,
    /// Our number for the message.
    pub localid: Option<i64>,
    /// The gateway's number for the message.
    pub message_id: Option<MessageId>,
    /// What it cost, in rials.
    pub cost_rials: Option<i64>,
    /// The status of the gateway's answer.
    pub gateway_status: Option<i64>,
    /// The status of the message in that answer.
    pub entry_status: Option<i64>,
    /// The kind of failure.
    pub error_class: Option<String>,
    /// Whether it was sent once more although the first message may have gone out.
    pub resent_ambiguous: bool,
    /// When the API accepted the request.
    pub accepted_at: DateTime<Utc>,
    /// From when on it would come too late.
    pub deadline_at: DateTime<Utc>,
    /// When the present attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// What the gateway last said about the delivery.
    pub delivery_status: Option<i64>,
    /// When it last said so.
    pub delivery_checked_at: Option<DateTime<Utc>>,
    /// When it is asked next.
    pub next_check_at: Option<DateTime<Utc>>,
    /// When it was found delivered.
    pub delivered_at: Option<DateTime<Utc>>,
    /// How many looks at the gateway did not find the message of the present attempt.
    pub looks: u32,
    /// When the last of them was.
    pub looked_at: Option<DateTime<Utc>>,
    /// The trace of the request.
    pub trace_id: Option<String>,
    /// The id of the request.
    pub request_id: Option<Uuid>,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

impl LedgerRow {
    /// Whether it was not sent because the user of the number is kept out. Nobody but staff may learn that.
    pub fn is_kept_back(&self) -> bool {
        self.state == LedgerState::Expired && self.error_class.as_deref() == Some("blocked")
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct StoredRow {
    challenge_id: Vec<u8>,
    send_number: i64,
    leg: i64,
    phone: Option<String>,
    purpose: String,
    channel: String,
    route: String,
    method: Option<String>,
    state: String,
    attempt: i64,
    fence: i64,
    localid: Option<i64>,
    message_id: Option<String>,
    cost_rials: Option<i64>,
    gateway_status: Option<i64>,
    entry_status: Option<i64>,
    error_class: Option<String>,
    resent_ambiguous: bool,
    accepted_at: DateTime<Utc>,
    deadline_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    delivery_status: Option<i64>,
    delivery_checked_at: Option<DateTime<Utc>>,
    next_check_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    looks: i64,
    looked_at: Option<DateTime<Utc>>,
    trace_id: Option<String>,
    request_id: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl TryFrom<StoredRow> for LedgerRow {
    type Error = RecordsError;

    fn try_from(row: StoredRow) -> Result<Self, Self::Error> {
        let method = row.method.as_deref();
        Ok(Self {
            key: stored_key(&row.challenge_id, row.send_number, row.leg)?,
            phone: stored_phone("sends", row.phone)?,
            purpose: MessagePurpose::from_name(&row.purpose)
                .ok_or_else(|| corrupt("purpose is of no known name"))?,
            channel: Channel::from_name(&row.channel)
                .ok_or_else(|| corrupt("channel is of no known name"))?,
            route: Route::stored(row.route),
            method: method
                .map(|name| {
                    name.parse()
                        .map_err(|_| corrupt("method is of no known name"))
                })
                .transpose()?,
            state: stored_state(&row.state)?,
            attempt: stored_attempt(row.attempt)?,
            fence: row.fence,
            localid: row.localid,
            message_id: row.message_id.map(MessageId::stored),
            cost_rials: row.cost_rials,
            gateway_status: row.gateway_status,
            entry_status: row.entry_status,
            error_class: row.error_class,
            resent_ambiguous: row.resent_ambiguous,
            accepted_at: row.accepted_at,
            deadline_at: row.deadline_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            delivery_status: row.delivery_status,
            delivery_checked_at: row.delivery_checked_at,
            next_check_at: row.next_check_at,
            delivered_at: row.delivered_at,
            looks: row
                .looks
                .try_into()
                .map_err(|_| corrupt("looks is out of range"))?,
            looked_at: row.looked_at,
            trace_id: row.trace_id,
            request_id: row.request_id,
            created_at: row.created_at,
        })
    }
}

pub(super) fn corrupt(problem: &'static str) -> RecordsError {
    RecordsError::Corrupt {
        table: "sends",
        problem,
    }
}

pub(super) fn stored_key(
    challenge_id: &[u8],
    send_number: i64,
    leg: i64,
) -> Result<SendKey, RecordsError> {
    let root = challenge_id
        .try_into()
        .map_err(|_| corrupt("challenge_id is not 16 bytes long"))?;
    let send = send_number
        .try_into()
        .map_err(|_| corrupt("send_number is out of range"))?;
    let leg = leg.try_into().map_err(|_| corrupt("leg is out of range"))?;
    Ok(SendKey {
        root: RootId::from_bytes(root),
        send,
        leg,
    })
}

pub(super) fn stored_state(name: &str) -> Result<LedgerState, RecordsError> {
    name.parse()
        .map_err(|_| corrupt("state is of no known name"))
}

pub(super) fn stored_attempt(attempt: i64) -> Result<u32, RecordsError> {
    attempt
        .try_into()
        .map_err(|_| corrupt("attempt is out of range"))
}

impl Records {
    /// What became of one send.
    pub async fn ledger_row(&self, key: SendKey) -> Result<Option<LedgerRow>, RecordsError> {
        on_connection!(self, readers, connection => {
            let row: Option<StoredRow> = sqlx::query_as(BY_KEY)
                .bind(key.root.as_bytes().as_slice())
                .bind(i64::from(key.send))
                .bind(i64::from(key.leg))
                .fetch_optional(connection)
                .await?;
            row.map(LedgerRow::try_from).transpose()
        })
    }

    /// The sends to a number since a moment, the newest first, `limit` of them at most.
    pub async fn sends_of_phone(
        &self,
        phone: &PhoneNumber,
        since: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<LedgerRow>, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<StoredRow> = sqlx::query_as(OF_PHONE)
                .bind(phone.as_e164())
                .bind(micros(since))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
            rows.into_iter().map(LedgerRow::try_from).collect()
        })
    }

    /// The sends of one root, the first one first.
    pub async fn sends_of_root(&self, root: RootId) -> Result<Vec<LedgerRow>, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<StoredRow> = sqlx::query_as(OF_ROOT)
                .bind(root.as_bytes().as_slice())
                .fetch_all(connection)
                .await?;
            rows.into_iter().map(LedgerRow::try_from).collect()
        })
    }

    /// The sends that one request has led to, the oldest first, `limit` of them at most: one message,
    /// and the notices of what the request has changed.
    pub async fn sends_of_request(
        &self,
        request: Uuid,
        limit: u32,
    ) -> Result<Vec<LedgerRow>, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<StoredRow> = sqlx::query_as(OF_REQUEST)
                .bind(request)
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
            rows.into_iter().map(LedgerRow::try_from).collect()
        })
    }

    /// How many of the sends since a moment stand where; states without any are left out.
    pub async fn count_by_state(
        &self,
        since: DateTime<Utc>,
    ) -> Result<Vec<(LedgerState, u64)>, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<(String, i64)> = sqlx::query_as(COUNT_BY_STATE)
                .bind(micros(since))
                .fetch_all(connection)
                .await?;
            rows.into_iter()
                .map(|(state, count)| Ok((stored_state(&state)?, count.unsigned_abs())))
                .collect()
        })
    }
}

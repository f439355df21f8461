//! Beginning attempts, many rows in one statement.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::clock::Clock;
use domain::number_hash::NumberHash;
use domain::otp::{KeyRing, Purpose};
use sqlx::QueryBuilder;
use strum::VariantArray as _;
use uuid::Uuid;

use super::batch::Batch;
use super::row::{corrupt, stored_attempt, stored_key, stored_state};
use super::{Begin, Begun, Interrupted, LedgerState, SendKey};
use crate::records::dispatch::on_connection;
use crate::records::many_rows::{RowsStatement, TakesRows as _, many_rows};
use crate::records::{Records, RecordsError, micros};

many_rows! {
    struct BegunRow in "begun" where "octet_length(of_challenge) = 16" {
        of_challenge: Vec<u8> as "BYTEA",
        of_send: i64 as "BIGINT",
        of_leg: i64 as "BIGINT",
        for_phone: String as "TEXT",
        for_purpose: &'static str as "TEXT",
        by_channel: &'static str as "TEXT",
        by_route: String as "TEXT",
        by_method: Option<&'static str> as "TEXT",
        to_state: &'static str as "TEXT",
        first_attempt: i64 as "BIGINT",
        by_fence: i64 as "BIGINT",
        with_localid: Option<i64> as "BIGINT",
        repeats: bool as "BOOLEAN",
        accepted: DateTime<Utc> as "TIMESTAMPTZ",
        deadline: DateTime<Utc> as "TIMESTAMPTZ",
        started: Option<DateTime<Utc>> as "TIMESTAMPTZ",
        finished: Option<DateTime<Utc>> as "TIMESTAMPTZ",
        in_trace: Option<String> as "TEXT",
        of_request: Option<Uuid> as "UUID",
        at: DateTime<Utc> as "TIMESTAMPTZ",
        newest_hash: Option<Vec<u8>> as "BYTEA",
        oldest_hash: Option<Vec<u8>> as "BYTEA",
    }
}

/// A number that was erased after its message was asked for is not written. A code for somebody who is kept
/// out is given up instead of begun: see [`LedgerRow::is_kept_back`](super::LedgerRow::is_kept_back).
const INSERT: &str = "INSERT INTO sends (challenge_id, send_number, leg, phone, purpose, channel, route, \
     method, state, attempt, fence, localid, resent_ambiguous, accepted_at, deadline_at, \
     started_at, finished_at, error_class, trace_id, request_id, created_at, updated_at) \
     SELECT of_challenge, of_send, of_leg, CASE WHEN EXISTS (SELECT 1 FROM number_erasures \
         WHERE number_hash IN (newest_hash, oldest_hash) AND erased_at >= accepted) \
         THEN NULL ELSE for_phone END, \
     for_purpose, by_channel, by_route, by_method, \
     CASE WHEN kept_out.phone IS NULL THEN to_state ELSE 'expired' END, \
     CASE WHEN kept_out.phone IS NULL THEN first_attempt ELSE 0 END, \
     by_fence, with_localid, repeats, accepted, deadline, started, \
     CASE WHEN kept_out.phone IS NULL THEN finished ELSE at END, \
     CASE WHEN kept_out.phone IS NULL THEN NULL ELSE 'blocked' END, \
     in_trace, of_request, at, at FROM begun ";

/// The number of a user who is kept out, by an index that holds these only (`users_kept_out`). Notices, which
/// tell an owner of a change, go out all the same.
static KEPT_OUT: LazyLock<String> = LazyLock::new(|| {
    let codes: Vec<_> = Purpose::VARIANTS
        .iter()
        .map(|purpose| format!("'{}'", purpose.as_str()))
        .collect();
    format!(
        "LEFT JOIN users AS kept_out ON kept_out.phone = for_phone AND kept_out.blocked_at IS NOT NULL \
         AND to_state = 'sending' AND for_purpose IN ({}) WHERE TRUE",
        codes.join(", ")
    )
});

/// Three moves in one: a row in `sending` was left by a dead run and becomes `unknown`, with
/// everything else as that run left it; one in `not_sent` takes the new attempt, or `expired`; one
/// in `unknown` takes an attempt only once, and only if it is asked to and its number is not kept out. Any
/// other row stays as it is and is not returned.
const MOVE: &str = " ON CONFLICT (challenge_id, send_number, leg) DO UPDATE SET \
     phone = CASE WHEN excluded.phone IS NULL THEN NULL ELSE sends.phone END, \
     state = CASE WHEN sends.state = 'sending' THEN 'unknown' ELSE excluded.state END, \
     attempt = CASE WHEN sends.state = 'sending' OR excluded.state = 'expired' \
         THEN sends.attempt ELSE sends.attempt + 1 END, \
     fence = CASE WHEN sends.state = 'sending' THEN sends.fence ELSE excluded.fence END, \
     method = CASE WHEN sends.state = 'sending' \
         THEN sends.method ELSE COALESCE(excluded.method, sends.method) END, \
     localid = COALESCE(sends.localid, excluded.localid), \
     looks = CASE WHEN sends.state = 'sending' OR excluded.state = 'expired' \
         THEN sends.looks ELSE 0 END, \
     looked_at = CASE WHEN sends.state = 'sending' OR excluded.state = 'expired' \
         THEN sends.looked_at END, \
     resent_ambiguous = sends.resent_ambiguous OR sends.state = 'unknown', \
     deadline_at = excluded.deadline_at, \
     started_at = CASE WHEN sends.state = 'sending' OR excluded.state = 'expired' \
         THEN sends.started_at ELSE excluded.started_at END, \
     finished_at = CASE WHEN sends.state = 'sending' \
         THEN excluded.updated_at ELSE excluded.finished_at END, \
     error_class = CASE WHEN sends.state = 'sending' THEN 'interrupted' \
         WHEN excluded.state = 'expired' THEN COALESCE(excluded.error_class, sends.error_class) END, \
     trace_id = COALESCE(excluded.trace_id, sends.trace_id), \
     request_id = COALESCE(excluded.request_id, sends.request_id), \
     updated_at = excluded.updated_at \
     WHERE sends.state IN ('sending', 'not_sent') \
         OR (sends.state = 'unknown' AND excluded.resent_ambiguous AND excluded.state = 'sending' \
             AND NOT sends.resent_ambiguous) \
     RETURNING challenge_id, send_number, leg, state, attempt, fence, localid, started_at";

const STATES: &str = "SELECT challenge_id, send_number, leg, state FROM sends \
     WHERE (challenge_id, send_number, leg) IN (";

static BEGIN: LazyLock<RowsStatement> =
    LazyLock::new(|| RowsStatement::new::<BegunRow>([INSERT, &KEPT_OUT, MOVE].concat()));

/// What a caller wants with a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// To make an attempt, if none was made or it surely failed.
    Start,
    /// To make an attempt although the last one may have succeeded.
    ResendUnknown,
    /// To give it up.
    Expire,
}

/// One row of a batch.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) intent: Intent,
    pub(super) begin: Begin,
}

impl Request {
    fn beginning(&self, keys: Option<&KeyRing>, now: DateTime<Utc>) -> BegunRow {
        let Self { intent, begin } = self;
        let starts = *intent != Intent::Expire;
        let state = if starts {
            LedgerState::Sending
        } else {
            LedgerState::Expired
        };
        let hashes = keys.map(|keys| NumberHash::all(keys, &begin.phone));
        let hashes = hashes.unwrap_or_default();
        let bytes = |hash: &NumberHash| hash.as_bytes().to_vec();
        BegunRow {
            of_challenge: begin.key.root.as_bytes().to_vec(),
            of_send: begin.key.send.into(),
            of_leg: begin.key.leg.into(),
            for_phone: begin.phone.as_e164().to_owned(),
            for_purpose: begin.purpose.as_str(),
            by_channel: begin.channel.as_str(),
            by_route: begin.route.as_str().to_owned(),
            by_method: starts.then(|| begin.method.as_str()),
            to_state: state.as_str(),
            first_attempt: starts.into(),
            by_fence: begin.fence,
            with_localid: starts.then_some(begin.localid),
            repeats: *intent == Intent::ResendUnknown,
            accepted: micros(begin.accepted_at),
            deadline: micros(begin.deadline_at),
            started: starts.then_some(now),
            finished: (!starts).then_some(now),
            in_trace: begin.trace_id.clone(),
            of_request: begin.request_id,
            at: now,
            newest_hash: hashes.first().map(bytes),
            oldest_hash: hashes.last().map(bytes),
        }
    }
}

/// Where a request left its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// An attempt may be made, or a row lay in `sending`, or it had ended.
    Begun(Begun),
    /// The row became `expired` by this request, or because the number is kept out.
    Expired,
}

/// The pipeline that begins and gives up.
pub(super) struct Begins {
    pub(super) records: Records,
    pub(super) clock: Clock,
    /// What erased numbers are known by; without it none is.
    pub(super) keys: Option<KeyRing>,
}

impl Batch for Begins {
    type Input = Request;
    type Output = Moved;

    /// A message waits for it.
    const LINGER: Duration = Duration::ZERO;

    fn key(request: &Request) -> SendKey {
        request.begin.key
    }

    async fn run(
        &self,
        requests: &[Request],
    ) -> Result<Vec<Result<Moved, RecordsError>>, RecordsError> {
        let now = micros(self.clock.now());
        let mut moved = self
            .records
            .begin_sends(requests, self.keys.as_ref(), now)
            .await?;
        let of_request = |request: &Request| {
            // The row can only have been removed, by the end of its retention.
            let gone = || Err(corrupt("the row went away"));
            moved.remove(&request.begin.key).unwrap_or_else(gone)
        };
        Ok(requests.iter().map(of_request).collect())
    }

    /// Two sends drew the same local id, and the caller draws another; or a worker of the release before made
    /// this very row just now, and the key that it names, without the leg, spoke first.
    async fn run_conflicting(&self, request: &Request) -> Result<Moved, RecordsError> {
        let moved = self.run(std::slice::from_ref(request)).await?;
        let moved = moved.into_iter().next();
        moved.unwrap_or(Err(RecordsError::Conflict))
    }
}

#[derive(sqlx::FromRow)]
struct MovedRow {
    challenge_id: Vec<u8>,
    send_number: i64,
    leg: i64,
    state: String,
    attempt: i64,
    fence: i64,
    localid: Option<i64>,
    started_at: Option<DateTime<Utc>>,
}

impl MovedRow {
    /// What cannot be read is the trouble of its own caller only; the others' rows have moved.
    fn read(self) -> Result<(SendKey, Result<Moved, RecordsError>), RecordsError> {
        let key = stored_key(&self.challenge_id, self.send_number, self.leg)?;
        Ok((key, self.moved()))
    }

    fn moved(&self) -> Result<Moved, RecordsError> {
        let state = stored_state(&self.state)?;
        if state == LedgerState::Expired {
            return Ok(Moved::Expired);
        }
        let attempt = stored_attempt(self.attempt)?;
        let localid = self.localid.ok_or_else(|| corrupt("localid is missing"))?;
        let begun = match state {
            LedgerState::Sending => Begun::Started { attempt, localid },
            _ => Begun::FoundSending(Interrupted {
                attempt,
                fence: self.fence,
                started_at: self
                    .started_at
                    .ok_or_else(|| corrupt("started_at is missing"))?,
                localid,
            }),
        };
        Ok(Moved::Begun(begun))
    }
}

impl Records {
    /// Moves the rows of all requests, whose keys must differ; rows that had ended are read.
    async fn begin_sends(
        &self,
        requests: &[Request],
        keys: Option<&KeyRing>,
        now: DateTime<Utc>,
    ) -> Result<HashMap<SendKey, Result<Moved, RecordsError>>, RecordsError> {
        on_connection!(self, writer, connection => {
            let beginnings = requests.iter().map(|request| request.beginning(keys, now));
            let rows: Vec<MovedRow> =
                connection.fetch_with_rows(&BEGIN, beginnings.collect()).await?;
            let mut moved = rows
                .into_iter()
                .map(MovedRow::read)
                .collect::<Result<HashMap<_, _>, _>>()?;

            let ended: Vec<SendKey> = requests
                .iter()
                .map(|request| request.begin.key)
                .filter(|key| !moved.contains_key(key))
                .collect();
            if !ended.is_empty() {
                let mut question = QueryBuilder::new(STATES);
                question.push_values(ended, |mut row, key| {
                    row.push_bind(key.root.as_bytes().to_vec())
                        .push_bind(i64::from(key.send))
                        .push_bind(i64::from(key.leg));
                });
                question.push(")");
                let rows: Vec<(Vec<u8>, i64, i64, String)> = question
                    .build_query_as()
                    .persistent(false)
                    .fetch_all(connection)
                    .await?;
                for (challenge_id, send_number, leg, state) in rows {
                    let key = stored_key(&challenge_id, send_number, leg)?;
                    let ended = stored_state(&state).map(|state| Moved::Begun(Begun::Ended(state)));
                    moved.insert(key, ended);
                }
            }
            Ok(moved)
        })
    }
}

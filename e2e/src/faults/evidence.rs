//! What is left of a run when everything is settled: the ledger, the dead letters, and the
//! gateway's journal.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::StreamRangeReply;
use serde_json::Value;
use shared::records::LedgerState;
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

use super::conservation::RowState;
use crate::Production;

const JOBS: &str = "{ramz}:jobs";
const DELAYED: &str = "{ramz}:delayed";
const DEAD: &str = "{ramz}:dead";
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// The queue is empty when it was so for this long: a request whose client gave up may still be on
/// its way.
const EMPTY_FOR: Duration = Duration::from_millis(500);

const ROWS: &str = "SELECT phone, state, resent_ambiguous, \
     (EXTRACT(EPOCH FROM accepted_at) * 1000)::BIGINT, \
     (EXTRACT(EPOCH FROM finished_at) * 1000)::BIGINT FROM sends WHERE phone IS NOT NULL";

/// Why a run cannot be judged.
pub type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// A row of the ledger. Moments are Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct LedgerRow {
    /// How it ended.
    pub state: RowState,
    /// When the API accepted the request.
    pub accepted_at: i64,
    /// When the last attempt ended.
    pub finished_at: Option<i64>,
}

/// All that is left of a run.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Rows of the ledger by number (E.164).
    pub rows: HashMap<String, Vec<LedgerRow>>,
    /// How many messages the gateway made, by number.
    pub messages: HashMap<String, usize>,
    /// The number of each message, in the order in which the gateway took them.
    pub departures: Vec<String>,
    /// The challenges of dead letters, in hexadecimal digits.
    pub dead: HashSet<String>,
}

impl Evidence {
    /// Reads everything.
    pub async fn gather(production: &Production) -> Result<Self, Trouble> {
        let mut departures = Vec::new();
        for call in production.simulator.sends() {
            departures.extend(call.receptors.iter().map(|receptor| e164(receptor)));
        }
        let mut messages: HashMap<String, usize> = HashMap::new();
        for phone in &departures {
            *messages.entry(phone.clone()).or_default() += 1;
        }
        Ok(Self {
            rows: ledger(&production.database_url).await?,
            messages,
            departures,
            dead: dead_letters(&mut connect(production).await?).await?,
        })
    }

    /// Where the rows of this number stand.
    pub fn states(&self, phone: &str) -> Vec<RowState> {
        let rows = self.rows.get(phone).map(Vec::as_slice);
        rows.unwrap_or_default()
            .iter()
            .map(|row| row.state)
            .collect()
    }

    /// When the last of the requests ended that were accepted before `moment`.
    pub fn last_end_of_accepted_before(&self, moment: i64) -> Option<i64> {
        let rows = self.rows.values().flatten();
        rows.filter(|row| row.accepted_at < moment)
            .filter_map(|row| row.finished_at)
            .max()
    }

    /// How many requests were accepted in this span.
    pub(super) fn accepted_between(&self, from: i64, to: i64) -> usize {
        let rows = self.rows.values().flatten();
        rows.filter(|row| (from..to).contains(&row.accepted_at))
            .count()
    }

    /// When each message was accepted, in the order in which they left.
    pub fn acceptances_by_departure(&self) -> Vec<i64> {
        let mut seen = HashSet::new();
        self.departures
            .iter()
            // A second message of the same number says nothing about the order.
            .filter(|phone| seen.insert(phone.as_str()))
            .filter_map(|phone| self.rows.get(phone)?.first())
            .map(|row| row.accepted_at)
            .collect()
    }
}

async fn ledger(database_url: &str) -> Result<HashMap<String, Vec<LedgerRow>>, Trouble> {
    let mut connection = PgConnection::connect(database_url).await?;
    let stored: Vec<(String, String, bool, i64, Option<i64>)> =
        sqlx::query_as(ROWS).fetch_all(&mut connection).await?;
    connection.close().await?;
    let mut rows: HashMap<String, Vec<LedgerRow>> = HashMap::new();
    for (phone, state, flagged, accepted_at, finished_at) in stored {
        let state: LedgerState = state
            .parse()
            .map_err(|_| format!("the ledger has a state {state:?}"))?;
        rows.entry(phone).or_default().push(LedgerRow {
            state: RowState { state, flagged },
            accepted_at,
            finished_at,
        });
    }
    Ok(rows)
}

/// The ids of the challenges; a dead letter that nobody can read has none and clears nobody.
async fn dead_letters(redis: &mut MultiplexedConnection) -> Result<HashSet<String>, Trouble> {
    let mut command = redis::cmd("XRANGE");
    command.arg(DEAD).arg("-").arg("+");
    let letters: StreamRangeReply = command.query_async(redis).await?;
    let challenge = |job: String| {
        let job: Value = serde_json::from_str(&job).ok()?;
        job["challenge"].as_str().map(str::to_owned)
    };
    let jobs = letters
        .ids
        .iter()
        .filter_map(|entry| entry.get::<String>("j"));
    Ok(jobs.filter_map(challenge).collect())
}

/// Waits until no job waits, runs or is delayed. `Err` is the number of jobs that are left after
/// `patience`.
pub(super) async fn wait_for_empty_queue(
    production: &Production,
    patience: Duration,
) -> Result<Instant, u64> {
    let deadline = Instant::now() + patience;
    let mut empty_since = None;
    let mut left = u64::MAX;
    while Instant::now() < deadline {
        // Redis may be on its way back.
        if let Ok(jobs) = jobs(production).await {
            left = jobs;
            empty_since = match jobs {
                0 => empty_since.or_else(|| Some(Instant::now())),
                _ => None,
            };
        }
        if let Some(since) = empty_since
            && since.elapsed() >= EMPTY_FOR
        {
            return Ok(since);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Err(left)
}

async fn jobs(production: &Production) -> Result<u64, Trouble> {
    let mut redis = connect(production).await?;
    let (waiting_or_running, delayed): (u64, u64) = redis::pipe()
        .cmd("XLEN")
        .arg(JOBS)
        .cmd("ZCARD")
        .arg(DELAYED)
        .query_async(&mut redis)
        .await?;
    Ok(waiting_or_running + delayed)
}

async fn connect(production: &Production) -> Result<MultiplexedConnection, Trouble> {
    let client = redis::Client::open(production.redis.url())?;
    Ok(client.get_multiplexed_async_connection().await?)
}

/// The gateway writes Iranian mobiles as `09…`.
fn e164(receptor: &str) -> String {
    receptor
        .strip_prefix('0')
        .map_or_else(|| receptor.to_owned(), |digits| format!("+98{digits}"))
}

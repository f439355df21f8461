//! How the service does: is signing in working, are messages leaving, is money left, what is slow. All of it comes from
//! the two stores, so that it is there without a monitoring system.
//!
//! | file | what it holds |
//! |---|---|
//! | `buckets` | what the records say, five minutes at a time; what is over is read once and kept |
//! | `figures` | sums, shares and medians of them |
//! | `worries` | what is wrong now, since when, and what was done about it |
//!
//! However many people look, one reads at a time, and what was read is good for some seconds.

mod buckets;
mod figures;
mod worries;

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use domain::clock::UnixMillis;
use shared::hot_state::{HotState, OpenBreaker};
use shared::queue::{Feed, QueueStats};
use shared::records::{CreditLook, Records, RecordsError, Route};
use tokio::sync::Mutex;

use buckets::Buckets;

pub use buckets::Bucket;
pub use figures::{HourFigures, OperatorFigures, Totals};
pub use worries::Worry;

/// What was read is shown for so long before it is read again.
const GOOD_FOR: TimeDelta = TimeDelta::seconds(5);
/// So many looks at the credit at most make its line.
const CREDIT_LOOKS: u32 = 300;

/// Where the figures come from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Challenges, limits and the breaker.
    pub hot_state: HotState,
    /// Users, sessions and the ledger.
    pub records: Records,
    /// The queue.
    pub queue: Feed,
}

/// The figures of one service. Clones share everything.
#[derive(Clone, Debug, Default)]
pub struct Overview(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    buckets: Mutex<Buckets>,
    last: RwLock<Option<Arc<View>>>,
}

/// How the service does.
#[derive(Clone, Debug)]
pub struct View {
    /// When it was read, by the clock of the API.
    pub at: DateTime<Utc>,
    /// The last hour in steps of five minutes, the oldest first.
    pub steps: Vec<Bucket>,
    /// The last hour.
    pub hour: Totals,
    /// The last day, as far as it was counted.
    pub day: Totals,
    /// The last day hour by hour, the oldest first; those that were not counted yet are missing.
    pub hours: Vec<HourFigures>,
    /// Since when the day was counted: a while after a start not all of it is.
    pub counted_since: DateTime<Utc>,
    /// The operators that had messages in the last hour, the busiest first.
    pub operators: Vec<OperatorFigures>,
    /// The queue, where it answered.
    pub queue: Option<QueueStats>,
    /// Whether all is in one process, whose worker is not counted.
    pub one_process: bool,
    /// The breaker, while it is open.
    pub breaker: Option<OpenBreaker>,
    /// What the workers last saw of the credit.
    pub credit: Option<CreditLook>,
    /// What they saw in the last day, the oldest first.
    pub credit_line: Vec<CreditLook>,
    /// What is wrong now, the worst first.
    pub worries: Vec<Worry>,
}

impl Overview {
    /// How the service does. Read at most every few seconds, by one at a time: anyone else gets what was read before.
    pub async fn view(&self, sources: &Sources, now: DateTime<Utc>) -> Arc<View> {
        if let Some(last) = self.last()
            && is_good(&last, now)
        {
            return last;
        }
        let mut buckets = match self.0.buckets.try_lock() {
            Ok(buckets) => buckets,
            Err(_) => match self.last() {
                // Somebody is reading.
                Some(last) => return last,
                None => self.0.buckets.lock().await,
            },
        };
        // Somebody else may have read meanwhile.
        if let Some(last) = self.last()
            && is_good(&last, now)
        {
            return last;
        }
        let view = Arc::new(read(&mut buckets, sources, now).await);
        let mut last = self.0.last.write().unwrap_or_else(PoisonError::into_inner);
        *last = Some(Arc::clone(&view));
        view
    }

    fn last(&self) -> Option<Arc<View>> {
        let last = self.0.last.read().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }
}

/// A clock that was set back must not keep anything valid for ever.
fn is_good(view: &View, now: DateTime<Utc>) -> bool {
    (now - view.at).abs() < GOOD_FOR
}

async fn read(buckets: &mut Buckets, sources: &Sources, now: DateTime<Utc>) -> View {
    let records = &sources.records;
    let counted = buckets.read(records, now).await;
    let credit = records
        .credit_looks(&Route::KAVENEGAR, now - TimeDelta::days(1), CREDIT_LOOKS)
        .await;
    let records_away = told(
        "the records",
        &counted.and(credit.as_ref().map(|_| ()).map_err(text)),
    );
    let mut credit_line = credit.unwrap_or_default();
    credit_line.reverse();
    let (queue, breaker) = tokio::join!(sources.queue.stats(), sources.hot_state.breaker());
    let hot_state_away = match (&queue, &breaker) {
        (Err(error), _) => told("the queue", &Err(error.to_string())),
        (_, Err(error)) => told("hot state", &Err(error.to_string())),
        _ => false,
    };
    let mut view = View {
        at: now,
        steps: buckets.last_hour(now),
        hour: Totals::default(),
        day: Totals::default(),
        hours: Vec::new(),
        counted_since: buckets.counted_since(now),
        operators: Vec::new(),
        queue: queue.ok(),
        one_process: sources.hot_state.back_end() == "sqlite",
        breaker: breaker.ok().flatten(),
        credit: credit_line.last().copied(),
        credit_line,
        worries: Vec::new(),
    };
    view.hour = Totals::of(&view.steps);
    view.day = Totals::of(buckets.all());
    view.hours = figures::by_hour(buckets.all());
    view.operators = figures::by_operator(&view.steps);
    view.worries = worries::of(&view, records_away, hot_state_away);
    view
}

fn text(error: &RecordsError) -> String {
    error.explained()
}

/// Whether a store is away; why stands in the log.
fn told(what: &'static str, answered: &Result<(), String>) -> bool {
    if let Err(cause) = answered {
        tracing::warn!(cause, "{what} could not be asked for the overview");
    }
    answered.is_err()
}

fn moment(millis: UnixMillis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

#[cfg(test)]
mod tests;

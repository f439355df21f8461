//! What messages cost today, on what, and what was not spent because it was refused.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use domain::limits::{Rule, Step};
use domain::phone::Operator;
use shared::records::Spent;

use super::Desk;
use crate::refusal::Refusal;

const HOUR: i64 = 3_600;
const HOURS_OF_A_DAY: i64 = 24;
/// Tehran is so far ahead, in seconds; days begin there.
const TEHRAN: i64 = 12_600;
/// The sends of an hour have ended by then: what they cost does not change any more.
const SETTLED: i64 = 2 * HOUR;
/// So many hours are remembered: today and yesterday.
const REMEMBERED: usize = 50;
/// So many characters of a number tell its prefix to people: the country and the three digits that they know it by.
const PREFIX_CHARS: usize = 6;

/// What was spent in hours that are settled, by the number of the hour in Tehran since 1970, so that no row is read
/// again with each look.
#[derive(Debug, Default)]
pub(super) struct SpendingBook(Mutex<BTreeMap<i64, Vec<Spent>>>);

/// One sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// The messages that the gateway took.
    pub messages: u64,
    /// For how many of them it named no price.
    pub unpriced: u64,
    /// What the others cost, in rials.
    pub rials: i64,
}

impl Sum {
    fn add(&mut self, spent: &Spent) {
        self.messages += spent.messages;
        self.unpriced += spent.unpriced;
        self.rials = self.rials.saturating_add(spent.rials);
    }
}

/// What a day in Tehran has cost.
#[derive(Clone, Debug, Default)]
pub struct DaySpending {
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// All of it.
    pub all: Sum,
    /// By what the messages were for, the dearest first.
    pub by_purpose: Vec<(String, Sum)>,
    /// By the operator that the number's prefix was given to.
    pub by_operator: Vec<(String, Sum)>,
    /// By how the numbers begin; empty of deleted accounts.
    pub by_prefix: Vec<(String, Sum)>,
    /// By gateway and channel.
    pub by_route: Vec<(String, Sum)>,
    /// Requests for a code that rules refused in the last day, which cost nothing.
    pub refused: u64,
    /// What they would have cost, at the price of an average message of the day.
    pub refused_rials: Option<i64>,
}

/// What today has cost so far, or one of the days before.
pub async fn day_spending(desk: &Desk, days_ago: u32) -> Result<DaySpending, Refusal> {
    let now = desk.flows.clock.now().timestamp();
    let this_hour = (now + TEHRAN).div_euclid(HOUR);
    let today = this_hour.div_euclid(HOURS_OF_A_DAY);
    let first = (today - i64::from(days_ago)) * HOURS_OF_A_DAY;
    let mut day = DaySpending {
        began_at: begins(first),
        ..DaySpending::default()
    };
    let (mut purposes, mut operators) = (BTreeMap::new(), BTreeMap::new());
    let (mut prefixes, mut routes) = (BTreeMap::new(), BTreeMap::new());
    for hour in first..(first + HOURS_OF_A_DAY).min(this_hour + 1) {
        for spent in of_hour(desk, hour, now).await? {
            let prefix = spent.prefix.as_deref().unwrap_or_default();
            day.all.add(&spent);
            add(&mut purposes, spent.purpose.as_str(), &spent);
            add(&mut operators, Operator::of_prefix(prefix).as_str(), &spent);
            let prefix: String = prefix.chars().take(PREFIX_CHARS).collect();
            add(&mut prefixes, &prefix, &spent);
            let route = format!("{} {}", spent.route.as_str(), spent.channel.as_str());
            add(&mut routes, &route, &spent);
        }
    }
    day.by_purpose = dearest_first(purposes);
    day.by_operator = dearest_first(operators);
    day.by_prefix = dearest_first(prefixes);
    day.by_route = dearest_first(routes);
    if days_ago == 0 {
        day.refused = refused(desk).await?;
        let priced = i64::try_from(day.all.messages - day.all.unpriced).unwrap_or(i64::MAX);
        let refused = i64::try_from(day.refused).unwrap_or(i64::MAX);
        day.refused_rials = day
            .all
            .rials
            .checked_div(priced)
            .map(|average| average.saturating_mul(refused));
    }
    Ok(day)
}

async fn of_hour(desk: &Desk, hour: i64, now: i64) -> Result<Vec<Spent>, Refusal> {
    let known = desk.spending.hours().get(&hour).cloned();
    if let Some(known) = known {
        return Ok(known);
    }
    let (from, to) = (begins(hour), begins(hour + 1));
    let spent = desk.records().spent_by_kind(from, to).await?;
    if to.timestamp() + SETTLED <= now {
        let mut hours = desk.spending.hours();
        hours.insert(hour, spent.clone());
        while hours.len() > REMEMBERED {
            hours.pop_first();
        }
    }
    Ok(spent)
}

impl SpendingBook {
    fn hours(&self) -> MutexGuard<'_, BTreeMap<i64, Vec<Spent>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Requests for a code that were refused in the last day.
async fn refused(desk: &Desk) -> Result<u64, Refusal> {
    let counts = desk.flows.hot_state.refusals_by_rule().await?;
    let asks = |rule: Rule| {
        let limit = rule.limit();
        limit.is_none_or(|limit| limit.is_counted_at(Step::Ask))
    };
    let of_asks = counts.iter().filter(|counts| asks(counts.rule));
    Ok(of_asks.map(|counts| counts.last_day).sum())
}

fn add(sums: &mut BTreeMap<String, Sum>, key: &str, spent: &Spent) {
    sums.entry(key.to_owned()).or_default().add(spent);
}

fn dearest_first(sums: BTreeMap<String, Sum>) -> Vec<(String, Sum)> {
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, sum)| std::cmp::Reverse((sum.rials, sum.messages)));
    sums
}

fn begins(hour: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(hour * HOUR - TEHRAN, 0).unwrap_or_default()
}

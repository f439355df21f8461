//! What messages cost a day at present, from the ledger.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use shared::records::{Records, RecordsError};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const DAYS_OF_A_WEEK: i64 = 7;
/// The sends of an hour have ended by then: what they cost does not change any more.
const SETTLED: i64 = 2 * HOUR;

/// Adds the ledger up hour by hour and remembers the hours that are over, so that no row is read
/// again and again: with a million messages a day, a week of them would be too many for every look.
pub(crate) struct Spending {
    records: Records,
    /// What was spent in the hours that are settled, by the number of the hour since 1970.
    hours: BTreeMap<i64, i64>,
}

impl Spending {
    pub(crate) fn new(records: Records) -> Self {
        Self {
            records,
            hours: BTreeMap::new(),
        }
    }

    /// Rials a day: of the last 24 hours, or of the average day of the last week if that is more, so
    /// that a quiet day does not hide what is usual.
    pub(crate) async fn a_day(&mut self, now: DateTime<Utc>) -> Result<i64, RecordsError> {
        let now = now.timestamp();
        let day = self.since(now - DAY, now).await?;
        let week = self.since(now - DAYS_OF_A_WEEK * DAY, now).await?;
        let first = (now - DAYS_OF_A_WEEK * DAY).div_euclid(HOUR);
        self.hours = self.hours.split_off(&first);
        Ok(day.max(week / DAYS_OF_A_WEEK))
    }

    async fn since(&mut self, from: i64, now: i64) -> Result<i64, RecordsError> {
        let (mut sum, mut at) = (0_i64, from);
        while at <= now {
            let hour = at.div_euclid(HOUR);
            let ends = (hour + 1) * HOUR;
            let is_whole = at == hour * HOUR;
            let spent = match self.hours.get(&hour) {
                Some(spent) if is_whole => *spent,
                _ => self.records.spent_between(time(at), time(ends)).await?,
            };
            if is_whole && ends + SETTLED <= now {
                self.hours.insert(hour, spent);
            }
            sum = sum.saturating_add(spent);
            at = ends;
        }
        Ok(sum)
    }
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

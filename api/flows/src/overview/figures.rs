//! Sums, shares and medians.

use chrono::{DateTime, Utc};
use domain::phone::Operator;
use shared::records::SendFate;
use strum::VariantArray as _;

use super::buckets::{Bucket, STEP, STEPS_OF_AN_HOUR};

/// What a span of time adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Codes that were asked for.
    pub asked: u64,
    /// Codes that were given back.
    pub used: u64,
    /// Those of them that were to sign in or to register.
    pub signed_in: u64,
    /// Messages that were begun.
    pub messages: u64,
    /// Those that arrived.
    pub arrived: u64,
    /// Those that were handed over and not confirmed.
    pub handed_over: u64,
    /// Those that are under way.
    pub under_way: u64,
    /// Those that the operator could not deliver.
    pub undelivered: u64,
    /// Those that were not sent: refused, too late.
    pub not_sent: u64,
    /// Those whose outcome is unknown.
    pub unknown: u64,
    /// What they cost, in rials.
    pub rials: i64,
}

impl Totals {
    /// Of these steps.
    pub(super) fn of<'a>(buckets: impl IntoIterator<Item = &'a Bucket>) -> Self {
        let mut totals = Self::default();
        for bucket in buckets {
            totals.asked += bucket.asked;
            totals.used += bucket.used;
            totals.signed_in += bucket.signed_in;
            for count in &bucket.sends {
                totals.messages += count.messages;
                totals.rials = totals.rials.saturating_add(count.rials);
                let of_fate = match count.fate {
                    SendFate::Arrived => &mut totals.arrived,
                    SendFate::HandedOver => &mut totals.handed_over,
                    SendFate::UnderWay => &mut totals.under_way,
                    SendFate::Undelivered => &mut totals.undelivered,
                    SendFate::Refused | SendFate::Expired => &mut totals.not_sent,
                    SendFate::Unknown => &mut totals.unknown,
                };
                *of_fate += count.messages;
            }
        }
        totals
    }

    /// How many of the codes that were asked for were given back, from 0 to 1; nothing where none was.
    pub fn success(&self) -> Option<f64> {
        share(self.used, self.asked)
    }
}

/// What an hour adds up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourFigures {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// What it adds up to.
    pub totals: Totals,
}

/// What becomes of the messages to one operator.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorFigures {
    /// Which.
    pub operator: Operator,
    /// Messages of the last hour.
    pub messages: u64,
    /// How many of those that the gateway took have arrived, from 0 to 1.
    pub arrived: Option<f64>,
    /// How long it took, in seconds: the median of those that were looked at.
    pub seconds: Option<f64>,
    /// The same for each step of the hour.
    pub steps: Vec<Option<f64>>,
    /// On how many messages of each step the figure rests.
    pub weights: Vec<usize>,
}

/// The hours of the day, as far as they were counted.
pub(super) fn by_hour<'a>(buckets: impl Iterator<Item = &'a Bucket>) -> Vec<HourFigures> {
    let mut hours: Vec<(i64, Vec<&Bucket>)> = Vec::new();
    for bucket in buckets {
        let hour = bucket.from.timestamp().div_euclid(STEP * STEPS_OF_AN_HOUR);
        match hours.last_mut() {
            Some((last, of_hour)) if *last == hour => of_hour.push(bucket),
            _ => hours.push((hour, vec![bucket])),
        }
    }
    hours
        .into_iter()
        .map(|(hour, buckets)| HourFigures {
            from: DateTime::from_timestamp(hour * STEP * STEPS_OF_AN_HOUR, 0).unwrap_or_default(),
            totals: Totals::of(buckets),
        })
        .collect()
}

/// The operators of an hour, the busiest first.
pub(super) fn by_operator(steps: &[Bucket]) -> Vec<OperatorFigures> {
    let mut operators: Vec<OperatorFigures> = Operator::VARIANTS
        .iter()
        .copied()
        .filter_map(|operator| {
            let counts = || {
                let sends = steps.iter().flat_map(|step| &step.sends);
                sends.filter(move |count| count.operator == operator)
            };
            let messages = counts().map(|count| count.messages).sum();
            let with = |fates: &[SendFate]| -> u64 {
                let of_fate = counts().filter(|count| fates.contains(&count.fate));
                of_fate.map(|count| count.messages).sum()
            };
            let taken = with(&[
                SendFate::Arrived,
                SendFate::HandedOver,
                SendFate::Undelivered,
            ]);
            let of_step = |step: &Bucket| {
                let mut deliveries = step.deliveries.iter();
                let found = deliveries.find(|one| one.operator == operator);
                found.map(|one| one.seconds.clone()).unwrap_or_default()
            };
            let by_step: Vec<Vec<f64>> = steps.iter().map(of_step).collect();
            let mut all = by_step.concat();
            (messages > 0).then(|| OperatorFigures {
                operator,
                messages,
                arrived: share(with(&[SendFate::Arrived]), taken),
                seconds: median(&mut all),
                weights: by_step.iter().map(Vec::len).collect(),
                steps: by_step
                    .into_iter()
                    .map(|mut seconds| median(&mut seconds))
                    .collect(),
            })
        })
        .collect();
    operators.sort_by_key(|one| std::cmp::Reverse(one.messages));
    operators
}

/// The middle one of these; of two in the middle the lesser.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len().checked_sub(1)? / 2;
    values.get(middle).copied()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of messages stay far below 2^52"
)]
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

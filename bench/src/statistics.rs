//! The arithmetic of figures.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the rounds gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    /// The middle of the rounds; it counts.
    pub(crate) median: f64,
    /// The least of the rounds.
    pub(crate) min: f64,
    /// The most of the rounds.
    pub(crate) max: f64,
    /// Each round, in order.
    pub(crate) rounds: Vec<f64>,
}

impl Spread {
    /// `None` without any rounds.
    pub(crate) fn of(rounds: Vec<f64>) -> Option<Self> {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            median: median_of_sorted(&sorted)?,
            min: *sorted.first()?,
            max: *sorted.last()?,
            rounds,
        })
    }
}

/// Each value divided by its partner of the same round.
pub(crate) fn ratios(values: &[f64], floors: &[f64]) -> Vec<f64> {
    let pairs = values.iter().zip(floors);
    pairs.map(|(value, floor)| value / floor).collect()
}

fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let upper = sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(*upper);
    }
    Some(f64::midpoint(sorted[sorted.len() / 2 - 1], *upper))
}

/// The smallest of the sorted values that at least `percent` of them do not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: f64) -> Option<Duration> {
    let rank = (percent / 100.0 * count(sorted.len())).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank lies between 0 and the number of values"
    )]
    let rank = rank.max(1.0) as usize;
    sorted.get(rank - 1).or(sorted.last()).copied()
}

/// How many a second came in the middle nine tenths of these moments (milliseconds): the first and
/// the last are spoilt by starting and ending.
pub(crate) fn rate_in_the_middle(mut moments: Vec<i64>) -> Option<f64> {
    moments.sort_unstable();
    let edge = moments.len() / 20;
    let middle = moments.get(edge..moments.len() - edge)?;
    let (first, last) = (middle.first()?, middle.last()?);
    let millis = u32::try_from(last - first).ok().filter(|it| *it > 0)?;
    Some(count(middle.len() - 1) * 1_000.0 / f64::from(millis))
}

/// Milliseconds with their fraction.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// A count as a number that can be divided.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn count(count: usize) -> f64 {
    count as f64
}

/// The same of a count of 64 bits.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis_each(values: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        values.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    fn the_median_is_the_middle_and_between_two_their_mean() {
        let odd = Spread::of(vec![9.0, 1.0, 4.0]).expect("three rounds");
        assert_eq!((odd.median, odd.min, odd.max), (4.0, 1.0, 9.0));
        assert_eq!(odd.rounds, [9.0, 1.0, 4.0]);
        let even = Spread::of(vec![4.0, 1.0, 2.0, 9.0]).expect("four rounds");
        assert!((even.median - 3.0).abs() < f64::EPSILON);
        assert_eq!(Spread::of(Vec::new()), None);
    }

    #[test]
    fn rounds_are_compared_with_their_own_floor() {
        assert_eq!(ratios(&[10.0, 30.0], &[20.0, 10.0]), [0.5, 3.0]);
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let hundred = millis_each(1..=100);
        assert_eq!(percentile(&hundred, 50.0), Some(Duration::from_millis(50)));
        assert_eq!(percentile(&hundred, 99.0), Some(Duration::from_millis(99)));
        assert_eq!(
            percentile(&hundred, 100.0),
            Some(Duration::from_millis(100))
        );
        let two = millis_each([3, 8]);
        assert_eq!(percentile(&two, 50.0), Some(Duration::from_millis(3)));
        assert_eq!(percentile(&two, 99.0), Some(Duration::from_millis(8)));
        assert_eq!(percentile(&two, 0.0), Some(Duration::from_millis(3)));
        assert_eq!(percentile(&[], 50.0), None);
    }

    #[test]
    fn a_rate_leaves_out_the_edges() {
        // One each 10 ms, with a slow start and a late straggler.
        let mut moments: Vec<i64> = (0..100).map(|index| 50_000 + index * 10).collect();
        moments[0] = 0;
        moments.push(900_000);
        let rate = rate_in_the_middle(moments).expect("a rate");
        assert!((rate - 100.0).abs() < 0.001, "{rate}");
        assert_eq!(rate_in_the_middle(vec![5, 5, 5]), None);
        assert_eq!(rate_in_the_middle(Vec::new()), None);
    }
}

//! How long to wait before trying again.
//!
//! This is the only module that uses the crate `backoff`, so that exchanging it touches one file.
//! It gives the growing intervals; the jitter is ours, for two reasons: randomness is passed in
//! ([`Random`]), and the crate spreads a delay around its interval (±50 %), so that callers who
//! failed together stay bunched. Full jitter, anywhere between nothing and the interval, spreads
//! them best. The crate's own retry loop is not used: it has no limit when an error names its own
//! delay, and it does not end an attempt that hangs.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

use domain::random::Random;

/// The shortest first interval; doubling nothing would never grow.
const MIN_BASE: Duration = Duration::from_millis(1);

/// Delays that double from a base to a limit, with full jitter.
#[derive(Clone, Debug)]
pub struct RetryDelays {
    base: Duration,
    max: Duration,
    random: Random,
}

impl RetryDelays {
    /// Delays below `base` for the first attempt, then below twice as much, and never above
    /// `max`. A `max` below `base` counts as `base`.
    pub fn new(base: Duration, max: Duration, random: Random) -> Self {
        let base = base.max(MIN_BASE);
        Self {
            base,
            max: max.max(base),
            random,
        }
    }

    /// How long to wait after this failed attempt, the first being 1 (0 counts as 1): anywhere
    /// from zero up to the attempt's interval.
    pub fn delay(&self, attempt: u32) -> Duration {
        self.interval(attempt).mul_f64(self.random.fraction())
    }

    /// The longest delay of this attempt: the base doubled for each earlier attempt, up to the
    /// limit.
    pub fn interval(&self, attempt: u32) -> Duration {
        let mut intervals = ExponentialBackoff {
            current_interval: self.base,
            initial_interval: self.base,
            randomization_factor: 0.0,
            multiplier: 2.0,
            max_interval: self.max,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        for _ in 1..attempt {
            if intervals.current_interval >= self.max {
                break;
            }
            intervals.next_backoff();
        }
        intervals.current_interval
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn delays(base_millis: u64, max_millis: u64, seed: u64) -> RetryDelays {
        let (base, max) = (
            Duration::from_millis(base_millis),
            Duration::from_millis(max_millis),
        );
        RetryDelays::new(base, max, Random::seeded(seed))
    }

    #[test]
    fn intervals_double_up_to_the_limit() {
        let delays = delays(500, 30_000, 1);
        let seconds: Vec<f64> = (0..=9).map(|n| delays.interval(n).as_secs_f64()).collect();
        assert_eq!(
            seconds,
            [0.5, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
        );
    }

    #[test]
    fn a_limit_below_the_base_and_a_base_of_nothing_still_give_delays() {
        assert_eq!(delays(500, 10, 1).interval(7), Duration::from_millis(500));
        assert_eq!(delays(0, 1_000, 1).interval(4), Duration::from_millis(8));
    }

    #[test]
    fn a_42_jitter_fills_the_whole_interval() {
        let delays = delays(10_000, 10_000, 42);
        let mut tenths = [0_u32; 10];
        for _ in 0..1_000 {
            let tenth = delays.delay(1).as_millis() / 1_000;
            tenths[usize::try_from(tenth).expect("small")] += 1;
        }
        // 100 expected in each; the seed is fixed.
        assert!(
            tenths.iter().all(|&seen| (60..=140).contains(&seen)),
            "{tenths:?}"
        );
    }

    proptest! {
        #[test]
        fn delays_stay_within_their_interval_and_intervals_never_shrink(
            base in 1_u64..10_000,
            max in 1_u64..10_000_000,
            attempt in any::<u32>(),
            seed in any::<u64>(),
        ) {
            let delays = delays(base, max, seed);
            let limit = Duration::from_millis(max.max(base));
            prop_assert!(delays.delay(attempt) < delays.interval(attempt));
            prop_assert!(delays.interval(attempt) <= limit);
            prop_assert!(delays.interval(attempt) >= Duration::from_millis(base));
            prop_assert!(delays.interval(attempt) <= delays.interval(attempt.saturating_add(1)));
            prop_assert_eq!(delays.interval(u32::MAX), limit);
        }
    }
}

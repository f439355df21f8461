//! Whether the clock of hot state goes on as time does. It is what codes, limits and the rate of calls
//! live by; where it is set, what was stored before lies too far ahead or behind. Every step brings such
//! moments back by itself (`shared/src/hot_state`); this tells the people who may find the cause.

use domain::clock::UnixMillis;
use tokio::time::{Duration, Instant};

use crate::flows::Flows;

/// A smaller difference comes from answers that take their time, and from clocks that are slewed.
const TOLERANCE_MILLIS: i64 = 2_000;

/// The last look at both clocks.
pub(crate) struct ClockWatch {
    last: Option<(UnixMillis, Instant)>,
}

/// Which way a clock was set.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::Display, strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum ClockStep {
    Back,
    Forward,
}

impl ClockWatch {
    pub(crate) fn new() -> Self {
        Self { last: None }
    }

    /// Looks once. A store that does not answer tells nothing.
    pub(crate) async fn look(&mut self, flows: &Flows) {
        let Ok(there) = flows.hot_state.now().await else {
            return;
        };
        if let Some((step, by)) = self.compare(there, Instant::now()) {
            tracing::warn!(
                direction = %step,
                by_seconds = by.as_secs(),
                "the clock of hot state was set: look at the time service of its machine"
            );
            flows.metrics.clock_was_set(step);
        }
    }

    /// How far that clock went another way than this one, which nobody sets.
    fn compare(&mut self, there: UnixMillis, here: Instant) -> Option<(ClockStep, Duration)> {
        let (there_before, here_before) = self.last.replace((there, here))?;
        let passed = i64::try_from((here - here_before).as_millis()).unwrap_or(i64::MAX);
        let ahead = there - there_before - passed;
        let by = Duration::from_millis(ahead.unsigned_abs());
        let step = if ahead < 0 {
            ClockStep::Back
        } else {
            ClockStep::Forward
        };
        (ahead.abs() > TOLERANCE_MILLIS).then_some((step, by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_13_a_clock_that_is_set_is_told_once_and_one_that_goes_on_is_not() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut watch = ClockWatch::new();
        assert_eq!(watch.compare(1_000_000, at(0)), None);
        assert_eq!(watch.compare(1_005_000, at(5)), None);
        assert_eq!(
            watch.compare(1_011_900, at(10)),
            None,
            "within the tolerance"
        );
        let back = watch.compare(416_900, at(15));
        assert_eq!(back, Some((ClockStep::Back, Duration::from_mins(10))));
        assert_eq!(watch.compare(421_900, at(20)), None);
        let forward = watch.compare(4_026_900, at(25));
        assert_eq!(forward, Some((ClockStep::Forward, Duration::from_hours(1))));
    }
}

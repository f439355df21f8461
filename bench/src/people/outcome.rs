//! What people got.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Failure;
use crate::statistics::{count, millis, percentile};

/// How long one sign-in took, and its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Took {
    /// From the request to its answer.
    pub(crate) ask: Duration,
    /// From the request to the message.
    pub(crate) message: Duration,
    /// From giving the code back to the tokens.
    pub(crate) verify: Duration,
    /// From the request, or from the moment when it was due, to the tokens. The person takes no time.
    pub(crate) whole: Duration,
}

/// What a load gave.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    signed_in: Vec<Took>,
    /// What went wrong, and how often.
    failures: BTreeMap<String, u64>,
    /// Messages that nobody waited for.
    pub(super) strays: u64,
    pub(super) elapsed: Duration,
    /// What the load itself has cost.
    pub(super) processor: Duration,
}

impl Outcome {
    pub(super) fn add(&mut self, result: Result<Took, String>) {
        match result {
            Ok(took) => self.signed_in.push(took),
            Err(failure) => *self.failures.entry(failure).or_default() += 1,
        }
    }

    pub(super) fn join(&mut self, other: Self) {
        self.signed_in.extend(other.signed_in);
        for (failure, count) in other.failures {
            *self.failures.entry(failure).or_default() += count;
        }
        self.strays += other.strays;
    }

    /// Holds that all signed in, but for one in a thousand, and that each got one message: a load that is
    /// refused measures something else.
    pub(crate) fn held(self) -> Result<Self, Failure> {
        let failed: u64 = self.failures.values().sum();
        if failed == 0 && self.strays == 0 {
            return Ok(self);
        }
        let told = format!(
            "{} signed in; {}; {} messages that nobody waited for",
            self.signed_in.len(),
            self.failures
                .iter()
                .map(|(failure, count)| format!("{count} times {failure}"))
                .collect::<Vec<_>>()
                .join(", "),
            self.strays
        );
        let bad = failed.max(self.strays);
        if bad * 1_000 > self.signed_in.len() as u64 {
            return Err(told.into());
        }
        eprintln!("{told}");
        Ok(self)
    }

    /// How many signed in.
    pub(crate) fn count(&self) -> usize {
        self.signed_in.len()
    }

    /// How many signed in a second.
    pub(crate) fn rate(&self) -> f64 {
        count(self.count()) / self.elapsed.as_secs_f64()
    }

    /// Milliseconds that so many percent of the people did not wait longer for.
    pub(crate) fn waited(&self, part: impl Fn(&Took) -> Duration, percent: f64) -> f64 {
        let mut all: Vec<Duration> = self.signed_in.iter().map(part).collect();
        all.sort_unstable();
        percentile(&all, percent).map_or(f64::NAN, millis)
    }

    /// Microseconds for each sign-in.
    pub(crate) fn micros_each(&self, all: Duration) -> f64 {
        all.as_secs_f64() * 1e6 / count(self.count()).max(1.0)
    }

    /// What the load itself has cost, in microseconds for each sign-in.
    pub(crate) fn load_micros(&self) -> f64 {
        self.micros_each(self.processor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(signed_in: u64, failed: u64) -> Outcome {
        let mut outcome = Outcome {
            elapsed: Duration::from_secs(2),
            ..Outcome::default()
        };
        for index in 1..=signed_in {
            let whole = Duration::from_millis(index);
            outcome.add(Ok(Took {
                whole,
                ..Took::default()
            }));
        }
        for _ in 0..failed {
            outcome.add(Err("asking: 429".to_owned()));
        }
        outcome
    }

    #[test]
    fn one_failure_in_a_thousand_is_tolerated() {
        let held = outcome(2_000, 2).held().expect("tolerated");
        assert!((held.rate() - 1_000.0).abs() < 1e-9);
        let refused = outcome(1_999, 2).held().expect_err("too many");
        assert!(refused.to_string().contains("2 times asking: 429"));
        assert!(outcome(0, 1).held().is_err());
    }

    #[test]
    fn a_second_message_counts_as_a_failure_does() {
        let mut twice = outcome(999, 0);
        twice.strays = 1;
        let refused = twice.held().expect_err("too many");
        assert!(refused.to_string().contains("1 messages that nobody"));
    }

    #[test]
    fn waiting_is_told_by_its_part() {
        let outcome = outcome(100, 0);
        assert!((outcome.waited(|took| took.whole, 50.0) - 50.0).abs() < 1e-9);
        assert!(outcome.waited(|took| took.verify, 99.0).abs() < 1e-9);
    }
}

//! The clients. All run on one thread of their own, so that they take at most one core from what
//! is measured, and they are the same for Ramz and for its floors.

mod closed;
mod connection;
mod open;
mod requests;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use tokio::task::LocalSet;

pub(crate) use closed::{Until, closed, closed_over};
pub(crate) use open::{keep_time, open};
pub(crate) use requests::{OTP_PATH, Requests, VERIFY_PATH, next_number, next_phone, phone_of};

use crate::Failure;
use crate::statistics::{count, millis, percentile};
use crate::usage::processor_time;

/// Connections of every load.
pub(crate) const CONNECTIONS: usize = 64;

/// One request that a client makes.
pub(crate) type HttpRequest = Request<Full<Bytes>>;

/// What the clients got.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Sorted.
    latencies: Vec<Duration>,
    statuses: BTreeMap<u16, u64>,
    /// Those with the status that was held, see [`all`](Self::all).
    good: usize,
    /// Connections that failed before an answer came, with the last reason.
    broken: u64,
    last_failure: Option<String>,
    /// Requests without an answer when the patience was at its end.
    unanswered: u64,
    /// From the first request to the last answer.
    elapsed: Duration,
    /// Bodies of successes, where they were asked for.
    pub(crate) bodies: Vec<Bytes>,
    /// What the clients themselves have cost.
    processor: Duration,
}

impl Answers {
    fn answered(&mut self, status: u16, latency: Duration) {
        *self.statuses.entry(status).or_default() += 1;
        self.latencies.push(latency);
    }

    fn failed(&mut self, reason: String) {
        self.broken += 1;
        self.last_failure = Some(reason);
    }

    fn join(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.broken += other.broken;
        self.last_failure = self.last_failure.take().or(other.last_failure);
        self.bodies.extend(other.bodies);
    }

    /// Holds that all went well: a load that is refused measures something else.
    pub(crate) fn all(self, status: u16) -> Result<Self, Failure> {
        self.at_most_others(status, 0)
    }

    /// The same, but for one in a thousand: a load at the limit of a busy machine.
    pub(crate) fn nearly_all(self, status: u16) -> Result<Self, Failure> {
        let tolerated = self.latencies.len() / 1_000;
        self.at_most_others(status, tolerated)
    }

    /// The same for requests that only prepare what is measured: nine of ten will do.
    pub(crate) fn most(self, status: u16) -> Result<Self, Failure> {
        let tolerated = self.latencies.len() / 10;
        self.at_most_others(status, tolerated)
    }

    fn at_most_others(mut self, status: u16, tolerated: usize) -> Result<Self, Failure> {
        let good = self.statuses.get(&status).copied().unwrap_or_default();
        self.good = usize::try_from(good)?;
        let unanswered = usize::try_from(self.broken + self.unanswered)?;
        let bad = self.latencies.len() - self.good + unanswered;
        if bad == 0 {
            return Ok(self);
        }
        let others = self.statuses.iter().filter(|(other, _)| **other != status);
        let others: Vec<String> = others
            .map(|(other, count)| format!("{count} times {other}"))
            .collect();
        let told = format!(
            "not all answers were {status}: {}; {} broken connections {}, {} without an answer",
            others.join(", "),
            self.broken,
            self.last_failure.as_deref().unwrap_or_default(),
            self.unanswered
        );
        if bad > tolerated {
            return Err(told.into());
        }
        eprintln!("{told}");
        Ok(self)
    }

    /// How many answers had the status that was held.
    pub(crate) fn good(&self) -> u64 {
        self.good as u64
    }

    /// How many answers there were.
    pub(crate) fn count(&self) -> usize {
        self.latencies.len()
    }

    /// Good answers a second.
    pub(crate) fn rate(&self) -> f64 {
        count(self.good) / self.elapsed.as_secs_f64()
    }

    /// Milliseconds that so many percent of the requests did not exceed.
    pub(crate) fn latency(&self, percent: f64) -> f64 {
        percentile(&self.latencies, percent).map_or(f64::NAN, millis)
    }

    /// What the clients have cost, in microseconds for each answer.
    pub(crate) fn client_micros(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / count(self.count()).max(1.0)
    }

    /// What a process has cost since `before`, in microseconds for each answer.
    pub(crate) fn process_micros(&self, pid: u32, before: Duration) -> Result<f64, Failure> {
        let used = processor_time(pid)?.saturating_sub(before);
        Ok(used.as_secs_f64() * 1e6 / count(self.count()).max(1.0))
    }
}

/// Runs clients on a thread of their own.
async fn on_own_thread<F>(clients: impl FnOnce() -> F + Send + 'static) -> Result<Answers, Failure>
where
    F: Future<Output = Result<Answers, Failure>> + 'static,
{
    let thread = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let before = processor_time(std::process::id())?;
        let mut answers = LocalSet::new().block_on(&runtime, clients())?;
        answers.processor = processor_time(std::process::id())?.saturating_sub(before);
        answers.latencies.sort_unstable();
        Ok(answers)
    });
    thread.await?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(good: u32, refused: u32) -> Answers {
        let mut answers = Answers {
            elapsed: Duration::from_secs(2),
            ..Answers::default()
        };
        for (status, count) in [(202, good), (503, refused)] {
            for _ in 0..count {
                answers.answered(status, Duration::from_millis(1));
            }
        }
        answers
    }

    #[test]
    fn one_refusal_in_a_thousand_is_tolerated_where_a_rate_is_measured() {
        let nearly = answers(1_999, 2);
        let nearly = nearly.nearly_all(202).expect("tolerated");
        assert!((nearly.rate() - 999.5).abs() < 1e-9, "{}", nearly.rate());
        assert!(answers(1_999, 3).nearly_all(202).is_err());
        assert!(answers(1_999, 1).all(202).is_err());
        assert_eq!(answers(90, 10).most(202).expect("enough").good(), 90);
        assert!(answers(89, 11).most(202).is_err());
        assert!(answers(500, 0).all(202).is_ok());
    }

    #[test]
    fn requests_without_an_answer_count_as_failed() {
        let mut silent = answers(500, 0);
        silent.unanswered = 1;
        assert!(silent.nearly_all(202).is_err());
        let mut broken = answers(500, 0);
        broken.failed("reset".to_owned());
        let told = broken.all(202).expect_err("a failure").to_string();
        assert!(told.contains("1 broken connections reset"), "{told}");
    }
}

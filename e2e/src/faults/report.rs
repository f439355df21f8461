//! The figures of one run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use shared::records::LedgerState;
use tokio::time::Instant;

use super::conservation::{Breach, Case, Tally};
use super::evidence::Evidence;
use super::order::Order;
use super::traffic::{Answer, Request, phone_of, refusals};

/// At most so many breaches are listed one by one; the tally counts all.
const LISTED: usize = 100;

/// What a run measured and found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RunReport {
    /// What was done to the system, for people.
    pub fault: String,
    /// How many requests had ended when the (first) fault struck.
    pub at_request: usize,
    /// Requests made.
    pub requests: u64,
    /// Those that got a 202.
    pub accepted: u64,
    /// The others by status and code.
    pub refused: BTreeMap<String, u64>,
    /// Those whose connection failed.
    pub no_answer: u64,
    /// How they ended.
    #[serde(flatten)]
    pub tally: Tally,
    /// From the fault (or its end, where it lasts) to the first 202 of a request made after it.
    pub next_202_seconds: Option<f64>,
    /// From a fail-over until the gateway had taken the first message of a request that was accepted
    /// after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_message_seconds: Option<f64>,
    /// Requests that a fail-over of Redis lost and that it may lose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_within_a_second: Option<u64>,
    /// From the fault (or its end) until the last request had ended that was accepted before.
    pub backlog_seconds: Option<f64>,
    /// Calls of the gateway during an outage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<Calls>,
    /// The order in which messages left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// What went against the promise.
    pub violations: Vec<Violation>,
}

/// How often the workers called the gateway while it was away.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Calls {
    /// In all.
    pub during_outage: u64,
    /// In the busiest second.
    pub most_in_a_second: u64,
    /// For each request that was accepted while it lasted.
    pub per_accepted: f64,
}

/// One breach of the promise.
#[derive(Clone, Debug, Serialize)]
pub struct Violation {
    /// The number of the request, if it is about one.
    pub request: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl RunReport {
    /// Judges all requests of a run.
    pub fn judge(
        fault: String,
        at_request: usize,
        requests: &[Request],
        evidence: &Evidence,
    ) -> Self {
        let mut report = Self {
            fault,
            at_request,
            requests: requests.len() as u64,
            refused: refusals(requests),
            ..Self::default()
        };
        for request in requests {
            report.accepted += u64::from(request.is_accepted());
            report.no_answer += u64::from(request.answer == Answer::Nothing);
            if let Err(breach) = report.tally.add(&Case {
                accepted: request.is_accepted(),
                rows: &evidence.states(&phone_of(request.number)),
                dead: is_dead(request, evidence),
                messages: messages(request, evidence),
            }) {
                report.breach(request.number, breach);
            }
        }
        report
    }

    fn breach(&mut self, request: usize, breach: Breach) {
        if self.violations.len() < LISTED {
            self.violations.push(Violation {
                request: Some(request),
                what: breach.to_string(),
            });
        }
    }

    /// Takes what is missing of these requests for what a fail-over may lose.
    pub(super) fn allow_losses(
        &mut self,
        requests: &[Request],
        may_be_lost: impl Fn(&Request) -> bool,
    ) {
        let missing = Breach::Missing.to_string();
        let lost = |number: usize| {
            let mut all = requests.iter();
            all.any(|request| request.number == number && may_be_lost(request))
        };
        let before = self.violations.len();
        self.violations
            .retain(|violation| violation.what != missing || !violation.request.is_some_and(lost));
        self.lost_within_a_second = Some((before - self.violations.len()) as u64);
    }

    /// Notes that jobs were still there when the wait for them was over.
    pub fn never_settled(&mut self, jobs: u64, patience: Duration) {
        self.violations.push(Violation {
            request: None,
            what: format!(
                "{jobs} jobs were left in the queue after {} s",
                patience.as_secs()
            ),
        });
    }
}

fn messages(request: &Request, evidence: &Evidence) -> usize {
    let phone = phone_of(request.number);
    evidence.messages.get(&phone).copied().unwrap_or_default()
}

fn is_dead(request: &Request, evidence: &Evidence) -> bool {
    match &request.answer {
        Answer::Accepted(Some(challenge)) => evidence.dead.contains(&challenge.to_string()),
        _ => false,
    }
}

/// Seconds from `moment` to the first 202 of a request that was made after it.
pub(super) fn next_accepted(requests: &[Request], moment: Instant) -> Option<f64> {
    let later = requests
        .iter()
        .filter(|request| request.is_accepted() && request.begun > moment);
    let first = later.map(|request| request.ended).min()?;
    Some((first - moment).as_secs_f64())
}

/// When the gateway had taken the first message of a request that was accepted after `moment`.
pub(super) fn messages_after(evidence: &Evidence, moment: i64) -> Option<i64> {
    let rows = evidence.rows.values().flatten();
    rows.filter(|row| row.accepted_at > moment && row.state.state == LedgerState::Accepted)
        .filter_map(|row| row.finished_at)
        .min()
}

/// Seconds between two moments in milliseconds, not below zero.
#[expect(
    clippy::cast_precision_loss,
    reason = "spans of one run are far below 2^52 ms"
)]
pub(super) fn seconds_between(from: i64, to: i64) -> f64 {
    (to - from).max(0) as f64 / 1000.0
}

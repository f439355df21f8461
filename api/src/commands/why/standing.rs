//! How things are now: account, limits, codes, service.

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::ChallengeId;
use serde::Serialize;
use shared::hot_state::{AcceptPolicy, PhoneState, Rule, TryLimits, Window};

use super::facts::Facts;
use super::times::moment;

/// A job that nobody takes for so long, in the one-process shape, belongs to a process that is not
/// there.
const IDLE_SECONDS: u64 = 5;

/// How things are now. What nobody answered for is missing.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Standing {
    pub(super) account: Option<Account>,
    pub(super) limits: Option<Limits>,
    pub(super) codes: Vec<Code>,
    pub(super) service: Option<Service>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Account {
    pub(super) registered: bool,
    pub(super) created_at: Option<DateTime<Utc>>,
    pub(super) last_sign_in_at: Option<DateTime<Utc>>,
    pub(super) blocked_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Limits {
    pub(super) short: Used,
    pub(super) day: Used,
    pub(super) failed_tries: u32,
    pub(super) failed_tries_allowed: u32,
    /// Until when passwords, and codes by the number only, are refused.
    pub(super) locked_until: Option<DateTime<Utc>>,
}

/// How much of a limit is used.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Used {
    pub(super) sends: usize,
    pub(super) allowed: u32,
    /// When the next send is allowed, if it is not now.
    pub(super) next_at: Option<DateTime<Utc>>,
}

/// A code whose challenge still has its record.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Code {
    pub(super) challenge: ChallengeId,
    pub(super) purpose: &'static str,
    pub(super) created_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) sends: u32,
    pub(super) session_attempts: u32,
    pub(super) phone_attempts: u32,
    pub(super) attempts_allowed: u32,
    pub(super) used: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Service {
    /// Not counted where all is in one process.
    pub(super) workers: Option<u64>,
    pub(super) waiting: u64,
    pub(super) in_flight: u64,
    pub(super) delayed: u64,
    pub(super) dead: u64,
    pub(super) oldest_age_seconds: u64,
    pub(super) breaker: Option<Breaker>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Breaker {
    pub(super) code: i32,
    pub(super) since: DateTime<Utc>,
    pub(super) probe_at: DateTime<Utc>,
}

impl Standing {
    pub(super) fn of(facts: &Facts, policy: &AcceptPolicy, tries: &TryLimits) -> Self {
        let account = facts.records.is_ok() && facts.phone.is_some();
        let limits = facts
            .phone_state()
            .map(|state| Limits::of(state, policy, tries));
        let living = facts.hot.as_ref().ok();
        let codes = living.map_or(&[][..], |living| &living.challenges);
        Self {
            account: account.then(|| Account {
                registered: facts.user().is_some(),
                created_at: facts.user().map(|user| user.created_at),
                last_sign_in_at: facts.user().and_then(|user| user.last_sign_in_at),
                blocked_at: facts.user().and_then(|user| user.blocked_at),
            }),
            limits,
            codes: codes
                .iter()
                .map(|challenge| Code {
                    challenge: challenge.id,
                    purpose: challenge.purpose.as_str(),
                    created_at: moment(challenge.created_at),
                    expires_at: moment(challenge.expires_at),
                    sends: challenge.sends,
                    session_attempts: challenge.session_attempts,
                    phone_attempts: challenge.phone_attempts,
                    attempts_allowed: policy.max_attempts,
                    used: challenge.consumed || facts.code_use(challenge.id).is_some(),
                })
                .collect(),
            service: living.map(|living| Service {
                workers: (!facts.one_process).then_some(living.queue.consumers),
                waiting: living.queue.waiting,
                in_flight: living.queue.in_flight,
                delayed: living.queue.delayed,
                dead: living.queue.dead,
                oldest_age_seconds: living.queue.oldest_age_millis / 1_000,
                breaker: living.breaker.map(|breaker| Breaker {
                    code: breaker.code,
                    since: moment(breaker.since),
                    probe_at: moment(breaker.probe_at),
                }),
            }),
        }
    }
}

impl Service {
    /// That nobody takes jobs, in words.
    pub(super) fn idle(&self) -> Option<String> {
        match self.workers {
            Some(0) => Some("0 workers seen in the last half minute. Start a worker.".to_owned()),
            None if self.in_flight == 0 && self.oldest_age_seconds >= IDLE_SECONDS => {
                Some(format!(
                    "the oldest job waits since {} s. Start `standalone`.",
                    self.oldest_age_seconds
                ))
            }
            _ => None,
        }
    }

    /// How many workers there are, in words.
    pub(super) fn workers(&self) -> String {
        match self.workers {
            Some(1) => "1 worker seen".to_owned(),
            Some(workers) => format!("{workers} workers seen"),
            None => "one process".to_owned(),
        }
    }
}

impl Limits {
    fn of(state: &PhoneState, policy: &AcceptPolicy, tries: &TryLimits) -> Self {
        let lock_ends = state
            .last_failure_at
            .map(|last| last + tries.lock_millis)
            .filter(|ends| *ends > state.now);
        let failed_tries = lock_ends.map_or(0, |_| state.failures);
        Self {
            short: Used::of(policy.phone_short, state),
            day: Used::of(policy.phone_day, state),
            failed_tries,
            failed_tries_allowed: tries.phone_failures,
            locked_until: lock_ends
                .filter(|_| failed_tries >= tries.phone_failures)
                .map(moment),
        }
    }

    /// The rule that closes the number for longest, and until when.
    pub(super) fn closed(&self) -> Option<(Rule, DateTime<Utc>)> {
        let short = self.short.next_at.map(|at| (Rule::PhoneShort, at));
        let day = self.day.next_at.map(|at| (Rule::PhoneDay, at));
        short.into_iter().chain(day).max_by_key(|(_, at)| *at)
    }
}

impl Used {
    /// As the accept step judges: the send that is `count` sends back must have left the window.
    fn of(window: Window, state: &PhoneState) -> Self {
        let allowed = usize::try_from(window.count).unwrap_or(usize::MAX);
        let within = |at: &&i64| state.now < **at + window.millis;
        let next_at = state
            .sends
            .len()
            .checked_sub(allowed)
            .and_then(|index| state.sends.get(index))
            .filter(within)
            .map(|at| moment(*at) + TimeDelta::milliseconds(window.millis));
        Self {
            sends: state.sends.iter().filter(within).count(),
            allowed: window.count,
            next_at,
        }
    }
}

//! How things are now: account, limits, codes, service.

use chrono::{DateTime, TimeDelta, Utc};
use domain::limits::{Quotas, Rule};
use domain::root::RootId;
use serde::{Serialize, Serializer};
use shared::hot_state::{AcceptPolicy, PhoneState};

use super::facts::Facts;
use super::times::moment;

/// A job that nobody takes for so long, in the one-process shape, belongs to a process that is not
/// there.
const IDLE_SECONDS: u64 = 5;

/// How things are now. What nobody answered for is missing.
#[derive(Clone, Debug, Serialize)]
pub struct Standing {
    /// The account of the number.
    pub account: Option<Account>,
    /// How much of its limits the number has used.
    pub limits: Option<Limits>,
    /// The codes whose roots still have their records.
    pub codes: Vec<Code>,
    /// How the service does.
    pub service: Option<Service>,
}

/// The account of a number, or that it has none.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// Whether there is one.
    pub registered: bool,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// When its user last signed in.
    pub last_sign_in_at: Option<DateTime<Utc>>,
    /// Since when its user is blocked.
    pub blocked_at: Option<DateTime<Utc>>,
}

/// How much of its limits a number has used.
#[derive(Clone, Debug, Serialize)]
pub struct Limits {
    /// The windows of sends; in JSON each under the name of its rule, without what all of a number share.
    #[serde(flatten, serialize_with = "by_name")]
    pub windows: Vec<Used>,
    /// Tries that failed since the last that was right.
    pub failed_tries: u32,
    /// How many may fail before the number is locked.
    pub failed_tries_allowed: u32,
    /// Until when passwords, and codes by the number only, are refused.
    pub locked_until: Option<DateTime<Utc>>,
}

/// How much of a limit is used.
#[derive(Clone, Debug, Serialize)]
pub struct Used {
    /// The limit.
    #[serde(skip)]
    pub rule: Rule,
    /// How far the window looks back.
    #[serde(skip)]
    pub span: TimeDelta,
    /// Messages within the window.
    pub sends: usize,
    /// How many are allowed.
    pub allowed: u32,
    /// When the next send is allowed, if it is not now.
    pub next_at: Option<DateTime<Utc>>,
}

/// A code whose root still has its record.
#[derive(Clone, Debug, Serialize)]
pub struct Code {
    /// Its root: the challenge that began it.
    pub challenge: RootId,
    /// What it may be used for.
    pub purpose: &'static str,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it dies.
    pub expires_at: DateTime<Utc>,
    /// How often it was sent.
    pub sends: u32,
    /// Tries with the session id that began it, or that was asked about.
    pub session_attempts: u32,
    /// Tries by the number only.
    pub phone_attempts: u32,
    /// How many each way has.
    pub attempts_allowed: u32,
    /// Whether it had its effect.
    pub used: bool,
}

/// How queue and gateway do.
#[derive(Clone, Debug, Serialize)]
pub struct Service {
    /// Not counted where all is in one process.
    pub workers: Option<u64>,
    /// Jobs that wait to be taken.
    pub waiting: u64,
    /// Jobs that a worker has taken.
    pub in_flight: u64,
    /// Jobs that wait for their time.
    pub delayed: u64,
    /// Dead letters.
    pub dead: u64,
    /// How long the oldest job that was never delayed has been there.
    pub oldest_age_seconds: u64,
    /// The breaker, while it is open.
    pub breaker: Option<Breaker>,
}

/// The breaker, while the gateway refuses everything.
#[derive(Clone, Debug, Serialize)]
pub struct Breaker {
    /// The gateway's code that opened it.
    pub code: i32,
    /// Since when it is open.
    pub since: DateTime<Utc>,
    /// When the gateway is looked at next.
    pub probe_at: DateTime<Utc>,
}

impl Standing {
    pub(crate) fn of(facts: &Facts, policy: &AcceptPolicy) -> Self {
        let account = facts.records.is_ok() && facts.phone.is_some();
        let limits = facts
            .phone_state()
            .map(|state| Limits::of(state, &policy.quotas));
        let living = facts.hot.as_ref().ok();
        let codes = living.map_or(&[][..], |living| &living.codes);
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
                .map(|code| Code {
                    challenge: code.root.id,
                    purpose: code.root.purpose.as_str(),
                    created_at: moment(code.root.created_at),
                    expires_at: facts
                        .ends_at(code.root.id)
                        .unwrap_or_else(|| moment(code.root.created_at)),
                    sends: code.root.sends,
                    session_attempts: code.session_attempts.unwrap_or_default(),
                    phone_attempts: code.root.phone_attempts,
                    attempts_allowed: policy.max_attempts,
                    used: facts.code_use(code.root.id).is_some(),
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
    pub(crate) fn idle(&self) -> Option<String> {
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
    pub fn workers(&self) -> String {
        match self.workers {
            Some(1) => "1 worker seen".to_owned(),
            Some(workers) => format!("{workers} workers seen"),
            None => "one process".to_owned(),
        }
    }
}

impl Limits {
    fn of(state: &PhoneState, quotas: &Quotas) -> Self {
        let (allowed, lock_millis) = quotas.lock_of_number().unwrap_or((u32::MAX, 0));
        let lock_ends = state
            .last_failure_at
            .map(|last| last + lock_millis)
            .filter(|ends| *ends > state.now);
        let failed_tries = lock_ends.map_or(0, |_| state.failures);
        Self {
            windows: quotas
                .windows_of_number()
                .map(|(rule, count, millis)| Used::of(rule, count, millis, state))
                .collect(),
            failed_tries,
            failed_tries_allowed: allowed,
            locked_until: lock_ends.filter(|_| failed_tries >= allowed).map(moment),
        }
    }

    /// The rule that closes the number for longest, and until when.
    pub(crate) fn closed(&self) -> Option<(Rule, DateTime<Utc>)> {
        let closed = self
            .windows
            .iter()
            .filter_map(|used| Some((used.rule, used.next_at?)));
        closed.max_by_key(|(_, at)| *at)
    }
}

/// `phone_day` stands under `day`.
fn by_name<S: Serializer>(windows: &[Used], serializer: S) -> Result<S::Ok, S::Error> {
    let name = |rule: Rule| rule.as_str().trim_start_matches("phone_");
    serializer.collect_map(windows.iter().map(|used| (name(used.rule), used)))
}

impl Used {
    /// As the accept step judges: the send that is `count` sends back must have left the window.
    fn of(rule: Rule, count: u32, millis: i64, state: &PhoneState) -> Self {
        let allowed = usize::try_from(count).unwrap_or(usize::MAX);
        let within = |at: &&i64| state.now < **at + millis;
        let next_at = state
            .sends
            .len()
            .checked_sub(allowed)
            .and_then(|index| state.sends.get(index))
            .filter(within)
            .map(|at| moment(*at) + TimeDelta::milliseconds(millis));
        Self {
            rule,
            span: TimeDelta::milliseconds(millis),
            sends: state.sends.iter().filter(within).count(),
            allowed: count,
            next_at,
        }
    }
}

//! What is wrong now. Each is something that somebody has to know or to do; what is only unusual is none.

use chrono::{DateTime, TimeDelta, Utc};
use domain::phone::Operator;
use shared::records::SendFate;

use super::buckets::Bucket;
use super::figures::{OperatorFigures, median, share};
use super::{View, moment};

/// Days that the credit lasts: below the first it is told, below the second it is urgent.
const CREDIT_DAYS: (f64, f64) = (7.0, 2.0);
/// A job that nobody takes for so long, in the one-process shape, belongs to a process that is not there.
const IDLE: TimeDelta = TimeDelta::seconds(5);
/// Messages that wait for so long make people ask again.
const BEHIND: TimeDelta = TimeDelta::seconds(20);
/// An operator is slow when in this hour it takes this many times as long as before, and at least so many seconds.
const SLOWER: f64 = 3.0;
pub(super) const SLOW_SECONDS: f64 = 20.0;
/// On fewer messages no word about an operator or the gateway rests.
const ENOUGH: usize = 5;
const ENOUGH_MESSAGES: u64 = 20;
/// So many of the messages that are not taken are too many.
const TOO_MANY: f64 = 0.2;
/// Fewer codes than this part of what the day has are given back.
const TOO_FEW: f64 = 0.5;
/// The last two steps are judged: the present one has hardly begun.
const JUDGED: usize = 3;

/// Something that is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Worry {
    /// The records do not answer: nobody signs in.
    RecordsAway,
    /// Hot state does not answer: no code can be asked for.
    HotStateAway,
    /// The gateway refuses everything. Requests are answered with 503; what waits goes out when it takes messages
    /// again.
    BreakerOpen {
        /// Its code; 418 is "no credit".
        code: i32,
        /// Since when.
        since: DateTime<Utc>,
        /// When it is asked again.
        probe_at: DateTime<Utc>,
    },
    /// No worker lives, so that nothing is sent.
    NoWorker {
        /// Jobs that wait.
        waiting: u64,
        /// How long the oldest waits, in seconds.
        oldest_seconds: u64,
    },
    /// Messages wait longer than they should.
    QueueBehind {
        /// Jobs that wait.
        waiting: u64,
        /// How long the oldest waits, in seconds.
        oldest_seconds: u64,
    },
    /// The credit lasts a few days only.
    CreditLow {
        /// So many, rounded down to a tenth.
        days: f64,
        /// What is left, in rials.
        rials: i64,
        /// Whether it lasts less than two days.
        urgent: bool,
    },
    /// An operator takes much longer than before.
    OperatorSlow {
        /// Which.
        operator: Operator,
        /// How long it took before, in seconds.
        before: f64,
        /// How long it takes.
        now: f64,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The gateway does not take many messages, or nobody knows whether it did.
    ManyNotSent {
        /// How many of a hundred.
        percent: u64,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// Far fewer codes are given back than before.
    FewSignIns {
        /// Of a hundred that were asked for.
        percent: u64,
        /// The same over the day.
        usual_percent: u64,
        /// Since when.
        since: DateTime<Utc>,
    },
}

impl Worry {
    /// Whether somebody has to do something at once.
    pub fn is_bad(&self) -> bool {
        match self {
            Self::CreditLow { urgent, .. } => *urgent,
            Self::QueueBehind { .. } | Self::OperatorSlow { .. } => false,
            Self::RecordsAway
            | Self::HotStateAway
            | Self::BreakerOpen { .. }
            | Self::NoWorker { .. }
            | Self::ManyNotSent { .. }
            | Self::FewSignIns { .. } => true,
        }
    }
}

/// The worst first.
pub(super) fn of(view: &View, records_away: bool, hot_state_away: bool) -> Vec<Worry> {
    let mut worries = Vec::new();
    worries.extend(records_away.then_some(Worry::RecordsAway));
    worries.extend(hot_state_away.then_some(Worry::HotStateAway));
    worries.extend(view.breaker.map(|breaker| Worry::BreakerOpen {
        code: breaker.code,
        since: moment(breaker.since),
        probe_at: moment(breaker.probe_at),
    }));
    worries.extend(of_queue(view));
    worries.extend(of_gateway(&view.steps));
    worries.extend(of_sign_ins(view));
    worries.extend(of_credit(view));
    worries.extend(
        view.operators
            .iter()
            .filter_map(|operator| of_operator(operator, &view.steps)),
    );
    worries.sort_by_key(|worry| !worry.is_bad());
    worries
}

fn of_queue(view: &View) -> Option<Worry> {
    let queue = view.queue?;
    let oldest = TimeDelta::milliseconds(i64::try_from(queue.oldest_age_millis).ok()?);
    let (waiting, oldest_seconds) = (queue.waiting, queue.oldest_age_millis / 1_000);
    let idle = if view.one_process {
        queue.in_flight == 0 && queue.waiting > 0 && oldest >= IDLE
    } else {
        queue.consumers == 0
    };
    if idle {
        return Some(Worry::NoWorker {
            waiting,
            oldest_seconds,
        });
    }
    (oldest >= BEHIND).then_some(Worry::QueueBehind {
        waiting,
        oldest_seconds,
    })
}

fn of_credit(view: &View) -> Option<Worry> {
    let credit = view.credit?;
    // An empty account lasts for no time, whatever is spent.
    let days = if credit.credit_rials <= 0 {
        0.0
    } else {
        credit.days_left()?
    };
    (days < CREDIT_DAYS.0).then(|| Worry::CreditLow {
        days: (days * 10.0).floor() / 10.0,
        rials: credit.credit_rials,
        urgent: days < CREDIT_DAYS.1,
    })
}

/// The steps that are judged, without the present one unless it has something.
fn judged(steps: &[Bucket]) -> &[Bucket] {
    &steps[steps.len().saturating_sub(JUDGED)..]
}

fn of_gateway(steps: &[Bucket]) -> Option<Worry> {
    let lost = |steps: &[Bucket]| {
        let counts = || steps.iter().flat_map(|step| &step.sends);
        let lost = counts().filter(|count| {
            matches!(
                count.fate,
                SendFate::Refused | SendFate::Expired | SendFate::Unknown
            )
        });
        let all: u64 = counts().map(|count| count.messages).sum();
        (lost.map(|count| count.messages).sum::<u64>(), all)
    };
    let (bad, all) = lost(judged(steps));
    let part = share(bad, all).filter(|part| all >= ENOUGH_MESSAGES && *part >= TOO_MANY)?;
    let since = first_of(steps, |step| {
        let (bad, all) = lost(std::slice::from_ref(step));
        share(bad, all).map(|part| part >= TOO_MANY)
    })?;
    Some(Worry::ManyNotSent {
        percent: percent(part),
        since,
    })
}

fn of_sign_ins(view: &View) -> Option<Worry> {
    let success = |steps: &[Bucket]| {
        let asked: u64 = steps.iter().map(|step| step.asked).sum();
        let used: u64 = steps.iter().map(|step| step.used).sum();
        (asked, share(used, asked))
    };
    let (asked, now) = success(judged(&view.steps));
    let usual = view.day.success()?;
    let now = now.filter(|now| asked >= ENOUGH_MESSAGES && *now < usual * TOO_FEW)?;
    // A day of which this is most has nothing usual.
    (view.day.asked >= 4 * asked).then_some(())?;
    let since = first_of(&view.steps, |step| {
        let (_, part) = success(std::slice::from_ref(step));
        part.map(|part| part < usual * TOO_FEW)
    })?;
    Some(Worry::FewSignIns {
        percent: percent(now),
        usual_percent: percent(usual),
        since,
    })
}

fn of_operator(figures: &OperatorFigures, steps: &[Bucket]) -> Option<Worry> {
    let count = figures.steps.len();
    let split = count.saturating_sub(JUDGED);
    let weight = |steps: &[usize]| steps.iter().sum::<usize>();
    let known = |steps: &[Option<f64>]| -> Vec<f64> { steps.iter().flatten().copied().collect() };
    if weight(&figures.weights[split..]) < ENOUGH || weight(&figures.weights[..split]) < ENOUGH {
        return None;
    }
    let of_this = |step: &Bucket| {
        let mut deliveries = step.deliveries.iter();
        let found = deliveries.find(|one| one.operator == figures.operator);
        found.map(|one| one.seconds.clone()).unwrap_or_default()
    };
    let judged = judged(steps).iter().map(of_this).collect::<Vec<_>>();
    let now = median(&mut judged.concat())?;
    // What is usual is what it was at its best half of the hour: it may be slow for most of it.
    let mut before = known(&figures.steps[..split]);
    before.sort_by(f64::total_cmp);
    before.truncate(before.len().div_ceil(2));
    let before = median(&mut before)?;
    let is_slow = |seconds: f64| seconds >= SLOW_SECONDS && seconds >= before * SLOWER;
    if !is_slow(now) {
        return None;
    }
    let mut since = None;
    for (step, seconds) in steps.iter().zip(&figures.steps).rev() {
        match seconds {
            Some(seconds) if is_slow(*seconds) => since = Some(step.from),
            None => {}
            Some(_) if since.is_none() => {}
            Some(_) => break,
        }
    }
    Some(Worry::OperatorSlow {
        operator: figures.operator,
        before,
        now,
        since: since?,
    })
}

/// The beginning of the steps, up to the present, for all of which this is true, as far as they had anything.
fn first_of(steps: &[Bucket], holds: impl Fn(&Bucket) -> Option<bool>) -> Option<DateTime<Utc>> {
    let mut since = None;
    for step in steps.iter().rev() {
        match holds(step) {
            Some(true) => since = Some(step.from),
            None => {}
            // The present step has hardly begun.
            Some(false) if since.is_none() => {}
            Some(false) => break,
        }
    }
    since
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share lies between 0 and 1, or is cut to that"
)]
fn percent(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * 100.0).round() as u64
}

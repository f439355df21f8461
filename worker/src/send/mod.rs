//! One run of a send job.
//!
//! The order is the promise: the attempt is committed to the ledger before the gateway is called,
//! its outcome after, and the queue is settled last. A worker that dies in between leaves a row in
//! `sending`, which the next run calls unknown; what is unknown is cleared up before anything is
//! sent again (`reconcile.rs`). There is one call per run; every further try and every look at the
//! gateway is a delayed job.

mod attempts;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use shared::backoff::RetryDelays;
use shared::challenge::{Challenge, Channel};
use shared::clock::Clock;
use shared::hot_state::{HotState, HotStateError};
use shared::kavenegar::{Gateway, Message, SendOutcome, UnknownReason};
use shared::otp::{KeyRing, OtpCode};
use shared::queue::{Disposal, Job, JobTask};
use shared::random::Random;
use shared::records::{Finish, LedgerState, LedgerWriter, Records, SendKey};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::gate::Gate;
use crate::metrics::WorkerMetrics;
use crate::patience::until_recorded_even_when_stopped;
use crate::reconcile::Reconciler;
use crate::verdict::Verdict;
use attempts::Attempt;

/// The limit of one call, above the client's own: when it strikes, the call is aborted. It stays
/// below the time after which a silent job is taken for orphaned. Waiting for the ledger is not
/// under it, because a job that waits there is kept alive.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(8);
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(15);
/// How soon a challenge is looked for again when hot state is away or its key is not known here.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// After a longer wait, for the ledger or for a place in the gateway's rate, everything is looked at
/// again before the call.
const LONG_WAIT_MILLIS: i64 = 1_000;

/// Sends the messages of jobs. Clones share everything.
#[derive(Clone, Debug)]
pub struct SmsSender(Arc<Inner>);

struct Inner {
    hot_state: HotState,
    keys: KeyRing,
    ledger: LedgerWriter,
    gateway: Gateway,
    gate: Gate,
    reconciler: Reconciler,
    clock: Clock,
    random: Random,
    delays: RetryDelays,
    metrics: WorkerMetrics,
    stop: CancellationToken,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmsSender").finish_non_exhaustive()
    }
}

/// What a run works on.
struct Run<'a> {
    key: SendKey,
    channel: Channel,
    job: &'a Job,
    /// The number of this run; the ledger tells runs of one job apart by it.
    fence: i64,
    /// Which run of this job it is, from 1.
    attempt: u32,
}

impl SmsSender {
    /// Ledger writes that cannot be made wait until `stop`.
    #[expect(
        clippy::too_many_arguments,
        reason = "these are its parts, named once where it is made"
    )]
    pub(crate) fn new(
        hot_state: HotState,
        keys: KeyRing,
        records: Records,
        ledger: LedgerWriter,
        gateway: Gateway,
        gate: Gate,
        clock: Clock,
        random: Random,
        metrics: WorkerMetrics,
        stop: CancellationToken,
    ) -> Self {
        let delays = RetryDelays::new(FIRST_RETRY, LONGEST_RETRY, random.clone());
        let reconciler = Reconciler {
            records,
            ledger: ledger.clone(),
            gateway: gateway.clone(),
            clock: clock.clone(),
            random: random.clone(),
            delays: delays.clone(),
            metrics: metrics.clone(),
            stop: stop.clone(),
        };
        Self(Arc::new(Inner {
            hot_state,
            keys,
            ledger,
            gateway,
            gate,
            reconciler,
            clock,
            random,
            delays,
            metrics,
            stop,
        }))
    }

    /// Runs a job once and says what becomes of it. `attempt` is the number of this run, from 1.
    pub async fn run(&self, job: &Job, attempt: u32) -> Disposal {
        let JobTask::Send {
            challenge,
            send,
            channel,
        } = job.task;
        let run = Run {
            key: SendKey { challenge, send },
            channel,
            job,
            fence: self.0.random.positive_i64(),
            attempt,
        };
        let span = tracing::info_span!(
            "job.send",
            challenge = %challenge,
            send,
            attempt,
            trace = job.trace.as_deref().unwrap_or_default(),
        );
        self.send(&run).instrument(span).await
    }

    async fn send(&self, run: &Run<'_>) -> Disposal {
        let loaded_at = self.0.clock.now_millis();
        let challenge = match self.load(run).await {
            Ok(challenge) => challenge,
            Err(disposal) => return disposal,
        };
        if self.is_unwanted(run, &challenge) {
            return self.expire(run, &challenge).await;
        }
        let Some(code) = challenge.code(&self.0.keys) else {
            tracing::error!(
                kid = challenge.kid,
                "the key of this code is not in OTP_KEY; waiting"
            );
            return Disposal::Delay(LOOK_AGAIN);
        };
        if let Err(disposal) = self.0.gate.admit(run.job.deadline).await {
            return disposal;
        }
        let attempt = match self.begin(run, &challenge).await {
            Ok(attempt) => attempt,
            Err(disposal) => return disposal,
        };
        let now = self.0.clock.now_millis();
        if (now - loaded_at > LONG_WAIT_MILLIS || now >= run.job.deadline)
            && let Err(disposal) = self.look_again(run, &attempt).await
        {
            return disposal;
        }
        let outcome = self.call(run, &challenge, &code, attempt.localid).await;
        self.0.gate.observe(&outcome).await;
        let disposal = self.finish(run, &attempt, &outcome).await;
        Gate::dispose(&outcome, disposal)
    }

    /// Whether the message would come too late, or its code was used.
    fn is_unwanted(&self, run: &Run<'_>, challenge: &Challenge) -> bool {
        challenge.consumed || self.0.clock.now_millis() >= run.job.deadline
    }

    async fn load(&self, run: &Run<'_>) -> Result<Challenge, Disposal> {
        match self.0.hot_state.challenge(run.key.challenge).await {
            Ok(Some(challenge)) => Ok(challenge),
            // So late that even its record is forgotten: the phone is not known here any more, so
            // the dead letter is what tells of it.
            Ok(None) if self.0.clock.now_millis() >= run.job.deadline => {
                self.0.metrics.ended(LedgerState::Expired.as_str());
                Err(Disposal::Dead("expired"))
            }
            Ok(None) => {
                // Its record outlives the deadline, so hot state has lost data.
                self.0.metrics.ended("dead");
                Err(Disposal::Dead("challenge_gone"))
            }
            Err(error @ HotStateError::Unavailable(_)) => {
                tracing::warn!(%error, "cannot load the challenge");
                Err(Disposal::Delay(LOOK_AGAIN))
            }
            Err(error @ HotStateError::Corrupt(_)) => {
                tracing::error!(%error, "cannot read the challenge");
                self.0.metrics.ended("dead");
                Err(Disposal::Dead("challenge_unreadable"))
            }
        }
    }

    async fn call(
        &self,
        run: &Run<'_>,
        challenge: &Challenge,
        code: &OtpCode,
        localid: i64,
    ) -> SendOutcome {
        let message = Message {
            phone: &challenge.phone,
            code,
            purpose: challenge.purpose,
            locale: challenge.locale,
            channel: run.channel,
            localid,
        };
        self.0
            .metrics
            .delay(self.0.clock.now_millis() - run.job.accepted_at);
        let started = Instant::now();
        let delivery = within(CALL_LIMIT, self.0.gateway.deliver(&message)).await;
        let outcome = delivery.map_or(
            SendOutcome::Unknown {
                reason: UnknownReason::Timeout,
            },
            |delivery| delivery.outcome,
        );
        let method = self.0.gateway.method(challenge.locale, challenge.purpose);
        self.0
            .metrics
            .called(method, started.elapsed().as_secs_f64(), &outcome);
        outcome
    }

    async fn finish(&self, run: &Run<'_>, attempt: &Attempt, outcome: &SendOutcome) -> Disposal {
        let mut verdict = Verdict::of(outcome, run.attempt, &self.0.delays);
        if attempt.localid_replaced {
            verdict = verdict.without_another_local_id();
        }
        let finish = Finish {
            key: run.key,
            attempt: attempt.number,
            fence: run.fence,
            outcome: verdict.record,
        };
        let result = finish.outcome.result.state();
        log_outcome(outcome, result);
        self.0.metrics.ended(result.as_str());
        let recorded = until_recorded_even_when_stopped(&self.0.delays, &self.0.stop, || async {
            self.0.ledger.finish(finish.clone()).await
        })
        .await;
        match recorded {
            Ok(finished) => {
                tracing::debug!(?finished, "outcome recorded");
                match verdict.retry {
                    Some(after) => self.before_deadline(run, after),
                    None if result == LedgerState::Unknown => {
                        self.0.reconciler.begin(run.job.deadline)
                    }
                    None => Disposal::Done,
                }
            }
            Err(error) => self.gave_up(error),
        }
    }

    /// No later than the deadline, where the next run records that it was missed.
    fn before_deadline(&self, run: &Run<'_>, after: Duration) -> Disposal {
        let left = (run.job.deadline - self.0.clock.now_millis())
            .max(0)
            .unsigned_abs();
        Disposal::Delay(after.min(Duration::from_millis(left)))
    }
}

/// A time limit that is looked at before the work goes on, not after. A process that was stopped in
/// the middle of a call, and whose job another has taken over since, must not write its request when
/// it wakes up.
async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let ends_at = Instant::now() + limit;
    let mut work = pin!(timeout_at(ends_at, work));
    poll_fn(|context| {
        if Instant::now() >= ends_at {
            return Poll::Ready(None);
        }
        work.as_mut().poll(context).map(Result::ok)
    })
    .await
}

/// Failures are errors with the gateway's code and class; the class `account` with code 418 is
/// "no credit".
fn log_outcome(outcome: &SendOutcome, state: LedgerState) {
    let code = outcome.gateway_status();
    match outcome.error_class() {
        None => tracing::debug!("accepted by the gateway"),
        Some(class) => tracing::error!(
            code,
            class,
            state = state.as_str(),
            no_credit = code == Some(418),
            "the gateway did not take the message"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn f_15_work_whose_time_is_over_is_not_taken_up_again() {
        let limit = Duration::from_millis(20);
        let mut polled = 0;
        let work = poll_fn(|context| {
            polled += 1;
            // Like a process that is stopped here for longer than its time.
            std::thread::sleep(limit * 2);
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!(within(limit, work).await, None);
        assert_eq!(polled, 1);
        assert_eq!(within(PATIENCE, async { 7 }).await, Some(7));
    }

    const PATIENCE: Duration = Duration::from_mins(1);
}

//! One run of a job that sends: a code or a notice.
//!
//! The order is the promise: the attempt is committed to the ledger before the gateway is called,
//! its outcome after, and the queue is settled last. A worker that dies in between leaves a row in
//! `sending`, which the next run calls unknown; what is unknown is cleared up before anything is
//! sent again (`reconcile.rs`). There is one call per run; every further try and every look at the
//! gateway is a delayed job.

mod attempts;
mod draft;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use domain::challenge::Channel;
use domain::clock::Clock;
use domain::otp::KeyRing;
use domain::random::Random;
use gateway::{Gateway, SendOutcome, UnknownReason};
use shared::backoff::RetryDelays;
use shared::hot_state::HotState;
use shared::queue::{Disposal, Job, JobTask};
use shared::records::{Finish, LedgerState, LedgerWriter, Records, SendKey};
use shared::telemetry::SPAN_TARGET;
use shared::traces::Span;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::consequence::Consequence;
use crate::gate::Gate;
use crate::gateway_call::{CALL_LIMIT, answered, call_span};
use crate::metrics::WorkerMetrics;
use crate::patience::until_recorded_even_when_stopped;
use crate::reconcile::Reconciler;
use attempts::GrantedAttempt;
use draft::{Complete, Draft};

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(15);
/// A notice has a day, so it need not be tried again so often.
const LONGEST_NOTICE_RETRY: Duration = Duration::from_mins(5);
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
    notice_delays: RetryDelays,
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
    /// How long the job waits until it is tried again.
    delays: &'a RetryDelays,
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
        let notice_delays = RetryDelays::new(FIRST_RETRY, LONGEST_NOTICE_RETRY, random.clone());
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
            notice_delays,
            metrics,
            stop,
        }))
    }

    /// Runs a job once and says what becomes of it. `attempt` is the number of this run, from 1.
    pub async fn run(&self, job: &Job, attempt: u32) -> Disposal {
        let (key, channel, delays) = match job.task {
            JobTask::Send {
                challenge,
                root,
                send,
                channel,
            } => {
                let root = root.unwrap_or_else(|| challenge.into());
                (SendKey::first_leg(root, send), channel, &self.0.delays)
            }
            JobTask::Notice { notice } => {
                let key = SendKey::of_notice(notice);
                (key, Channel::Sms, &self.0.notice_delays)
            }
        };
        // The ids of the job and of its request are those of the queue's span.
        let span = tracing::error_span!(target: SPAN_TARGET, "run", attempt);
        let run = Run {
            key,
            channel,
            job,
            fence: self.0.random.positive_i64(),
            attempt,
            delays,
        };
        self.send(&run).instrument(span).await
    }

    async fn send(&self, run: &Run<'_>) -> Disposal {
        let loaded_at = self.0.clock.now_millis();
        let load = async { Span::step("load").run(Box::pin(self.load(run))).await };
        // Asked together: one answer does not need the other. A job that comes too late takes no
        // place in the rate.
        let admit = async {
            if loaded_at >= run.job.deadline {
                return Ok(());
            }
            let admitted = self.0.gate.admit(run.job.deadline);
            Span::step("gate").run(admitted).await
        };
        let (draft, admitted) = tokio::join!(load, admit);
        let draft = match draft {
            Ok(draft) => draft,
            Err(disposal) => return disposal,
        };
        if self.is_unwanted(run, &draft) {
            return Box::pin(self.expire(run, &draft)).await;
        }
        let complete = match draft.complete(&self.0.keys) {
            Ok(complete) => complete,
            Err(disposal) => return disposal,
        };
        if let Err(disposal) = admitted {
            return disposal;
        }
        let attempt = match Span::step("ledger begin")
            .run(Box::pin(self.begin(run, &draft)))
            .await
        {
            Ok(attempt) => attempt,
            Err(disposal) => return disposal,
        };
        let now = self.0.clock.now_millis();
        if (now - loaded_at > LONG_WAIT_MILLIS || now >= run.job.deadline)
            && let Err(disposal) = Box::pin(self.look_again(run, &attempt)).await
        {
            return disposal;
        }
        let outcome = self.call(run, &draft, &complete, attempt.localid).await;
        self.0.gate.observe(&outcome).await;
        let disposal = self.finish(run, &attempt, &outcome).await;
        Gate::dispose(&outcome, disposal)
    }

    /// Whether the message would come too late, or its code was used.
    fn is_unwanted(&self, run: &Run<'_>, draft: &Draft) -> bool {
        draft.is_used() || self.0.clock.now_millis() >= run.job.deadline
    }

    async fn call(
        &self,
        run: &Run<'_>,
        draft: &Draft,
        complete: &Complete<'_>,
        localid: i64,
    ) -> SendOutcome {
        self.0
            .metrics
            .delay(self.0.clock.now_millis() - run.job.accepted_at);
        let started = Instant::now();
        let method = self.0.gateway.method(draft.locale(), draft.purpose());
        let span = call_span(method);
        let request = complete.deliver(run, &self.0.gateway, localid);
        let delivery = span.run(within(CALL_LIMIT, request)).await;
        let outcome = delivery.map_or(
            SendOutcome::Unknown {
                reason: UnknownReason::Timeout,
            },
            |delivery| delivery.outcome,
        );
        answered(&span, outcome.gateway_status(), outcome.error_class());
        self.0
            .metrics
            .called(method, started.elapsed().as_secs_f64(), &outcome);
        self.0.metrics.delivery.answered(draft.phone(), &outcome);
        outcome
    }

    async fn finish(
        &self,
        run: &Run<'_>,
        attempt: &GrantedAttempt,
        outcome: &SendOutcome,
    ) -> Disposal {
        let mut consequence = Consequence::of(outcome, run.attempt, run.delays);
        if attempt.localid_replaced {
            consequence = consequence.without_another_local_id();
        }
        let finish = Finish {
            key: run.key,
            attempt: attempt.number,
            fence: run.fence,
            outcome: consequence.record,
        };
        let result = finish.outcome.result.state();
        log_outcome(outcome, result);
        self.0.metrics.ended(result.as_str());
        let span = Span::step("ledger finish");
        span.set("ramz.outcome", result.as_str());
        let recorded = until_recorded_even_when_stopped(&self.0.delays, &self.0.stop, || async {
            self.0.ledger.finish(finish.clone()).await
        });
        match span.run(recorded).await {
            Ok(finished) => {
                tracing::debug!(?finished, "outcome recorded");
                match consequence.retry {
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

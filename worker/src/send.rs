//! One run of a send job.
//!
//! The order is the promise: the attempt is committed to the ledger before the gateway is called,
//! its outcome after, and the queue is settled last. A worker that dies in between leaves a row in
//! `sending`, which the next run calls unknown instead of sending again. There is one call per run;
//! every further try is a delayed job.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::backoff::RetryDelays;
use shared::challenge::{Challenge, ChallengeId, Channel};
use shared::clock::Clock;
use shared::hot_state::{HotState, HotStateError};
use shared::kavenegar::{Gateway, Message, Method, SendOutcome, UnknownReason};
use shared::otp::{KeyRing, OtpCode};
use shared::queue::{Disposal, Job, JobTask};
use shared::random::Random;
use shared::records::{
    Begin, Begun, Finish, LedgerState, LedgerWriter, RecordsError, SendKey, SendMethod,
    SendOutcome as LedgerOutcome, SendResult,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::gate::Gate;
use crate::metrics::WorkerMetrics;
use crate::patience::{GaveUp, until_recorded, until_recorded_even_when_stopped};
use crate::verdict::Verdict;

/// The limit of one call, above the client's own: when it strikes, the call is aborted. It stays
/// below the time after which a silent job is taken for orphaned. Waiting for the ledger is not
/// under it, because a job that waits there is kept alive.
const CALL_LIMIT: Duration = Duration::from_secs(8);
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(15);
/// How soon a challenge is looked for again when hot state is away or its key is not known here.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Sends the messages of jobs. Clones share everything.
#[derive(Clone, Debug)]
pub struct SmsSender(Arc<Inner>);

struct Inner {
    hot_state: HotState,
    keys: KeyRing,
    ledger: LedgerWriter,
    gateway: Gateway,
    gate: Gate,
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
        ledger: LedgerWriter,
        gateway: Gateway,
        gate: Gate,
        clock: Clock,
        random: Random,
        metrics: WorkerMetrics,
        stop: CancellationToken,
    ) -> Self {
        let delays = RetryDelays::new(FIRST_RETRY, LONGEST_RETRY, random.clone());
        Self(Arc::new(Inner {
            hot_state,
            keys,
            ledger,
            gateway,
            gate,
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
        let challenge = match self.load(run.key.challenge).await {
            Ok(challenge) => challenge,
            Err(disposal) => return disposal,
        };
        let now = self.0.clock.now_millis();
        if challenge.consumed || now >= run.job.deadline {
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
        let (attempt, localid) = match self.begin(run, &challenge).await {
            Ok(begun) => begun,
            Err(disposal) => return disposal,
        };
        let outcome = self.call(run, &challenge, &code, localid).await;
        self.0.gate.observe(&outcome).await;
        let disposal = self.finish(run, attempt, &outcome).await;
        Gate::dispose(&outcome, disposal)
    }

    async fn load(&self, id: ChallengeId) -> Result<Challenge, Disposal> {
        match self.0.hot_state.challenge(id).await {
            Ok(Some(challenge)) => Ok(challenge),
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

    fn begin_data(&self, run: &Run<'_>, challenge: &Challenge) -> Begin {
        Begin {
            key: run.key,
            phone: challenge.phone.clone(),
            purpose: challenge.purpose,
            channel: run.channel,
            method: self.ledger_method(challenge),
            fence: run.fence,
            localid: self.0.random.positive_i64(),
            accepted_at: time(run.job.accepted_at),
            deadline_at: time(run.job.deadline),
            trace_id: run.job.trace.as_deref().and_then(trace_id),
        }
    }

    fn ledger_method(&self, challenge: &Challenge) -> SendMethod {
        match self.0.gateway.method(challenge.locale, challenge.purpose) {
            Method::Lookup => SendMethod::Lookup,
            _ => SendMethod::Send,
        }
    }

    async fn expire(&self, run: &Run<'_>, challenge: &Challenge) -> Disposal {
        let expired = until_recorded(&self.0.delays, &self.0.stop, || async {
            self.0.ledger.expire(self.begin_data(run, challenge)).await
        })
        .await;
        match expired {
            Ok(expired) => {
                tracing::info!(?expired, "not sent: no longer wanted or too late");
                self.0.metrics.ended("expired");
                Disposal::Done
            }
            Err(error) => self.gave_up(error),
        }
    }

    /// Commits the attempt. What is returned is the number of the attempt and the local id.
    async fn begin(&self, run: &Run<'_>, challenge: &Challenge) -> Result<(u32, i64), Disposal> {
        loop {
            let begun = until_recorded(&self.0.delays, &self.0.stop, || async {
                match self.0.ledger.begin(self.begin_data(run, challenge)).await {
                    // Another send has drawn the same 63-bit number: draw again.
                    Err(RecordsError::Conflict) => {
                        self.0.ledger.begin(self.begin_data(run, challenge)).await
                    }
                    begun => begun,
                }
            })
            .await
            .map_err(|gave_up| self.gave_up(gave_up))?;
            match begun {
                Begun::Started { attempt, localid } => return Ok((attempt, localid)),
                Begun::Ended(state) => {
                    tracing::info!(state = state.as_str(), "this send has ended before");
                    return Err(Disposal::Done);
                }
                // The ledger had taken this very attempt and its reply was lost: nothing was sent.
                Begun::FoundSending(own) if own.fence == run.fence => {
                    self.take_back(run, own.attempt).await?;
                }
                Begun::FoundSending(interrupted) => {
                    tracing::warn!(
                        attempt = interrupted.attempt,
                        "a worker died over this send: it is not known whether it went out"
                    );
                    self.0.metrics.ended(LedgerState::Unknown.as_str());
                    return Err(Disposal::Done);
                }
            }
        }
    }

    /// Records that an attempt of this run was begun and not made.
    async fn take_back(&self, run: &Run<'_>, attempt: u32) -> Result<(), Disposal> {
        let finish = Finish {
            key: run.key,
            attempt,
            fence: run.fence,
            outcome: LedgerOutcome {
                result: SendResult::NotSent,
                messageid: None,
                cost_rials: None,
                gateway_status: None,
                entry_status: None,
                error_class: Some("ledger_reply_lost".to_owned()),
            },
        };
        until_recorded(&self.0.delays, &self.0.stop, || async {
            self.0.ledger.finish(finish.clone()).await
        })
        .await
        .map(|_| ())
        .map_err(|gave_up| self.gave_up(gave_up))
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
        let delivery = tokio::time::timeout(CALL_LIMIT, self.0.gateway.deliver(&message)).await;
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

    async fn finish(&self, run: &Run<'_>, attempt: u32, outcome: &SendOutcome) -> Disposal {
        let verdict = Verdict::of(outcome, run.attempt, &self.0.delays);
        let finish = Finish {
            key: run.key,
            attempt,
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
                verdict
                    .retry
                    .map_or(Disposal::Done, |after| self.before_deadline(run, after))
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

    fn gave_up(&self, gave_up: GaveUp) -> Disposal {
        match gave_up {
            GaveUp::Stopped => Disposal::GiveBack,
            GaveUp::Refused(error) => {
                tracing::error!(%error, "the ledger refuses this send");
                self.0.metrics.ended("dead");
                Disposal::Dead("ledger_refused")
            }
        }
    }
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

/// The trace id inside a W3C `traceparent`.
fn trace_id(traceparent: &str) -> Option<String> {
    traceparent.split('-').nth(1).map(str::to_owned)
}

fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

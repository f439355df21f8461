//! Attempts in the ledger: how one is begun, taken back or given up.

use chrono::{DateTime, Utc};
use gateway::Method;
use shared::queue::Disposal;
use shared::records::{
    Begin, Begun, Expired, Finish, LedgerOutcome, LedgerState, RecordsError, Route, SendMethod,
    SendResult,
};
use shared::traces::Span;

use super::draft::Draft;
use super::{LOOK_AGAIN, Run, SmsSender};
use crate::metrics::Reconciled;
use crate::patience::{GaveUp, until_recorded};
use crate::reconcile::{NextMove, Open};

/// An attempt that the ledger has granted.
pub(super) struct GrantedAttempt {
    /// Its number.
    pub(super) number: u32,
    pub(super) localid: i64,
    /// Whether the local id of an earlier attempt was another message's at the gateway.
    pub(super) localid_replaced: bool,
    /// Whether it repeats one that may have gone out.
    pub(super) repeats: bool,
}

impl SmsSender {
    fn begin_data(&self, run: &Run<'_>, draft: &Draft) -> Begin {
        Begin {
            key: run.key,
            phone: draft.phone().clone(),
            purpose: draft.purpose(),
            channel: run.channel,
            route: Route::KAVENEGAR,
            method: self.ledger_method(draft),
            fence: run.fence,
            localid: self.0.random.positive_i64(),
            accepted_at: time(run.job.accepted_at),
            deadline_at: time(run.job.deadline),
            trace_id: run.job.trace.as_deref().and_then(trace_id),
            request_id: run.job.request,
        }
    }

    fn ledger_method(&self, draft: &Draft) -> SendMethod {
        match self.0.gateway.method(draft.locale(), draft.purpose()) {
            Method::Lookup => SendMethod::Lookup,
            _ => SendMethod::Send,
        }
    }

    pub(super) async fn expire(&self, run: &Run<'_>, draft: &Draft) -> Disposal {
        let expired = until_recorded(&self.0.delays, &self.0.stop, || async {
            self.0.ledger.expire(self.begin_data(run, draft)).await
        });
        let expired = Span::step("ledger expire").run(expired).await;
        let why = if draft.is_used() {
            "no longer wanted"
        } else {
            "too late"
        };
        match expired {
            Ok(Expired::Recorded) => {
                tracing::info!(why, "not sent");
                self.0.metrics.ended(LedgerState::Expired.as_str());
                Disposal::Done
            }
            Ok(Expired::FoundSending(_)) => {
                self.0.metrics.ended(LedgerState::Unknown.as_str());
                self.0.reconciler.undecided(why)
            }
            Ok(Expired::Ended(LedgerState::Unknown)) => self.0.reconciler.undecided(why),
            Ok(Expired::Ended(state)) => ended_before(state),
            Err(error) => self.gave_up(error),
        }
    }

    /// Commits the attempt, or ends the run where none may be made.
    pub(super) async fn begin(
        &self,
        run: &Run<'_>,
        draft: &Draft,
    ) -> Result<GrantedAttempt, Disposal> {
        let mut again = false;
        loop {
            let (begun, drawn) = until_recorded(&self.0.delays, &self.0.stop, || async {
                match self.begin_once(run, draft, again).await {
                    // Another send has drawn the same 63-bit number: draw again.
                    Err(RecordsError::Conflict) => self.begin_once(run, draft, again).await,
                    begun => begun,
                }
            })
            .await
            .map_err(|gave_up| self.gave_up(gave_up))?;
            match begun {
                Begun::Started { attempt, localid } => {
                    if again {
                        tracing::warn!(attempt, "sending a message of unknown fate again");
                        self.0.metrics.reconciled(Reconciled::Resent);
                    }
                    return Ok(GrantedAttempt {
                        number: attempt,
                        localid,
                        localid_replaced: attempt > 1 && localid == drawn,
                        repeats: again,
                    });
                }
                // The ledger grants one repetition only.
                Begun::Ended(LedgerState::Unknown) if again => {
                    return Err(self.0.reconciler.undecided("sent again before"));
                }
                Begun::Ended(LedgerState::Unknown) => {
                    Box::pin(self.clear_up(run, draft)).await?;
                    again = true;
                }
                Begun::Ended(state) => return Err(ended_before(state)),
                Begun::KeptBack => {
                    tracing::info!(why = "blocked", "not sent");
                    self.0.metrics.ended("blocked");
                    return Err(Disposal::Done);
                }
                // The ledger had taken this very attempt and its reply was lost: nothing was sent.
                Begun::FoundSending(own) if own.fence == run.fence => {
                    self.take_back(run, own.attempt, SendResult::NotSent, "ledger_reply_lost")
                        .await?;
                }
                Begun::FoundSending(interrupted) => {
                    tracing::warn!(
                        attempt = interrupted.attempt,
                        "a worker died over this send: it is not known whether it went out"
                    );
                    self.0.metrics.ended(LedgerState::Unknown.as_str());
                    return Err(self.0.reconciler.begin(run.job.deadline));
                }
            }
        }
    }

    /// Asks the ledger once; with its answer comes the local id that it was offered.
    async fn begin_once(
        &self,
        run: &Run<'_>,
        draft: &Draft,
        again: bool,
    ) -> Result<(Begun, i64), RecordsError> {
        let begin = self.begin_data(run, draft);
        let drawn = begin.localid;
        let begun = if again {
            self.0.ledger.resend_unknown(begin).await?
        } else {
            self.0.ledger.begin(begin).await?
        };
        Ok((begun, drawn))
    }

    /// Comes back only if the message of unknown fate may be sent again.
    async fn clear_up(&self, run: &Run<'_>, draft: &Draft) -> Result<(), Disposal> {
        let open = Open {
            key: run.key,
            phone: draft.phone(),
            deadline: run.job.deadline,
            attempt: run.attempt,
            delays: run.delays,
        };
        match self.0.reconciler.step(open).await {
            Ok(NextMove::SendAgain) => Ok(()),
            Ok(NextMove::End(disposal)) => Err(disposal),
            Err(gave_up) => Err(self.gave_up(gave_up)),
        }
    }

    /// Records that an attempt of this run was begun and not made.
    async fn take_back(
        &self,
        run: &Run<'_>,
        attempt: u32,
        result: SendResult,
        class: &'static str,
    ) -> Result<(), Disposal> {
        let finish = Finish {
            key: run.key,
            attempt,
            fence: run.fence,
            outcome: LedgerOutcome {
                result,
                message_id: None,
                cost_rials: None,
                gateway_status: None,
                entry_status: None,
                error_class: Some(class.to_owned()),
            },
        };
        until_recorded(&self.0.delays, &self.0.stop, || async {
            self.0.ledger.finish(finish.clone()).await
        })
        .await
        .map(|_| ())
        .map_err(|gave_up| self.gave_up(gave_up))
    }

    /// After a long wait: the code may have been used or died meanwhile, and a process that was
    /// stopped may have lost its job, so that another decides about this send now.
    pub(super) async fn look_again(
        &self,
        run: &Run<'_>,
        attempt: &GrantedAttempt,
    ) -> Result<(), Disposal> {
        match self.load(run).await {
            Ok(draft) if self.is_unwanted(run, &draft) => {
                self.give_up_attempt(run, attempt).await?;
                return Err(self.expire(run, &draft).await);
            }
            Ok(_) => {}
            Err(disposal) => {
                self.give_up_attempt(run, attempt).await?;
                return Err(disposal);
            }
        }
        let ours = (LedgerState::Sending, attempt.number, run.fence);
        match self.0.reconciler.records.ledger_row(run.key).await {
            Ok(Some(row)) if (row.state, row.attempt, row.fence) == ours => Ok(()),
            Ok(_) => {
                tracing::warn!("another run decides about this send now");
                Err(Disposal::Delay(LOOK_AGAIN))
            }
            Err(error) => {
                tracing::warn!(%error, "cannot make sure that this attempt is still ours");
                self.give_up_attempt(run, attempt).await?;
                Err(Disposal::Delay(LOOK_AGAIN))
            }
        }
    }

    /// Ends an attempt that was begun and not made.
    async fn give_up_attempt(
        &self,
        run: &Run<'_>,
        attempt: &GrantedAttempt,
    ) -> Result<(), Disposal> {
        // A message of unknown fate, which this attempt should have repeated, stays unknown.
        let result = if attempt.repeats {
            SendResult::Unknown
        } else {
            SendResult::NotSent
        };
        self.take_back(run, attempt.number, result, "overtaken")
            .await
    }

    pub(super) fn gave_up(&self, gave_up: GaveUp) -> Disposal {
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

fn ended_before(state: LedgerState) -> Disposal {
    tracing::info!(state = state.as_str(), "this send has ended before");
    Disposal::Done
}

/// The trace id inside a W3C `traceparent`.
fn trace_id(traceparent: &str) -> Option<String> {
    traceparent.split('-').nth(1).map(str::to_owned)
}

fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

//! Finding out what became of a send whose outcome is unknown.
//!
//! The gateway is asked whether it has the message: by our local id after `sms/send`, by receptor
//! and time after `verify/lookup`, which knows no local ids. Each look is a run of its own of the
//! delayed job. A look that failed proves nothing; a message that two looks did not find, some time
//! apart, did not go, and is sent once more with the same code and local id, flagged. What cannot be
//! told before the deadline stays unknown. All that a run must know of earlier ones is in the
//! ledger, so it may be another worker's.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::clock::{Clock, UnixMillis};
use domain::delivery::DeliveryStatus;
use domain::phone::PhoneNumber;
use domain::random::Random;
use gateway::{Gateway, Method, ReadError, StatusRow, UnknownReason};
use shared::backoff::RetryDelays;
use shared::queue::Disposal;
use shared::records::{
    Finish, Finished, LedgerOutcome, LedgerRow, LedgerState, LedgerWriter, MessageId, Records,
    SendKey, SendMethod, SendResult,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::consequence::SLOW_DOWN;
use crate::gateway_call::{CALL_LIMIT, call_span};
use crate::metrics::{Reconciled, WorkerMetrics};
use crate::patience::{GaveUp, until_recorded, until_recorded_even_when_stopped};

/// Between the call and the first look, and between two looks that count, there is at least this:
/// the gateway may be slow to list what it has taken.
const APART: Duration = Duration::from_secs(2);
/// What is added at random, so that sends that failed together are not looked for together.
const JITTER: Duration = Duration::from_secs(1);
/// After so many runs a send that cannot be told from another waits longer between its looks.
const PATIENT_FROM: u32 = 40;
/// So many looks that find nothing prove that there is nothing.
const LOOKS: u32 = 2;
/// The window in which `sms/statusbyreceptor` is asked, around the begin of the attempt: the two
/// clocks may differ, and the gateway may have been slow.
const BEFORE: TimeDelta = TimeDelta::seconds(5);
const AFTER: TimeDelta = TimeDelta::seconds(60);

/// A send whose fate is unknown, in the hands of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open<'a> {
    pub(crate) key: SendKey,
    pub(crate) phone: &'a PhoneNumber,
    /// From then on nothing is looked for or sent.
    pub(crate) deadline: UnixMillis,
    /// The number of the run, from 1.
    pub(crate) attempt: u32,
    /// How long the job waits until it is tried again.
    pub(crate) delays: &'a RetryDelays,
}

/// What the run does about it.
#[derive(Debug)]
pub(crate) enum NextMove {
    /// It ends so.
    End(Disposal),
    /// It surely did not go and was never repeated: it may be sent again.
    SendAgain,
}

/// What one look has shown.
#[derive(Debug, PartialEq, Eq)]
enum Sight {
    /// It went: here it is.
    Found(i64, DeliveryStatus),
    /// The gateway does not know it.
    Nothing,
    /// There is one message, and another send whose message it may be.
    NotOursAlone,
    /// There are several that are nobody's.
    Several,
}

/// Clears sends up.
pub(crate) struct Reconciler {
    pub(crate) records: Records,
    pub(crate) ledger: LedgerWriter,
    pub(crate) gateway: Gateway,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) delays: RetryDelays,
    pub(crate) metrics: WorkerMetrics,
    pub(crate) stop: CancellationToken,
}

impl Reconciler {
    /// Ends the run that has made a send unknown, or found it so: it is looked for a little later.
    pub(crate) fn begin(&self, deadline: UnixMillis) -> Disposal {
        self.look_after(APART + JITTER.mul_f64(self.random.fraction()), deadline)
    }

    /// Ends a send that is given up without being cleared up.
    pub(crate) fn undecided(&self, why: &'static str) -> Disposal {
        tracing::warn!(why, "it stays unknown whether this message went");
        self.metrics.reconciled(Reconciled::Undecided);
        Disposal::Done
    }

    /// Makes the next step for a send that the ledger calls unknown, with at most one call of the
    /// gateway.
    pub(crate) async fn step(&self, open: Open<'_>) -> Result<NextMove, GaveUp> {
        let row = until_recorded(&self.delays, &self.stop, || {
            self.records.ledger_row(open.key)
        })
        .await?;
        let Some(row) = row.filter(|row| row.state == LedgerState::Unknown) else {
            return Ok(NextMove::End(self.decided_elsewhere()));
        };
        if row.looks >= LOOKS {
            return Ok(NextMove::SendAgain);
        }
        if let Some(left) = self.left_until_next_look(&row) {
            return Ok(NextMove::End(self.look_after(left, open.deadline)));
        }
        self.look_and_decide(open, &row).await.map(NextMove::End)
    }

    /// How long a look would come too early to count.
    fn left_until_next_look(&self, row: &LedgerRow) -> Option<Duration> {
        let due = row.looked_at.or(row.finished_at)? + APART;
        (due - self.clock.now())
            .to_std()
            .ok()
            .filter(|left| !left.is_zero())
    }

    async fn look_and_decide(&self, open: Open<'_>, row: &LedgerRow) -> Result<Disposal, GaveUp> {
        let listed = match self.ask(open, row).await.and_then(|rows| listed(&rows)) {
            Ok(listed) => listed,
            Err(error) => {
                tracing::warn!(%error, "cannot look for a message of unknown fate");
                let mut after = open.delays.delay(open.attempt);
                if error.gateway_status() == Some(451) {
                    after += SLOW_DOWN;
                }
                return Ok(self.look_after(after, open.deadline));
            }
        };
        match self.sight(open, row, listed).await? {
            Sight::Found(messageid, status) => self.went(open, row, messageid, status).await,
            Sight::Nothing => self.found_nothing(open, row).await,
            Sight::NotOursAlone => {
                tracing::info!("another send to this number is open too; looking again");
                Ok(self.look_when_it_may_be_over(open))
            }
            Sight::Several => Ok(self.undecided("several messages")),
        }
    }

    /// The one call of the gateway.
    async fn ask(&self, open: Open<'_>, row: &LedgerRow) -> Result<Vec<StatusRow>, ReadError> {
        let localid = row.localid.filter(|_| row.method == Some(SendMethod::Send));
        let began = began(row);
        let started = Instant::now();
        let (method, answer) = if let Some(localid) = localid {
            let localids = [localid];
            let call = self.gateway.status_by_local_id(&localids);
            let span = call_span(Method::StatusByLocalId);
            let answer = span.run(tokio::time::timeout(CALL_LIMIT, call)).await;
            (Method::StatusByLocalId, answer)
        } else {
            let (from, to) = (began - BEFORE, began + AFTER);
            let call = self.gateway.status_by_receptor(open.phone, from, to);
            let span = call_span(Method::StatusByReceptor);
            let answer = span.run(tokio::time::timeout(CALL_LIMIT, call)).await;
            (Method::StatusByReceptor, answer)
        };
        let answer = answer.unwrap_or(Err(ReadError::Unreadable(UnknownReason::Timeout)));
        self.metrics
            .looked(method, started.elapsed().as_secs_f64(), &answer);
        answer
    }

    async fn sight(
        &self,
        open: Open<'_>,
        row: &LedgerRow,
        mut listed: Vec<(i64, DeliveryStatus)>,
    ) -> Result<Sight, GaveUp> {
        let messages: Vec<MessageId> = listed.iter().map(|(id, _)| (*id).into()).collect();
        let others = until_recorded(&self.delays, &self.stop, || {
            self.records
                .messages_of_other_sends(&row.route, &messages, open.key)
        })
        .await?;
        listed.retain(|(messageid, _)| !others.contains(&(*messageid).into()));
        Ok(match listed[..] {
            [] => Sight::Nothing,
            [(messageid, status)] => {
                if row.method == Some(SendMethod::Send) || !self.has_rival(open, row).await? {
                    Sight::Found(messageid, status)
                } else {
                    Sight::NotOursAlone
                }
            }
            _ => Sight::Several,
        })
    }

    /// Whether another open send to the number may have put a message into our window.
    async fn has_rival(&self, open: Open<'_>, row: &LedgerRow) -> Result<bool, GaveUp> {
        let call = TimeDelta::from_std(CALL_LIMIT).unwrap_or_default();
        let (from, to) = (began(row) - BEFORE - call, began(row) + AFTER);
        until_recorded(&self.delays, &self.stop, || {
            self.records
                .has_open_send(open.phone, &row.route, open.key, from, to)
        })
        .await
    }

    async fn went(
        &self,
        open: Open<'_>,
        row: &LedgerRow,
        messageid: i64,
        status: DeliveryStatus,
    ) -> Result<Disposal, GaveUp> {
        let finish = Finish {
            key: open.key,
            attempt: row.attempt,
            fence: row.fence,
            outcome: LedgerOutcome {
                result: SendResult::Accepted,
                message_id: Some(messageid.into()),
                cost_rials: None,
                gateway_status: Some(200),
                entry_status: Some(i64::from(status.code())),
                error_class: None,
            },
        };
        let finished = until_recorded_even_when_stopped(&self.delays, &self.stop, || {
            self.ledger.finish(finish.clone())
        })
        .await?;
        match finished {
            Finished::Recorded => {
                tracing::info!(messageid, "a message of unknown fate had gone out");
                self.metrics.ended(LedgerState::Accepted.as_str());
                self.metrics.reconciled(Reconciled::Went);
            }
            Finished::Stale => return Ok(self.decided_elsewhere()),
        }
        Ok(Disposal::Done)
    }

    /// The run that was thought dead has told the truth meanwhile. What that asks for is for the
    /// next run to see: perhaps the message surely did not leave.
    fn decided_elsewhere(&self) -> Disposal {
        tracing::info!("this send was decided by another run");
        Disposal::Delay(self.delays.delay(1))
    }

    async fn found_nothing(&self, open: Open<'_>, row: &LedgerRow) -> Result<Disposal, GaveUp> {
        let counted = until_recorded(&self.delays, &self.stop, || {
            self.records.count_look(row, self.clock.now())
        })
        .await?;
        let looks = row.looks + u32::from(counted);
        if looks < LOOKS {
            return Ok(self.begin(open.deadline));
        }
        if row.resent_ambiguous {
            return Ok(self.undecided("sent again before"));
        }
        tracing::info!(
            looks,
            "a message of unknown fate did not go; sending it again"
        );
        Ok(self.look_after(self.delays.delay(1), open.deadline))
    }

    /// The other send is cleared up as fast as this one, or stays open for good: who has a day to
    /// wait does not ask every few seconds.
    fn look_when_it_may_be_over(&self, open: Open<'_>) -> Disposal {
        let soon = APART + JITTER.mul_f64(self.random.fraction());
        let patient = open.attempt > PATIENT_FROM;
        let more = if patient {
            open.delays.delay(open.attempt)
        } else {
            Duration::ZERO
        };
        self.look_after(soon + more, open.deadline)
    }

    /// Runs the job again after this time, unless that would be past the deadline.
    fn look_after(&self, after: Duration, deadline: UnixMillis) -> Disposal {
        let left = deadline.saturating_sub(self.clock.now_millis());
        if i64::try_from(after.as_millis()).is_ok_and(|after| after < left) {
            Disposal::Delay(after)
        } else {
            self.undecided("deadline")
        }
    }
}

/// When the present attempt began; a row that has left `sending` says so.
fn began(row: &LedgerRow) -> DateTime<Utc> {
    row.started_at.unwrap_or(row.created_at)
}

/// The messages of an answer, each once. A row that is about some message and does not say which
/// leaves it open whether ours is there: such an answer is none.
fn listed(rows: &[StatusRow]) -> Result<Vec<(i64, DeliveryStatus)>, ReadError> {
    let mut listed = rows
        .iter()
        .filter(|row| row.status != DeliveryStatus::NotKnown)
        .map(|row| row.messageid.map(|messageid| (messageid, row.status)))
        .collect::<Option<Vec<_>>>()
        .ok_or(ReadError::Unreadable(UnknownReason::NoMessageId))?;
    listed.sort_unstable_by_key(|(messageid, _)| *messageid);
    listed.dedup_by_key(|(messageid, _)| *messageid);
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(messageid: Option<i64>, status: i32) -> StatusRow {
        StatusRow {
            messageid,
            localid: None,
            status: DeliveryStatus::from_code(status),
        }
    }

    #[test]
    fn an_answer_lists_each_message_that_the_gateway_knows_once() {
        let rows = [row(Some(9), 5), row(Some(7), 1), row(Some(9), 5)];
        let sorted = [(7, 1), (9, 5)].map(|(id, code)| (id, DeliveryStatus::from_code(code)));
        assert_eq!(listed(&rows), Ok(sorted.to_vec()));
        for unknown in [row(None, 100), row(Some(7), 100)] {
            assert_eq!(listed(&[unknown]), Ok(Vec::new()));
        }
        assert_eq!(listed(&[]), Ok(Vec::new()));
    }

    #[test]
    fn i_02_a_row_without_its_id_proves_nothing() {
        let unreadable = Err(ReadError::Unreadable(UnknownReason::NoMessageId));
        assert_eq!(listed(&[row(None, 10)]), unreadable);
        assert_eq!(listed(&[row(Some(7), 5), row(None, 0)]), unreadable);
    }
}

//! Finds out what became of the messages that the gateway has accepted.
//!
//! One loop in each worker. Questions that are due gather for a second, the first worker to come takes up
//! to 500 of them and asks by one call; so all workers together make about one call a second under
//! load, and none while there is nothing to ask. Nobody waits for the answers, so messages go first:
//! a question takes a place in the rate that no message wants, and stands in line with them only
//! after a minute of waiting. Whatever fails is tried again later; what was asked and not recorded
//! is due again after a minute.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::clock::Clock;
use domain::delivery::DeliveryStatus;
use domain::delivery::Progress;
use domain::random::Random;
use gateway::{Gateway, MAX_STATUS_IDS, Method, ReadError};
use shared::backoff::RetryDelays;
use shared::records::{
    DELIVERY_LEASE, DeliveryCheck, MessageId, Records, RecordsError, Route, SendKey,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::consequence::SLOW_DOWN;
use crate::gate::{Gate, TOO_MANY_CALLS};
use crate::metrics::WorkerMetrics;
use crate::patience::{GaveUp, until_recorded};

/// Questions of one call.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the gateway takes 500 ids in one call"
)]
const BATCH: u32 = MAX_STATUS_IDS as u32;
/// How long questions that are due wait for company.
const GATHER: Duration = Duration::from_secs(1);
/// How often somebody looks whether a question is due; a report may have made it so.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Workers do not look in step: then the second sees what the first has taken.
const SPREAD: Duration = Duration::from_millis(500);
/// After a full batch of them the records are left alone for so many times as long as they took, because people who sign
/// in need them now, and the answers can wait.
const LEFT_ALONE: u32 = 3;
/// From then on a question stands in line with the messages, and nothing is left alone.
const LONG_OVERDUE: Duration = Duration::from_mins(1);
/// How long it stands there.
const IN_LINE: Duration = Duration::from_secs(1);
/// After failures: from this, doubled each time, up to a minute.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long an answer waits for the ledger; well within the lease of its questions.
const RECORDING: Duration = Duration::from_secs(30);

/// The loop of one worker.
#[derive(Clone)]
pub(crate) struct DeliveryWatch {
    pub(crate) records: Records,
    pub(crate) gateway: Gateway,
    pub(crate) gate: Gate,
    pub(crate) account: Account,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) metrics: WorkerMetrics,
    pub(crate) stop: CancellationToken,
}

/// What a turn came to.
enum Turn {
    /// There may be more, after this time.
    More(Duration),
    /// Look again after this time.
    Rest(Duration),
}

/// Why a turn came to nothing.
#[derive(Debug, thiserror::Error)]
enum TurnError {
    #[error("the records: {0}")]
    Records(#[from] RecordsError),
    #[error("{0}")]
    Gateway(#[from] ReadError),
    #[error("the records did not take the answer in time")]
    NotRecorded,
}

impl TurnError {
    /// How much longer than after other failures the gateway wants to be left alone.
    fn left_alone_for(&self) -> Duration {
        match self {
            Self::Gateway(error) if error.gateway_status() == Some(TOO_MANY_CALLS) => SLOW_DOWN,
            _ => Duration::ZERO,
        }
    }
}

/// Turns that failed one after the other.
#[derive(Debug, Default)]
struct Trouble {
    failures: u32,
    since: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
}

impl Trouble {
    /// One more; how many they are.
    fn met(&mut self, error: &TurnError, now: DateTime<Utc>) -> u32 {
        self.failures = self.failures.saturating_add(1);
        self.since.get_or_insert(now);
        self.last = Some(now);
        if self.failures.is_power_of_two() {
            let failures = self.failures;
            tracing::warn!(%error, failures, "deliveries cannot be followed");
        }
        self.failures
    }

    fn over(&mut self) {
        if self.failures > 0 {
            tracing::info!(failures = self.failures, "deliveries are followed again");
        }
        *self = Self::default();
    }

    /// What was due when it failed would be so again by now, had no other worker dealt with it.
    fn nothing_is_due(&mut self, now: DateTime<Utc>) {
        if self.last.is_some_and(|last| last + DELIVERY_LEASE < now) {
            self.over();
        }
    }

    /// How long it has lasted.
    fn since(&self, now: DateTime<Utc>) -> Duration {
        let lasted = self.since.and_then(|since| (now - since).to_std().ok());
        lasted.unwrap_or_default()
    }
}

impl DeliveryWatch {
    /// Asks until the stop; it never ends by itself.
    pub(crate) async fn run(self) {
        let delays = RetryDelays::new(FIRST_PAUSE, LONGEST_PAUSE, self.random.clone());
        let watch = async {
            let mut trouble = Trouble::default();
            loop {
                let turn = self.turn(&delays, &mut trouble).await;
                let pause = match turn {
                    Ok(Turn::More(pause)) => pause,
                    Ok(Turn::Rest(rest)) => rest + SPREAD.mul_f64(self.random.fraction()),
                    Err(error) => {
                        let failures = trouble.met(&error, self.clock.now());
                        delays.delay(failures) + error.left_alone_for()
                    }
                };
                tokio::time::sleep(pause).await;
            }
        };
        self.stop.run_until_cancelled(Box::pin(watch)).await;
    }

    async fn turn(&self, delays: &RetryDelays, trouble: &mut Trouble) -> Result<Turn, TurnError> {
        // What was taken and not answered is not due for a while, but late all the same.
        self.metrics
            .delivery
            .overdue(trouble.since(self.clock.now()));
        let (oldest, now) = (
            self.records.next_delivery_check(&Route::KAVENEGAR).await?,
            self.clock.now(),
        );
        let Some(oldest) = oldest else {
            trouble.over();
            return Ok(Turn::Rest(LOOK_EVERY));
        };
        let overdue = (now - oldest).to_std().unwrap_or_default();
        self.metrics
            .delivery
            .overdue(overdue.max(trouble.since(now)));
        if now < oldest {
            trouble.nothing_is_due(now);
        }
        let gathered = oldest + GATHER;
        if now < gathered {
            let left = (gathered - now).to_std().unwrap_or_default();
            return Ok(Turn::Rest(left.min(LOOK_EVERY)));
        }
        let patience = if overdue < LONG_OVERDUE {
            Duration::ZERO
        } else {
            IN_LINE
        };
        if let Err(again) = self.gate.admit_question(patience).await {
            return Ok(Turn::Rest(again.min(LOOK_EVERY)));
        }
        let took = Instant::now();
        let checks = self
            .records
            .take_delivery_checks(&Route::KAVENEGAR, BATCH, self.clock.now())
            .await?;
        if checks.is_empty() {
            return Ok(Turn::Rest(LOOK_EVERY));
        }
        let (taken, took) = (checks.len(), took.elapsed());
        let said = self.ask(&checks).await?;
        let recorded = Instant::now();
        self.record(delays, checks, &said).await?;
        let worked = took + recorded.elapsed();
        trouble.over();
        Ok(if taken < MAX_STATUS_IDS {
            Turn::Rest(GATHER)
        } else if overdue < LONG_OVERDUE {
            Turn::More(worked * LEFT_ALONE)
        } else {
            Turn::More(Duration::ZERO)
        })
    }

    /// Records all in one statement. Where the database refuses a row for good, or somebody keeps one locked, halves
    /// are tried by themselves until it stands alone: one row must not keep the others from being recorded.
    async fn record_but_for_the_refused(
        &self,
        delays: &RetryDelays,
        checked: &[(DeliveryCheck, Progress)],
        now: DateTime<Utc>,
    ) -> Result<HashSet<SendKey>, TurnError> {
        let (mut recorded, mut left) = (HashSet::new(), vec![checked]);
        while let Some(part) = left.pop() {
            let written = until_recorded(delays, &self.stop, || async {
                match self.records.record_deliveries(part, now).await {
                    Err(error) if error.is_locked() => Ok(None),
                    written => written.map(Some),
                }
            });
            match (written.await, part) {
                (Ok(Some(written)), _) => recorded.extend(written),
                (Ok(None), [(check, _)]) => {
                    let SendKey { root, send, leg } = check.key;
                    tracing::warn!(%root, send, leg, "the row of a delivery is locked; it is asked about again");
                }
                (Ok(None), _) => left.extend(part.chunks(1)),
                (Err(GaveUp::Refused(error)), [(check, _)]) => {
                    let SendKey { root, send, leg } = check.key;
                    tracing::error!(%root, send, leg, %error, "what became of a message cannot be recorded");
                }
                (Err(GaveUp::Refused(RecordsError::Refused(_))), _) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    left.extend([first, second]);
                }
                (Err(GaveUp::Refused(error)), _) => return Err(error.into()),
                (Err(GaveUp::Stopped), _) => return Err(TurnError::NotRecorded),
            }
        }
        Ok(recorded)
    }

    async fn ask(
        &self,
        checks: &[DeliveryCheck],
    ) -> Result<HashMap<MessageId, DeliveryStatus>, ReadError> {
        // All that this gateway has given are numbers.
        let messageids: Vec<i64> = checks
            .iter()
            .filter_map(|check| check.message_id.number())
            .collect();
        let started = Instant::now();
        let answer = self.gateway.status(&messageids).await;
        let seconds = started.elapsed().as_secs_f64();
        self.metrics.looked(Method::Status, seconds, &answer);
        if let Err(error) = &answer {
            self.gate.observe_question(error).await;
        }
        let said = answer?.into_iter().filter_map(|row| {
            // A row without a status says nothing.
            let status = Some(row.status).filter(|status| status.code() > 0);
            Some((row.messageid?.into(), status?))
        });
        Ok(said.collect())
    }

    async fn record(
        &self,
        delays: &RetryDelays,
        checks: Vec<DeliveryCheck>,
        said: &HashMap<MessageId, DeliveryStatus>,
    ) -> Result<(), TurnError> {
        let (now, resends) = (self.clock.now(), self.account.resends_undelivered());
        let checked: Vec<_> = checks
            .into_iter()
            .map(|check| {
                let said = said.get(&check.message_id).copied();
                let age = now - check.accepted_at;
                let progress = Progress::after(check.known, said, age, resends);
                (check, progress)
            })
            .collect();
        let recording = self.record_but_for_the_refused(delays, &checked, now);
        let recorded = match tokio::time::timeout(RECORDING, recording).await {
            Ok(recorded) => recorded?,
            Err(_) => return Err(TurnError::NotRecorded),
        };
        for (check, progress) in checked {
            if recorded.contains(&check.key) {
                let age = (now - check.accepted_at).to_std().unwrap_or_default();
                for milestone in progress.reached {
                    self.metrics
                        .delivery
                        .reached(milestone, check.operator, age);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use gateway::Class;

    use super::*;

    #[test]
    fn trouble_that_another_worker_has_dealt_with_is_over() {
        let start = DateTime::UNIX_EPOCH;
        let at = |seconds| start + TimeDelta::seconds(seconds);
        let mut trouble = Trouble::default();
        assert_eq!(trouble.met(&TurnError::NotRecorded, start), 1);
        assert_eq!(trouble.met(&TurnError::NotRecorded, at(10)), 2);
        // Its own questions are leased, so that nothing is due yet.
        trouble.nothing_is_due(at(70));
        assert_eq!(trouble.since(at(70)), Duration::from_secs(70));
        trouble.nothing_is_due(at(71));
        assert_eq!(trouble.since(at(71)), Duration::ZERO);
        assert_eq!(trouble.met(&TurnError::NotRecorded, at(72)), 1);
    }

    #[test]
    fn too_many_calls_are_followed_by_a_long_pause() {
        let refused = |code| {
            TurnError::Gateway(ReadError::Refused {
                code,
                class: Class::Transient,
            })
        };
        assert_eq!(refused(451).left_alone_for(), SLOW_DOWN);
        assert_eq!(refused(409).left_alone_for(), Duration::ZERO);
    }
}

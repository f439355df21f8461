//! Asks about messages, and records what was said.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::delivery::{DeliveryStatus, Progress};
use gateway::{Method, ReadError};
use shared::backoff::RetryDelays;
use shared::records::{CheckPlace, DeliveryCheck, DueChecks, MessageId, RecordsError, SendKey};
use tokio::time::Instant;

use super::DeliveryWatch;
use super::trouble::TurnError;
use crate::patience::{GaveUp, until_recorded};

/// How long an answer waits for the ledger; well within the right to ask.
const RECORDING: Duration = Duration::from_secs(30);

/// What was recorded.
pub(super) struct Recorded {
    /// Whether nothing of what was read is left to be asked about.
    pub(super) all: bool,
    /// How long the records needed for it.
    pub(super) took: Duration,
}

impl DeliveryWatch {
    /// Asks about messages and records what was said of them.
    pub(super) async fn ask_and_record(
        &self,
        delays: &RetryDelays,
        due: DueChecks,
    ) -> Result<Recorded, TurnError> {
        let mut all = true;
        for place in &due.unreadable {
            if !self.put_off(place).await {
                all = false;
                break;
            }
        }
        let checks = due.checks;
        if checks.is_empty() {
            let took = Duration::ZERO;
            return Ok(Recorded { all, took });
        }
        let said = self.ask(&checks).await?;
        let (asked, recording) = (checks.len(), Instant::now());
        let recorded = self.record(delays, checks, &said).await?;
        all &= recorded.len() == asked;
        Ok(Recorded {
            all,
            took: recording.elapsed(),
        })
    }

    /// Lets a row wait about which nothing can be recorded; where that fails as well, it stays due and is passed over.
    async fn put_off(&self, place: &CheckPlace) -> bool {
        let put_off = self
            .records
            .put_off_delivery_check(place, self.clock.now())
            .await;
        put_off.unwrap_or_else(|error| {
            tracing::debug!(%error, "a delivery that cannot be followed is not put off");
            false
        })
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
    ) -> Result<HashSet<SendKey>, TurnError> {
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
        Ok(recorded)
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
                    self.put_off(&check.place()).await;
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
}

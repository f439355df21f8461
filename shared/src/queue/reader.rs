//! Takes jobs from the feed: free slots first, orphans before new work, suspects alone.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::QueueSettings;
use super::delivery::{Delivery, Disposal};
use super::feed::{Feed, QueueError};
use super::job::{Job, JobError};
use super::job_spans::log_span_of;
use super::settle_layer::PANICS;
use super::settler::{InFlight, QueueEvents, Settler};

/// A later worker may know what this one does not: a job of an unknown version is tried again
/// every few seconds, for as long as a code can live.
const PARKED_FOR: Duration = Duration::from_secs(5);
const PARKED_TIMES: u32 = 120;
const PROMOTE_AT_ONCE: usize = 500;
const TROUBLE_PAUSE: Duration = Duration::from_millis(200);
/// After a read that found several, the next one waits for so long. Messages that are read together go on together, through
/// the rate and the ledger, which costs each of them far less; one that comes alone does not wait.
const COMPANY: Duration = Duration::from_millis(2);

pub(super) const MALFORMED: &str = "malformed";
pub(super) const UNKNOWN_VERSION: &str = "unknown_version";
pub(super) const KILLS_WORKERS: &str = "kills_workers";
/// Why the queue itself makes a job a dead letter.
pub(super) const REASONS: [&str; 4] = [MALFORMED, UNKNOWN_VERSION, KILLS_WORKERS, PANICS];

/// A job on its way to a handler, with the slots that it occupies.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) job: Job,
    pub(super) delivery: Delivery,
    /// Free again when the last copy is gone.
    pub(super) slots: Arc<OwnedSemaphorePermit>,
}

/// What the reader works with.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) feed: Feed,
    pub(super) settings: QueueSettings,
    pub(super) settler: Settler,
    pub(super) in_flight: InFlight,
    pub(super) events: QueueEvents,
    pub(super) taken: mpsc::Sender<Taken>,
    pub(super) slots: Arc<Semaphore>,
    pub(super) stop: CancellationToken,
}

impl Reader {
    /// Reads until it is told to stop. Trouble with the store is waited out; it never ends the
    /// worker.
    pub(super) async fn run(self) {
        let mut troubled = false;
        let mut next_scan = Instant::now();
        while !self.stop.is_cancelled() {
            let result = self.round(&mut next_scan).await;
            match result {
                Ok(()) if troubled => {
                    troubled = false;
                    tracing::info!("the queue can be used again");
                }
                Ok(()) => {}
                Err(error) => {
                    if !troubled {
                        tracing::error!(%error, "the queue cannot be used; waiting for it");
                    }
                    troubled = true;
                    let pause = tokio::time::sleep(TROUBLE_PAUSE);
                    self.stop.run_until_cancelled(pause).await;
                }
            }
        }
    }

    async fn round(&self, next_scan: &mut Instant) -> Result<(), QueueError> {
        if Instant::now() >= *next_scan && self.in_flight.were_told_of(self.settings.orphan_idle) {
            while self.feed.has_orphan(self.settings.orphan_idle).await? {
                if !self.take_over_an_orphan().await? {
                    break;
                }
            }
            *next_scan = Instant::now() + self.settings.orphan_scan;
        }
        let Some(mut free) = self.take_free_slots().await else {
            return Ok(());
        };
        // Not raced against `stop`: a reply that is under way holds jobs.
        let deliveries = self
            .feed
            .read(free.num_permits(), self.settings.block)
            .await?;
        let are_several = deliveries.len() > 1;
        for delivery in deliveries {
            if let Some(slot) = free.split(1) {
                self.hand_over(delivery, slot).await;
            }
        }
        // The slots that are left are free meanwhile.
        drop(free);
        if are_several {
            self.stop
                .run_until_cancelled(tokio::time::sleep(COMPANY))
                .await;
        }
        Ok(())
    }

    async fn take_free_slots(&self) -> Option<OwnedSemaphorePermit> {
        let first = Arc::clone(&self.slots).acquire_owned();
        let mut free = self.stop.run_until_cancelled(first).await?.ok()?;
        let more = self
            .slots
            .available_permits()
            .min(self.settings.batch.saturating_sub(1));
        if more > 0
            && let Ok(more) = Arc::clone(&self.slots)
                .try_acquire_many_owned(u32::try_from(more).unwrap_or(u32::MAX))
        {
            free.merge(more);
        }
        Some(free)
    }

    /// Claims one orphan. One that was left twice may be what kills workers: it waits until nothing
    /// else runs here and has the worker to itself, so that no neighbour dies or is blamed with it.
    /// One that was left once runs beside others: a worker that dies leaves hundreds of them, and
    /// running each alone would keep all new work waiting.
    async fn take_over_an_orphan(&self) -> Result<bool, QueueError> {
        let slot = Arc::clone(&self.slots).acquire_owned();
        let Some(Ok(mut slots)) = self.stop.run_until_cancelled(slot).await else {
            return Ok(false);
        };
        let Some(orphan) = self.feed.claim_orphan(self.settings.orphan_idle).await? else {
            return Ok(false);
        };
        self.in_flight.add(&orphan);
        self.events.redelivered();
        log_span_of(&orphan).in_scope(|| {
            tracing::warn!(
                job = orphan.id,
                deliveries = orphan.deliveries,
                "took over an orphaned job"
            );
        });
        if orphan.deliveries > self.settings.max_kills {
            self.settler.settle(orphan, Disposal::Dead(KILLS_WORKERS));
        } else if orphan.is_suspect() {
            let others = u32::try_from(self.settings.concurrency.saturating_sub(1));
            let others = Arc::clone(&self.slots).acquire_many_owned(others.unwrap_or(u32::MAX));
            match self.stop.run_until_cancelled(others).await {
                Some(Ok(others)) => {
                    slots.merge(others);
                    self.hand_over(orphan, slots).await;
                }
                _ => self.settler.settle(orphan, Disposal::GiveBack),
            }
        } else {
            self.hand_over(orphan, slots).await;
        }
        Ok(true)
    }

    async fn hand_over(&self, delivery: Delivery, slots: OwnedSemaphorePermit) {
        self.in_flight.add(&delivery);
        let disposal = match Job::decode(&delivery.payload) {
            Ok(job) => {
                let taken = Taken {
                    job,
                    delivery,
                    slots: Arc::new(slots),
                };
                if let Err(mpsc::error::SendError(taken)) = self.taken.send(taken).await {
                    self.settler.settle(taken.delivery, Disposal::GiveBack);
                }
                return;
            }
            Err(JobError::UnknownVersion) if delivery.attempts < PARKED_TIMES => {
                tracing::warn!(job = delivery.id, "parked a job of an unknown version");
                Disposal::Delay(PARKED_FOR)
            }
            Err(JobError::UnknownVersion) => Disposal::Dead(UNKNOWN_VERSION),
            Err(JobError::Malformed) => Disposal::Dead(MALFORMED),
        };
        self.settler.settle(delivery, disposal);
    }
}

/// Puts delayed jobs back when they are due.
pub(super) async fn promote(feed: Feed, every: Duration, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(every))
        .await
        .is_some()
    {
        // The reader reports trouble with the store; here it only means that nothing is due yet.
        while feed
            .promote(PROMOTE_AT_ONCE)
            .await
            .is_ok_and(|moved| moved == PROMOTE_AT_ONCE)
        {}
    }
}

/// Tidies up after workers that are gone.
pub(super) async fn remove_gone_consumers(feed: Feed, every: Duration, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(every))
        .await
        .is_some()
    {
        if let Err(error) = feed.remove_gone_consumers().await {
            tracing::debug!(%error, "cannot remove consumers that are gone");
        }
    }
}

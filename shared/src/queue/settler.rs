//! Settles deliveries in batches until the store takes them, and keeps those that run alive.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::delivery::{Delivery, Disposal, Settlement};
use super::feed::Feed;
use super::job_spans::log_span_of;
use crate::loops::{self, Loop};
use crate::traces::Span;

const RETRY: Duration = Duration::from_millis(200);

crate::metrics! {
    /// What happened to deliveries besides their runs.
    #[derive(Clone, Debug)]
    pub struct QueueEvents {
        /// Deliveries that another worker had taken over before they were settled.
        stale: IntCounter("ramz_queue_stale_settlements_total");
        /// Jobs taken over from a worker that showed no life.
        redelivered: IntCounter("ramz_queue_redelivered_total");
        /// Jobs that became dead letters, by reason.
        dead: IntCounterVec("ramz_queue_dead_letters_total", ["reason"]) of super::reader::REASONS;
    }
}

impl QueueEvents {
    /// Begins to count dead letters of these reasons at zero; those of the queue itself are counted
    /// from the start.
    pub fn expect_dead_letters(&self, reasons: &[&str]) {
        for reason in reasons {
            self.dead.with_label_values(&[*reason]).inc_by(0);
        }
    }

    pub(super) fn redelivered(&self) {
        self.redelivered.inc();
    }

    fn settled(&self, settlement: &Settlement, ours: bool) {
        if !ours {
            self.stale.inc();
            tracing::warn!(
                job = settlement.delivery.id,
                deliveries = settlement.delivery.deliveries,
                "stale settlement: another worker has this job now"
            );
        } else if let Disposal::Dead(reason) = settlement.disposal {
            self.dead.with_label_values(&[reason]).inc();
            tracing::error!(
                job = settlement.delivery.id,
                reason,
                "job became a dead letter"
            );
        }
    }
}

/// The jobs that this process holds, and when it last told that they live. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct InFlight(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    /// Id to delivery count.
    jobs: HashMap<String, u32>,
    told: Instant,
}

impl InFlight {
    /// None, as of a worker that starts: nothing of its own can look dead.
    pub(super) fn none() -> Self {
        let (jobs, told) = (HashMap::new(), Instant::now());
        Self(Arc::new(Mutex::new(Held { jobs, told })))
    }

    pub(super) fn add(&self, delivery: &Delivery) {
        let mut held = self.lock();
        held.jobs.insert(delivery.id.clone(), delivery.deliveries);
    }

    fn told(&self) {
        self.lock().told = Instant::now();
    }

    /// Whether the store has taken the word that these jobs live within this time. A worker whose word
    /// it did not take must not judge who is dead: its own jobs would look so first, and one that was
    /// taken over a few times is put aside as one that kills workers.
    pub(super) fn were_told_of(&self, within: Duration) -> bool {
        self.lock().told.elapsed() < within
    }

    /// Unless it has been taken again since: the later delivery is to be kept alive.
    fn remove(&self, delivery: &Delivery) {
        let mut held = self.lock();
        if held.jobs.get(&delivery.id) == Some(&delivery.deliveries) {
            held.jobs.remove(&delivery.id);
        }
    }

    fn list(&self) -> Vec<(String, u32)> {
        self.lock()
            .jobs
            .iter()
            .map(|(id, deliveries)| (id.clone(), *deliveries))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands settlements to the task that writes them. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Settler(mpsc::UnboundedSender<Order>);

/// What log lines and traces say about a settlement.
#[derive(Debug)]
pub(super) struct Settling {
    pub(super) log: tracing::Span,
    /// Ends with the settlement.
    pub(super) span: Span,
}

enum Order {
    /// With the slots of the run, which are free again when it is written: a worker whose store is
    /// away must not go on taking jobs, least of all its own.
    Settle(Settlement, Option<Arc<OwnedSemaphorePermit>>, Settling),
    /// Answered when everything before it is settled.
    Flush(oneshot::Sender<()>),
}

impl Settler {
    /// Starts the task; it ends when all senders are gone and everything is settled.
    pub(super) fn start(
        feed: Feed,
        batch: usize,
        in_flight: InFlight,
        events: QueueEvents,
    ) -> (Self, JoinHandle<()>) {
        // Bounded by the number of free slots: nothing is taken that is not settled.
        let (sender, orders) = mpsc::unbounded_channel();
        let orders = Arc::new(AsyncMutex::new(orders));
        // It ends by itself, and settles until then.
        let unstopped = CancellationToken::new();
        let task = tokio::spawn(loops::run(Loop::Settle, unstopped, move || {
            settle_all(
                feed.clone(),
                batch,
                Arc::clone(&orders),
                in_flight.clone(),
                events.clone(),
            )
        }));
        (Self(sender), task)
    }

    /// Settles a job that no handler has run.
    pub(super) fn settle(&self, delivery: Delivery, disposal: Disposal) {
        let settling = Settling {
            log: log_span_of(&delivery),
            span: Span::none(),
        };
        self.send(Settlement { delivery, disposal }, None, settling);
    }

    /// Settles a run, whose slots are free when that is written.
    pub(super) fn settle_run(
        &self,
        delivery: Delivery,
        disposal: Disposal,
        slots: Arc<OwnedSemaphorePermit>,
        settling: Settling,
    ) {
        self.send(Settlement { delivery, disposal }, Some(slots), settling);
    }

    fn send(
        &self,
        settlement: Settlement,
        slots: Option<Arc<OwnedSemaphorePermit>>,
        settling: Settling,
    ) {
        // The task outlives every sender, except in a runtime that is being torn down; the job is
        // claimed as an orphan then.
        let _ = self.0.send(Order::Settle(settlement, slots, settling));
    }

    /// Returns when everything that was handed in before is settled.
    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.0.send(Order::Flush(done)).is_ok() {
            let _ = flushed.await;
        }
    }
}

async fn settle_all(
    feed: Feed,
    batch: usize,
    orders: Arc<AsyncMutex<mpsc::UnboundedReceiver<Order>>>,
    in_flight: InFlight,
    events: QueueEvents,
) {
    let mut orders = orders.lock().await;
    let mut received = Vec::with_capacity(batch);
    while orders.recv_many(&mut received, batch).await > 0 {
        let mut settlements = Vec::with_capacity(received.len());
        let mut slots = Vec::with_capacity(received.len());
        let mut settlings = Vec::with_capacity(received.len());
        let mut flushes = Vec::new();
        for order in received.drain(..) {
            match order {
                Order::Settle(settlement, of_run, settling) => {
                    settlements.push(settlement);
                    settlings.push(settling);
                    slots.extend(of_run);
                }
                Order::Flush(done) => flushes.push(done),
            }
        }
        if !settlements.is_empty() {
            let _unless_it_panics = Unsettled {
                settlements: &settlements,
                in_flight: &in_flight,
            };
            let ours = settle_until_taken(&feed, &settlements).await;
            let settled = settlements.iter().zip(ours).zip(settlings);
            for ((settlement, ours), Settling { log, span }) in settled {
                in_flight.remove(&settlement.delivery);
                log.in_scope(|| events.settled(settlement, ours));
                if !ours {
                    span.fail("stale");
                }
            }
        }
        drop(slots);
        for done in flushes {
            let _ = done.send(());
        }
    }
}

/// A batch that a panic takes away. Its jobs are no longer told to live, so that they are taken over as
/// orphans; the ledger says what was sent.
struct Unsettled<'a> {
    settlements: &'a [Settlement],
    in_flight: &'a InFlight,
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for settlement in self.settlements {
                self.in_flight.remove(&settlement.delivery);
            }
        }
    }
}

/// A settlement whose reply was lost may have been taken; repeating it is then stale, which is
/// counted and does no harm.
async fn settle_until_taken(feed: &Feed, settlements: &[Settlement]) -> Vec<bool> {
    let mut failures = 0_u32;
    loop {
        match feed.settle(settlements).await {
            Ok(settled) => return settled,
            Err(error) => {
                failures += 1;
                if failures.is_power_of_two() {
                    tracing::error!(%error, failures, jobs = settlements.len(), "cannot settle");
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Tells every so often, from the start on, that this worker and the jobs that it runs live.
pub(super) async fn keep_alive(
    feed: Feed,
    every: Duration,
    in_flight: InFlight,
    stop: CancellationToken,
) {
    loop {
        let running = in_flight.list();
        match feed.keep_alive(&running).await {
            Ok(()) => in_flight.told(),
            // That the queue cannot be used is told by the reader.
            Err(error) if running.is_empty() => {
                tracing::debug!(%error, "cannot tell that this worker lives");
            }
            Err(error) => {
                tracing::warn!(%error, jobs = running.len(), "cannot keep running jobs alive");
            }
        }
        let pause = tokio::time::sleep(every);
        if stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn delivery(id: &str) -> Delivery {
        Delivery {
            id: id.to_owned(),
            payload: String::new(),
            attempts: 0,
            deliveries: 1,
        }
    }

    /// Otherwise they would be kept alive for ever, and nobody would ever take them over.
    #[test]
    fn jobs_whose_settlement_a_panic_took_away_are_no_longer_held() {
        let in_flight = InFlight::none();
        for id in ["1-0", "2-0", "3-0"] {
            in_flight.add(&delivery(id));
        }
        let settlements = ["1-0", "2-0"].map(|id| Settlement {
            delivery: delivery(id),
            disposal: Disposal::Done,
        });
        let unsettled = || Unsettled {
            settlements: &settlements,
            in_flight: &in_flight,
        };
        drop(unsettled());
        assert_eq!(in_flight.list().len(), 3, "all went well");
        let broken = catch_unwind(AssertUnwindSafe(|| {
            let _unsettled = unsettled();
            panic!("a defect");
        }));
        assert!(broken.is_err());
        assert_eq!(in_flight.list(), [("3-0".to_owned(), 1)]);
    }
}

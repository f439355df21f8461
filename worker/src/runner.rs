//! Runs the sender under apalis.

use apalis::prelude::{Attempt, BoxDynError, Data, Monitor, MonitorError, WorkerBuilder};
use prometheus::{IntGauge, Registry};
use shared::queue::{Disposal, Feed, Job, QueueBackend, QueueEvents, QueueSettings};
use shared::telemetry::MetricSet as _;
use tokio_util::sync::CancellationToken;

use crate::metrics::DEAD_LETTERS;
use crate::send::SmsSender;

/// What a worker is made of.
#[derive(Debug)]
pub struct RunnerParts {
    /// Its place in the queue.
    pub feed: Feed,
    /// How it takes jobs.
    pub queue: QueueSettings,
    /// What it does with them.
    pub sender: SmsSender,
    /// Where its counters are registered.
    pub registry: Registry,
}

/// Why a worker ended that was not told to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A metric was registered twice.
    #[error("cannot register metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// apalis gave up.
    #[error("the worker ended: {0}")]
    Monitor(#[from] MonitorError),
    /// The worker ended without being stopped.
    #[error("the worker ended although nobody stopped it")]
    EndedByItself,
}

/// Takes and runs jobs until `stop`; then finishes what runs, gives back what waits, settles all
/// and returns.
pub async fn run(parts: RunnerParts, stop: CancellationToken) -> Result<(), WorkerError> {
    let RunnerParts {
        feed,
        queue,
        sender,
        registry,
    } = parts;
    let events = QueueEvents::register(&registry)?;
    events.expect_dead_letters(&DEAD_LETTERS);
    let busy = Busy::register(&registry)?;
    busy.slots
        .set(i64::try_from(queue.concurrency).unwrap_or(i64::MAX));
    tracing::info!(
        consumer = feed.consumer(),
        concurrency = queue.concurrency,
        "worker started"
    );
    let ended = stop.clone();
    // apalis calls the factory again when a worker restarts, so each call makes a backend.
    let monitor = Monitor::new().register(move |_restarts| {
        let backend =
            QueueBackend::start(feed.clone(), queue.clone(), events.clone(), &stop.clone());
        WorkerBuilder::new(feed.consumer())
            .backend(backend)
            .data(sender.clone())
            .data(busy.clone())
            .build(run_job)
    });
    let signal = {
        let stopped = ended.clone();
        async move {
            stopped.cancelled().await;
            Ok(())
        }
    };
    monitor.run_with_signal(signal).await?;
    if ended.is_cancelled() {
        Ok(())
    } else {
        Err(WorkerError::EndedByItself)
    }
}

shared::metrics! {
    /// How much of a worker is in use.
    #[derive(Clone, Debug)]
    struct Busy {
        /// Jobs that this worker runs at once at most.
        slots: IntGauge("ramz_worker_concurrency");
        /// Jobs that this worker runs now.
        jobs: IntGauge("ramz_worker_busy");
    }
}

impl Busy {
    /// Counts a job for as long as the returned value lives.
    fn one_more(&self) -> RunningJob {
        self.jobs.inc();
        RunningJob(self.jobs.clone())
    }
}

struct RunningJob(IntGauge);

impl Drop for RunningJob {
    fn drop(&mut self) {
        self.0.dec();
    }
}

async fn run_job(
    job: Job,
    attempt: Attempt,
    sender: Data<SmsSender>,
    busy: Data<Busy>,
) -> Result<Disposal, BoxDynError> {
    let _busy = busy.one_more();
    let attempt = u32::try_from(attempt.current()).unwrap_or(u32::MAX);
    // Boxed, so that it is not moved with each layer of apalis.
    Ok(Box::pin(sender.run(&job, attempt)).await)
}

//! What apalis sees of the queue: a backend that yields tasks and never fails.
//!
//! Trouble with the store is waited out inside; an error of a backend would end the apalis worker
//! and cancel the handlers that run.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use apalis_core::worker::context::WorkerContext;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::QueueSettings;
use super::delivery::Disposal;
use super::feed::Feed;
use super::job::Job;
use super::reader::{Reader, Taken, promote, remove_gone_consumers};
use super::settle_layer::SettleLayer;
use super::settler::{InFlight, QueueEvents, Settler, keep_alive};
use crate::loops::{self, Loop};

/// How often consumers that are gone are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(30);
/// How long a stop waits for a queue that does not answer.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// An apalis backend over a [`Feed`]. Dropping it without closing leaves its jobs to be claimed by
/// others.
pub struct QueueBackend {
    settings: QueueSettings,
    feed: Feed,
    taken: mpsc::Receiver<Taken>,
    settler: Settler,
    /// Stops reading.
    stop: CancellationToken,
    /// Stops what must go on until everything is settled.
    closed: CancellationToken,
    /// The reader and its companions, which end by `stop`.
    readers: JoinSet<()>,
    /// Tells that this worker lives; ends by `closed`.
    living: Option<JoinHandle<()>>,
    closing: Option<std::sync::Mutex<BoxFuture<'static, ()>>>,
}

impl std::fmt::Debug for QueueBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueueBackend")
            .field("feed", &self.feed)
            .finish_non_exhaustive()
    }
}

impl QueueBackend {
    /// Starts reading. `stop` ends it: jobs that run are finished, jobs that wait are given back.
    pub fn start(
        feed: Feed,
        settings: QueueSettings,
        events: QueueEvents,
        stop: &CancellationToken,
    ) -> Self {
        let stop = stop.child_token();
        let closed = CancellationToken::new();
        let in_flight = InFlight::none();
        let (settler, _) = Settler::start(
            feed.clone(),
            settings.batch,
            in_flight.clone(),
            events.clone(),
        );
        let living = {
            let (feed, in_flight) = (feed.clone(), in_flight.clone());
            let (every, closed) = (settings.keep_alive, closed.clone());
            tokio::spawn(loops::run(Loop::KeepAlive, closed.clone(), move || {
                keep_alive(feed.clone(), every, in_flight.clone(), closed.clone())
            }))
        };
        let (sender, taken) = mpsc::channel(settings.concurrency);
        let mut readers = JoinSet::new();
        let reader = Reader {
            feed: feed.clone(),
            settings: settings.clone(),
            settler: settler.clone(),
            in_flight,
            events,
            taken: sender,
            slots: Arc::new(Semaphore::new(settings.concurrency)),
            stop: stop.clone(),
        };
        readers.spawn(loops::run(Loop::Reader, stop.clone(), move || {
            reader.clone().run()
        }));
        let (queue, every, stopped) = (feed.clone(), settings.promote, stop.clone());
        readers.spawn(loops::run(Loop::Promote, stop.clone(), move || {
            promote(queue.clone(), every, stopped.clone())
        }));
        let (queue, stopped) = (feed.clone(), stop.clone());
        readers.spawn(loops::run(Loop::Tidy, stop.clone(), move || {
            remove_gone_consumers(queue.clone(), TIDY_EVERY, stopped.clone())
        }));
        Self {
            settings,
            feed,
            taken,
            settler,
            stop,
            closed,
            readers,
            living: Some(living),
            closing: None,
        }
    }

    /// Stops reading, gives back what no handler has seen, settles all and leaves.
    fn close(&mut self) -> BoxFuture<'static, ()> {
        self.stop.cancel();
        let mut readers = std::mem::take(&mut self.readers);
        let living = self.living.take();
        let mut taken = std::mem::replace(&mut self.taken, mpsc::channel(1).1);
        let (settler, feed, closed) =
            (self.settler.clone(), self.feed.clone(), self.closed.clone());
        async move {
            loop {
                tokio::select! {
                    waiting = taken.recv() => match waiting {
                        Some(waiting) => settler.settle(waiting.delivery, Disposal::GiveBack),
                        None => break,
                    },
                    Some(_) = readers.join_next() => {}
                }
            }
            while readers.join_next().await.is_some() {}
            if timeout(FLUSH_LIMIT, settler.flush()).await.is_err() {
                tracing::error!(
                    "the queue does not take the last settlements; their jobs are taken over by \
                     other workers, and the ledger says what was sent"
                );
            }
            closed.cancel();
            // A word that is under way must not come after the good-bye.
            if let Some(living) = living {
                let _ended = living.await;
            }
            if let Err(error) = feed.leave().await {
                tracing::warn!(%error, "cannot say good-bye to the queue");
            }
        }
        .boxed()
    }
}

impl Drop for QueueBackend {
    fn drop(&mut self) {
        self.stop.cancel();
        self.closed.cancel();
    }
}

impl Backend for QueueBackend {
    type Task = Task<Job>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Self::Error>>> {
        self.taken.poll_recv(context).map(|taken| {
            let taken = taken?;
            let task = TaskBuilder::new(taken.job.clone())
                .attempt(usize::try_from(taken.delivery.attempts).unwrap_or(usize::MAX))
                .task_id(TaskId::from_string(taken.delivery.id.clone()))
                .data(taken)
                .build();
            Some(Ok(task))
        })
    }

    fn poll_close(
        &mut self,
        context: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Self::Error>> {
        if self.closing.is_none() {
            self.closing = Some(std::sync::Mutex::new(self.close()));
        }
        let closing = self.closing.as_mut().map(std::sync::Mutex::get_mut);
        match closing {
            Some(Ok(future)) => future.poll_unpin(context).map(Ok),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl BackendConfig for QueueBackend {
    type Args = Job;
    type Id = String;
    type Kind = Ephemeral;
    type Config = QueueSettings;
    type Layer = SettleLayer;

    fn config(&self) -> &QueueSettings {
        &self.settings
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> SettleLayer {
        SettleLayer::new(self.settler.clone())
    }
}

//! The writer of the ledger.

use std::sync::Arc;

use domain::clock::Clock;
use domain::otp::KeyRing;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::batch::Pipeline;
use super::begin::{Begins, Intent, Moved, Request};
use super::finish::Finishes;
use super::{Begin, Begun, Expired, Finish, Finished, LedgerMetrics};
use crate::loops::Loop;
use crate::records::{Records, RecordsError};

/// Writes the ledger in batches of 256 rows at most: beginnings that came while others were written, and ends that
/// came within 10 ms. Attempts begin in one pipeline and end in another, so that neither waits for the other. Nothing is tried twice: on
/// [`RecordsError::Unavailable`] the caller decides.
///
/// Clones share the pipelines. What was handed in is written also when all of them are dropped;
/// [`LedgerWriter::close`] waits for it.
#[derive(Clone)]
pub struct LedgerWriter {
    begins: Pipeline<Begins>,
    finishes: Pipeline<Finishes>,
    closing: CancellationToken,
    tasks: Arc<TaskTracker>,
}

impl LedgerWriter {
    /// Starts the two pipelines on the present runtime. Numbers that are erased meanwhile are not known.
    pub fn start(records: Records, clock: Clock) -> Self {
        Self::start_with(records, clock, None, None)
    }

    /// The same with measurements, and with the keys that erased numbers are known by: those that the API has.
    pub fn start_measured(
        records: Records,
        clock: Clock,
        metrics: &LedgerMetrics,
        keys: KeyRing,
    ) -> Self {
        Self::start_with(records, clock, Some(metrics), Some(keys))
    }

    fn start_with(
        records: Records,
        clock: Clock,
        metrics: Option<&LedgerMetrics>,
        keys: Option<KeyRing>,
    ) -> Self {
        let closing = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (begins, work) = Pipeline::new(
            Loop::LedgerBegins,
            Begins {
                records: records.clone(),
                clock: clock.clone(),
                keys,
            },
            closing.clone(),
            metrics.map(LedgerMetrics::begins),
        );
        tasks.spawn(work);
        let (finishes, work) = Pipeline::new(
            Loop::LedgerEnds,
            Finishes { records, clock },
            closing.clone(),
            metrics.map(LedgerMetrics::finishes),
        );
        tasks.spawn(work);
        tasks.close();
        Self {
            begins,
            finishes,
            closing,
            tasks: Arc::new(tasks),
        }
    }

    /// Begins an attempt; the gateway may be called only on [`Begun::Started`], and then only by
    /// this run.
    ///
    /// [`RecordsError::Conflict`]: the local id is another send's, where the ledger has an index of them; draw a
    /// new one.
    pub async fn begin(&self, begin: Begin) -> Result<Begun, RecordsError> {
        self.attempt(Intent::Start, begin).await
    }

    /// Begins an attempt although the last one may have succeeded: that is `unknown`, and could not
    /// be cleared up. The ledger allows it once a send, and marks the row.
    pub async fn resend_unknown(&self, begin: Begin) -> Result<Begun, RecordsError> {
        self.attempt(Intent::ResendUnknown, begin).await
    }

    async fn attempt(&self, intent: Intent, begin: Begin) -> Result<Begun, RecordsError> {
        match self.begins.submit(Request { intent, begin }).await? {
            Moved::Begun(answer) => Ok(answer),
            Moved::Expired => Ok(Begun::KeptBack),
        }
    }

    /// Gives a send up that is past its deadline.
    pub async fn expire(&self, begin: Begin) -> Result<Expired, RecordsError> {
        let intent = Intent::Expire;
        match self.begins.submit(Request { intent, begin }).await? {
            Moved::Expired => Ok(Expired::Recorded),
            Moved::Begun(Begun::Ended(state)) => Ok(Expired::Ended(state)),
            Moved::Begun(Begun::FoundSending(interrupted)) => {
                Ok(Expired::FoundSending(interrupted))
            }
            Moved::Begun(Begun::Started { .. } | Begun::KeptBack) => Err(RecordsError::Corrupt {
                table: "sends",
                problem: "giving up began an attempt",
            }),
        }
    }

    /// Records how an attempt ended.
    pub async fn finish(&self, finish: Finish) -> Result<Finished, RecordsError> {
        self.finishes.submit(finish).await
    }

    /// Writes what was handed in, refuses what comes later, and returns when all is written.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tasks.wait().await;
    }
}

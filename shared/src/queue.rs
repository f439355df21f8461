//! The queue between the API and the worker: our own apalis backend over two feeds.
//!
//! | file | what it is for |
//! |---|---|
//! | `job.rs` | the job and its wire format |
//! | `delivery.rs` | a job in the hands of a worker, and how it ends |
//! | `feed.rs` | the seam: Redis stream or SQLite table |
//! | `reader.rs` | takes free slots, then reads; claims the jobs of dead workers first |
//! | `dead.rs` | dead letters, which somebody decides about |
//! | `settler.rs` | settles in batches, fenced, until the store takes it |
//! | `backend.rs` | what apalis sees |
//!
//! A job is delivered at least once. Anyone who takes it twice is told apart by the fence: a job is
//! settled only while the store still shows this consumer and this delivery count.

/// Calls the method of the back end that is in use.
macro_rules! call {
    ($self:ident, $feed:ident => $call:expr) => {
        match &$self.0 {
            Backend::Redis($feed) => $call.await,
            Backend::Sqlite($feed) => $call.await,
        }
    };
}

mod backend;
mod dead;
mod delivery;
mod feed;
mod job;
mod job_spans;
mod reader;
mod redis_feed;
mod settle_layer;
mod settler;
mod sqlite_dead;
mod sqlite_feed;

use std::time::Duration;

pub use backend::QueueBackend;
pub use dead::DeadLetter;
pub use delivery::{Delivery, Disposal, Settlement};
pub use feed::{Feed, QueueError, QueueStats};
pub use job::{Job, JobError, JobTask};
pub use settle_layer::{SettleLayer, SettleService};
pub use settler::QueueEvents;

/// How a worker takes jobs.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    /// The most jobs that run at once.
    pub concurrency: usize,
    /// The most jobs of one read or one settlement.
    pub batch: usize,
    /// How long a read waits for work.
    pub block: Duration,
    /// A job that shows no life for this long was left by a dead worker. It must exceed the time
    /// limit of a handler.
    pub orphan_idle: Duration,
    /// How often orphans are looked for.
    pub orphan_scan: Duration,
    /// How often a worker shows that its running jobs live.
    pub keep_alive: Duration,
    /// How often delayed jobs that are due are put back.
    pub promote: Duration,
    /// A job that was left this many times by a dead worker is not run again.
    pub max_kills: u32,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            concurrency: 256,
            batch: 256,
            block: Duration::from_millis(500),
            orphan_idle: Duration::from_secs(12),
            orphan_scan: Duration::from_secs(1),
            keep_alive: Duration::from_secs(3),
            promote: Duration::from_millis(50),
            max_kills: 3,
        }
    }
}

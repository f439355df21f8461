//! The seam of the queue: one type over its two back ends.

use std::time::Duration;

use domain::clock::Clock;
use domain::random::Random;

use super::delivery::{Delivery, Settlement};
use super::redis_feed::RedisFeed;
use super::sqlite_feed::SqliteFeed;
use crate::redis_store::RedisStore;
use crate::sqlite_file::SqliteFile;

/// A worker tells every few seconds that it lives; one that was silent for this long is gone.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(30);
/// No job is put off for longer; one that lies further away was put off by a clock that was set back
/// since, and is due.
pub(super) const LONGEST_DELAY: Duration = Duration::from_mins(15);
/// A worker that was silent for this long is forgotten.
pub(super) const FORGOTTEN_AFTER: Duration = Duration::from_mins(1);

/// A consumer of the queue. Each start of a worker is a consumer of its own.
#[derive(Clone, Debug)]
pub struct Feed(pub(super) Backend);

#[derive(Clone, Debug)]
pub(super) enum Backend {
    Redis(RedisFeed),
    Sqlite(SqliteFeed),
}

/// What operators watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Jobs that wait to be taken.
    pub waiting: u64,
    /// Jobs that a worker has taken.
    pub in_flight: u64,
    /// Jobs that wait for their time.
    pub delayed: u64,
    /// Dead letters.
    pub dead: u64,
    /// Workers that told in the last half minute that they live.
    pub consumers: u64,
    /// How long the oldest job that was never delayed has been waiting or running, in milliseconds.
    pub oldest_age_millis: u64,
}

/// Why the queue gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The store is away.
    #[error("the queue is unavailable: {0}")]
    Unavailable(Box<str>),
}

impl Feed {
    /// The stream in Redis.
    pub fn redis(store: RedisStore, clock: Clock, random: &Random) -> Self {
        Self(Backend::Redis(RedisFeed::new(
            store,
            clock,
            consumer_name(random),
        )))
    }

    /// The table in the file of the one-process shape.
    pub fn sqlite(file: SqliteFile, clock: Clock, random: &Random) -> Self {
        Self(Backend::Sqlite(SqliteFeed::new(
            file,
            clock,
            consumer_name(random),
        )))
    }

    /// The name of this consumer, never used twice.
    pub fn consumer(&self) -> &str {
        match &self.0 {
            Backend::Redis(feed) => feed.consumer(),
            Backend::Sqlite(feed) => feed.consumer(),
        }
    }

    /// Waits up to `block` for work and takes at most `free` jobs. It must not be cancelled: a
    /// reply that is under way holds jobs.
    pub async fn read(&self, free: usize, block: Duration) -> Result<Vec<Delivery>, QueueError> {
        call!(self, feed => feed.read(free, block))
    }

    /// Whether a job has shown no life for `idle`.
    pub async fn has_orphan(&self, idle: Duration) -> Result<bool, QueueError> {
        call!(self, feed => feed.has_orphan(idle))
    }

    /// Takes over one job that has shown no life for `idle`. One at a time, because taking it
    /// counts as a delivery.
    pub async fn claim_orphan(&self, idle: Duration) -> Result<Option<Delivery>, QueueError> {
        call!(self, feed => feed.claim_orphan(idle))
    }

    /// Tells that this worker lives, and that it still runs these jobs, as far as they are still its own.
    pub async fn keep_alive(&self, running: &[(String, u32)]) -> Result<(), QueueError> {
        call!(self, feed => feed.keep_alive(running))
    }

    /// Puts back at most `limit` delayed jobs whose time has come; says how many.
    pub async fn promote(&self, limit: usize) -> Result<usize, QueueError> {
        call!(self, feed => feed.promote(limit))
    }

    /// Ends deliveries. `false` for each that is no longer ours: it is left alone.
    pub async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<bool>, QueueError> {
        call!(self, feed => feed.settle(settlements))
    }

    /// Removes the names of consumers that hold nothing and were silent for a minute.
    pub async fn remove_gone_consumers(&self) -> Result<(), QueueError> {
        call!(self, feed => feed.remove_gone_consumers())
    }

    /// Says good-bye: removes the name of this consumer if it holds nothing.
    pub async fn leave(&self) -> Result<(), QueueError> {
        call!(self, feed => feed.leave())
    }

    /// The state of the queue.
    pub async fn stats(&self) -> Result<QueueStats, QueueError> {
        call!(self, feed => feed.stats())
    }
}

/// Host and process for the reader of a log, and random bytes so that no start shares the name of
/// another: a restarted worker must not keep the jobs of its dead self alive.
fn consumer_name(random: &Random) -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_default();
    let host: String = host
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(32)
        .collect();
    let host = if host.is_empty() { "worker" } else { &host };
    format!(
        "{host}-{}-{}",
        std::process::id(),
        hex::encode(random.bytes::<4>())
    )
}

//! The queue in Redis: a stream with one consumer group, a sorted set of delayed jobs, a stream of
//! dead letters.
//!
//! What takes work out must not need more room, so the scripts that write are also run by a Redis that is
//! at its `maxmemory` (`allow-oom`): each takes at least as much away as it adds, or adds a few bytes for
//! each worker.

mod dead;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use domain::clock::Clock;
use redis::aio::MultiplexedConnection;
use redis::streams::StreamReadReply;
use redis::{RedisError, Script};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::delivery::{Delivery, Disposal, Settlement};
use super::feed::{FORGOTTEN_AFTER, GONE_AFTER, LONGEST_DELAY, QueueError, QueueStats};
use crate::redis_store::{LIFE, RedisStore, cause};

const GROUP: &str = "workers";

static CREATE_GROUP: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("redis_feed/create_group.lua")));
static SETTLE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("redis_feed/settle.lua")));
static PROMOTE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("redis_feed/promote.lua")));
static CLAIM: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("redis_feed/claim.lua")));
static KEEP_ALIVE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("redis_feed/keep_alive.lua")));
static REMOVE_CONSUMERS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("redis_feed/remove_consumers.lua")));
static STATS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("redis_feed/stats.lua")));

#[derive(Clone, Debug)]
pub(super) struct RedisFeed {
    store: RedisStore,
    clock: Clock,
    consumer: Arc<str>,
    /// The connection of blocking reads; made when it is needed, dropped when it fails or is old.
    reader: Arc<Mutex<Option<ReaderConnection>>>,
}

/// A connection of blocking reads, and when it is to be replaced.
#[derive(Debug)]
struct ReaderConnection {
    connection: MultiplexedConnection,
    renew_at: Instant,
}

impl RedisFeed {
    pub(super) fn new(store: RedisStore, clock: Clock, consumer: String) -> Self {
        Self {
            store,
            clock,
            consumer: consumer.into(),
            reader: Arc::default(),
        }
    }

    pub(super) fn consumer(&self) -> &str {
        &self.consumer
    }

    pub(super) async fn read(
        &self,
        free: usize,
        block: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let mut reader = self.reader.lock().await;
        let mut line = match reader.take() {
            // A server that was cut off and does not know that another has taken its place lets
            // readers wait for ever; its address may lead to the other.
            Some(line) if Instant::now() < line.renew_at => line,
            _ => ReaderConnection {
                connection: self
                    .store
                    .blocking_connection(block)
                    .await
                    .map_err(|error| self.unavailable(&error))?,
                renew_at: Instant::now() + LIFE,
            },
        };
        let mut command = redis::cmd("XREADGROUP");
        command
            .arg("GROUP")
            .arg(GROUP)
            .arg(&*self.consumer)
            .arg("COUNT")
            .arg(free);
        command
            .arg("BLOCK")
            .arg(u64::try_from(block.as_millis()).unwrap_or(u64::MAX));
        command.arg("STREAMS").arg(&self.store.keys().jobs).arg(">");
        let reply: Option<StreamReadReply> = match command.query_async(&mut line.connection).await {
            Ok(reply) => reply,
            Err(error) if error.code() == Some("NOGROUP") => {
                self.create_group(&mut line.connection).await?;
                None
            }
            Err(error) => return Err(self.unavailable(&error)),
        };
        *reader = Some(line);
        let entries = reply
            .into_iter()
            .flat_map(|reply| reply.keys)
            .flat_map(|key| key.ids);
        Ok(entries
            .map(|entry| delivery(entry.id, &entry.map, 1))
            .collect())
    }

    /// The first worker of a new or emptied Redis makes the group, from the very first job.
    async fn create_group(&self, connection: &mut MultiplexedConnection) -> Result<(), QueueError> {
        CREATE_GROUP
            .key(&self.store.keys().jobs)
            .arg(GROUP)
            .invoke_async(connection)
            .await
            .map_err(|error| self.unavailable(&error))
    }

    pub(super) async fn has_orphan(&self, idle: Duration) -> Result<bool, QueueError> {
        let mut command = redis::cmd("XPENDING");
        command.arg(&self.store.keys().jobs).arg(GROUP);
        command
            .arg("IDLE")
            .arg(millis(idle))
            .arg("-")
            .arg("+")
            .arg(1);
        let pending: Vec<redis::Value> =
            match command.query_async(&mut self.store.connection()).await {
                Err(error) if error.code() == Some("NOGROUP") => Vec::new(),
                reply => reply.map_err(|error| self.unavailable(&error))?,
            };
        Ok(!pending.is_empty())
    }

    pub(super) async fn claim_orphan(
        &self,
        idle: Duration,
    ) -> Result<Option<Delivery>, QueueError> {
        let claimed: Option<(String, HashMap<String, redis::Value>, u32)> = CLAIM
            .key(&self.store.keys().jobs)
            .arg(GROUP)
            .arg(&*self.consumer)
            .arg(millis(idle))
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(|error| self.unavailable(&error))?;
        Ok(claimed.map(|(id, fields, deliveries)| delivery(id, &fields, deliveries)))
    }

    pub(super) async fn keep_alive(&self, running: &[(String, u32)]) -> Result<(), QueueError> {
        let keys = self.store.keys();
        let mut call = KEEP_ALIVE.key(&keys.jobs);
        call.key(&keys.workers);
        call.arg(GROUP).arg(&*self.consumer).arg(self.now());
        call.arg(millis(FORGOTTEN_AFTER));
        for (id, deliveries) in running {
            call.arg(id).arg(*deliveries);
        }
        call.invoke_async(&mut self.store.connection())
            .await
            .map_err(|error| self.unavailable(&error))
    }

    pub(super) async fn promote(&self, limit: usize) -> Result<usize, QueueError> {
        let keys = self.store.keys();
        PROMOTE
            .key(&keys.delayed)
            .key(&keys.jobs)
            .arg(self.now())
            .arg(limit)
            .arg(u64::try_from(LONGEST_DELAY.as_millis()).unwrap_or(u64::MAX))
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(|error| self.unavailable(&error))
    }

    pub(super) async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<bool>, QueueError> {
        let keys = self.store.keys();
        let mut call = SETTLE.key(&keys.jobs);
        call.key(&keys.delayed).key(&keys.dead);
        call.arg(GROUP).arg(&*self.consumer).arg(self.now());
        for Settlement { delivery, disposal } in settlements {
            let (what, attempts, extra) = match disposal {
                Disposal::Done => ("done", 0, String::new()),
                Disposal::Delay(after) => {
                    ("delay", delivery.attempts + 1, millis(*after).to_string())
                }
                Disposal::Postpone(after) => {
                    ("delay", delivery.attempts, millis(*after).to_string())
                }
                Disposal::Dead(reason) => ("dead", delivery.attempts, (*reason).to_owned()),
                Disposal::GiveBack => ("back", delivery.attempts, String::new()),
            };
            let payload = if what == "done" {
                ""
            } else {
                delivery.payload.as_str()
            };
            call.arg(what).arg(&delivery.id).arg(delivery.deliveries);
            call.arg(payload).arg(attempts).arg(extra);
        }
        call.invoke_async(&mut self.store.connection())
            .await
            .map_err(|error| self.unavailable(&error))
    }

    pub(super) async fn remove_gone_consumers(&self) -> Result<(), QueueError> {
        self.remove_consumers("", FORGOTTEN_AFTER).await
    }

    pub(super) async fn leave(&self) -> Result<(), QueueError> {
        self.remove_consumers(&self.consumer, Duration::ZERO).await
    }

    async fn remove_consumers(&self, only: &str, silent: Duration) -> Result<(), QueueError> {
        let keys = self.store.keys();
        REMOVE_CONSUMERS
            .key(&keys.jobs)
            .key(&keys.workers)
            .arg(GROUP)
            .arg(only)
            .arg(millis(silent))
            .arg(self.now())
            .invoke_async::<u32>(&mut self.store.connection())
            .await
            .map(|_| ())
            .map_err(|error| self.unavailable(&error))
    }

    pub(super) async fn stats(&self) -> Result<QueueStats, QueueError> {
        let keys = self.store.keys();
        let [
            waiting,
            in_flight,
            delayed,
            dead,
            consumers,
            oldest_age_millis,
        ]: [u64; 6] = STATS
            .key(&keys.jobs)
            .key(&keys.delayed)
            .key(&keys.dead)
            .key(&keys.workers)
            .arg(GROUP)
            .arg(self.now())
            .arg(millis(GONE_AFTER))
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(|error| self.unavailable(&error))?;
        Ok(QueueStats {
            waiting,
            in_flight,
            delayed,
            dead,
            consumers,
            oldest_age_millis,
        })
    }

    fn unavailable(&self, error: &RedisError) -> QueueError {
        let place = self.store.place();
        QueueError::Unavailable(format!("Redis at {place}: {}", cause(error)).into())
    }

    fn now(&self) -> String {
        self.clock
            .hot_state_now()
            .map(|now| now.to_string())
            .unwrap_or_default()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A field that cannot be read gives an empty payload, which no decoder takes: the job becomes a
/// dead letter instead of blocking the queue.
fn delivery(id: String, fields: &HashMap<String, redis::Value>, deliveries: u32) -> Delivery {
    let payload = fields
        .get("j")
        .and_then(|value| redis::from_redis_value_ref::<String>(value).ok())
        .unwrap_or_default();
    let attempts = fields
        .get("a")
        .and_then(|value| redis::from_redis_value_ref::<u32>(value).ok())
        .unwrap_or_default();
    Delivery {
        id,
        payload,
        attempts,
        deliveries,
    }
}

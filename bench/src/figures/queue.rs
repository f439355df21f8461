//! The queue alone: how fast jobs go in and come out when a million wait, against an empty queue,
//! and what a job takes in Redis.
//!
//! A job goes in by the XADD that the accept script ends with; it comes out through the worker of
//! apalis and our backend, with a handler that does nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use apalis::prelude::{BoxDynError, Data, Monitor, WorkerBuilder};
use domain::challenge::{ChallengeId, Channel};
use domain::clock::Clock;
use domain::random::Random;
use futures::future::try_join_all;
use harness::RedisServer;
use prometheus::Registry;
use redis::aio::{ConnectionManager, MultiplexedConnection};
use shared::queue::{Disposal, Feed, Job, QueueBackend, QueueEvents, QueueSettings};
use shared::redis_store::RedisStore;
use shared::telemetry::MetricSet as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Measured, Setup, yardstick};
use crate::Failure;
use crate::installation::{redis_connection, redis_memory};
use crate::load::CONNECTIONS;
use crate::results::{Figure, Target};
use crate::statistics::number;
use crate::table::grouped;

/// The stream of `shared::redis_store`; that it is the right one is held by `expect_waiting`.
const STREAM: &str = "{ramz}:jobs";
const AT_ONCE: u64 = 1_000;
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// The rates of one state of the queue.
#[derive(Debug, Default)]
struct Rates {
    put: Vec<f64>,
    taken: Vec<f64>,
}

pub(super) async fn measure(setup: &Setup<'_>) -> Result<Measured, Failure> {
    let waiting = setup.arguments.waiting_jobs;
    // As many as make a rate, and few beside those that wait.
    let moved = (waiting / 5).min(200_000);
    let (mut empty, mut long) = (Rates::default(), Rates::default());
    let mut bytes = Vec::new();
    for round in setup.rounds() {
        let redis = start_redis().await?;
        let mut queue = Queue::connect(&redis).await?;
        queue.put_and_take(moved, &mut empty).await?;
        queue.clear().await?;
        setup.say_round(round, format_args!("empty queue: {}", last(&empty)));

        let before = redis_memory(&mut queue.connection).await?;
        queue.fill(waiting).await?;
        let grown = redis_memory(&mut queue.connection)
            .await?
            .saturating_sub(before);
        bytes.push(number(grown) / number(waiting));
        queue.expect_waiting(waiting).await?;
        queue.put_and_take(moved, &mut long).await?;
        setup.say_round(round, format_args!("{waiting} jobs wait: {}", last(&long)));
    }
    let jobs = grouped(&waiting.to_string());
    let state = format!("with {jobs} jobs waiting, against an empty queue");
    let at_least = Target::RatioAtLeast(0.8);
    let put = format!("jobs put into the queue {state}");
    let taken = format!("jobs taken from the queue {state}");
    let mut figures = vec![
        Figure::beside(put, "1/s", long.put, empty.put)?.target(at_least),
        Figure::beside(taken, "1/s", long.taken, empty.taken)?.target(at_least),
        Figure::absolute("Redis memory of a waiting job", "bytes", bytes)?
            .target(Target::ValueAtMost(400.0)),
    ];
    figures.extend(yardstick::measure(setup, moved).await?);
    Ok(Measured {
        figures,
        ..Measured::default()
    })
}

/// A Redis that does not rewrite its log: that would come at other moments with a long queue than
/// with an empty one.
pub(super) async fn start_redis() -> Result<RedisServer, Failure> {
    let redis = RedisServer::start().await;
    let mut never = redis::cmd("CONFIG");
    never.arg("SET").arg("auto-aof-rewrite-percentage").arg(0);
    never
        .query_async::<()>(&mut redis_connection(&redis).await?)
        .await?;
    Ok(redis)
}

fn last(rates: &Rates) -> String {
    let of = |rates: &[f64]| rates.last().copied().unwrap_or(f64::NAN);
    format!("{:.0} in/s, {:.0} out/s", of(&rates.put), of(&rates.taken))
}

struct Queue {
    connection: MultiplexedConnection,
    manager: ConnectionManager,
    feed: Feed,
    random: Random,
}

impl Queue {
    async fn connect(redis: &RedisServer) -> Result<Self, Failure> {
        let random = Random::operating_system();
        let client = redis::Client::open(redis.url())?;
        Ok(Self {
            connection: redis_connection(redis).await?,
            manager: client.get_connection_manager().await?,
            feed: Feed::redis(RedisStore::connect(&redis.url())?, Clock::system(), &random),
            random,
        })
    }

    async fn clear(&mut self) -> Result<(), Failure> {
        crate::installation::flush(&mut self.connection).await
    }

    async fn expect_waiting(&self, jobs: u64) -> Result<(), Failure> {
        let waiting = self.feed.stats().await?.waiting;
        if waiting == jobs {
            return Ok(());
        }
        Err(format!("{waiting} jobs wait where {jobs} were put: is the stream renamed?").into())
    }

    async fn put_and_take(&self, jobs: u64, rates: &mut Rates) -> Result<(), Failure> {
        rates.put.push(self.put(jobs).await?);
        rates.taken.push(self.take(jobs).await?);
        Ok(())
    }

    /// One by one, by as many callers as an API has connections.
    async fn put(&self, jobs: u64) -> Result<f64, Failure> {
        let callers = CONNECTIONS as u64;
        let began = Instant::now();
        let tasks = (0..callers).map(|caller| {
            let mut connection = self.manager.clone();
            let random = self.random.clone();
            let mine = jobs / callers + u64::from(caller < jobs % callers);
            async move {
                let task = tokio::spawn(async move {
                    for _ in 0..mine {
                        put_command(&random)
                            .query_async::<()>(&mut connection)
                            .await?;
                    }
                    Ok::<_, Failure>(())
                });
                task.await?
            }
        });
        try_join_all(tasks).await?;
        Ok(number(jobs) / began.elapsed().as_secs_f64())
    }

    /// As fast as possible, to fill the queue.
    async fn fill(&mut self, jobs: u64) -> Result<(), Failure> {
        let mut left = jobs;
        while left > 0 {
            let now = left.min(AT_ONCE);
            let mut pipeline = redis::pipe();
            for _ in 0..now {
                pipeline.add_command(put_command(&self.random)).ignore();
            }
            pipeline.query_async::<()>(&mut self.connection).await?;
            left -= now;
        }
        Ok(())
    }

    /// How many a second a worker takes, until it has taken so many.
    async fn take(&self, jobs: u64) -> Result<f64, Failure> {
        let taken = Taken::new(jobs);
        let stop = CancellationToken::new();
        let events = QueueEvents::register(&Registry::new())?;
        let (feed, in_handler, stopped) = (self.feed.clone(), taken.clone(), stop.clone());
        let monitor = Monitor::new().register(move |_| {
            let settings = QueueSettings::default();
            let backend = QueueBackend::start(feed.clone(), settings, events.clone(), &stopped);
            WorkerBuilder::new(feed.consumer())
                .backend(backend)
                .data(in_handler.clone())
                .build(do_nothing)
        });
        let signal = {
            let stop = stop.clone();
            async move {
                stop.cancelled().await;
                Ok(())
            }
        };
        let running = tokio::spawn(monitor.run_with_signal(signal));
        let rate = taken.rate().await;
        stop.cancel();
        running.await??;
        rate
    }
}

/// The last write of the accept script.
fn put_command(random: &Random) -> redis::Cmd {
    let now = Clock::system().now_millis();
    let id = ChallengeId::from_bytes(random.bytes());
    let job = Job::send(id, id.into(), 1, Channel::Sms, now, now + 90_000, None);
    let mut command = redis::cmd("XADD");
    command.arg(STREAM).arg("*").arg("j").arg(job.encode());
    command
}

async fn do_nothing(_job: Job, taken: Data<Taken>) -> Result<Disposal, BoxDynError> {
    taken.one();
    Ok(Disposal::Done)
}

/// Counts jobs that reach a handler, until there are enough.
#[derive(Clone, Debug)]
pub(super) struct Taken(Arc<Counter>);

#[derive(Debug)]
struct Counter {
    wanted: u64,
    taken: AtomicU64,
    first: std::sync::OnceLock<Instant>,
    last: std::sync::OnceLock<Instant>,
    enough: Notify,
}

impl Taken {
    pub(super) fn new(wanted: u64) -> Self {
        Self(Arc::new(Counter {
            wanted,
            taken: AtomicU64::new(0),
            first: std::sync::OnceLock::new(),
            last: std::sync::OnceLock::new(),
            enough: Notify::new(),
        }))
    }

    pub(super) fn one(&self) {
        self.0.first.get_or_init(Instant::now);
        if self.0.taken.fetch_add(1, Ordering::Relaxed) + 1 == self.0.wanted {
            self.0.last.get_or_init(Instant::now);
            self.0.enough.notify_one();
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Jobs a second from the first to the last, once all were taken.
    pub(super) async fn rate(&self) -> Result<f64, Failure> {
        let enough = tokio::time::timeout(TIME_LIMIT, self.0.enough.notified());
        if enough.await.is_err() {
            let (taken, wanted) = (self.count(), self.0.wanted);
            return Err(format!("{taken} of {wanted} jobs were taken in a minute").into());
        }
        let first = self.0.first.get().ok_or("no job was taken")?;
        let last = self.0.last.get().ok_or("not all jobs were taken")?;
        let seconds = last.duration_since(*first).as_secs_f64();
        Ok(number(self.0.wanted) / seconds.max(1e-6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn jobs_that_go_in_come_out_and_the_stream_is_the_one_of_the_queue() {
        let redis = RedisServer::start().await;
        let mut queue = Queue::connect(&redis).await.expect("a queue");
        queue.fill(1_500).await.expect("filled");
        queue.expect_waiting(1_500).await.expect("they wait");
        assert!(queue.expect_waiting(1_499).await.is_err());
        assert!(queue.take(1_500).await.expect("taken") > 0.0);
        queue.expect_waiting(0).await.expect("nothing is left");
        assert!(queue.put(100).await.expect("put") > 0.0);
        queue.expect_waiting(100).await.expect("they wait");
    }
}

//! apalis-redis, the storage that Ramz does not use, beside the queue that it does: tuned as well
//! as it goes (no leases, no events, large batches, jobs written straight to its list of ready
//! jobs), and what becomes of it when many jobs are due at once.

use std::time::{Duration, Instant};

use apalis::prelude::{BackendExt as _, BoxDynError, Data, Monitor, TaskSink as _, WorkerBuilder};
use apalis_redis::{Config, RedisStorage};
use futures::future::try_join_all;
use harness::RedisServer;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tokio_util::sync::CancellationToken;

use super::Setup;
use super::queue::{Taken, start_redis};
use crate::Failure;
use crate::installation::{redis_connection, redis_memory};
use crate::load::CONNECTIONS;
use crate::results::Figure;
use crate::statistics::number;
use crate::table::grouped;

const QUEUE: &str = "yardstick";
/// As long as one of ours.
const PAYLOAD: &str = "\"{'v':1,'kind':'send','challenge':'abababababababababababababababab',\
'send':1,'channel':'sms','accepted_at':1763700000000,'deadline':1763700090000}\"";
const AT_ONCE: u64 = 1_000;
/// Below that its script still runs, above it does not.
const DUE_AT_ONCE: [u64; 2] = [7_000, 9_000];
const CLIFF_WATCH: Duration = Duration::from_secs(10);

type Storage = RedisStorage<String, ConnectionManager>;

/// `jobs` as many as our queue is measured with.
pub(super) async fn measure(setup: &Setup<'_>, jobs: u64) -> Result<Vec<Figure>, Failure> {
    // Pushing is bound by its script, so fewer do.
    let pushed = jobs / 4;
    let (mut put, mut taken, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    for round in setup.rounds() {
        let redis = start_redis().await?;
        let mut connection = redis_connection(&redis).await?;
        let storage = storage(&redis, tuned()).await?;
        let before = redis_memory(&mut connection).await?;
        put.push(push(&storage, pushed).await?);
        let grown = redis_memory(&mut connection).await?.saturating_sub(before);
        bytes.push(number(grown) / number(pushed));
        crate::installation::flush(&mut connection).await?;
        fill_ready_list(&mut connection, jobs).await?;
        let all = Taken::new(jobs);
        let rate = work(storage, &all, async { all.rate().await }).await?;
        taken.push(rate);
        setup.say_round(
            round,
            format_args!(
                "apalis-redis: {:.0} in/s, {rate:.0} out/s",
                put.last().copied().unwrap_or(f64::NAN)
            ),
        );
    }
    let mut figures = vec![
        Figure::absolute("apalis-redis 1.0.0, tuned: jobs put", "1/s", put)?,
        Figure::absolute("apalis-redis 1.0.0, tuned: jobs taken", "1/s", taken)?,
        Figure::absolute(
            "apalis-redis 1.0.0: Redis memory of a waiting job",
            "bytes",
            bytes,
        )?,
    ];
    for due in DUE_AT_ONCE {
        setup.say(format_args!("apalis-redis: {due} jobs due at once"));
        let run = run_of_due(due).await?;
        let seconds = CLIFF_WATCH.as_secs();
        let due = grouped(&due.to_string());
        let what = format!("apalis-redis 1.0.0: run within {seconds} s of {due} jobs due at once");
        figures.push(Figure::absolute(what, "jobs", vec![number(run)])?);
    }
    Ok(figures)
}

fn tuned() -> Config {
    Config::default()
        .queue(QUEUE)
        .batch_size(500)
        .lock_tasks(false)
        .emit_events(false)
        .heartbeat_interval(Duration::from_secs(2))
}

async fn storage(redis: &RedisServer, config: Config) -> Result<Storage, Failure> {
    let client = redis::Client::open(redis.url())?;
    // Its errors end the worker, so the time limit is a generous one.
    let patient =
        ConnectionManagerConfig::new().set_response_timeout(Some(Duration::from_secs(20)));
    let manager = client.get_connection_manager_with_config(patient).await?;
    Ok(RedisStorage::new(manager).with_config(config))
}

async fn push(storage: &Storage, jobs: u64) -> Result<f64, Failure> {
    let callers = CONNECTIONS as u64;
    let began = Instant::now();
    let tasks = (0..callers).map(|_| {
        let mut storage = storage.clone();
        async move {
            let task = tokio::spawn(async move {
                for _ in 0..jobs / callers {
                    storage
                        .push(PAYLOAD.to_owned())
                        .await
                        .map_err(|error| error.to_string())?;
                }
                Ok::<_, String>(())
            });
            task.await.map_err(|error| error.to_string())?
        }
    });
    try_join_all(tasks).await?;
    Ok(number(jobs / callers * callers) / began.elapsed().as_secs_f64())
}

/// What its push would write if it used its list of ready jobs.
async fn fill_ready_list(
    connection: &mut redis::aio::MultiplexedConnection,
    jobs: u64,
) -> Result<(), Failure> {
    let payload = serde_json::to_string(PAYLOAD)?;
    let mut left = jobs;
    while left > 0 {
        let now = left.min(AT_ONCE);
        let mut pipeline = redis::pipe();
        for index in 0..now {
            let id = ulid(u128::from(left - index));
            pipeline
                .hset(format!("{QUEUE}:data"), &id, &payload)
                .ignore();
            let meta = [
                ("attempts", "0"),
                ("max_attempts", "25"),
                ("status", "Pending"),
            ];
            pipeline
                .hset_multiple(format!("{QUEUE}:meta:{id}"), &meta)
                .ignore();
            pipeline.rpush(format!("{QUEUE}:active"), &id).ignore();
        }
        pipeline.query_async::<()>(connection).await?;
        left -= now;
    }
    Ok(())
}

/// A number in the alphabet of ULIDs (Crockford's base 32), 26 characters.
fn ulid(number: u128) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let digit = |place: u32| usize::try_from((number >> (5 * place)) & 31).unwrap_or_default();
    let digits = (0..26).rev().map(digit);
    digits.map(|digit| char::from(ALPHABET[digit])).collect()
}

/// Runs a worker while `until` has something to wait for.
async fn work<T>(storage: Storage, taken: &Taken, until: impl Future<Output = T>) -> T {
    let stop = CancellationToken::new();
    let (in_handler, stopped) = (taken.clone(), stop.clone());
    let monitor = Monitor::new().register(move |_| {
        WorkerBuilder::new(QUEUE)
            .backend(
                storage
                    .clone()
                    .poll_with_interval(Duration::from_millis(50)),
            )
            .data(in_handler.clone())
            .build(do_nothing)
    });
    let signal = async move {
        stopped.cancelled().await;
        Ok(())
    };
    let running = tokio::spawn(monitor.run_with_signal(signal));
    let value = until.await;
    stop.cancel();
    // A worker that is stuck does not end by itself.
    let aborted = running.abort_handle();
    if tokio::time::timeout(Duration::from_secs(5), running)
        .await
        .is_err()
    {
        aborted.abort();
    }
    value
}

async fn do_nothing(_payload: String, taken: Data<Taken>) -> Result<(), BoxDynError> {
    taken.one();
    Ok(())
}

/// How many of so many jobs that are due at once are run in ten seconds. The worker starts when
/// they are there, as after a stop of all workers.
async fn run_of_due(jobs: u64) -> Result<u64, Failure> {
    let redis = start_redis().await?;
    let storage = storage(&redis, tuned()).await?;
    let mut sink = storage.clone();
    for _ in 0..jobs {
        let pushed = sink.push(PAYLOAD.to_owned()).await;
        pushed.map_err(|error| error.to_string())?;
    }
    let taken = Taken::new(jobs);
    let watched = async {
        let _ = tokio::time::timeout(CLIFF_WATCH, taken.rate()).await;
    };
    work(storage, &taken, watched).await;
    Ok(taken.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ulids_in_order() {
        assert_eq!(ulid(0), "0".repeat(26));
        assert_eq!(ulid(31), format!("{}Z", "0".repeat(25)));
        assert_eq!(ulid(32), format!("{}10", "0".repeat(24)));
        assert_eq!(ulid(u128::MAX), format!("7{}", "Z".repeat(25)));
    }
}

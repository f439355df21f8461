//! What an accepted request takes in Redis, and what the processes take at full load.

use super::{Measured, Setup};
use crate::Failure;
use crate::installation::{Installation, redis_memory};
use crate::load::{Requests, Until, closed};
use crate::results::{Figure, Target};
use crate::statistics::number;
use crate::table::grouped;
use crate::usage::peak_memory;

const REQUESTS_FOR_EACH_SECOND: u64 = 4_000;
const MEGABYTE: f64 = 1e6;

pub(super) async fn measure(setup: &Setup<'_>) -> Result<Measured, Failure> {
    let in_redis = bytes_in_redis(setup).await?;
    let [api, worker] = resident(setup).await?;
    Ok(Measured {
        figures: vec![in_redis, api, worker],
        ..Measured::default()
    })
}

/// Each request has its own number and address: nothing is shared, which is the worst case.
async fn bytes_in_redis(setup: &Setup<'_>) -> Result<Figure, Failure> {
    setup.say("memory: starting Ramz without a worker");
    let installation = Installation::start(setup.programs).await?;
    let mut redis = installation.redis_connection().await?;
    let requests = setup.arguments.seconds * REQUESTS_FOR_EACH_SECOND;
    let mut bytes = Vec::new();
    for round in setup.rounds() {
        installation.flush().await?;
        let before = redis_memory(&mut redis).await?;
        let source = Requests::for_codes(installation.address);
        closed(installation.address, source, Until::Count(requests))
            .await?
            .all(202)?;
        let grown = redis_memory(&mut redis).await?.saturating_sub(before);
        let each = number(grown) / number(requests);
        setup.say_round(round, format_args!("{each:.0} bytes a request in Redis"));
        bytes.push(each);
    }
    let what = "Redis memory of an accepted request, with challenge and buckets";
    Ok(Figure::absolute(what, "bytes", bytes)?
        .target(Target::ValueAtMost(1_500.0))
        .note(format!(
            "{} requests that nobody has sent yet",
            grouped(&requests.to_string())
        )))
}

/// The peaks of new processes after the closed loop ran while a worker sent.
async fn resident(setup: &Setup<'_>) -> Result<[Figure; 2], Failure> {
    let (mut api, mut worker) = (Vec::new(), Vec::new());
    for round in setup.rounds() {
        let mut installation = Installation::start(setup.programs).await?;
        installation.start_workers(1).await?;
        let requests = Requests::for_codes(installation.address);
        let lasts = Until::Elapsed(setup.arguments.duration());
        closed(installation.address, requests, lasts)
            .await?
            .nearly_all(202)?;
        let peaks = [
            peak_memory(installation.api.pid())?,
            peak_memory(installation.worker_pid()?)?,
        ];
        let [of_api, of_worker] = peaks.map(|bytes| number(bytes) / MEGABYTE);
        setup.say_round(
            round,
            format_args!("resident: api {of_api:.1} MB, worker {of_worker:.1} MB"),
        );
        api.push(of_api);
        worker.push(of_worker);
    }
    let target = Target::ValueAtMost(60.0);
    let what = "peak resident memory at full load";
    Ok([
        Figure::absolute(format!("{what}, api"), "MB", api)?.target(target),
        Figure::absolute(format!("{what}, worker"), "MB", worker)?.target(target),
    ])
}

//! How long a message is under way on an idle system: from the moment before the request is written
//! until the gateway has the call in its journal. Both stand on the same clock. It includes the
//! request itself, so it is a little more than the time since the request was accepted.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::clock::Clock;
use sqlx::{Connection as _, PgConnection};

use super::{Measured, Setup};
use crate::Failure;
use crate::gateway::http_client;
use crate::installation::Installation;
use crate::load::{OTP_PATH, next_phone};
use crate::results::{Figure, Target};
use crate::statistics::percentile;

const REQUESTS_FOR_EACH_SECOND: u64 = 20;
/// Not a multiple of anything that the worker does in a rhythm.
const PAUSE: Duration = Duration::from_millis(41);
/// The journal keeps whole milliseconds, cut: the call may have come that much later.
const RESOLUTION: Duration = Duration::from_millis(1);

pub(super) async fn measure(setup: &Setup<'_>) -> Result<Measured, Failure> {
    setup.say("idle: starting Ramz with one worker");
    let mut installation = Installation::start(setup.programs).await?;
    installation.start_workers(1).await?;
    // The first calls open connections and load scripts.
    delays(&installation, 20).await?;
    let requests = setup.arguments.seconds * REQUESTS_FOR_EACH_SECOND;
    let (mut p50, mut p99, mut commit) = (Vec::new(), Vec::new(), Vec::new());
    for round in setup.rounds() {
        let delays = delays(&installation, requests).await?;
        let (middle, high) = (at(&delays, 50.0), at(&delays, 99.0));
        commit.push(at(&commits(&installation, requests / 4).await?, 50.0));
        setup.say_round(
            round,
            format_args!("idle: p50 {middle:.2} ms, p99 {high:.2} ms"),
        );
        p50.push(middle);
        p99.push(high);
    }
    installation.stop_workers().await?;
    let what = "request to call of the gateway, idle";
    let count = format!("{requests} requests a round, 41 ms after one another");
    Ok(Measured {
        figures: vec![
            Figure::absolute(format!("{what}, p50"), "ms", p50)?.target(Target::ValueAtMost(5.0)),
            Figure::absolute(format!("{what}, p99"), "ms", p99)?
                .target(Target::ValueAtMost(25.0))
                .note(count),
            Figure::absolute(
                "one row committed by PostgreSQL, idle, p50, for comparison",
                "ms",
                commit,
            )?,
        ],
        ..Measured::default()
    })
}

/// One request after the other, each with its delay; sorted.
async fn delays(installation: &Installation, requests: u64) -> Result<Vec<Duration>, Failure> {
    let (http, clock) = (http_client()?, Clock::system());
    let url = format!("http://{}{OTP_PATH}", installation.address);
    let mark = installation.gateway.mark()?;
    let mut asked = HashMap::new();
    for index in 0..requests {
        let phone = next_phone();
        let body = serde_json::json!({ "phone_number": phone });
        let address = format!("10.200.{}.{}", index / 250, index % 250);
        let at = clock.now();
        let answer = http
            .post(&url)
            .header("x-forwarded-for", address)
            .json(&body)
            .send()
            .await?;
        if answer.status().as_u16() != 202 {
            return Err(format!("idle: a request was answered with {}", answer.status()).into());
        }
        asked.insert(last_ten(&phone).to_owned(), at);
        tokio::time::sleep(PAUSE).await;
    }
    let mut delays = Vec::new();
    for call in installation.gateway.wait_for(requests, mark).await? {
        let receptor = call.receptors.first().map(|receptor| last_ten(receptor));
        let Some(at) = receptor.and_then(|receptor| asked.get(receptor)) else {
            continue;
        };
        let micros = (call.at * 1_000).saturating_sub(at.timestamp_micros());
        delays.push(Duration::from_micros(micros.max(0).unsigned_abs()) + RESOLUTION);
    }
    if delays.len() < usize::try_from(requests)? {
        return Err("idle: not every request was found in the journal".into());
    }
    delays.sort_unstable();
    Ok(delays)
}

/// A percentile of sorted durations, in milliseconds.
fn at(sorted: &[Duration], percent: f64) -> f64 {
    percentile(sorted, percent).map_or(f64::NAN, crate::statistics::millis)
}

/// The part that is the disk's: a message is recorded before its call is made. Sorted.
async fn commits(installation: &Installation, rows: u64) -> Result<Vec<Duration>, Failure> {
    let database = installation.postgres.create_database().await;
    let mut connection = PgConnection::connect(&database).await?;
    sqlx::query("CREATE TABLE floor_rows (id BIGINT PRIMARY KEY)")
        .execute(&mut connection)
        .await?;
    let mut took = Vec::new();
    for id in 0..i64::try_from(rows)? {
        let began = Instant::now();
        sqlx::query("INSERT INTO floor_rows VALUES ($1)")
            .bind(id)
            .execute(&mut connection)
            .await?;
        took.push(began.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    connection.close().await?;
    took.sort_unstable();
    Ok(took)
}

/// What all ways of writing a number share.
fn last_ten(number: &str) -> &str {
    &number[number.len().saturating_sub(10)..]
}

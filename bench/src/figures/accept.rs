//! Accepted requests a second against a bare handler, their latency at half of that load, and the
//! curve of latency against load.
//!
//! No worker runs: what is measured is the API. Redis is emptied before each measurement, so that
//! jobs which nobody takes never wait as long as the API allows.

use std::time::Duration;

use super::{Measured, Setup};
use crate::Failure;
use crate::installation::{FloorProcess, Installation};
use crate::load::{Answers, Requests, Until, closed, open};
use crate::results::{Curve, Figure, Point, Target};
use crate::statistics::Spread;
use crate::usage::processor_time;

const WARM_UP: Duration = Duration::from_secs(1);
/// Parts of the highest rate at which the curve is drawn, in percent.
const SWEEP: [u32; 9] = [10, 20, 30, 40, 50, 60, 70, 80, 90];
const SWEEP_STEP: Duration = Duration::from_secs(3);

/// What is asked, and by which processes it is answered.
pub(super) struct Side {
    name: &'static str,
    requests: Requests,
    address: std::net::SocketAddr,
    pid: u32,
}

/// What the closed loop gave.
pub(super) struct Loaded {
    pub(super) rate: f64,
    pub(super) costs: Costs,
}

/// Where the time of the processors went, in microseconds for each request.
pub(super) struct Costs {
    pub(super) process: f64,
    pub(super) redis: f64,
    clients: f64,
}

struct Pair {
    installation: Installation,
    _floor: FloorProcess,
    ramz: Side,
    bare: Side,
}

pub(super) async fn measure(setup: &Setup<'_>) -> Result<Measured, Failure> {
    setup.say("accept: starting Ramz and the bare handler");
    let pair = Pair::start(setup).await?;
    let (highest, rates) = highest_rates(setup, &pair).await?;
    let half = highest / 2.0;
    let latency = latency_at_half(setup, &pair, half).await?;
    let curves = sweep(setup, &pair, highest).await?;
    Ok(Measured {
        figures: [rates, latency].concat(),
        curves,
        ..Measured::default()
    })
}

impl Pair {
    async fn start(setup: &Setup<'_>) -> Result<Self, Failure> {
        let installation = Installation::start(setup.programs).await?;
        let redis = installation.redis.url();
        let floor = setup.programs.start_floor(["--redis", &redis]).await?;
        let ramz = Side::of_api("Ramz", &installation);
        let bare = Side {
            name: "bare handler",
            requests: Requests::for_codes(floor.address),
            address: floor.address,
            pid: floor.process.pid(),
        };
        Ok(Self {
            installation,
            _floor: floor,
            ramz,
            bare,
        })
    }

    /// Latency at a fixed rate.
    async fn at_rate(&self, side: &Side, rate: f64, lasts: Duration) -> Result<Answers, Failure> {
        self.installation.flush().await?;
        let warm = open(side.address, side.requests.clone(), rate, WARM_UP);
        warm.await?.nearly_all(202)?;
        let answers = open(side.address, side.requests.clone(), rate, lasts);
        answers.await?.nearly_all(202)
    }
}

impl Side {
    pub(super) fn of_api(name: &'static str, installation: &Installation) -> Self {
        Self {
            name,
            requests: Requests::for_codes(installation.address),
            address: installation.address,
            pid: installation.api.pid(),
        }
    }
}

/// The highest rate: the closed loop on an empty Redis.
pub(super) async fn loaded(
    installation: &Installation,
    side: &Side,
    lasts: Duration,
) -> Result<Loaded, Failure> {
    installation.flush().await?;
    let warm = Until::Elapsed(WARM_UP);
    closed(side.address, side.requests.clone(), warm)
        .await?
        .nearly_all(202)?;
    let redis = installation.redis.pid();
    let before = (processor_time(side.pid)?, processor_time(redis)?);
    let answers = closed(side.address, side.requests.clone(), Until::Elapsed(lasts));
    let answers = answers.await?.nearly_all(202)?;
    Ok(Loaded {
        rate: answers.rate(),
        costs: Costs {
            process: answers.process_micros(side.pid, before.0)?,
            redis: answers.process_micros(redis, before.1)?,
            clients: answers.client_micros(),
        },
    })
}

/// The highest rate of Ramz, and the line of the table.
async fn highest_rates(setup: &Setup<'_>, pair: &Pair) -> Result<(f64, Vec<Figure>), Failure> {
    let mut rates = [Vec::new(), Vec::new()];
    let mut costs = [String::new(), String::new()];
    for round in setup.rounds() {
        for (index, side) in [&pair.ramz, &pair.bare].into_iter().enumerate() {
            let lasts = setup.arguments.duration();
            let loaded = loaded(&pair.installation, side, lasts).await?;
            let step = format_args!("{}: {:.0} requests/s", side.name, loaded.rate);
            setup.say_round(round, step);
            rates[index].push(loaded.rate);
            let Costs {
                process,
                redis,
                clients,
            } = loaded.costs;
            costs[index] = format!(
                "processor time of a request: {} {process:.0} µs, Redis {redis:.0} µs, clients \
                 {clients:.0} µs",
                side.name
            );
        }
    }
    let [ramz, bare] = rates;
    let highest = Spread::of(ramz.clone()).ok_or("no rounds")?.median;
    let mut figure = Figure::beside("accepted requests, 64 connections", "1/s", ramz, bare)?
        .target(Target::RatioAtLeast(0.6));
    for cost in costs {
        figure = figure.note(format!("Last round, {cost}"));
    }
    Ok((highest, vec![figure]))
}

async fn latency_at_half(
    setup: &Setup<'_>,
    pair: &Pair,
    rate: f64,
) -> Result<Vec<Figure>, Failure> {
    let mut middle = [Vec::new(), Vec::new()];
    let mut high = [Vec::new(), Vec::new()];
    for round in setup.rounds() {
        for (index, side) in [&pair.ramz, &pair.bare].into_iter().enumerate() {
            let answers = pair.at_rate(side, rate, setup.arguments.duration()).await?;
            let (p50, p99) = (answers.latency(50.0), answers.latency(99.0));
            setup.say_round(
                round,
                format_args!(
                    "{} at {rate:.0}/s: p50 {p50:.2} ms, p99 {p99:.2} ms",
                    side.name
                ),
            );
            middle[index].push(p50);
            high[index].push(p99);
        }
    }
    let ([p50, p50_bare], [p99, p99_bare]) = (middle, high);
    let load = format!("at {rate:.0} requests/s, open loop");
    Ok(vec![
        Figure::beside(format!("latency p50 {load}"), "ms", p50, p50_bare)?,
        Figure::beside(format!("latency p99 {load}"), "ms", p99, p99_bare)?
            .target(Target::RatioAtMost(5.0)),
    ])
}

/// At each load Ramz and the bare handler take turns.
async fn sweep(setup: &Setup<'_>, pair: &Pair, highest: f64) -> Result<Vec<Curve>, Failure> {
    let lasts = SWEEP_STEP.min(setup.arguments.duration());
    let sides = [&pair.ramz, &pair.bare];
    let mut curves = sides.map(|side| Curve {
        name: side.name.to_owned(),
        points: Vec::new(),
    });
    for percent in SWEEP {
        let load = highest * f64::from(percent) / 100.0;
        for (side, curve) in sides.iter().zip(&mut curves) {
            let answers = pair.at_rate(side, load, lasts).await?;
            let point = Point {
                load,
                p50: answers.latency(50.0),
                p99: answers.latency(99.0),
            };
            setup.say(format_args!(
                "curve: {} at {load:.0}/s: p50 {:.2} ms, p99 {:.2} ms",
                side.name, point.p50, point.p99
            ));
            curve.points.push(point);
        }
    }
    Ok(curves.into())
}

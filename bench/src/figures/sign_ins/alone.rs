//! Whole sign-ins of the one-process shape, beside the least that could do it on an SQLite file: a commit for
//! a request and a commit for a verification, each synced to the disk as by default.

use std::time::Duration;

use harness::{Process, wait_for_http};
use tempfile::TempDir;

use super::{Setup, WARM_UP};
use crate::Failure;
use crate::figures::standalone::data_folder;
use crate::installation::{PATIENCE, free_address};
use crate::people::{Crowd, Dialect, Outcome, PEOPLE, Service};
use crate::results::{Figure, Target};

pub(super) async fn measure(setup: &Setup<'_>, crowd: &Crowd) -> Result<Vec<Figure>, Failure> {
    let (mut rates, mut floors) = (Vec::new(), Vec::new());
    for round in setup.rounds() {
        let ramz = ramz(setup, crowd).await?;
        let outcome = ramz.loaded(crowd, setup.arguments.duration()).await?;
        rates.push(say(setup, round, "standalone", &outcome));
        drop(ramz);
        let floor = floor(setup, crowd).await?;
        let outcome = floor.loaded(crowd, setup.arguments.duration()).await?;
        floors.push(say(setup, round, "floor on SQLite", &outcome));
    }
    let what = format!("standalone: whole sign-ins, {PEOPLE} people at once, each commit synced");
    let figure = Figure::beside(what, "1/s", rates, floors)?;
    Ok(vec![figure.target(Target::RatioAtLeast(0.5))])
}

fn say(setup: &Setup<'_>, round: u32, name: &str, outcome: &Outcome) -> f64 {
    let rate = outcome.rate();
    let [ask, message, verify, whole] = [
        outcome.waited(|took| took.ask, 50.0),
        outcome.waited(|took| took.message, 50.0),
        outcome.waited(|took| took.verify, 50.0),
        outcome.waited(|took| took.whole, 50.0),
    ];
    setup.say_round(
        round,
        format_args!(
            "{name}: {rate:.0} sign-ins/s, p50 {whole:.0} ms (ask {ask:.0}, message {message:.0} from the \
             request, verify {verify:.0})"
        ),
    );
    rate
}

/// A process on a new file, which goes with it.
struct Alone {
    _process: Process,
    service: Service,
    _data: TempDir,
}

impl Alone {
    async fn loaded(&self, crowd: &Crowd, lasts: Duration) -> Result<Outcome, Failure> {
        crowd.closed(&self.service, WARM_UP).await?;
        crowd.closed(&self.service, lasts).await?.held()
    }
}

async fn ramz(setup: &Setup<'_>, crowd: &Crowd) -> Result<Alone, Failure> {
    let data = data_folder()?;
    let address = free_address()?;
    let process = setup
        .programs
        .ramz("standalone")
        .env("DATA_DIR", data.path())
        .env("LISTEN", address.to_string())
        .env("PUBLIC_URL", format!("http://{address}"))
        .env("METRICS_LISTEN", free_address()?.to_string())
        .env("TRUSTED_PROXIES", "127.0.0.1")
        .env("KAVENEGAR_API_KEY", "AB12")
        .env("KAVENEGAR_URL", crowd.gateway_url())
        .env("KAVENEGAR_TEMPLATE", "ramz-otp")
        .env("KAVENEGAR_RATE", "10000")
        .env("LOG_FORMAT", "json")
        .start();
    wait_for_http(&format!("http://{address}/readyz"), PATIENCE).await;
    Ok(Alone {
        _process: process,
        service: Service {
            addresses: vec![address],
            dialect: Dialect::Ramz,
        },
        _data: data,
    })
}

async fn floor(setup: &Setup<'_>, crowd: &Crowd) -> Result<Alone, Failure> {
    let data = data_folder()?;
    let file = data.path().join("floor.sqlite");
    let file = file.to_str().ok_or("a path that is no text")?;
    let (address, gateway) = (free_address()?, crowd.gateway_url());
    let listen = address.to_string();
    let arguments = [
        "alone",
        "--listen",
        &listen,
        "--sqlite",
        file,
        "--gateway",
        &gateway,
    ];
    let process = setup
        .programs
        .start_sign_in_floor(&arguments, "listening on")
        .await;
    Ok(Alone {
        _process: process,
        service: Service {
            addresses: vec![address],
            dialect: Dialect::Ramz,
        },
        _data: data,
    })
}

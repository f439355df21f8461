//! Builds of Ramz beside one another, in turn: what a change gained. Its floor does not matter, so it
//! is not measured.

use std::path::Path;
use std::time::Duration;

use super::accept::{Loaded, Side, loaded};
use super::growth::VERIFYING;
use super::proofs::Codes;
use super::sends::rate_of_workers;
use crate::Failure;
use crate::arguments::{CompareArguments, Compared};
use crate::installation::{Installation, Programs};
use crate::load::{Requests, Until, closed_over};
use crate::statistics::{Spread, ratios};
use crate::table;

/// A running build, and what its rounds gave.
struct Build {
    name: String,
    installation: Installation,
    rates: Vec<f64>,
    processor: Vec<f64>,
}

/// Measures each build in each round, the first one first, and prints the rates, and their ratios
/// to the first build of the same round.
pub(crate) async fn compare(arguments: &CompareArguments) -> Result<(), Failure> {
    let mut builds = Vec::new();
    for folder in &arguments.folders {
        eprintln!("starting {}", folder.display());
        builds.push(Build::start(folder, arguments.allow_debug).await?);
    }
    for round in 1..=arguments.rounds {
        for build in &mut builds {
            let rate = build.measure(arguments).await?;
            let (name, rounds) = (&build.name, arguments.rounds);
            eprintln!("round {round} of {rounds}: {name}: {rate:.0}/s");
        }
    }
    println!("| build | 1/s | ratio to the first | processor time of each, µs |");
    println!("|---|---|---|---|");
    for build in &builds {
        let ratios = ratios(&build.rates, &builds[0].rates);
        println!(
            "| {} | {} | {} | {} |",
            build.name,
            cell(&build.rates, 0),
            cell(&ratios, 2),
            cell(&build.processor, 0)
        );
    }
    Ok(())
}

/// What the table of a run writes of rounds.
fn cell(rounds: &[f64], digits: usize) -> String {
    Spread::of(rounds.to_vec()).map_or_else(String::new, |of_rounds| {
        table::spread(&of_rounds, |value| format!("{value:.digits$}"))
    })
}

impl Build {
    async fn start(folder: &Path, allow_debug: bool) -> Result<Self, Failure> {
        let programs = Programs::find(Some(folder), allow_debug)?;
        Ok(Self {
            name: folder.display().to_string(),
            installation: Installation::start(&programs).await?,
            rates: Vec::new(),
            processor: Vec::new(),
        })
    }

    /// Its rate, which is kept.
    async fn measure(&mut self, arguments: &CompareArguments) -> Result<f64, Failure> {
        let installation = &mut self.installation;
        let rate = match arguments.what {
            Compared::Accept => {
                let side = Side::of_api("", installation);
                let lasts = Duration::from_secs(arguments.seconds);
                let Loaded { rate, costs } = loaded(installation, &side, lasts).await?;
                self.processor.push(costs.process + costs.redis);
                rate
            }
            Compared::Sends => {
                installation.flush().await?;
                rate_of_workers(installation, 1, arguments.sends).await?
            }
            Compared::Verifications => {
                installation.flush().await?;
                let codes = Codes::of(installation)?;
                let bodies = codes
                    .proofs(installation, Vec::new(), arguments.sends)
                    .await?;
                let count = Until::Count(bodies.len() as u64);
                let requests = Requests::verifications(installation.address, bodies);
                let verified = closed_over(VERIFYING, installation.address, requests, count);
                verified.await?.nearly_all(200)?.rate()
            }
        };
        self.rates.push(rate);
        Ok(rate)
    }
}

//! Builds of Ramz beside one another, in turn: what a change gained. Its floor does not matter, so it
//! is not measured.

use std::path::Path;
use std::time::Duration;

use super::accept::{Loaded, Side, loaded};
use super::growth::VERIFYING;
use super::proofs::Codes;
use super::sends::rate_of_workers;
use super::sign_ins::{self, rate_of};
use crate::Failure;
use crate::arguments::{CompareArguments, Compared};
use crate::installation::{Installation, Programs};
use crate::load::{Requests, Until, closed_over};
use crate::people::Crowd;
use crate::statistics::{Spread, ratios};
use crate::table;

/// A running build, and what its rounds gave.
struct Build {
    installation: Installation,
    measured: RatesOf,
}

/// What the rounds of a build gave.
struct RatesOf {
    name: String,
    rates: Vec<f64>,
    processor: Vec<f64>,
}

impl RatesOf {
    fn build(folder: &Path) -> Self {
        Self {
            name: folder.display().to_string(),
            rates: Vec::new(),
            processor: Vec::new(),
        }
    }
}

/// Measures each build in each round, the first one first, and prints the rates, and their ratios
/// to the first build of the same round.
pub(crate) async fn compare(arguments: &CompareArguments) -> Result<(), Failure> {
    if arguments.what == Compared::SignIns {
        return compare_sign_ins(arguments).await;
    }
    let mut builds = Vec::new();
    for folder in &arguments.folders {
        eprintln!("starting {}", folder.display());
        builds.push(Build::start(folder, arguments.allow_debug).await?);
    }
    for round in 1..=arguments.rounds {
        for build in &mut builds {
            let rate = build.measure(arguments).await?;
            let (name, rounds) = (&build.measured.name, arguments.rounds);
            eprintln!("round {round} of {rounds}: {name}: {rate:.0}/s");
        }
    }
    print(builds.iter().map(|build| &build.measured));
    Ok(())
}

/// The same by whole sign-ins. Each build has the people's own gateway.
async fn compare_sign_ins(arguments: &CompareArguments) -> Result<(), Failure> {
    let crowd = Crowd::start().await?;
    let mut builds = Vec::new();
    for folder in &arguments.folders {
        eprintln!("starting {}", folder.display());
        let programs = Programs::find(Some(folder), arguments.allow_debug)?;
        let side = sign_ins::Side::ramz(&programs, &crowd).await?;
        builds.push((side, RatesOf::build(folder)));
    }
    for round in 1..=arguments.rounds {
        for (side, measured) in &mut builds {
            let lasts = Duration::from_secs(arguments.seconds);
            let rate = rate_of(&crowd, side, lasts).await?;
            let outcome = &rate.outcome;
            let cost = outcome.micros_each(rate.costs.sum());
            let (name, rounds) = (&measured.name, arguments.rounds);
            let each = outcome.rate();
            eprintln!("round {round} of {rounds}: {name}: {each:.0}/s, {cost:.0} µs each");
            measured.rates.push(each);
            measured.processor.push(cost);
        }
    }
    print(builds.iter().map(|(_, measured)| measured));
    Ok(())
}

/// The table of builds.
fn print<'a>(builds: impl Iterator<Item = &'a RatesOf>) {
    println!("| build | 1/s | ratio to the first | processor time of each, µs |");
    println!("|---|---|---|---|");
    let builds: Vec<_> = builds.collect();
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
            installation: Installation::start(&programs).await?,
            measured: RatesOf::build(folder),
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
                self.measured.processor.push(costs.process + costs.redis);
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
            Compared::SignIns => return Err("whole sign-ins need a crowd".into()),
        };
        self.measured.rates.push(rate);
        Ok(rate)
    }
}

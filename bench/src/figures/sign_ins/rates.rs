//! How many sign in a second, and what one costs.

use std::time::Duration;

use super::side::{Costs, PROCESSES, Side};
use super::{Measured, Setup, WARM_UP};
use crate::Failure;
use crate::people::{Crowd, Outcome, PEOPLE};
use crate::results::{Figure, Target};
use crate::statistics::Spread;

/// What a measurement gave.
pub(crate) struct Rate {
    pub(crate) outcome: Outcome,
    pub(crate) costs: Costs,
}

/// The highest rate of one side.
pub(crate) async fn rate_of(crowd: &Crowd, side: &Side, lasts: Duration) -> Result<Rate, Failure> {
    crowd.closed(&side.service, WARM_UP).await?;
    let before = side.costs()?;
    let outcome = crowd.closed(&side.service, lasts).await?.held()?;
    Ok(Rate {
        costs: side.costs()?.since(before),
        outcome,
    })
}

/// Ramz, its floor and its peers in turn. The highest rate of Ramz, and the lines of the table.
pub(super) async fn measure(
    setup: &Setup<'_>,
    crowd: &Crowd,
    sides: &[Side],
) -> Result<(f64, Measured), Failure> {
    let mut rates = vec![Vec::new(); sides.len()];
    let mut notes = vec![String::new(); sides.len()];
    for round in setup.rounds() {
        for (index, side) in sides.iter().enumerate() {
            let rate = rate_of(crowd, side, setup.arguments.duration()).await?;
            let note = told(&side.name, &rate);
            setup.say_round(
                round,
                format_args!("{:.0} sign-ins/s; {note}", rate.outcome.rate()),
            );
            rates[index].push(rate.outcome.rate());
            notes[index] = note;
        }
    }
    let highest = Spread::of(rates[0].clone()).ok_or("no rounds")?.median;
    let what = format!("whole sign-ins, {PEOPLE} people at once");
    let mut figure = Figure::beside(what, "1/s", rates[0].clone(), rates[1].clone())?
        .target(Target::RatioAtLeast(0.75));
    for note in &notes[..2] {
        figure = figure.note(format!("Last round, {note}"));
    }
    let mut figures = vec![figure];
    for ((side, rates_of_peer), note) in sides.iter().zip(&rates).zip(&notes).skip(2) {
        let name = &side.name;
        let peer = Figure::beside(
            format!("{name}: whole sign-ins, {PEOPLE} people at once"),
            "1/s",
            rates_of_peer.clone(),
            rates[1].clone(),
        )?;
        figures.push(peer.note(format!("Last round, {note}")));
        figures.push(
            Figure::beside(
                format!("whole sign-ins, with {name} in the place of the floor"),
                "1/s",
                rates[0].clone(),
                rates_of_peer.clone(),
            )?
            .target(Target::RatioAtLeast(12.0)),
        );
    }
    let measured = Measured {
        figures,
        ..Measured::default()
    };
    Ok((highest, measured))
}

/// What one sign-in cost and how long its steps took.
fn told(name: &str, rate: &Rate) -> String {
    let outcome = &rate.outcome;
    let costs = PROCESSES.iter().zip(rate.costs.0);
    let costs: Vec<String> = costs
        .filter(|(_, cost)| !cost.is_zero())
        .map(|(process, cost)| format!("{process} {:.0} µs", outcome.micros_each(cost)))
        .collect();
    format!(
        "{name}: p50 {:.1} ms (ask {:.1}, message {:.1} from the request, verify {:.1}), p99 {:.1} ms; \
         processor time of a sign-in: {}, load {:.0} µs",
        outcome.waited(|took| took.whole, 50.0),
        outcome.waited(|took| took.ask, 50.0),
        outcome.waited(|took| took.message, 50.0),
        outcome.waited(|took| took.verify, 50.0),
        outcome.waited(|took| took.whole, 99.0),
        costs.join(", "),
        outcome.load_micros()
    )
}

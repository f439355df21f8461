//! Whole sign-ins with 1, 2 and 4 processes of each kind: whether one of them costs more where there are more
//! processes. On one machine they share the same cores, so the rate tells little; the processor time tells what
//! more machines would carry.

use super::Setup;
use super::rates::rate_of;
use super::side::{PROCESSES, Running, Side};
use crate::Failure;
use crate::figures::Measured;
use crate::installation::Installation;
use crate::people::Crowd;
use crate::results::Figure;

const PROCESSES_OF_EACH: [usize; 3] = [1, 2, 4];

pub(super) async fn measure(setup: &Setup<'_>) -> Result<Measured, Failure> {
    let crowd = Crowd::start().await?;
    setup.say("scale: starting Ramz");
    let mut installation = Installation::start_with(setup.programs, crowd.gateway_url()).await?;
    let mut rates = PROCESSES_OF_EACH.map(|_| Vec::new());
    let mut costs = PROCESSES_OF_EACH.map(|_| Vec::new());
    let mut notes = PROCESSES_OF_EACH.map(|_| String::new());
    for round in setup.rounds() {
        for (index, count) in PROCESSES_OF_EACH.into_iter().enumerate() {
            installation.have_apis(count).await?;
            installation.start_workers(count).await?;
            let name = format!("{count} of each");
            let side = Side::of_installation(name, installation);
            let rate = rate_of(&crowd, &side, setup.arguments.duration()).await?;
            let each = rate.outcome.micros_each(rate.costs.sum());
            let parts = PROCESSES.iter().zip(rate.costs.0);
            let parts: Vec<String> = parts
                .map(|(process, cost)| {
                    format!("{process} {:.0} µs", rate.outcome.micros_each(cost))
                })
                .collect();
            notes[index] = format!(
                "Last round, processor time of a sign-in: {}",
                parts.join(", ")
            );
            setup.say_round(
                round,
                format_args!(
                    "{}: {:.0} sign-ins/s, {each:.0} µs each ({})",
                    side.name,
                    rate.outcome.rate(),
                    parts.join(", ")
                ),
            );
            rates[index].push(rate.outcome.rate());
            costs[index].push(each);
            let Running::Ramz(running) = side.running else {
                return Err("what was started is not Ramz".into());
            };
            installation = *running;
            installation.stop_workers().await?;
        }
    }
    let (alone, cost_alone) = (rates[0].clone(), costs[0].clone());
    let mut figures = Vec::new();
    let all = PROCESSES_OF_EACH
        .into_iter()
        .zip(rates.into_iter().zip(costs))
        .zip(notes);
    for ((count, (rates, costs)), note) in all {
        let with = format!("APIs and workers: {count} of each, against one of each");
        let rate = Figure::beside(
            format!("whole sign-ins, {with}"),
            "1/s",
            rates,
            alone.clone(),
        )?;
        figures.push(rate);
        let cost = format!("processor time of a sign-in, {with}");
        figures.push(Figure::beside(cost, "µs", costs, cost_alone.clone())?.note(note));
    }
    Ok(Measured {
        figures,
        ..Measured::default()
    })
}

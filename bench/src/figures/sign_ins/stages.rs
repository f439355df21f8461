//! Where the time of a sign-in goes, step by step: all people ask while the messages are held back, then all
//! get their messages, then all give their codes back. What a process uses in a wave belongs to that step.

use super::Setup;
use super::side::{Costs, PROCESSES, Side};
use crate::Failure;
use crate::people::{Crowd, Outcome};
use crate::results::{Steps, TimedStep};
use crate::statistics::number;

/// People in the waves of one round, for each second of a measurement of a rate.
const PEOPLE_FOR_EACH_SECOND: u64 = 500;

/// What each step is called.
const STEPS: [&str; 3] = [
    "ask",
    "message: queue (Redis), ledger (PostgreSQL), call (worker)",
    "verify",
];

pub(super) async fn measure(
    setup: &Setup<'_>,
    crowd: &Crowd,
    sides: &mut [Side],
) -> Result<Vec<Steps>, Failure> {
    let people = setup.arguments.seconds * PEOPLE_FOR_EACH_SECOND;
    let mut sums: Vec<[Vec<f64>; 3]> = Vec::new();
    for round in setup.rounds() {
        for (index, side) in sides.iter_mut().enumerate() {
            setup.say_round(
                round,
                format_args!("{}: {people} people in waves", side.name),
            );
            let waves = in_waves(crowd, side, usize::try_from(people)?).await?;
            if sums.len() <= index {
                sums.push(waves);
                continue;
            }
            for (sum, wave) in sums[index].iter_mut().zip(waves) {
                for (sum, micros) in sum.iter_mut().zip(wave) {
                    *sum += micros;
                }
            }
        }
    }
    let rounds = number(setup.arguments.rounds.into());
    let steps = sides.iter().zip(sums).map(|(side, waves)| Steps {
        name: side.name.clone(),
        processes: PROCESSES.iter().map(|it| (*it).to_owned()).collect(),
        rows: STEPS
            .iter()
            .zip(waves)
            .map(|(name, sums)| TimedStep {
                name: (*name).to_owned(),
                micros: sums.iter().map(|sum| sum / rounds).collect(),
            })
            .collect(),
    });
    Ok(steps.collect())
}

/// Microseconds of each process for one person, wave by wave.
async fn in_waves(crowd: &Crowd, side: &mut Side, people: usize) -> Result<[Vec<f64>; 3], Failure> {
    let service = side.service.clone();
    let start = side.costs()?;
    side.pause_worker();
    let asked = crowd.ask(&service, people).await;
    let after_ask = side.costs()?;
    side.resume_worker();
    let (ask, asked) = asked?;
    let ask = ask.held()?;
    let (message, coded) = crowd.get_messages(&service, asked).await?;
    let message = message.held()?;
    let after_message = side.costs()?;
    let verify = crowd.verify(&service, coded).await?.held()?;
    let after_verify = side.costs()?;
    Ok([
        micros(&ask, after_ask.since(start)),
        micros(&message, after_message.since(after_ask)),
        micros(&verify, after_verify.since(after_message)),
    ])
}

fn micros(outcome: &Outcome, costs: Costs) -> Vec<f64> {
    costs.0.map(|cost| outcome.micros_each(cost)).to_vec()
}

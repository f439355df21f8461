//! What is measured, one file for each subject.

mod accept;
mod compare;
mod console;
mod growth;
mod idle;
mod memory;
mod proofs;
mod queue;
mod sends;
mod sign_ins;
mod standalone;
mod yardstick;

use std::time::Instant;

pub(crate) use compare::compare;

use crate::Failure;
use crate::arguments::{RunArguments, Subject};
use crate::installation::Programs;
use crate::results::{Curve, Figure, Steps};

/// What a subject gave.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) figures: Vec<Figure>,
    pub(crate) curves: Vec<Curve>,
    pub(crate) steps: Vec<Steps>,
    /// What could not be measured beside the rest.
    pub(crate) failures: Vec<String>,
}

/// What all measurements share.
pub(crate) struct Setup<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) arguments: &'a RunArguments,
    pub(crate) began: Instant,
}

impl Setup<'_> {
    /// The rounds, from 1.
    pub(crate) fn rounds(&self) -> std::ops::RangeInclusive<u32> {
        1..=self.arguments.rounds
    }

    /// Says what is being done.
    pub(crate) fn say(&self, step: impl std::fmt::Display) {
        eprintln!("[{:5.1} s] {step}", self.began.elapsed().as_secs_f64());
    }

    /// The same for a step of a round.
    pub(crate) fn say_round(&self, round: u32, step: impl std::fmt::Display) {
        self.say(format_args!(
            "round {round} of {}: {step}",
            self.arguments.rounds
        ));
    }
}

/// Measures one subject.
pub(crate) async fn measure(subject: Subject, setup: &Setup<'_>) -> Result<Measured, Failure> {
    match subject {
        Subject::Accept => accept::measure(setup).await,
        Subject::Idle => idle::measure(setup).await,
        Subject::Sends => sends::measure(setup).await,
        Subject::Queue => queue::measure(setup).await,
        Subject::Memory => memory::measure(setup).await,
        Subject::Standalone => {
            let mut measured = standalone::measure(setup).await?;
            let sign_ins = sign_ins::measure_alone(setup).await?;
            measured.figures.extend(sign_ins.figures);
            Ok(measured)
        }
        Subject::SignIns | Subject::Peers => sign_ins::measure(setup, subject).await,
        Subject::Scale => sign_ins::measure_scale(setup).await,
        Subject::Growth => growth::measure(setup).await,
        Subject::Console => console::measure(setup).await,
    }
}

//! What a run has measured, as it is kept.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::machine::Machine;
use crate::statistics::{Spread, ratios};

/// A run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    /// Where and of what.
    pub(crate) machine: Machine,
    /// What was measured.
    pub(crate) subjects: Vec<String>,
    /// Rounds of each figure.
    pub(crate) rounds: u32,
    /// Seconds of each measurement of a rate.
    pub(crate) seconds: u64,
    /// How long the run took, in seconds.
    pub(crate) took_seconds: u64,
    /// The lines of the table.
    pub(crate) figures: Vec<Figure>,
    /// Latency against load.
    pub(crate) curves: Vec<Curve>,
    /// Where the time of a sign-in goes.
    #[serde(default)]
    pub(crate) steps: Vec<Steps>,
    /// What could not be measured.
    pub(crate) failures: Vec<String>,
}

/// One line of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) what: String,
    /// The unit of the values.
    pub(crate) unit: String,
    /// Ramz.
    pub(crate) value: Spread,
    /// What it is compared with.
    pub(crate) floor: Option<Spread>,
    /// Ramz by its floor, round by round.
    pub(crate) ratio: Option<Spread>,
    /// What it should be.
    pub(crate) target: Option<Target>,
    /// What else was seen.
    pub(crate) notes: Vec<String>,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// The value is at most this.
    ValueAtMost(f64),
    /// The ratio is at least this.
    RatioAtLeast(f64),
    /// The ratio is at most this.
    RatioAtMost(f64),
}

/// Latency at several loads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Curve {
    /// Whose.
    pub(crate) name: String,
    /// By rising load.
    pub(crate) points: Vec<Point>,
}

/// Latency at one load.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Point {
    /// Requests a second.
    pub(crate) load: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    /// Milliseconds.
    pub(crate) p99: f64,
}

/// What each step of a sign-in costs each process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Steps {
    /// Whose.
    pub(crate) name: String,
    /// The processes, as in each step.
    pub(crate) processes: Vec<String>,
    /// In order.
    pub(crate) rows: Vec<TimedStep>,
}

/// One step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TimedStep {
    /// What is done.
    pub(crate) name: String,
    /// Microseconds of processor time of each process, the mean of the rounds.
    pub(crate) micros: Vec<f64>,
}

impl Figure {
    /// A figure without a floor.
    pub(crate) fn absolute(
        what: impl Into<String>,
        unit: impl Into<String>,
        rounds: Vec<f64>,
    ) -> Result<Self, Failure> {
        let what = what.into();
        let value = Spread::of(rounds).ok_or_else(|| format!("{what}: nothing was measured"))?;
        Ok(Self {
            what,
            unit: unit.into(),
            value,
            floor: None,
            ratio: None,
            target: None,
            notes: Vec::new(),
        })
    }

    /// A figure beside its floor; the rounds of both belong together.
    pub(crate) fn beside(
        what: impl Into<String>,
        unit: impl Into<String>,
        rounds: Vec<f64>,
        floors: Vec<f64>,
    ) -> Result<Self, Failure> {
        let ratio = Spread::of(ratios(&rounds, &floors));
        let floor = Spread::of(floors);
        Ok(Self {
            floor,
            ratio,
            ..Self::absolute(what, unit, rounds)?
        })
    }

    /// With what it should be.
    #[must_use]
    pub(crate) fn target(self, target: Target) -> Self {
        Self {
            target: Some(target),
            ..self
        }
    }

    /// With something else that was seen.
    #[must_use]
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Whether the median is what it should be; nothing where there is no target.
    pub(crate) fn is_met(&self) -> Option<bool> {
        let ratio = self.ratio.as_ref().map(|ratio| ratio.median);
        Some(match self.target? {
            Target::ValueAtMost(most) => self.value.median <= most,
            Target::RatioAtLeast(least) => ratio? >= least,
            Target::RatioAtMost(most) => ratio? <= most,
        })
    }
}

impl Results {
    /// Reads a file of figures.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// How many figures are not what they should be.
    pub(crate) fn missed(&self) -> usize {
        let judged = self.figures.iter().filter_map(Figure::is_met);
        judged.filter(|met| !met).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(target: Target) -> Figure {
        Figure::beside("requests", "1/s", vec![50.0, 60.0, 90.0], vec![100.0; 3])
            .expect("a figure")
            .target(target)
    }

    #[test]
    fn the_median_decides_and_the_target_itself_is_met() {
        assert_eq!(figure(Target::RatioAtLeast(0.6)).is_met(), Some(true));
        assert_eq!(figure(Target::RatioAtLeast(0.61)).is_met(), Some(false));
        assert_eq!(figure(Target::RatioAtMost(0.6)).is_met(), Some(true));
        assert_eq!(figure(Target::RatioAtMost(0.59)).is_met(), Some(false));
        assert_eq!(figure(Target::ValueAtMost(60.0)).is_met(), Some(true));
        assert_eq!(figure(Target::ValueAtMost(59.0)).is_met(), Some(false));
    }

    #[test]
    fn a_ratio_that_was_not_measured_meets_nothing() {
        let alone = Figure::absolute("requests", "1/s", vec![1.0]).expect("a figure");
        assert_eq!(alone.is_met(), None);
        assert_eq!(alone.target(Target::RatioAtLeast(0.0)).is_met(), None);
        assert!(Figure::absolute("requests", "1/s", Vec::new()).is_err());
    }
}

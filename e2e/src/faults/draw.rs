//! What a seed decides. The same seed and run draw the same fault; when exactly it strikes between
//! two instructions is up to the machine.

use domain::random::Random;

/// An odd number with well mixed bits (2^64 divided by the golden ratio), so that the runs of a
/// seed are not those of its neighbour.
const STRIDE: u64 = 0x9E37_79B9_7F4A_7C15;

/// The draws of one run.
#[derive(Debug)]
pub struct Draw(Random);

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    /// The worker with this index; another takes its place.
    Worker(usize),
    /// The API, started again on the same address.
    Api,
    /// Redis, started again with its data.
    Redis,
}

impl Victim {
    /// Its name, the same for all workers.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Worker(_) => "worker",
            Self::Api => "api",
            Self::Redis => "redis",
        }
    }
}

impl Draw {
    /// The draws of run `run` of this seed.
    pub fn new(seed: u64, run: u32) -> Self {
        Self(Random::seeded(
            seed.wrapping_add(STRIDE.wrapping_mul(u64::from(run))),
        ))
    }

    /// A number in the range.
    pub fn number(&self, range: std::ops::Range<usize>) -> usize {
        let span = (range.end - range.start).max(1) as u64;
        let drawn = u64::from_le_bytes(self.0.bytes()) % span;
        range.start + usize::try_from(drawn).unwrap_or_default()
    }

    /// A victim; a worker, the API and Redis are equally likely.
    pub fn victim(&self, workers: usize) -> Victim {
        match self.number(0..3) {
            0 => Victim::Worker(self.number(0..workers)),
            1 => Victim::Api,
            _ => Victim::Redis,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_and_a_run_repeat_their_draws() {
        let draws = |seed, run| {
            let draw = Draw::new(seed, run);
            (draw.victim(2), draw.number(100..1_700))
        };
        assert_eq!(draws(7, 3), draws(7, 3));
        let runs: BTreeSet<_> = (1..=30).map(|run| draws(7, run)).collect();
        assert!(runs.len() > 25, "{runs:?}");
        let victims: BTreeSet<_> = runs.iter().map(|(victim, _)| victim.kind()).collect();
        assert_eq!(victims.len(), 3);
        assert!(runs.iter().all(|(_, moment)| (100..1_700).contains(moment)));
    }
}

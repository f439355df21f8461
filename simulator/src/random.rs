//! Repeatable randomness for faults that hit only a part of the calls.

/// The `SplitMix64` generator: small, seeded, good enough to draw lots.
#[derive(Clone, Debug)]
pub(crate) struct Lots(u64);

impl Lots {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws: true in about `rate` of the cases (0 never, 1 always).
    pub(crate) fn draw(&mut self, rate: f64) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let high = u32::try_from(mixed >> 32).unwrap_or(u32::MAX);
        f64::from(high) / (f64::from(u32::MAX) + 1.0) < rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(seed: u64, rate: f64) -> Vec<bool> {
        let mut lots = Lots::new(seed);
        (0..2_000).map(|_| lots.draw(rate)).collect()
    }

    #[test]
    fn a_seed_repeats_its_draws_and_keeps_near_its_rate() {
        assert_eq!(hits(7, 0.25), hits(7, 0.25));
        assert_ne!(hits(7, 0.25), hits(8, 0.25));
        let count = hits(7, 0.25).into_iter().filter(|hit| *hit).count();
        assert!((400..600).contains(&count), "{count} of 2,000");
        assert!(hits(7, 0.0).iter().all(|hit| !hit));
        assert!(hits(7, 1.0).iter().all(|hit| *hit));
    }
}

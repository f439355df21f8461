//! The one source of randomness.
//!
//! In production every byte comes from the operating system, in blocks: a request takes half a dozen small draws, and a
//! call of the system for each would be a sixteenth of its time. Tests pass a seed, so that a failing run can be repeated.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rand::{Rng as _, SeedableRng as _, TryRng as _};
use rand_chacha::ChaCha20Rng;
use uuid::Uuid;

/// Gives random bytes and what is made of them.
#[derive(Clone, Debug)]
pub struct Random(Source);

#[derive(Clone, Debug)]
enum Source {
    OperatingSystem(Arc<Mutex<Block>>),
    Seeded(Arc<Mutex<ChaCha20Rng>>),
}

const BLOCK_LEN: usize = 512;

/// Bytes of the operating system that nobody has had yet stand at its end.
struct Block {
    bytes: [u8; BLOCK_LEN],
    left: usize,
}

impl fmt::Debug for Block {
    /// Never the bytes.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Block").finish_non_exhaustive()
    }
}

impl Block {
    const EMPTY: Self = Self {
        bytes: [0; BLOCK_LEN],
        left: 0,
    };

    /// Each byte is given once, and is not here any more then.
    fn fill(&mut self, wanted: &mut [u8]) {
        if wanted.len() > self.left {
            if wanted.len() > BLOCK_LEN {
                return fill_from_operating_system(wanted);
            }
            fill_from_operating_system(&mut self.bytes);
            self.left = BLOCK_LEN;
        }
        let start = BLOCK_LEN - self.left;
        let given = &mut self.bytes[start..start + wanted.len()];
        wanted.copy_from_slice(given);
        given.fill(0);
        self.left -= wanted.len();
    }
}

fn fill_from_operating_system(wanted: &mut [u8]) {
    rand::rngs::SysRng
        .try_fill_bytes(wanted)
        .expect("the operating system gives random bytes");
}

impl Random {
    /// The operating system's generator.
    pub fn operating_system() -> Self {
        Self(Source::OperatingSystem(Arc::new(Mutex::new(Block::EMPTY))))
    }

    /// A repeatable generator, for tests and drills only.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(
            ChaCha20Rng::seed_from_u64(seed),
        ))))
    }

    /// `N` bytes straight from the operating system, so that a copy made of this running machine does not draw the
    /// same: for keys, for tokens, and for what must not be used twice.
    ///
    /// # Panics
    /// As [`Self::bytes`].
    pub fn fresh_bytes<const N: usize>(&self) -> [u8; N] {
        let Source::OperatingSystem(_) = &self.0 else {
            return self.bytes();
        };
        let mut bytes = [0; N];
        fill_from_operating_system(&mut bytes);
        bytes
    }

    /// `N` random bytes.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing safe can be done then.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            Source::OperatingSystem(block) => block
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .fill(&mut bytes),
            Source::Seeded(rng) => {
                rng.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .fill_bytes(&mut bytes);
            }
        }
        bytes
    }

    /// A random UUID, version 4 (RFC 9562).
    pub fn uuid_v4(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// A time-ordered UUID, version 7 (RFC 9562), for primary keys.
    pub fn uuid_v7(&self, now_millis: i64) -> Uuid {
        let millis = u64::try_from(now_millis).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }

    /// A positive 63-bit number, never 0, as the gateway's `localid` wants it.
    pub fn positive_i64(&self) -> i64 {
        i64::from_le_bytes(self.bytes())
            .unsigned_abs()
            .try_into()
            .unwrap_or(i64::MAX)
            .max(1)
    }

    /// A number in `0.0..1.0`, for jitter.
    pub fn fraction(&self) -> f64 {
        f64::from(u32::from_le_bytes(self.bytes())) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_another_seed_differs() {
        let first: [u8; 16] = Random::seeded(7).bytes();
        assert_eq!(first, Random::seeded(7).bytes());
        assert_ne!(first, Random::seeded(8).bytes());
    }

    #[test]
    fn the_operating_system_never_repeats_itself() {
        let random = Random::operating_system();
        assert_ne!(random.uuid_v4(), random.uuid_v4());
    }

    /// Across several blocks, and also where one draw wants more than a block.
    #[test]
    fn no_byte_of_a_block_is_given_twice() {
        let mut block = Block::EMPTY;
        let mut draws = std::collections::HashSet::new();
        for _ in 0..1_000 {
            let mut draw = [0; 15];
            block.fill(&mut draw);
            assert!(draws.insert(draw));
            let gone = BLOCK_LEN - block.left;
            assert!(block.bytes[..gone].iter().all(|byte| *byte == 0));
        }
        let mut much = [0; 2 * BLOCK_LEN];
        block.fill(&mut much);
        assert!(
            much.chunks(16)
                .all(|part| part.iter().any(|byte| *byte != 0))
        );
    }

    #[test]
    fn what_was_drawn_ahead_is_not_shown() {
        let random = Random::operating_system();
        let _: [u8; 16] = random.bytes();
        assert_eq!(
            format!("{random:?}"),
            "Random(OperatingSystem(Mutex { data: Block { .. }, poisoned: false, .. }))"
        );
    }

    #[test]
    fn local_ids_are_positive_and_fractions_stay_below_one() {
        let random = Random::seeded(1);
        for _ in 0..10_000 {
            assert!(random.positive_i64() > 0);
            assert!((0.0..1.0).contains(&random.fraction()));
        }
    }

    #[test]
    fn uuids_carry_their_version() {
        let random = Random::seeded(1);
        assert_eq!(random.uuid_v4().get_version_num(), 4);
        assert_eq!(random.uuid_v7(1_763_700_000_000).get_version_num(), 7);
    }
}

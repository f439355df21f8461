//! What hot state can tell of one number, for anyone who asks why no code came.
//!
//! A refused request consumes nothing, so it would leave no trace. Where a limit *of the number*
//! refused it, the accept step counts that in a record of the number, which no decision ever reads.
//! Only a number that was sent messages can be at its limit, so such a record stands beside a log
//! of sends that is larger: a stranger who asks for many numbers fills no memory with refusals.
//! What the limit of an address or a guard of the whole service refused is not kept by number.

use domain::clock::UnixMillis;
use domain::limits::Rule;

/// How long a refusal is remembered after the last of its number: as long as the sends are.
pub(super) const REFUSALS_LIFE_MILLIS: i64 = 25 * 60 * 60 * 1000;

/// So many refusals of a rule are counted one by one, and then one a minute: a refused request is
/// free for anyone who makes it, and must not make the store write each time. `accept.lua` has the same
/// numbers.
pub(super) const REFUSALS_COUNTED_EACH: u32 = 100;
pub(super) const THEN_COUNTED_EVERY_MILLIS: i64 = 60_000;

/// The present state of a number. It holds no challenge: those are asked for by
/// [`phone_roots`](super::HotState::phone_roots) and
/// [`challenge`](super::HotState::challenge).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneState {
    /// The store's time.
    pub now: UnixMillis,
    /// When requests were granted, the oldest first, as far back as the limits look.
    pub sends: Vec<UnixMillis>,
    /// Those of them that got no message of their own: one had gone out a moment before.
    pub untexted: Vec<UnixMillis>,
    /// What the limits of the number refused.
    pub refusals: Vec<PhoneRefusals>,
    /// Tries at a secret of the number that failed since the last that was right. They count no
    /// more when the time of a lock has passed since the last of them.
    pub failures: u32,
    /// The last of these tries.
    pub last_failure_at: Option<UnixMillis>,
}

/// What one rule refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhoneRefusals {
    /// The rule, one of a number.
    pub rule: Rule,
    /// How often, at least: above a hundred one a minute is counted. A request whose reply was lost may count twice.
    pub count: u32,
    /// When it last did.
    pub last_at: UnixMillis,
}

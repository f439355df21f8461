//! The gate before the gateway: one rate of calls over all workers, and the breaker.
//!
//! **The rate** is a GCRA over one key. A call that has to wait a little reserves its place, so
//! that waiting workers ask once and are served in turn. When the gateway says "too many calls"
//! (451) the rate is halved; it recovers by time alone.
//!
//! **The breaker** is open while its record has a code. Three times are in it:
//!
//! * No call is admitted while it is open, whatever the time: only a probe that succeeds closes it.
//! * `probe_at` is when the next probe is due. [`super::HotState::take_probe`] gives the right to
//!   exactly one worker, by moving this moment to the end of a lease.
//! * `until` is what the accept step refuses requests by. It lies [`PROBE_GRACE`] after `probe_at`
//!   and moves with it, so workers that probe leave no gap in which a request is accepted that
//!   cannot be sent. When nobody has renewed it, no worker is there; then requests wait in the
//!   queue for one as they always do, under the guards of the queue, and a worker that comes
//!   probes before it sends.

use std::time::Duration;

use domain::clock::UnixMillis;

/// After the breaker opened, the account is asked after this time.
pub const FIRST_PROBE: Duration = Duration::from_secs(5);
/// Probes that fail double the time to the next one up to this.
pub const LONGEST_PROBE: Duration = Duration::from_mins(1);
/// How long after the moment of a probe requests are still refused.
pub const PROBE_GRACE: Duration = Duration::from_secs(10);
/// A breaker that opens again this soon after it was closed goes on with the times that it had:
/// the probe sees only part of what the gateway can refuse.
const RELAPSE: Duration = Duration::from_mins(2);
/// How long a probe may take; anyone who asks for a call meanwhile comes again after this time.
const PROBE_TAKES: Duration = Duration::from_secs(2);

/// Nobody waits longer for a place, whatever patience they have.
pub const LONGEST_PATIENCE: Duration = Duration::from_mins(1);

/// Calls of this time may come at once.
const BURST: Duration = Duration::from_millis(250);
/// The rate recovers in steps of this time, and is halved at most once in one: the calls that are
/// under way were made at the old rate.
const RECOVERY_STEP: Duration = Duration::from_secs(5);
/// How many steps lead from nothing to the full rate.
const RECOVERY_STEPS: u32 = 20;

/// The numbers of the gate as both back ends take them, in milliseconds.
pub(super) mod millis {
    use std::time::Duration;

    use domain::clock::UnixMillis;

    pub(in crate::hot_state) const FIRST_PROBE: i64 = whole(super::FIRST_PROBE);
    pub(in crate::hot_state) const LONGEST_PROBE: i64 = whole(super::LONGEST_PROBE);
    pub(in crate::hot_state) const PROBE_GRACE: i64 = whole(super::PROBE_GRACE);
    /// No probe moves the end of refusals further away; a moment that is, was stored by a clock that
    /// was set back since.
    pub(in crate::hot_state) const LONGEST_REFUSAL: i64 = LONGEST_PROBE + 2 * PROBE_GRACE;
    pub(in crate::hot_state) const PROBE_TAKES: i64 = whole(super::PROBE_TAKES);
    pub(in crate::hot_state) const RELAPSE: i64 = whole(super::RELAPSE);
    pub(in crate::hot_state) const LONGEST_PATIENCE: i64 = whole(super::LONGEST_PATIENCE);
    pub(in crate::hot_state) const BURST: i64 = whole(super::BURST);
    pub(in crate::hot_state) const RECOVERY_STEP: i64 = whole(super::RECOVERY_STEP);
    pub(in crate::hot_state) const RECOVERY_STEPS: u32 = super::RECOVERY_STEPS;

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the times of the gate are minutes at most"
    )]
    const fn whole(duration: Duration) -> UnixMillis {
        duration.as_millis() as i64
    }
}

/// Whether a call of the gateway may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may be made after this time, which is zero as a rule; its place is reserved.
    Go {
        /// The time to wait.
        after: Duration,
    },
    /// The rate leaves no place within the time that the caller would wait. Nothing is reserved:
    /// ask again after this time.
    Wait(Duration),
    /// The breaker is open.
    Closed {
        /// The gateway's code that opened it.
        code: i32,
        /// When the next probe should have told more: ask again after this time.
        retry_after: Duration,
    },
}

/// A breaker that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenBreaker {
    /// The gateway's code that opened it; 418 is "no credit".
    pub code: i32,
    /// Since when it is open.
    pub since: UnixMillis,
    /// When the next probe is due.
    pub probe_at: UnixMillis,
}

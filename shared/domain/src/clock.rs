//! The one source of time.
//!
//! Everything that compares times takes a [`Clock`], so that tests move time by hand. Hot state
//! in Redis takes its time from Redis itself in production ([`Clock::hot_state_now`]), so that
//! the skew of one API machine cannot lengthen a code's life.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SubsecRound, Utc};

/// A moment in milliseconds since the Unix epoch, as the hot state and the queue store it.
pub type UnixMillis = i64;

/// Tells the time: the machine's, or a test's.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` until it is moved; clones share the hand.
    pub fn manual(start: UnixMillis) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start))))
    }

    /// Moves a manual clock forward by `millis`; a system clock is not moved.
    pub fn advance(&self, millis: i64) {
        if let Source::Manual(hand) = &self.0 {
            hand.fetch_add(millis, Ordering::SeqCst);
        }
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_millis(&self) -> UnixMillis {
        match &self.0 {
            Source::System => system_now().timestamp_millis(),
            Source::Manual(hand) => hand.load(Ordering::SeqCst),
        }
    }

    /// The time for records, cut to microseconds: PostgreSQL keeps no more, SQLite would.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => system_now().trunc_subsecs(6),
            Source::Manual(hand) => {
                DateTime::from_timestamp_millis(hand.load(Ordering::SeqCst)).unwrap_or_default()
            }
        }
    }

    /// The time that a Redis script uses: `None` in production, where it asks Redis.
    pub fn hot_state_now(&self) -> Option<UnixMillis> {
        match &self.0 {
            Source::System => None,
            Source::Manual(hand) => Some(hand.load(Ordering::SeqCst)),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that all others must use"
)]
fn system_now() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand_and_clones_share_it() {
        let clock = Clock::manual(1_000);
        let other = clock.clone();
        other.advance(500);
        assert_eq!(clock.now_millis(), 1_500);
        assert_eq!(clock.now().timestamp_millis(), 1_500);
        assert_eq!(clock.hot_state_now(), Some(1_500));
    }

    #[test]
    fn the_system_clock_leaves_the_time_of_hot_state_to_redis() {
        assert_eq!(Clock::system().hot_state_now(), None);
    }

    #[test]
    fn record_times_carry_no_more_than_microseconds() {
        assert_eq!(Clock::system().now().timestamp_subsec_nanos() % 1_000, 0);
    }
}

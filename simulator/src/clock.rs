//! The time that the simulator lives by.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Milliseconds since the Unix epoch.
pub type UnixMillis = i64;

/// Where the simulator reads the time: the machine's clock, or one that a test moves.
///
/// Everything that depends on time (delivery, the 48 h and 12 h limits, scheduled messages, calls
/// per second, callbacks) asks this clock, so a test can look at tomorrow without waiting for it.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` until it is moved. Clones share the same time.
    pub fn manual(start: UnixMillis) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start))))
    }

    /// Moves a manual clock forward. The machine's clock cannot be moved: nothing happens then.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            now.fetch_add(millis, Ordering::SeqCst);
        }
    }

    /// The present moment.
    pub fn now(&self) -> UnixMillis {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(now) => now.load(Ordering::SeqCst),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the machine's clock is read"
)]
fn system_now() -> UnixMillis {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}

/// Whole seconds of a moment, as the gateway writes dates.
pub(crate) fn seconds(at: UnixMillis) -> i64 {
    at.div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_and_is_shared_by_its_clones() {
        let clock = Clock::manual(1_000);
        let other = clock.clone();
        assert_eq!(other.now(), 1_000);
        clock.advance(Duration::from_millis(250));
        assert_eq!(other.now(), 1_250);
    }
}

//! Turns that failed one after the other.

use std::time::Duration;

use chrono::{DateTime, Utc};
use gateway::ReadError;
use shared::hot_state::HotStateError;
use shared::records::RecordsError;

use crate::consequence::SLOW_DOWN;
use crate::gate::TOO_MANY_CALLS;

/// Why a turn came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum TurnError {
    #[error("the records: {0}")]
    Records(#[from] RecordsError),
    #[error("hot state: {0}")]
    HotState(#[from] HotStateError),
    #[error("{0}")]
    Gateway(#[from] ReadError),
    #[error("the records did not take the answer in time")]
    NotRecorded,
}

impl TurnError {
    /// How much longer than after other failures the gateway wants to be left alone.
    pub(super) fn left_alone_for(&self) -> Duration {
        match self {
            Self::Gateway(error) if error.gateway_status() == Some(TOO_MANY_CALLS) => SLOW_DOWN,
            _ => Duration::ZERO,
        }
    }
}

/// How long it lasts, and how often it was met.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    failures: u32,
    since: Option<DateTime<Utc>>,
}

impl Trouble {
    /// One more; how many they are.
    pub(super) fn met(&mut self, error: &TurnError, now: DateTime<Utc>) -> u32 {
        self.failures = self.failures.saturating_add(1);
        self.since.get_or_insert(now);
        if self.failures.is_power_of_two() {
            let failures = self.failures;
            tracing::warn!(%error, failures, "deliveries cannot be followed");
        }
        self.failures
    }

    pub(super) fn over(&mut self) {
        if self.failures > 0 {
            tracing::info!(failures = self.failures, "deliveries are followed again");
        }
        *self = Self::default();
    }

    /// Another worker follows them now. The pauses of this one go on growing, in case that fails too.
    pub(super) fn is_anothers(&mut self) {
        self.since = None;
    }

    /// How long it has lasted.
    pub(super) fn since(&self, now: DateTime<Utc>) -> Duration {
        let lasted = self.since.and_then(|since| (now - since).to_std().ok());
        lasted.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use gateway::Class;

    use super::*;

    #[test]
    fn trouble_that_another_worker_deals_with_is_no_longer_told() {
        let start = DateTime::UNIX_EPOCH;
        let at = |seconds| start + TimeDelta::seconds(seconds);
        let mut trouble = Trouble::default();
        assert_eq!(trouble.met(&TurnError::NotRecorded, start), 1);
        assert_eq!(trouble.met(&TurnError::NotRecorded, at(10)), 2);
        assert_eq!(trouble.since(at(70)), Duration::from_secs(70));
        trouble.is_anothers();
        assert_eq!(trouble.since(at(70)), Duration::ZERO);
        // It comes back to this worker, which goes on with longer pauses.
        assert_eq!(trouble.met(&TurnError::NotRecorded, at(72)), 3);
        assert_eq!(trouble.since(at(73)), Duration::from_secs(1));
        trouble.over();
        assert_eq!(trouble.met(&TurnError::NotRecorded, at(80)), 1);
    }

    #[test]
    fn too_many_calls_are_followed_by_a_long_pause() {
        let refused = |code| {
            TurnError::Gateway(ReadError::Refused {
                code,
                class: Class::Transient,
            })
        };
        assert_eq!(refused(451).left_alone_for(), SLOW_DOWN);
        assert_eq!(refused(409).left_alone_for(), Duration::ZERO);
    }
}

//! Calls a second, counted exactly.

use std::collections::VecDeque;

use crate::clock::UnixMillis;

/// The calls of the last second.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallRate(VecDeque<UnixMillis>);

impl CallRate {
    /// Counts a call; false when `per_second` calls were let through in the last second already.
    pub(crate) fn admit(&mut self, per_second: u32, now: UnixMillis) -> bool {
        while self.0.front().is_some_and(|at| now - at >= 1_000) {
            self.0.pop_front();
        }
        let admitted = u32::try_from(self.0.len()).is_ok_and(|calls| calls < per_second);
        if admitted {
            self.0.push_back(now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_holds_more_calls_than_allowed() {
        let mut rate = CallRate::default();
        assert!(rate.admit(2, 0));
        assert!(rate.admit(2, 500));
        assert!(!rate.admit(2, 999));
        assert!(rate.admit(2, 1_000));
        assert!(!rate.admit(2, 1_499));
        assert!(rate.admit(2, 1_500));
    }
}

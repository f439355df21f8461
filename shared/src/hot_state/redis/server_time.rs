//! What the clock of Redis shows, by what it told lately and the machine's own steady clock.
//!
//! With it a request says until when it may be carried out: a Redis that stood still would else carry
//! out later what its client was refused long before.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::clock::UnixMillis;
use tokio::time::Instant;

/// What was told is used for so long, however well it was measured: clocks drift and are set.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// Clones share what was told.
#[derive(Clone, Debug, Default)]
pub(super) struct ServerTime(Arc<Mutex<Option<Told>>>);

#[derive(Clone, Copy, Debug)]
struct Told {
    /// When it was asked for. The server told it later than that, so what is reckoned from here is
    /// never less than what the server shows.
    asked: Instant,
    /// How long the answer took: as much as that may be reckoned too much.
    took: Duration,
    shown: UnixMillis,
}

impl ServerTime {
    /// Takes in what the server showed in an answer to what was asked at this moment.
    pub(super) fn told(&self, asked: Instant, shown: UnixMillis) {
        let new = Told {
            asked,
            took: asked.elapsed(),
            shown,
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_better = |old: &Told| {
            new.took <= old.took || old.asked.elapsed() > GOOD_FOR || old.contradicts(&new)
        };
        if known.as_ref().is_none_or(is_better) {
            *known = Some(new);
        }
    }

    /// The latest that the server can show at this moment; nothing while it has told nothing.
    pub(super) fn latest_at(&self, moment: Instant) -> Option<UnixMillis> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.map(|told| told.latest_at(moment))
    }
}

impl Told {
    fn latest_at(&self, moment: Instant) -> UnixMillis {
        let since = moment.saturating_duration_since(self.asked);
        self.shown + i64::try_from(since.as_millis()).unwrap_or(i64::MAX) + 1
    }

    /// Whether the clock was set between the two.
    fn contradicts(&self, new: &Self) -> bool {
        let answered = new.asked + new.took;
        let earliest = self.latest_at(new.asked) - millis(self.took) - 1;
        new.shown > self.latest_at(answered) || new.shown < earliest
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_told_quickest_is_believed_until_it_is_old_or_the_clock_was_set() {
        let time = ServerTime::default();
        let start = Instant::now();
        assert_eq!(time.latest_at(start), None);
        tokio::time::advance(Duration::from_millis(100)).await;
        time.told(start, 1_000_000);
        assert_eq!(
            time.latest_at(start + Duration::from_secs(1)),
            Some(1_001_001)
        );
        // Better measured: the server showed 1,000,100 a millisecond after it was asked.
        let asked = Instant::now();
        tokio::time::advance(Duration::from_millis(2)).await;
        time.told(asked, 1_000_051);
        assert_eq!(time.latest_at(asked), Some(1_000_052));
        // Worse measured and no contradiction: not believed.
        let asked = Instant::now();
        tokio::time::advance(Duration::from_millis(50)).await;
        time.told(asked, 1_000_060);
        assert_eq!(time.latest_at(asked), Some(1_000_054));
        // The clock was set, either way.
        for shown in [2_000_000, 1_500_000] {
            let asked = Instant::now();
            tokio::time::advance(Duration::from_millis(50)).await;
            time.told(asked, shown);
            assert_eq!(time.latest_at(asked), Some(shown + 1));
        }
        tokio::time::advance(GOOD_FOR + Duration::from_millis(1)).await;
        let asked = Instant::now();
        tokio::time::advance(Duration::from_millis(90)).await;
        time.told(asked, 1_505_100);
        assert_eq!(time.latest_at(asked), Some(1_505_101));
    }
}

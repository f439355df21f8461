//! States that last: the log tells when one begins and when it ends, not at every look.

/// Something that is the case or not. It begins as not.
#[derive(Debug, Default)]
pub(crate) struct Episode(bool);

impl Episode {
    /// Learns whether it is the case now. True if that has changed.
    pub(crate) fn turned(&mut self, now: bool) -> bool {
        std::mem::replace(&mut self.0, now) != now
    }
}

/// How much is left of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Nothing to do.
    #[default]
    Ample,
    /// Something is to be done in the next days.
    Low,
    /// Something is to be done now.
    Critical,
}

/// Days that are left of something, and which of them are few.
#[derive(Debug)]
pub(crate) struct DaysLeft {
    low: f64,
    critical: f64,
    level: Level,
}

/// A level ends only when this many times its days are left: a number that wavers around the boundary
/// is told once.
const OVER: f64 = 1.1;

impl DaysLeft {
    /// Below so many days the level is low, or critical. It begins as ample.
    pub(crate) fn new(low: f64, critical: f64) -> Self {
        let level = Level::Ample;
        Self {
            low,
            critical,
            level,
        }
    }

    /// Learns how many days are left now, none if nothing is known that would end. The new level if
    /// it has changed.
    pub(crate) fn turned(&mut self, days: Option<f64>) -> Option<Level> {
        let level = days.map_or(Level::Ample, |days| {
            let worse = self.level_of(days);
            if worse < self.level {
                self.level_of(days / OVER).min(self.level)
            } else {
                worse
            }
        });
        (std::mem::replace(&mut self.level, level) != level).then_some(level)
    }

    fn level_of(&self, days: f64) -> Level {
        if days < self.critical {
            Level::Critical
        } else if days < self.low {
            Level::Low
        } else {
            Level::Ample
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_is_told_when_it_begins_and_when_it_ends() {
        let mut episode = Episode::default();
        let told = [false, true, true, true, false, false, true].map(|now| episode.turned(now));
        assert_eq!(told, [false, true, false, false, true, false, true]);
    }

    #[test]
    fn a_level_is_told_once_and_ends_clearly_above_its_boundary() {
        let mut days_left = DaysLeft::new(7.0, 2.0);
        let told = |days| days_left.turned(days);
        let days = [
            (Some(30.0), None),
            (Some(6.9), Some(Level::Low)),
            // It wavers.
            (Some(7.1), None),
            (Some(6.5), None),
            (Some(1.9), Some(Level::Critical)),
            (Some(2.1), None),
            (Some(0.0), None),
            // Recharged a little, then more.
            (Some(2.3), Some(Level::Low)),
            (Some(7.8), Some(Level::Ample)),
            (Some(0.5), Some(Level::Critical)),
            (Some(90.0), Some(Level::Ample)),
            (Some(3.0), Some(Level::Low)),
            (None, Some(Level::Ample)),
            (None, None),
        ];
        assert_eq!(
            days.map(|(days, _)| days).map(told),
            days.map(|(_, level)| level)
        );
    }
}

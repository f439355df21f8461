//! Moments and spans as people read them.

use chrono::{DateTime, FixedOffset, SecondsFormat, TimeDelta, Utc};
use domain::clock::UnixMillis;

/// A moment of hot state.
pub(crate) fn moment(millis: UnixMillis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// Shows moments, seen from the present.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The present.
    pub now: DateTime<Utc>,
    /// Of local time from UTC; UTC if there is none.
    pub offset: Option<FixedOffset>,
}

impl Times {
    /// Date, time, milliseconds and offset (ISO 8601).
    pub fn full(&self, at: DateTime<Utc>) -> String {
        match self.offset {
            Some(offset) => {
                let local = at.with_timezone(&offset);
                local.to_rfc3339_opts(SecondsFormat::Millis, false)
            }
            None => at.to_rfc3339_opts(SecondsFormat::Millis, true),
        }
    }

    /// The time of day, with the date where it is another than today's.
    pub fn short(&self, at: DateTime<Utc>) -> String {
        let offset = self.offset.unwrap_or_else(utc);
        let (now, at) = (self.now.with_timezone(&offset), at.with_timezone(&offset));
        let format = if now.date_naive() == at.date_naive() {
            "%H:%M:%S"
        } else {
            "%Y-%m-%d %H:%M:%S"
        };
        at.format(format).to_string()
    }

    /// The name of the offset.
    pub fn zone(&self) -> String {
        self.offset
            .map_or_else(|| "UTC".to_owned(), |offset| format!("UTC{offset}"))
    }
}

fn utc() -> FixedOffset {
    use chrono::Offset as _;
    Utc.fix()
}

/// A span, as exact as people want it.
pub fn span(delta: TimeDelta) -> String {
    let millis = delta.num_milliseconds().max(0);
    let seconds = millis / 1_000;
    match seconds {
        0 => format!("{millis} ms"),
        1..=9 => format!("{}.{} s", seconds, millis % 1_000 / 100),
        10..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_exact_as_people_want_them() {
        let cases = [
            (-5, "0 ms"),
            (190, "190 ms"),
            (6_250, "6.2 s"),
            (42_900, "42 s"),
            (125_000, "2 min"),
            (7_200_000, "2 h"),
            (200_000_000, "2 days"),
        ];
        for (millis, expected) in cases {
            assert_eq!(span(TimeDelta::milliseconds(millis)), expected);
        }
    }

    #[test]
    fn a_moment_of_another_day_has_its_date() {
        let times = |offset: Option<&str>| Times {
            now: moment(1_763_700_000_000),
            offset: offset.map(|offset| offset.parse().expect("an offset")),
        };
        let (utc, tehran) = (times(None), times(Some("+03:30")));
        let at = moment(1_763_671_000_000);
        assert_eq!(utc.full(at), "2025-11-20T20:36:40.000Z");
        assert_eq!(tehran.full(at), "2025-11-21T00:06:40.000+03:30");
        assert_eq!(utc.short(at), "2025-11-20 20:36:40");
        assert_eq!(tehran.short(at), "00:06:40");
        assert_eq!(tehran.zone(), "UTC+03:30");
    }
}

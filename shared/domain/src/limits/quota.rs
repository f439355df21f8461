//! How much is allowed, and how a setting says it.

use std::str::FromStr;

/// A share of all requests is looked at over two spans of so long.
pub const SHARE_MILLIS: i64 = 10_000;

const SECOND: i64 = 1_000;
/// So many failures may come at once where they are throttled to a few a second.
const FAILURES_AT_ONCE: i64 = 10;

/// How much is allowed. Each kind is implemented once in each store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// At most `count` in any span of `millis`, by the moments of each: exact, and as large as `count`.
    Window {
        /// How many.
        count: u32,
        /// In how many milliseconds.
        millis: i64,
    },
    /// `count` in `millis` in the long run, and what comes to `ahead` milliseconds of that at once, by
    /// one number (the generic cell rate algorithm).
    Rate {
        /// How many.
        count: u32,
        /// In how many milliseconds.
        millis: i64,
        /// How far ahead of its time the next may be.
        ahead: i64,
    },
    /// After so many, nothing until `millis` have passed since the last; fewer are forgotten after the
    /// same time.
    Lock {
        /// How many.
        failures: u32,
        /// For how long.
        millis: i64,
    },
    /// At most `count` in each span of `millis` since 1970, by a counter.
    Budget {
        /// How many.
        count: u32,
        /// In how many milliseconds.
        millis: i64,
        /// An address group counts for at most one in so many of it, where this is not 0.
        group_part: u32,
    },
    /// While messages wait: no more than this part of what was granted to all in the last two spans of
    /// [`SHARE_MILLIS`], or than an equal part where few ask.
    Share {
        /// The part, in hundredths.
        percent: u32,
    },
}

impl Quota {
    /// The longest time for which it can refuse, in milliseconds.
    pub fn longest_wait(self) -> i64 {
        match self {
            Self::Window { millis, .. }
            | Self::Lock { millis, .. }
            | Self::Budget { millis, .. } => millis,
            Self::Rate { count, millis, .. } => millis / i64::from(count.max(1)) + 1,
            Self::Share { .. } => SHARE_MILLIS,
        }
    }
}

/// How a setting is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `3/120`: three in 120 seconds.
    WindowOfSeconds,
    /// A number of what a window of this length allows.
    Window {
        /// The length, in milliseconds.
        millis: i64,
        /// The largest number that makes sense.
        most: u32,
    },
    /// A number a minute, or `off` where that is allowed.
    PerMinute {
        /// The largest number that makes sense.
        most: u32,
        /// Whether it can be switched off.
        or_off: bool,
    },
    /// Failures that lock.
    Failures,
    /// `1/s` throttles to one a second, a number locks after as many.
    FailuresOrPerSecond,
    /// `10/s`, or `off`.
    PerSecond,
    /// A number in each span, or `off`.
    Budget {
        /// The span, in milliseconds.
        millis: i64,
        /// See [`Quota::Budget`].
        group_part: u32,
    },
    /// A part of all in hundredths, or `off`.
    Percent,
}

impl Form {
    /// Reads a setting; `lock_millis` is how long locks last. An error says what is expected.
    pub fn read(self, text: &str, lock_millis: i64) -> Result<Option<Quota>, String> {
        if text == "off" && self.may_be_off() {
            return Ok(None);
        }
        self.quota(text, lock_millis)
            .map(Some)
            .ok_or_else(|| format!("is not {}", self.expected()))
    }

    fn may_be_off(self) -> bool {
        match self {
            Self::PerMinute { or_off, .. } => or_off,
            Self::PerSecond | Self::Budget { .. } | Self::Percent => true,
            _ => false,
        }
    }

    fn quota(self, text: &str, lock_millis: i64) -> Option<Quota> {
        let failures = |text| {
            number(text, 1_000).map(|failures| Quota::Lock {
                failures,
                millis: lock_millis,
            })
        };
        let per_second = |text: &str| {
            let count = number(text.strip_suffix("/s")?.trim(), 1_000)?;
            let ahead = FAILURES_AT_ONCE * SECOND / i64::from(count);
            Some(Quota::Rate {
                count,
                millis: SECOND,
                ahead: ahead.max(SECOND),
            })
        };
        match self {
            Self::WindowOfSeconds => {
                let (count, seconds) = text.split_once('/')?;
                let count = number(count.trim(), 100)?;
                let seconds = number(seconds.trim(), 3_600).filter(|seconds| *seconds >= 10)?;
                Some(Quota::Window {
                    count,
                    millis: i64::from(seconds) * SECOND,
                })
            }
            Self::Window { millis, most } => {
                number(text, most).map(|count| Quota::Window { count, millis })
            }
            Self::PerMinute { most, .. } => number(text, most).map(|count| Quota::Rate {
                count,
                millis: 60 * SECOND,
                ahead: 60 * SECOND,
            }),
            Self::Failures => number(text, 100).map(|failures| Quota::Lock {
                failures,
                millis: lock_millis,
            }),
            Self::FailuresOrPerSecond => per_second(text).or_else(|| failures(text)),
            Self::PerSecond => per_second(text),
            Self::Budget { millis, group_part } => {
                number(text, 1_000_000_000).map(|count| Quota::Budget {
                    count,
                    millis,
                    group_part,
                })
            }
            Self::Percent => number(text, 100).map(|percent| Quota::Share { percent }),
        }
    }

    fn expected(self) -> String {
        let or_off = if self.may_be_off() { ", or `off`" } else { "" };
        match self {
            Self::WindowOfSeconds => {
                "`count/seconds`, such as 3/120 (1 to 100 sends, 10 to 3600 seconds)".to_owned()
            }
            Self::Window { most, .. } | Self::PerMinute { most, .. } => {
                format!("a whole number from 1 to {most}{or_off}")
            }
            Self::Failures => "a whole number from 1 to 100".to_owned(),
            Self::FailuresOrPerSecond => {
                "`count/s`, such as 1/s, or a number that locks (1 to 1000)".to_owned()
            }
            Self::PerSecond => format!("`count/s`, such as 10/s (1 to 1000){or_off}"),
            Self::Budget { .. } => format!("a whole number from 1 to 1000000000{or_off}"),
            Self::Percent => format!("a whole number from 1 to 100, in hundredths{or_off}"),
        }
    }
}

fn number(text: &str, most: u32) -> Option<u32> {
    u32::from_str(text)
        .ok()
        .filter(|number| (1..=most).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn settings_are_read_as_they_are_written() {
        let address = Form::FailuresOrPerSecond;
        let throttled = Quota::Rate {
            count: 1,
            millis: 1_000,
            ahead: 10_000,
        };
        assert_eq!(address.read("1/s", HOUR), Ok(Some(throttled)));
        assert_eq!(
            address.read("3", HOUR),
            Ok(Some(Quota::Lock {
                failures: 3,
                millis: HOUR
            }))
        );
        let ten = Quota::Rate {
            count: 10,
            millis: 1_000,
            ahead: 1_000,
        };
        assert_eq!(Form::PerSecond.read("10/s", HOUR), Ok(Some(ten)));
        let window = Quota::Window {
            count: 3,
            millis: 120_000,
        };
        assert_eq!(
            Form::WindowOfSeconds.read("3 / 120", HOUR),
            Ok(Some(window))
        );
        for off in [
            Form::PerSecond,
            Form::Percent,
            Form::Budget {
                millis: HOUR,
                group_part: 0,
            },
        ] {
            assert_eq!(off.read("off", HOUR), Ok(None));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_is_expected() {
        for (form, text) in [
            (Form::WindowOfSeconds, "3"),
            (Form::WindowOfSeconds, "3/5"),
            (Form::WindowOfSeconds, "0/120"),
            (Form::Failures, "off"),
            (Form::Failures, "101"),
            (Form::FailuresOrPerSecond, "1/m"),
            (Form::PerSecond, "10"),
            (Form::Percent, "0"),
            (Form::Percent, "101"),
            (
                Form::PerMinute {
                    most: 100,
                    or_off: false,
                },
                "off",
            ),
            (
                Form::PerMinute {
                    most: 100,
                    or_off: true,
                },
                "-1",
            ),
        ] {
            let error = form.read(text, HOUR).expect_err(text);
            assert!(error.starts_with("is not "), "{error}");
        }
    }
}

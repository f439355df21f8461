//! Moments and spans as staff read and type them: by the clocks of Tehran, in Persian by the calendar of Iran.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use domain::typed::ascii_digit;
use web::times::{of_solar_hijri, of_tehran};

use crate::words::Words;

/// No year of the one calendar that staff ask about is as great, none of the other as small.
const BETWEEN_CALENDARS: i32 = 1_700;

/// The time of day with its seconds, and the date where it is not today.
pub(crate) fn moment(at: DateTime<Utc>, now: DateTime<Utc>, words: &Words) -> String {
    web::times::moment(at, now, words.locale)
}

/// The same without the seconds.
pub(crate) fn minute(at: DateTime<Utc>, now: DateTime<Utc>, words: &Words) -> String {
    web::times::minute(at, now, words.locale)
}

/// What somebody typed: a date of either calendar and a time of Tehran, `1405/9/9 12:00` or `2026-11-30T12:00:05`;
/// a date alone is its beginning. Digits of any script.
pub(crate) fn read(text: &str) -> Option<DateTime<Utc>> {
    let mut numbers: Vec<u32> = Vec::new();
    let mut running = false;
    for character in text.trim().chars() {
        if let Some(digit) = ascii_digit(character).and_then(|digit| digit.to_digit(10)) {
            if !running {
                numbers.push(0);
            }
            let last = numbers.last_mut()?;
            *last = last.checked_mul(10)?.checked_add(digit)?;
            running = true;
        } else if matches!(character, '-' | '/' | ':' | 'T' | ' ' | '،' | ',' | '.') {
            running = false;
        } else {
            return None;
        }
    }
    let (date, time) = numbers.split_at_checked(3)?;
    let &[year, month, day] = date else {
        return None;
    };
    let year = i32::try_from(year).ok()?;
    let month = month.checked_sub(1)?;
    let date = if year < BETWEEN_CALENDARS {
        of_solar_hijri(year, month, day)?
    } else {
        NaiveDate::from_ymd_opt(year, month + 1, day)?
    };
    let time = match time {
        [] => NaiveTime::MIN,
        [hour, minute] => NaiveTime::from_hms_opt(*hour, *minute, 0)?,
        [hour, minute, second] => NaiveTime::from_hms_opt(*hour, *minute, *second)?,
        _ => return None,
    };
    of_tehran(date.and_time(time))
}

/// The one in the middle of some figures.
pub(crate) fn middle(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len().checked_sub(1)? / 2;
    figures.get(middle).copied()
}

/// A span of seconds: `0.9 s`, `41 s`, `12 min`, `3 h`, `4 days`.
pub(crate) fn span(seconds: f64, words: &'static Words) -> String {
    let units = words.times;
    let seconds = seconds.max(0.0);
    if seconds < 9.95 {
        return format!("{seconds:.1} {}", units.seconds);
    }
    if seconds < 119.5 {
        return format!("{seconds:.0} {}", units.seconds);
    }
    let (figure, unit) = if seconds < 7_200.0 {
        (seconds / 60.0, units.minutes)
    } else if seconds < 172_800.0 {
        (seconds / 3_600.0, units.hours)
    } else {
        (seconds / 86_400.0, units.days)
    };
    format!("{figure:.0} {unit}")
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 {
        text.insert(0, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use domain::challenge::Locale;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a moment")
    }

    #[test]
    fn moments_are_told_and_read_in_both_calendars() {
        let (fa, en) = (Words::of(Locale::Fa), Words::of(Locale::En));
        let noon = at("2026-11-30T08:30:05Z");
        assert_eq!(moment(noon, noon, fa), "12:00:05");
        let tomorrow = at("2026-12-01T08:30:05Z");
        assert_eq!(moment(noon, tomorrow, fa), "9 آذر 1405، 12:00:05");
        assert_eq!(minute(noon, tomorrow, en), "30 November 2026, 12:00");
        for text in [
            "1405/9/9 12:00",
            "۱۴۰۵/۰۹/۰۹، ۱۲:۰۰",
            "2026-11-30T12:00",
            " 2026-11-30 12:00:00 ",
        ] {
            assert_eq!(read(text), Some(at("2026-11-30T08:30:00Z")), "{text}");
        }
        assert_eq!(read("1405-09-09"), Some(at("2026-11-29T20:30:00Z")));
    }

    #[test]
    fn what_is_no_moment_is_read_as_none() {
        for text in [
            "",
            "1405/13/1",
            "1405/12/30 12:00",
            "2026-02-30",
            "2026-11-30 24:00",
            "2026-11-30 12",
            "2026-11-30 12:00:00:00",
            "yesterday",
            "99999999999-1-1",
            "0-0-0",
            "1 OR 1",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn spans_and_sums_are_short() {
        let en = Words::of(Locale::En);
        for (seconds, text) in [
            (0.04, "0.0 s"),
            (0.94, "0.9 s"),
            (9.96, "10 s"),
            (41.2, "41 s"),
            (125.0, "2 min"),
            (7_300.0, "2 h"),
            (200_000.0, "2 days"),
            (-5.0, "0.0 s"),
        ] {
            assert_eq!(span(seconds, en), text);
        }
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (14_920_400, "14,920,400"),
            (-1_000, "-1,000"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}

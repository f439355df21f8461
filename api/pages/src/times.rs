//! Moments as people read them: the time of Tehran, and the calendar of the reader's language.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use domain::challenge::Locale;
use web::calendar::{in_tehran, solar_hijri};

use crate::words::Words;

/// The time of day, with the date where it is not today.
pub(crate) fn moment(at: DateTime<Utc>, now: DateTime<Utc>, words: &'static Words) -> String {
    told(at, now, "%H:%M:%S", words)
}

/// The same without the seconds, for what happened at another time.
pub(crate) fn minute(at: DateTime<Utc>, now: DateTime<Utc>, words: &'static Words) -> String {
    told(at, now, "%H:%M", words)
}

fn told(at: DateTime<Utc>, now: DateTime<Utc>, form: &str, words: &'static Words) -> String {
    let (at, now) = (in_tehran(at), in_tehran(now));
    let time = at.format(form).to_string();
    if at.date_naive() == now.date_naive() {
        return time;
    }
    let date = date(at.date_naive(), words);
    match words.locale {
        Locale::Fa => format!("{date}، {time}"),
        Locale::En => format!("{date}, {time}"),
    }
}

/// Hours and minutes only.
pub(crate) fn hour(at: DateTime<Utc>) -> String {
    in_tehran(at).format("%H:%M").to_string()
}

/// Minutes and seconds of a span, as `1:14`.
pub(crate) fn clock(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// A day with the name of its month: Solar Hijri in Persian, Gregorian in English.
fn date(day: NaiveDate, words: &'static Words) -> String {
    let (year, month, day) = match words.locale {
        Locale::Fa => solar_hijri(day),
        Locale::En => (day.year(), day.month0(), day.day()),
    };
    let name = words
        .months
        .get(month as usize)
        .copied()
        .unwrap_or_default();
    format!("{day} {name} {year}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_tehran_and_dates_are_told_where_they_matter() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a moment");
        let now = at("2026-03-20T21:00:00Z");
        let (fa, en) = (Words::of(Locale::Fa), Words::of(Locale::En));
        assert_eq!(moment(at("2026-03-20T20:33:07Z"), now, fa), "00:03:07");
        assert_eq!(
            moment(at("2026-03-20T20:29:00Z"), now, fa),
            "29 اسفند 1404، 23:59:00"
        );
        assert_eq!(
            moment(at("2026-03-20T20:29:00Z"), now, en),
            "20 March 2026, 23:59:00"
        );
        let leap_day = minute(at("2026-03-20T20:29:00Z"), now, fa);
        assert_eq!(leap_day, "29 اسفند 1404، 23:59");
        assert_eq!(hour(now), "00:30");
        assert_eq!(
            (clock(74), clock(600), clock(9)),
            ("1:14".into(), "10:00".into(), "0:09".into())
        );
    }
}

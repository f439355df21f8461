//! Moments as people read them: the time of Tehran, and the calendar of the reader's language.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, Utc};
use domain::challenge::Locale;

use crate::calendar::{in_tehran, solar_hijri, tehran};

/// The months of the calendar of each language, the first one first.
const SOLAR_HIJRI: [&str; 12] = [
    "فروردین",
    "اردیبهشت",
    "خرداد",
    "تیر",
    "مرداد",
    "شهریور",
    "مهر",
    "آبان",
    "آذر",
    "دی",
    "بهمن",
    "اسفند",
];
const GREGORIAN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The time of day, with the date where it is not today.
pub fn moment(at: DateTime<Utc>, now: DateTime<Utc>, locale: Locale) -> String {
    told(at, now, "%H:%M:%S", locale)
}

/// The same without the seconds, for what happened at another time.
pub fn minute(at: DateTime<Utc>, now: DateTime<Utc>, locale: Locale) -> String {
    told(at, now, "%H:%M", locale)
}

fn told(at: DateTime<Utc>, now: DateTime<Utc>, form: &str, locale: Locale) -> String {
    let (at, now) = (in_tehran(at), in_tehran(now));
    let time = at.format(form).to_string();
    if at.date_naive() == now.date_naive() {
        return time;
    }
    let date = date(at.date_naive(), locale);
    match locale {
        Locale::Fa => format!("{date}، {time}"),
        Locale::En => format!("{date}, {time}"),
    }
}

/// Hours and minutes only.
pub fn hour(at: DateTime<Utc>) -> String {
    in_tehran(at).format("%H:%M").to_string()
}

/// Minutes and seconds of a span, as `1:14`.
pub fn clock(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// The moment of a date and time by the clock of Tehran.
pub fn of_tehran(at: NaiveDateTime) -> Option<DateTime<Utc>> {
    let at = at.and_local_timezone(tehran()).single()?;
    Some(at.with_timezone(&Utc))
}

/// A day with the name of its month: Solar Hijri in Persian, Gregorian in English.
pub fn date(day: NaiveDate, locale: Locale) -> String {
    let (year, month, day) = match locale {
        Locale::Fa => solar_hijri(day),
        Locale::En => (day.year(), day.month0(), day.day()),
    };
    let months = match locale {
        Locale::Fa => &SOLAR_HIJRI,
        Locale::En => &GREGORIAN,
    };
    let name = months.get(month as usize).copied().unwrap_or_default();
    format!("{day} {name} {year}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_tehran_and_dates_are_told_where_they_matter() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a moment");
        let now = at("2026-03-20T21:00:00Z");
        let (fa, en) = (Locale::Fa, Locale::En);
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

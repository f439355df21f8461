//! Moments as people read them: the time of Tehran, and the calendar of the reader's language.

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate, NaiveDateTime, Utc};
use domain::challenge::Locale;

/// Tehran's distance from UTC in seconds, all year since 2022.
const TEHRAN: i32 = 12_600;

/// 1 Farvardin of the year 1, counted as chrono does from the first day of our era.
const BEFORE_FIRST: i32 = 226_895;
/// Days of the 33 years after which the leap years come again.
const CYCLE: i32 = 12_053;

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

/// A moment by the clock of Tehran.
pub fn in_tehran(at: DateTime<Utc>) -> DateTime<FixedOffset> {
    let tehran = FixedOffset::east_opt(TEHRAN).expect("less than a day");
    at.with_timezone(&tehran)
}

/// The moment of a date and time by the clock of Tehran.
pub fn of_tehran(at: NaiveDateTime) -> Option<DateTime<Utc>> {
    let tehran = FixedOffset::east_opt(TEHRAN)?;
    let at = at.and_local_timezone(tehran).single()?;
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

/// Year, month from 0 and day of the Solar Hijri calendar, by its 33-year cycle, which agrees with the
/// observed calendar from 1206 to 1498 (1827 to 2120).
fn solar_hijri(day: NaiveDate) -> (i32, u32, u32) {
    let days = day.num_days_from_ce() - BEFORE_FIRST;
    let cycle = days.div_euclid(CYCLE);
    let mut left = days.rem_euclid(CYCLE);
    let mut year = 33 * cycle + 1;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if left < length {
            break;
        }
        left -= length;
        year += 1;
    }
    let left = left.unsigned_abs();
    let (month, day) = if left < 186 {
        (left / 31, left % 31)
    } else {
        (6 + (left - 186) / 30, (left - 186) % 30)
    };
    (year, month, day + 1)
}

/// The day of such a date, its month counted from 0; nothing if there is none.
pub fn of_solar_hijri(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    if !(1..=3_000).contains(&year) || month > 11 || !(1..=31).contains(&day) {
        return None;
    }
    let cycle = (year - 1).div_euclid(33);
    let lengths = (cycle * 33 + 1..year).map(|year| if is_leap(year) { 366 } else { 365 });
    let days = CYCLE * cycle + lengths.sum::<i32>();
    let in_year = if month < 6 {
        month * 31
    } else {
        186 + (month - 6) * 30
    };
    let in_year = i32::try_from(in_year + day - 1).ok()?;
    let date = NaiveDate::from_num_days_from_ce_opt(BEFORE_FIRST + days + in_year)?;
    // A day that its month does not have is one of another month.
    (solar_hijri(date) == (year, month, day)).then_some(date)
}

fn is_leap(year: i32) -> bool {
    matches!(year.rem_euclid(33), 1 | 5 | 9 | 13 | 17 | 22 | 26 | 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).expect("a day")
    }

    #[test]
    fn days_are_those_of_the_calendar_of_iran() {
        // New years as the calendar of the University of Tehran has them, and days around leap days.
        for (gregorian, solar) in [
            (day(2024, 3, 20), (1403, 0, 1)),
            (day(2025, 3, 20), (1403, 11, 30)),
            (day(2025, 3, 21), (1404, 0, 1)),
            (day(2026, 3, 20), (1404, 11, 29)),
            (day(2026, 3, 21), (1405, 0, 1)),
            (day(2021, 3, 21), (1400, 0, 1)),
            (day(2021, 3, 20), (1399, 11, 30)),
            (day(1979, 2, 11), (1357, 10, 22)),
            (day(2025, 9, 22), (1404, 5, 31)),
            (day(2025, 9, 23), (1404, 6, 1)),
            (day(2026, 11, 29), (1405, 8, 8)),
            (day(2029, 3, 20), (1408, 0, 1)),
            (day(2030, 3, 20), (1408, 11, 30)),
        ] {
            assert_eq!(solar_hijri(gregorian), solar, "{gregorian}");
        }
        // Every day of two centuries comes back.
        let mut date = day(1900, 1, 1);
        while date.year() < 2110 {
            let (year, month, of_month) = solar_hijri(date);
            assert_eq!(of_solar_hijri(year, month, of_month), Some(date));
            date = date.succ_opt().expect("a day after");
        }
    }

    #[test]
    fn dates_that_there_are_not_have_no_day() {
        for (year, month, day) in [
            (1405, 11, 30),
            (1405, 6, 31),
            (1405, 0, 32),
            (1405, 0, 0),
            (1405, 12, 1),
            (0, 0, 1),
            (-5, 0, 1),
            (i32::MAX, 0, 1),
            (1405, u32::MAX, 1),
            (1405, 0, u32::MAX),
        ] {
            let none = of_solar_hijri(year, month, day);
            assert_eq!(none, None, "{year} {month} {day}");
        }
    }

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

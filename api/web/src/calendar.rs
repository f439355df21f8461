//! The calendar of Iran, and the time of Tehran, which pages in Persian show.

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate, Utc};

/// Tehran's distance from UTC in seconds, all year since 2022.
const TEHRAN: i32 = 12_600;
/// 1 Farvardin of the year 1, counted as chrono does from the first day of our era.
const BEFORE_FIRST: i32 = 226_895;
/// Days of the 33 years after which the leap years come again.
const CYCLE: i32 = 12_053;

/// The distance of Tehran's clocks from UTC.
pub fn tehran() -> FixedOffset {
    FixedOffset::east_opt(TEHRAN).expect("less than a day")
}

/// A moment by the clocks of Tehran.
pub fn in_tehran(at: DateTime<Utc>) -> DateTime<FixedOffset> {
    at.with_timezone(&tehran())
}

/// Year, month from 0 and day of the Solar Hijri calendar, by its 33-year cycle, which agrees with the
/// observed calendar from 1206 to 1498 (1827 to 2120).
pub fn solar_hijri(day: NaiveDate) -> (i32, u32, u32) {
    let days = day.num_days_from_ce() - BEFORE_FIRST;
    let cycle = days.div_euclid(CYCLE);
    let mut left = days.rem_euclid(CYCLE);
    let mut year = 33 * cycle + 1;
    loop {
        let length = year_length(year);
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

/// The day of such a date, its month counted from 0; nothing where there is none.
pub fn of_solar_hijri(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    if !(1..=3_000).contains(&year) || month > 11 || day == 0 {
        return None;
    }
    let before = (year - 1).div_euclid(33) * CYCLE
        + ((year - 1).div_euclid(33) * 33 + 1..year)
            .map(year_length)
            .sum::<i32>();
    let in_year = if month < 6 {
        month * 31
    } else {
        186 + (month - 6) * 30
    } + day
        - 1;
    let date =
        NaiveDate::from_num_days_from_ce_opt(BEFORE_FIRST + before + i32::try_from(in_year).ok()?)?;
    // A day that its month does not have is one of another month.
    (solar_hijri(date) == (year, month, day)).then_some(date)
}

fn year_length(year: i32) -> i32 {
    let is_leap = matches!(year.rem_euclid(33), 1 | 5 | 9 | 13 | 17 | 22 | 26 | 30);
    if is_leap { 366 } else { 365 }
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
            let (year, month, day) = solar;
            assert_eq!(of_solar_hijri(year, month, day), Some(gregorian));
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
            assert_eq!(
                of_solar_hijri(year, month, day),
                None,
                "{year} {month} {day}"
            );
        }
    }

    #[test]
    fn every_day_of_two_centuries_comes_back() {
        let mut day = day(1900, 1, 1);
        while day.year() < 2110 {
            let (year, month, of_month) = solar_hijri(day);
            assert_eq!(of_solar_hijri(year, month, of_month), Some(day));
            day = day.succ_opt().expect("a day after");
        }
    }
}

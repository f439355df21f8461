//! Moments as people read them: the time of Tehran, and the calendar of the reader's language.

use chrono::{DateTime, Utc};

use crate::words::Words;

pub(crate) use web::times::{clock, hour};

/// The time of day, with the date where it is not today.
pub(crate) fn moment(at: DateTime<Utc>, now: DateTime<Utc>, words: &'static Words) -> String {
    web::times::moment(at, now, words.locale)
}

/// The same without the seconds, for what happened at another time.
pub(crate) fn minute(at: DateTime<Utc>, now: DateTime<Utc>, words: &'static Words) -> String {
    web::times::minute(at, now, words.locale)
}

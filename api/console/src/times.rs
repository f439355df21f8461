//! Moments as staff read them: the time of Tehran, and the calendar of the reader's language.

use chrono::{DateTime, Utc};

use crate::words::Words;

/// The time of day with its seconds, and the date where it is not today.
pub(crate) fn moment(at: DateTime<Utc>, now: DateTime<Utc>, words: &Words) -> String {
    web::times::moment(at, now, words.locale)
}

/// The same without the seconds.
pub(crate) fn minute(at: DateTime<Utc>, now: DateTime<Utc>, words: &Words) -> String {
    web::times::minute(at, now, words.locale)
}

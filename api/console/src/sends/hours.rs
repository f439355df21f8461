//! The hours of the last day, each a list of what was sent in it, under the filters that are set.

use chrono::{DateTime, TimeDelta, Timelike as _, Utc};

use super::Asked;

const HOURS: i32 = 24;

/// A link to an hour.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hour {
    /// Its beginning by the clocks of Tehran.
    pub(super) name: String,
    pub(super) address: String,
    pub(super) is_chosen: bool,
}

/// The last day, the present hour first.
pub(super) fn hours(asked: &Asked, now: DateTime<Utc>) -> Vec<Hour> {
    let local = web::times::in_tehran(now);
    let begun = i64::from(local.minute() * 60 + local.second());
    let present =
        now - TimeDelta::seconds(begun) - TimeDelta::nanoseconds(local.nanosecond().into());
    (0..HOURS)
        .map(|back| {
            let from = present - TimeDelta::hours(back.into());
            let typed = |at| {
                let local = web::times::in_tehran(at);
                local.format("%Y-%m-%d %H:%M").to_string()
            };
            let (from_text, to_text) = (typed(from), typed(from + TimeDelta::hours(1)));
            Hour {
                name: web::times::hour(from),
                is_chosen: asked.text("from") == from_text && asked.text("to") == to_text,
                address: asked.between(from_text, to_text).address("/sends", None),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_those_of_tehran_and_keep_the_other_filters() {
        let now = "2026-11-30T10:47:12.5Z".parse().expect("a moment");
        let asked = Asked::default();
        let listed = hours(&asked, now);
        assert_eq!(listed.len(), 24);
        assert_eq!(listed[0].name, "14:00");
        assert_eq!(
            listed[0].address,
            "/sends?from=2026-11-30+14%3A00&to=2026-11-30+15%3A00"
        );
        assert_eq!(listed[15].name, "23:00");
        assert_eq!(
            listed[15].address,
            "/sends?from=2026-11-29+23%3A00&to=2026-11-30+00%3A00"
        );
        assert!(listed.iter().all(|hour| !hour.is_chosen));
        let chosen = asked.between("2026-11-30 14:00".into(), "2026-11-30 15:00".into());
        let chosen = hours(&chosen, now);
        assert_eq!(
            chosen.iter().filter(|hour| hour.is_chosen).count(),
            1,
            "{chosen:?}"
        );
        assert!(chosen[0].is_chosen);
    }

    #[test]
    fn an_hour_that_just_begins_is_the_present_one() {
        let now = "2026-11-30T10:30:00Z".parse().expect("a moment");
        assert_eq!(hours(&Asked::default(), now)[0].name, "14:00");
    }
}

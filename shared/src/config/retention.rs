//! How long rows are kept.

use chrono::TimeDelta;
use strum::VariantArray as _;

use super::reader::{Read, Reader, parse_number, shown};
use super::variables::RETENTION_DAYS;
use crate::records::OldRows;

/// What each sort has at least: what a check or a sum still looks at.
const LEAST_DAYS: [(OldRows, u32); 6] = [
    (OldRows::Sessions, 1),
    // A code can be given back for ten minutes.
    (OldRows::ChallengeUses, 1),
    (OldRows::SendNumbers, 3),
    // The credit is measured by what the last week has cost.
    (OldRows::Sends, 8),
    (OldRows::Notices, 1),
    (OldRows::AuditLog, 30),
];
const MOST_DAYS: u32 = 36_500;

/// `RETENTION_DAYS`: how long each sort of rows is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention([(OldRows, Option<u32>); 6]);

impl Default for Retention {
    fn default() -> Self {
        Self([
            (OldRows::Sessions, Some(30)),
            (OldRows::ChallengeUses, Some(30)),
            (OldRows::SendNumbers, Some(90)),
            (OldRows::Sends, Some(400)),
            (OldRows::Notices, Some(7)),
            (OldRows::AuditLog, Some(730)),
        ])
    }
}

impl Retention {
    pub(super) fn read(reader: &mut Reader<'_>) -> Read<Self> {
        reader.parsed(&RETENTION_DAYS, parse)
    }

    /// What is removed at all, and how long it is kept after its moment.
    pub fn kept(&self) -> impl Iterator<Item = (OldRows, TimeDelta)> {
        self.0.into_iter().filter_map(|(rows, days)| {
            let days = TimeDelta::days(i64::from(days?));
            Some((rows, days))
        })
    }
}

/// Reads `sends:365,audit_log:never`.
fn parse(text: &str) -> Result<Retention, String> {
    let mut retention = Retention::default();
    for part in text.split(',').map(str::trim) {
        let wrong = || {
            let sorts: Vec<_> = OldRows::VARIANTS.iter().map(|rows| rows.as_str()).collect();
            format!(
                "{} is not `sort:days`, such as sends:365, or sort:never; the sorts are {}",
                shown(part),
                sorts.join(", ")
            )
        };
        let (name, days) = part.split_once(':').ok_or_else(wrong)?;
        let (name, days) = (name.trim(), days.trim());
        let mut sorts = retention.0.iter_mut().zip(LEAST_DAYS);
        let found = sorts.find(|((rows, _), _)| rows.as_str() == name);
        let ((_, kept), (_, least)) = found.ok_or_else(wrong)?;
        *kept = if days == "never" {
            None
        } else {
            let days = parse_number(days, &(least..=MOST_DAYS));
            Some(days.map_err(|problem| format!("{name}: {problem}"))?)
        };
    }
    Ok(retention)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(retention: &Retention) -> Vec<Option<u32>> {
        retention.0.iter().map(|(_, days)| *days).collect()
    }

    #[test]
    fn what_is_named_changes_and_the_rest_stays() {
        let read = parse("sends:365, audit_log:never,challenge_uses:1").expect("good");
        let all = [Some(30), Some(1), Some(90), Some(365), Some(7), None];
        assert_eq!(days(&read), all);
        let kept: Vec<OldRows> = read.kept().map(|(rows, _)| rows).collect();
        assert_eq!(kept, OldRows::VARIANTS[..5]);
        let order = Retention::default().0.map(|(rows, _)| rows);
        assert_eq!(order, OldRows::VARIANTS);
        assert_eq!(LEAST_DAYS.map(|(rows, _)| rows), OldRows::VARIANTS);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [
            "",
            "365",
            "sends",
            "sends:",
            "sends=365",
            "users:1",
            "sends:7",
            "sends:-1",
            "sends:0",
            "challenge_uses:0",
            "audit_log:29",
            "sends:365;sessions:1",
            "sends:36501",
            "sends:1.5",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

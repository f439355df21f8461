//! What one step counts: the rows of [`domain::limits`] that apply to it, each with its subject.
//!
//! Both back ends go through the same list in one step: they look at every row, and count only where
//! none refuses. A failed try is counted as a failure *before* anything is compared, and taken back
//! when it turns out right (THR-03).

use domain::client_address::ClientAddress;
use domain::limits::{Limit, Per, Quota, Quotas, Rule, Step};
use domain::phone::PhoneNumber;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Numbers proven from somewhere are remembered over two spans of so long.
pub(super) const PROVEN_MILLIS: i64 = 60_000;
/// So many times as many requests as numbers proven are allowed on top.
pub(super) const MORE_FOR_EACH_PROVEN: i64 = 2;
/// What limits need is kept a little longer than they look back.
pub(super) const KEPT_LONGER_MILLIS: i64 = 60_000;
/// The last digits in which the numbers of a prefix differ.
const PREFIX_LESS_DIGITS: usize = 4;
/// Keeps this hash of a session apart from every other one.
const DEVICE_LABEL: &[u8] = b"ramz device limits v1";
/// Bytes of it that name a device.
const DEVICE_BYTES: usize = 8;

/// Who is counted. A limit by something that is not known counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subjects<'a> {
    /// The number that is asked for, or tried.
    pub phone: Option<&'a PhoneNumber>,
    /// Who asks.
    pub caller: Option<ClientAddress>,
    /// The session that is used.
    pub session: Option<Uuid>,
    /// The session that began on the device, where it is known and goes by limits of its own.
    pub device: Option<Uuid>,
}

impl Subjects<'_> {
    /// The step of those who ask for a code.
    pub(super) fn asking(&self) -> Step {
        match self.device {
            Some(_) => Step::AskByDevice,
            None => Step::Ask,
        }
    }
}

/// What became of counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// It is counted by every limit; go on.
    Counted,
    /// Nothing was counted.
    Refused {
        /// The rule that takes longest to allow it.
        rule: Rule,
        /// When it will, in milliseconds.
        retry_after_millis: i64,
    },
}

impl Count {
    /// How long it is refused, in milliseconds.
    pub fn wait(self) -> Option<i64> {
        match self {
            Self::Counted => None,
            Self::Refused {
                retry_after_millis, ..
            } => Some(retry_after_millis),
        }
    }
}

/// One limit with its subject.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) limit: &'static Limit,
    pub(super) quota: Quota,
    pub(super) subject: Subject,
}

/// What a row is counted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The phone of the challenge, which the step may have to read first.
    Phone,
    /// Its prefix.
    Prefix,
    /// This text.
    Text(String),
}

impl Row {
    /// The text of its subject, where the phone has these digits.
    pub(super) fn subject_text<'a>(&'a self, digits: &'a str) -> &'a str {
        match &self.subject {
            Subject::Phone => digits,
            Subject::Prefix => prefix(digits),
            Subject::Text(text) => text,
        }
    }

    /// The network that its budget is counted for too, so that one network does not use it up: the group,
    /// of IPv6 the operator, who has groups without number.
    pub(super) fn part_of(&self, subjects: &Subjects<'_>) -> Option<String> {
        match self.quota {
            Quota::Budget { group_part, .. } if group_part > 0 => {
                let caller = subjects.caller?;
                Some(caller.wide_key().unwrap_or_else(|| caller.group_key()))
            }
            _ => None,
        }
    }
}

fn is_of_number(limit: &Limit) -> bool {
    limit.per == Per::Phone && limit.is_counted_at(Step::Ask)
}

/// The rules whose refusals are remembered by number.
pub(super) fn rules_of_number() -> impl Iterator<Item = Rule> {
    let of_number = domain::limits::TABLE
        .iter()
        .filter(|limit| is_of_number(limit));
    of_number.map(|limit| limit.rule)
}

/// The ten thousand numbers that this one is among.
fn prefix(digits: &str) -> &str {
    let end = digits.len().saturating_sub(PREFIX_LESS_DIGITS);
    digits.get(..end).unwrap_or(digits)
}

/// What a device is called where its limits are counted: short, and no name of a session.
fn device_name(session: Uuid) -> String {
    let hash = Sha256::new()
        .chain_update(DEVICE_LABEL)
        .chain_update(session.as_bytes())
        .finalize();
    hex::encode(hash.iter().copied().take(DEVICE_BYTES).collect::<Vec<_>>())
}

/// The rows of a step, in the order of the table.
pub(super) fn rows(step: Step, subjects: &Subjects<'_>, quotas: &Quotas) -> Vec<Row> {
    let row = |(limit, quota): (&'static Limit, Quota)| {
        let subject = match limit.per {
            // The accept step learns the phone of a challenge by reading it.
            Per::Phone if step == Step::Ask => Subject::Phone,
            Per::Prefix if matches!(step, Step::Ask | Step::AskByDevice) => Subject::Prefix,
            Per::Phone => Subject::Text(subjects.phone?.digits().to_owned()),
            Per::Prefix => Subject::Text(prefix(subjects.phone?.digits()).to_owned()),
            Per::Address => Subject::Text(subjects.caller?.limit_key()),
            Per::Group => Subject::Text(subjects.caller?.group_key()),
            Per::Wide => Subject::Text(subjects.caller?.wide_key()?),
            Per::Session => Subject::Text(subjects.session?.simple().to_string()),
            Per::Device => Subject::Text(device_name(subjects.device?)),
            Per::Service => Subject::Text(String::new()),
        };
        Some(Row {
            limit,
            quota,
            subject,
        })
    };
    quotas.at(step).filter_map(row).collect()
}

/// The rows of a request for a code. For a number that is exempt they are fewer; what its windows count goes on to
/// be written down.
pub(super) fn asked_rows(subjects: &Subjects<'_>, quotas: &Quotas, exempt: bool) -> Vec<Row> {
    let mut rows = rows(subjects.asking(), subjects, quotas);
    if exempt {
        rows.retain(|row| !row.limit.may_be_exempted);
    }
    rows
}

/// From where a number was proven: the address of a caller, and its group.
pub(super) fn proven_from(caller: ClientAddress) -> [String; 2] {
    [caller.limit_key(), caller.group_key()]
}

/// How many sends of a number its windows look back over, and for how many milliseconds.
pub(super) fn looked_back(quotas: &Quotas) -> (u32, i64) {
    let windows = rules_of_number().filter_map(|rule| quotas.window(rule));
    windows.fold((0, 0), |(most, longest), (count, millis)| {
        (most.max(count), longest.max(millis))
    })
}

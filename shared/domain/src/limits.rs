//! The limits: what is counted, by what it is counted, and how much of it is allowed.
//!
//! A limit is one row of [`table`](TABLE): its rule, the steps that count it, the subject that it is
//! counted by, its setting with the values of both presets, and what its refusal is told as. Settings,
//! documents, metrics, refusals and the answers of `why` are made from the rows, so a new limit is a
//! new row. How a row counts is its [`Quota`], and of these there are few kinds, which each store
//! implements once.

mod quota;
mod table;

pub use quota::{Form, Quota, SHARE_MILLIS};
pub use table::{Rule, TABLE};

/// A moment at which limits are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Somebody asks for a code.
    Ask,
    /// A known device asks for a code, where its number may have no more of them.
    AskByDevice,
    /// Somebody asks what is worth as much to a collector of numbers, and sends nothing.
    Question,
    /// A password is tried.
    Password,
    /// A code is tried that came with its number only.
    CodeByPhone,
    /// A known device tries a password or a code, where its number is locked or codes need their session id.
    TryByDevice,
    /// A code with its session id was wrong.
    WrongCode,
    /// An access token is asked for with a refresh token.
    Refresh,
    /// A new password is judged.
    NewPassword,
    /// A client asks for somebody, which is kept until they are signed in.
    Authorize,
    /// A client proves itself by a secret.
    ClientSecret,
}

/// What a limit is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// A phone number.
    Phone,
    /// The ten thousand numbers that differ in their last four digits only.
    Prefix,
    /// A client address; of IPv6 the /64.
    Address,
    /// A group of addresses: /24, of IPv6 the /48.
    Group,
    /// The IPv6 addresses of one network operator, /32; of IPv4 nothing.
    Wide,
    /// One session of a user.
    Session,
    /// A device on which the owner of the number has signed in.
    Device,
    /// The whole service.
    Service,
}

impl Per {
    /// How people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Prefix => "prefix of numbers",
            Self::Address => "client address",
            Self::Group => "address group",
            Self::Wide => "IPv6 /32",
            Self::Session => "session",
            Self::Device => "known device",
            Self::Service => "whole service",
        }
    }
}

/// What a refusal is told as; several rules are told alike where they are the same to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldAs {
    /// Too many codes for a number.
    RequestsOfPhone,
    /// Too many requests from an address or from those around it.
    RequestsOfAddress,
    /// Too many wrong tries for a number.
    FailuresOfPhone,
    /// Too many wrong tries from an address or from those around it.
    FailuresOfAddress,
    /// Codes are taken with their session id only.
    SessionRequired,
    /// Too many messages wait.
    QueueFull,
    /// No more messages may go out for the rest of the day.
    SendingPaused,
    /// The gateway takes nothing.
    GatewayAway,
}

impl ToldAs {
    /// The stable code of the refusal.
    pub fn code(self) -> &'static str {
        match self {
            Self::RequestsOfPhone => "too_many_requests_phone",
            Self::RequestsOfAddress => "too_many_requests_address",
            Self::FailuresOfPhone => "too_many_failures_phone",
            Self::FailuresOfAddress => "too_many_failures_address",
            Self::SessionRequired => "session_required",
            Self::QueueFull => "queue_full",
            Self::SendingPaused => "sending_paused",
            Self::GatewayAway => "gateway_unavailable",
        }
    }
}

/// One limit.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Its name.
    pub rule: Rule,
    /// Where it is counted.
    pub steps: &'static [Step],
    /// By what.
    pub per: Per,
    /// The environment variable that sets it.
    pub setting: &'static str,
    /// How its setting is written.
    pub form: Form,
    /// The setting with `LIMITS=balanced`.
    pub balanced: &'static str,
    /// The setting with `LIMITS=strict`.
    pub strict: &'static str,
    /// Whether anyone who proves numbers may do more: twice as much as numbers were proven from there in
    /// the last minute. People behind one address of a carrier prove theirs; anyone who has messages sent
    /// to strangers does not.
    pub more_for_proven: bool,
    /// Whether a number can be exempt from it for some hours. Nothing that counts guesses, and nothing that
    /// protects the whole service, may be so.
    pub may_be_exempted: bool,
    /// What its refusal is told as.
    pub told_as: ToldAs,
    /// What it limits, in one sentence.
    pub meaning: &'static str,
}

impl Limit {
    /// Whether this step counts it.
    pub fn is_counted_at(&self, step: Step) -> bool {
        self.steps.contains(&step)
    }
}

impl Rule {
    /// The limit of this rule; a guard is none.
    pub fn limit(self) -> Option<&'static Limit> {
        TABLE.iter().find(|limit| limit.rule == self)
    }

    /// Whether a number can be exempt from it for some hours.
    pub fn may_be_exempted(self) -> bool {
        self.limit().is_some_and(|limit| limit.may_be_exempted)
    }
}

/// The quotas in force, one for each limit; nothing where a limit is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas([Option<Quota>; TABLE.len()]);

impl Quotas {
    /// No limit at all.
    pub const NONE: Self = Self([None; TABLE.len()]);

    /// The same, but for one limit.
    #[must_use]
    pub fn with(mut self, rule: Rule, quota: impl Into<Option<Quota>>) -> Self {
        for (limit, place) in TABLE.iter().zip(&mut self.0) {
            if limit.rule == rule {
                *place = quota.into();
                break;
            }
        }
        self
    }

    /// The quotas of a number that is exempt.
    #[must_use]
    pub fn of_exempt(mut self) -> Self {
        for (limit, place) in TABLE.iter().zip(&mut self.0) {
            if limit.may_be_exempted {
                *place = None;
            }
        }
        self
    }

    /// The quota of a rule, if it has one.
    pub fn of(&self, rule: Rule) -> Option<Quota> {
        let index = TABLE.iter().position(|limit| limit.rule == rule)?;
        self.0.get(index).copied().flatten()
    }

    /// The limits that this step counts, with their quotas, in the order of the table.
    pub fn at(&self, step: Step) -> impl Iterator<Item = (&'static Limit, Quota)> + '_ {
        TABLE
            .iter()
            .zip(&self.0)
            .filter(move |(limit, _)| limit.is_counted_at(step))
            .filter_map(|(limit, quota)| Some((limit, (*quota)?)))
    }

    /// The windows that the sends of a number are counted by: each with its count and span.
    pub fn windows_of_number(&self) -> impl Iterator<Item = (Rule, u32, i64)> + '_ {
        self.at(Step::Ask)
            .filter_map(|(limit, quota)| match (limit.per, quota) {
                (Per::Phone, Quota::Window { count, millis }) => Some((limit.rule, count, millis)),
                _ => None,
            })
    }

    /// The lock of a number by failed tries: how many it allows, and how long it lasts.
    pub fn lock_of_number(&self) -> Option<(u32, i64)> {
        self.at(Step::CodeByPhone)
            .find_map(|(limit, quota)| match (limit.per, quota) {
                (Per::Phone, Quota::Lock { failures, millis }) => Some((failures, millis)),
                _ => None,
            })
    }

    /// The sends of a number that a window of it allows.
    pub fn window(&self, rule: Rule) -> Option<(u32, i64)> {
        match self.of(rule)? {
            Quota::Window { count, millis } => Some((count, millis)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_rule_has_one_name_and_each_setting_one_row() {
        let names: HashSet<_> = Rule::ALL.iter().map(|rule| rule.as_str()).collect();
        assert_eq!(names.len(), Rule::ALL.len());
        let settings: HashSet<_> = TABLE.iter().map(|limit| limit.setting).collect();
        assert_eq!(settings.len(), TABLE.len());
        assert!(settings.iter().all(|name| name.starts_with("LIMIT_")));
    }

    #[test]
    fn each_preset_is_written_as_its_setting_is_read() {
        for limit in TABLE {
            for preset in [limit.balanced, limit.strict] {
                let read = limit.form.read(preset, 3_600_000);
                assert!(read.is_ok(), "{}: {read:?}", limit.setting);
            }
            assert!(!limit.steps.is_empty() && !limit.meaning.is_empty());
        }
    }

    #[test]
    fn nobody_is_exempt_from_what_counts_guesses_or_protects_the_service() {
        for limit in TABLE.iter().filter(|limit| limit.may_be_exempted) {
            let told_as = limit.told_as;
            assert!(limit.is_counted_at(Step::Ask), "{}", limit.setting);
            assert!(
                matches!(limit.per, Per::Phone | Per::Address),
                "{}",
                limit.setting
            );
            assert!(
                matches!(told_as, ToldAs::RequestsOfPhone | ToldAs::RequestsOfAddress),
                "{}",
                limit.setting
            );
        }
        let windows: Vec<_> = TABLE
            .iter()
            .filter(|limit| limit.per == Per::Phone && limit.is_counted_at(Step::Ask))
            .collect();
        assert!(
            windows.iter().all(|limit| limit.may_be_exempted),
            "a store numbers the windows by their place, so all go or none"
        );
    }

    #[test]
    fn what_is_counted_by_one_log_stands_first() {
        // A store reads the log of a number once, and its windows are numbered by their place.
        let windows = TABLE
            .iter()
            .take_while(|limit| limit.per == Per::Phone && limit.is_counted_at(Step::Ask));
        let asked = TABLE
            .iter()
            .filter(|limit| limit.per == Per::Phone && limit.is_counted_at(Step::Ask));
        assert_eq!(windows.count(), asked.count());
    }

    #[test]
    fn for_a_known_device_all_holds_but_what_is_counted_by_its_number() {
        let of_device = |limit: &&Limit| limit.per == Per::Device;
        let pairs = [
            (Step::Ask, Step::AskByDevice),
            (Step::CodeByPhone, Step::TryByDevice),
        ];
        for (step, by_device) in pairs {
            for limit in TABLE.iter().filter(|limit| !of_device(limit)) {
                // A window or a lock of its own takes the place of those of the number, and it needs no handle.
                let left_out = limit.per == Per::Phone || limit.rule == Rule::FailuresService;
                let holds = limit.is_counted_at(step) && !left_out;
                assert_eq!(limit.is_counted_at(by_device), holds, "{}", limit.setting);
            }
            let own = TABLE.iter().filter(of_device);
            assert_eq!(
                own.filter(|limit| limit.is_counted_at(by_device)).count(),
                1
            );
        }
    }

    #[test]
    fn shares_stand_last_among_what_a_request_counts() {
        // Their states are read only while messages wait.
        let is_share = |limit: &&Limit| limit.form == Form::Percent;
        let asked = TABLE.iter().filter(|limit| limit.is_counted_at(Step::Ask));
        let after_the_first = asked.skip_while(|limit| !is_share(limit));
        assert!(after_the_first.clone().count() > 0);
        assert!(after_the_first.clone().all(|limit| is_share(&limit)));
    }

    #[test]
    fn a_quota_stands_in_for_that_of_its_rule_only() {
        let window = Quota::Window {
            count: 3,
            millis: 120_000,
        };
        let quotas = Quotas::NONE.with(Rule::PhoneShort, window);
        assert_eq!(quotas.of(Rule::PhoneShort), Some(window));
        assert_eq!(quotas.of(Rule::PhoneDay), None);
        assert_eq!(quotas.at(Step::Ask).count(), 1);
        assert_eq!(quotas.at(Step::Password).count(), 0);
        assert_eq!(quotas.with(Rule::PhoneShort, None), Quotas::NONE);
    }
}

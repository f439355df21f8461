//! The last requests that each rule refused, and how often it refused: for people who look, without a
//! Prometheus.
//!
//! A refused request is free for anyone who makes it, so it writes nothing here. The process notes it in its
//! memory and writes once a second what it has noted: how often each rule refused, and of each rule a few
//! requests. Of each rule the last [`KEPT_OF_A_RULE`] are kept, so that a flood against one does not hide what
//! another did. So neither what is written nor what is kept grows with what strangers do.
//!
//! What a process has noted in the last second is lost with it; the counts are "at least".

use std::sync::{Mutex, PoisonError};

use domain::client_address::ClientAddress;
use domain::clock::UnixMillis;
use domain::limits::Rule;
use domain::phone::PhoneNumber;

use super::model::HotStateError;
use super::{Backend, HotState};

/// So many of each rule are kept.
pub(super) const KEPT_OF_A_RULE: usize = 40;
/// So many of each rule are noted by a process in a second; the others are counted only.
const NOTED_OF_A_RULE: usize = 4;
/// None is kept for longer.
pub(super) const LIFE_MILLIS: i64 = 25 * 60 * 60 * 1000;

const _: () = assert!(
    Rule::ALL.len() * KEPT_OF_A_RULE <= 1_000,
    "a thousand of all rules"
);

/// A span that refusals are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CountedBy {
    /// How long it is.
    pub(super) millis: i64,
    /// So many are added up: the present one, which is not over, and those before.
    pub(super) looked_at: i64,
}

/// The last hour, to ten minutes.
pub(super) const OF_AN_HOUR: CountedBy = CountedBy {
    millis: 10 * 60 * 1000,
    looked_at: 7,
};
/// The last day, to an hour.
pub(super) const OF_A_DAY: CountedBy = CountedBy {
    millis: 60 * 60 * 1000,
    looked_at: 25,
};

impl CountedBy {
    /// The number of the span that a moment is in.
    pub(super) fn slot(self, at: UnixMillis) -> i64 {
        at.div_euclid(self.millis)
    }

    /// The spans that are added up.
    pub(super) fn slots(self, now: UnixMillis) -> std::ops::RangeInclusive<i64> {
        let last = self.slot(now);
        last - self.looked_at + 1..=last
    }
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRefusal {
    /// When.
    pub at: UnixMillis,
    /// By which rule.
    pub rule: Rule,
    /// For which number, where one is known and its account was not deleted since.
    pub phone: Option<PhoneNumber>,
    /// From which group of addresses.
    pub group: Option<String>,
    /// When it would have been allowed, in milliseconds after that.
    pub retry_after_millis: i64,
}

/// How often a rule refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleRefusals {
    /// The rule.
    pub rule: Rule,
    /// In the last hour, to ten minutes.
    pub last_hour: u64,
    /// In the last day, to an hour.
    pub last_day: u64,
}

/// What a process has noted of one rule since it last wrote.
#[derive(Clone, Debug)]
pub(super) struct OfRule {
    pub(super) rule: Rule,
    pub(super) count: u64,
    pub(super) last: Vec<LastRefusal>,
}

/// What a process has noted since it last wrote.
#[derive(Debug, Default)]
pub(super) struct Noted(Mutex<Vec<OfRule>>);

impl Noted {
    pub(super) fn note(
        &self,
        at: UnixMillis,
        rule: Rule,
        retry_after_millis: i64,
        phone: Option<&PhoneNumber>,
        caller: Option<ClientAddress>,
    ) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = noted.iter().position(|of_rule| of_rule.rule == rule);
        let place = place.unwrap_or_else(|| {
            noted.push(OfRule {
                rule,
                count: 0,
                last: Vec::new(),
            });
            noted.len() - 1
        });
        if let Some(of_rule) = noted.get_mut(place) {
            of_rule.count += 1;
            if of_rule.last.len() < NOTED_OF_A_RULE {
                of_rule.last.push(LastRefusal {
                    at,
                    rule,
                    phone: phone.cloned(),
                    group: caller.map(ClientAddress::group_key),
                    retry_after_millis,
                });
            }
        }
    }

    fn take(&self) -> Vec<OfRule> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn forget(&self, phone: &PhoneNumber) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for of_rule in &mut *noted {
            of_rule
                .last
                .retain(|refusal| refusal.phone.as_ref() != Some(phone));
        }
    }
}

impl HotState {
    pub(super) fn note_refusal(
        &self,
        rule: Rule,
        retry_after_millis: i64,
        phone: Option<&PhoneNumber>,
        caller: Option<ClientAddress>,
    ) {
        let now = self.clock.now_millis();
        self.refusals
            .note(now, rule, retry_after_millis, phone, caller);
    }

    /// Writes what this process has noted of refusals; to be called about once a second. What cannot be
    /// written is lost.
    pub async fn write_refusals(&self) -> Result<(), HotStateError> {
        let noted = self.refusals.take();
        if noted.is_empty() {
            return Ok(());
        }
        let now = self.clock.now_millis();
        call!(self, state => state.write_refusals(now, &noted))
    }

    /// The last requests that one rule refused, or any, before a moment, the newest first: `limit` of them,
    /// and those of the same moment as the last of these.
    pub async fn last_refusals(
        &self,
        of: Option<Rule>,
        before: Option<UnixMillis>,
        limit: usize,
    ) -> Result<Vec<LastRefusal>, HotStateError> {
        let rules = of.map_or_else(|| Rule::ALL.to_vec(), |rule| vec![rule]);
        let since = self.clock.now_millis() - LIFE_MILLIS;
        let before = before.unwrap_or(UnixMillis::MAX);
        let mut found = call!(self, state => state.last_refusals(&rules, since, before))?;
        found.sort_by_key(|refusal| std::cmp::Reverse(refusal.at));
        let last = limit.checked_sub(1).and_then(|place| found.get(place));
        if let Some(at) = last.map(|refusal| refusal.at) {
            found.truncate(found.partition_point(|refusal| refusal.at >= at));
        }
        Ok(found)
    }

    /// How often each rule refused, in the order of [`Rule::ALL`].
    pub async fn refusals_by_rule(&self) -> Result<Vec<RuleRefusals>, HotStateError> {
        let now = self.clock.now_millis();
        let [hour, day] = call!(self, state => state.refusals_by_rule(now))?;
        let of = |counts: &[(String, u64)], rule: Rule| {
            let counts = counts.iter().filter(|(name, _)| name == rule.as_str());
            counts.map(|(_, count)| count).sum()
        };
        let of_rule = |&rule: &Rule| RuleRefusals {
            rule,
            last_hour: of(&hour, rule),
            last_day: of(&day, rule),
        };
        Ok(Rule::ALL.iter().map(of_rule).collect())
    }

    /// Takes a number out of the last refusals. What is counted stays counted.
    pub async fn forget_refusals(&self, phone: &PhoneNumber) -> Result<(), HotStateError> {
        self.refusals.forget(phone);
        call!(self, state => state.forget_refusals(phone))
    }
}

/// How often rules refused in the last hour and in the last day, by name; a name may come more than once.
pub(super) type Counts = [Vec<(String, u64)>; 2];

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(number: u32) -> PhoneNumber {
        PhoneNumber::from_e164(&format!("+98912{number:07}")).expect("canonical")
    }

    #[test]
    fn a_21_of_a_flood_a_few_of_each_rule_are_noted_and_all_are_counted() {
        let noted = Noted::default();
        for number in 0..10_000 {
            noted.note(7, Rule::Address, 1_000, Some(&phone(number)), None);
        }
        noted.note(8, Rule::PhoneDay, 1_000, Some(&phone(1)), None);
        let taken = noted.take();
        let told = |of_rule: &OfRule| (of_rule.rule, of_rule.count, of_rule.last.len());
        let told: Vec<_> = taken.iter().map(told).collect();
        assert_eq!(
            told,
            [
                (Rule::Address, 10_000, NOTED_OF_A_RULE),
                (Rule::PhoneDay, 1, 1)
            ]
        );
        assert!(noted.take().is_empty(), "once");
    }

    #[test]
    fn prv_01_a_deleted_number_is_not_written_by_a_process_that_had_noted_it() {
        let noted = Noted::default();
        for number in [1, 2, 1] {
            noted.note(7, Rule::PhoneDay, 1_000, Some(&phone(number)), None);
        }
        noted.forget(&phone(1));
        let taken = noted.take();
        let left = taken.iter().flat_map(|of_rule| &of_rule.last);
        let left: Vec<_> = left.map(|refusal| refusal.phone.clone()).collect();
        assert_eq!(left, [Some(phone(2))]);
        assert_eq!(taken.first().map(|of_rule| of_rule.count), Some(3));
    }
}

//! The last refusals in Redis: of each rule a sorted set by time, and for each span a hash of counts.

use std::collections::HashMap;
use std::sync::LazyLock;

use domain::clock::UnixMillis;
use domain::limits::Rule;
use domain::phone::PhoneNumber;
use redis::Script;

use super::{RedisHotState, unavailable};
use crate::hot_state::model::HotStateError;
use crate::hot_state::refusals::{
    CountedBy, Counts, KEPT_OF_A_RULE, LIFE_MILLIS, LastRefusal, OF_A_DAY, OF_AN_HOUR, OfRule,
};

static FORGET_REFUSALS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("forget_refusals.lua")));

impl RedisHotState {
    fn last_key(&self, rule: Rule) -> String {
        [&self.store.keys().last_refusals_prefix, rule.as_str()].concat()
    }

    fn count_key(&self, by: CountedBy, slot: i64) -> String {
        let prefix = &self.store.keys().refusal_counts_prefix;
        format!("{prefix}{}:{slot}", by.millis)
    }

    pub(in crate::hot_state) async fn write_refusals(
        &self,
        now: UnixMillis,
        noted: &[OfRule],
    ) -> Result<(), HotStateError> {
        let mut pipe = redis::pipe();
        for of_rule in noted {
            for by in [OF_AN_HOUR, OF_A_DAY] {
                let key = self.count_key(by, by.slot(now));
                pipe.hincr(key, of_rule.rule.as_str(), of_rule.count)
                    .ignore();
            }
            let key = self.last_key(of_rule.rule);
            for (place, refusal) in of_rule.last.iter().enumerate() {
                pipe.zadd(&key, entry(refusal, place), refusal.at).ignore();
            }
            let kept = isize::try_from(KEPT_OF_A_RULE).unwrap_or(isize::MAX);
            pipe.zremrangebyrank(&key, 0, -kept - 1).ignore();
            pipe.zrembyscore(&key, "-inf", now - LIFE_MILLIS).ignore();
            pipe.pexpire(&key, LIFE_MILLIS).ignore();
        }
        for by in [OF_AN_HOUR, OF_A_DAY] {
            let key = self.count_key(by, by.slot(now));
            pipe.pexpire(key, (by.looked_at + 1) * by.millis).ignore();
        }
        let mut connection = self.store.connection();
        pipe.query_async(&mut connection).await.map_err(unavailable)
    }

    pub(in crate::hot_state) async fn last_refusals(
        &self,
        rules: &[Rule],
        since: UnixMillis,
        before: UnixMillis,
    ) -> Result<Vec<LastRefusal>, HotStateError> {
        let mut pipe = redis::pipe();
        for rule in rules {
            pipe.zrangebyscore(self.last_key(*rule), since, format!("({before}"));
        }
        let mut connection = self.store.connection();
        let found: Vec<Vec<String>> = pipe
            .query_async(&mut connection)
            .await
            .map_err(unavailable)?;
        let read = |(rule, entries): (&Rule, Vec<String>)| {
            let rule = *rule;
            entries.into_iter().map(move |text| read(rule, &text))
        };
        rules
            .iter()
            .zip(found)
            .flat_map(read)
            .collect::<Option<_>>()
            .ok_or(HotStateError::Corrupt("a refusal"))
    }

    pub(in crate::hot_state) async fn refusals_by_rule(
        &self,
        now: UnixMillis,
    ) -> Result<Counts, HotStateError> {
        let mut pipe = redis::pipe();
        for by in [OF_AN_HOUR, OF_A_DAY] {
            for slot in by.slots(now) {
                pipe.hgetall(self.count_key(by, slot));
            }
        }
        let mut connection = self.store.connection();
        let mut found: Vec<HashMap<String, u64>> = pipe
            .query_async(&mut connection)
            .await
            .map_err(unavailable)?;
        let of_hour = usize::try_from(OF_AN_HOUR.looked_at).unwrap_or_default();
        let of_day = found.split_off(of_hour.min(found.len()));
        Ok([found, of_day].map(|spans| spans.into_iter().flatten().collect()))
    }

    pub(in crate::hot_state) async fn forget_refusals(
        &self,
        phone: &PhoneNumber,
    ) -> Result<(), HotStateError> {
        let mut call = FORGET_REFUSALS.prepare_invoke();
        for rule in Rule::ALL {
            call.key(self.last_key(*rule));
        }
        call.arg(format!(" {} ", phone.as_e164()))
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)
    }
}

/// The moment, how long to wait, the number and the group of addresses, each `-` where there is none; and the place
/// among those that are written together, so that two that are alike in all else are two.
fn entry(refusal: &LastRefusal, place: usize) -> String {
    let phone = refusal.phone.as_ref().map_or("-", PhoneNumber::as_e164);
    let group = refusal.group.as_deref().unwrap_or("-");
    let LastRefusal {
        at,
        retry_after_millis,
        ..
    } = refusal;
    format!("{at} {retry_after_millis} {phone} {group} {place}")
}

fn read(rule: Rule, text: &str) -> Option<LastRefusal> {
    let mut parts = text.split(' ');
    let (at, retry_after) = (parts.next()?, parts.next()?);
    let (phone, group) = (parts.next()?, parts.next()?);
    Some(LastRefusal {
        at: at.parse().ok()?,
        rule,
        phone: PhoneNumber::from_e164(phone),
        group: (group != "-").then(|| group.to_owned()),
        retry_after_millis: retry_after.parse().ok()?,
    })
}

//! The limits as staff see them: what each rule is set to and how often it refused, who is locked, and who is exempt.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use domain::clock::UnixMillis;
use domain::limits::{Quota, Rule};
use domain::phone::PhoneNumber;
use serde_json::json;
use shared::hot_state::{
    Exemption, LONGEST_EXEMPTION, LastRefusal, Lock, LockOf, PhoneState, RuleRefusals,
};

use super::{Deed, Desk};
use crate::refusal::Refusal;

/// So many of the last refusals by the lock of a number are looked through for locks.
const LOOKED_AT: usize = 40;

/// A rule: what it is set to, and what it did.
#[derive(Clone, Copy, Debug)]
pub struct RuleNow {
    /// The rule.
    pub rule: Rule,
    /// What it is set to; nothing where it is off. Guards have none.
    pub quota: Option<Quota>,
    /// How often it refused.
    pub refusals: RuleRefusals,
}

/// A number that is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedNumber {
    /// The number.
    pub phone: PhoneNumber,
    /// Its lock.
    pub lock: Lock,
}

/// What the limits have against one number.
#[derive(Clone, Debug)]
pub struct NumberLimits {
    /// What was granted and refused.
    pub state: PhoneState,
    /// The windows that are full, each with the moment from which it allows one more.
    pub full: Vec<(Rule, UnixMillis)>,
    /// The lock by failed tries.
    pub lock: Option<Lock>,
    /// Its exemption.
    pub exemption: Option<Exemption>,
}

/// Every rule, in the order of the table.
pub async fn rules(desk: &Desk) -> Result<Vec<RuleNow>, Refusal> {
    let quotas = &desk.flows.accept_policy.quotas;
    let refusals = desk.flows.hot_state.refusals_by_rule().await?;
    let of_rule = |refusals: RuleRefusals| RuleNow {
        rule: refusals.rule,
        quota: quotas.of(refusals.rule),
        refusals,
    };
    Ok(refusals.into_iter().map(of_rule).collect())
}

/// The last requests that a rule refused, or any, the newest first.
pub async fn last_refusals(
    desk: &Desk,
    of: Option<Rule>,
    before: Option<UnixMillis>,
    limit: usize,
) -> Result<Vec<LastRefusal>, Refusal> {
    let found = desk.flows.hot_state.last_refusals(of, before, limit);
    Ok(found.await?)
}

/// Numbers that are locked now, of those that a lock refused lately. One that nobody tried since is found by its
/// number.
pub async fn locked_numbers(desk: &Desk) -> Result<Vec<LockedNumber>, Refusal> {
    let hot_state = &desk.flows.hot_state;
    let refused = hot_state.last_refusals(Some(Rule::FailuresPhone), None, LOOKED_AT);
    let mut seen = HashSet::new();
    let mut locked = Vec::new();
    for phone in refused.await?.into_iter().filter_map(|one| one.phone) {
        if !seen.insert(phone.clone()) {
            continue;
        }
        if let Some(lock) = lock_of(desk, LockOf::Phone(&phone)).await? {
            locked.push(LockedNumber { phone, lock });
        }
    }
    Ok(locked)
}

/// The lock of a number or of a client address, if one holds.
pub async fn lock_of(desk: &Desk, of: LockOf<'_>) -> Result<Option<Lock>, Refusal> {
    let quotas = &desk.flows.accept_policy.quotas;
    Ok(desk.flows.hot_state.lock(of, quotas).await?)
}

/// What the limits have against a number.
pub async fn limits_of(desk: &Desk, phone: &PhoneNumber) -> Result<NumberLimits, Refusal> {
    let hot_state = &desk.flows.hot_state;
    let state = hot_state.phone_state(phone).await?;
    let windows = desk.flows.accept_policy.quotas.windows_of_number();
    let full = windows
        .filter_map(|(rule, count, millis)| {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let at = state.sends.len().checked_sub(count)?;
            let free_at = state.sends.get(at)? + millis;
            (free_at > state.now).then_some((rule, free_at))
        })
        .collect();
    let exemptions = hot_state.exemptions().await?;
    Ok(NumberLimits {
        full,
        lock: lock_of(desk, LockOf::Phone(phone)).await?,
        exemption: exemptions.into_iter().find(|one| one.phone == *phone),
        state,
    })
}

/// Forgets failed tries, so that what they locked is open again; `false` where no lock holds.
pub async fn lift_lock(desk: &Desk, of: LockOf<'_>, deed: &Deed) -> Result<bool, Refusal> {
    if lock_of(desk, of).await?.is_none() {
        return Ok(false);
    }
    let object = match of {
        LockOf::Phone(phone) => desk.number_object(phone),
        LockOf::Address(address) => format!("address:{}", address.limit_key()),
    };
    let entry = deed.entry(desk, "lock_lifted", None, Some(object), json!({}));
    let now = desk.flows.clock.now();
    desk.records().write_audit(&entry, now).await?;
    Ok(desk.flows.hot_state.lift_lock(of).await?)
}

/// The numbers that are exempt.
pub async fn exemptions(desk: &Desk) -> Result<Vec<Exemption>, Refusal> {
    Ok(desk.flows.hot_state.exemptions().await?)
}

/// Exempts a number from the windows of the number and from the bucket of the client address, for a day at most;
/// `false` where too many are exempt already. `by` is how the one who does it is called.
pub async fn exempt(
    desk: &Desk,
    phone: &PhoneNumber,
    life: TimeDelta,
    by: String,
    deed: &Deed,
) -> Result<bool, Refusal> {
    let now = desk.flows.clock.now();
    let life = life.num_milliseconds().clamp(0, LONGEST_EXEMPTION);
    let exemption = Exemption {
        phone: phone.clone(),
        since: now.timestamp_millis(),
        until: now.timestamp_millis() + life,
        by,
        reason: deed.reason.clone().unwrap_or_default(),
    };
    let until = moment(exemption.until).to_rfc3339();
    let details = json!({ "until": until });
    let object = Some(desk.number_object(phone));
    let entry = deed.entry(desk, "number_exempted", None, object, details);
    desk.records().write_audit(&entry, now).await?;
    Ok(desk.flows.hot_state.exempt(&exemption).await?)
}

/// Ends an exemption before its time; `false` if there is none.
pub async fn end_exemption(desk: &Desk, phone: &PhoneNumber, deed: &Deed) -> Result<bool, Refusal> {
    let exempt = desk.flows.hot_state.exemptions().await?;
    if !exempt.iter().any(|one| one.phone == *phone) {
        return Ok(false);
    }
    let object = Some(desk.number_object(phone));
    let entry = deed.entry(desk, "exemption_ended", None, object, json!({}));
    let now = desk.flows.clock.now();
    desk.records().write_audit(&entry, now).await?;
    Ok(desk.flows.hot_state.end_exemption(phone).await?)
}

fn moment(at: UnixMillis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at).unwrap_or_default()
}

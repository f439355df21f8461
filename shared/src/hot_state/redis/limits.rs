//! Limits in Redis: rows are packed for `limits.lua`, which stands before every script that counts.

use std::sync::LazyLock;

use domain::client_address::ClientAddress;
use domain::clock::{Clock, UnixMillis};
use domain::limits::{Per, Quota, Quotas, Rule, SHARE_MILLIS, Step};
use redis::Script;
use tokio::time::Instant;

use super::super::REDIS_CALL_LIMIT;
use super::{RedisHotState, TOO_LATE, now_argument, unavailable};
use crate::hot_state::limits::{Count, Row, Subject, Subjects, proven_from, rows};
use crate::hot_state::model::HotStateError;
use crate::redis_store::Keys;

static COUNT: LazyLock<Script> = LazyLock::new(|| counting_script(include_str!("count.lua")));
static TAKE_BACK: LazyLock<Script> =
    LazyLock::new(|| giving_back_script(&[], include_str!("take_back.lua")));

/// The kind of a share, whose key is not always read.
const SHARE: u8 = 5;

/// What the first line of a script tells Redis, if it tells something.
pub(super) const ALLOWS_OUT_OF_MEMORY: &str = "#!lua flags=allow-oom\n";

/// A script that counts by `limits.lua`.
pub(super) fn counting_script(script: &str) -> Script {
    let limits = include_str!("limits.lua");
    match script.strip_prefix(ALLOWS_OUT_OF_MEMORY) {
        Some(rest) => Script::new(&[ALLOWS_OUT_OF_MEMORY, limits, rest].concat()),
        None => Script::new(&[limits, script].concat()),
    }
}

/// One that gives back what was counted, by `limits.lua`, `giving_back.lua` and more that stands before it.
pub(super) fn giving_back_script(before: &[&str], script: &str) -> Script {
    let rest = script.strip_prefix(ALLOWS_OUT_OF_MEMORY).unwrap_or(script);
    let (limits, giving_back) = (include_str!("limits.lua"), include_str!("giving_back.lua"));
    let mut texts = vec![ALLOWS_OUT_OF_MEMORY, limits, giving_back];
    texts.extend(before);
    texts.push(rest);
    Script::new(&texts.concat())
}

/// Rows as the scripts read them, with the keys that they name in this order.
pub(super) struct PackedRows {
    pub(super) keys: Vec<String>,
    pub(super) packed: Vec<u8>,
    /// So many of the keys are read each time; those of shares only while messages wait.
    pub(super) ever_read: usize,
}

impl PackedRows {
    /// `erased` is what the number of the subjects would be called if its account was deleted lately.
    pub(super) fn of(
        rows: &[Row],
        subjects: &Subjects<'_>,
        names: &Keys,
        erased: Option<&str>,
    ) -> Self {
        let mut all = Self {
            keys: Vec::with_capacity(rows.len()),
            packed: Vec::with_capacity(rows.len() * 26),
            ever_read: 0,
        };
        let mut whole_is_counted = false;
        for row in rows {
            let place: u8 = match &row.subject {
                Subject::Phone => 1,
                Subject::Prefix => 2,
                Subject::Text(text) => {
                    all.keys.push(key(names, row, text));
                    0
                }
            };
            let (kind, second, numbers): (u8, Option<String>, [i64; 3]) = match row.quota {
                Quota::Window { count, millis } => (1, None, [count.into(), millis, 0]),
                Quota::Rate {
                    count,
                    millis,
                    ahead,
                } => {
                    let proven = match &row.subject {
                        Subject::Text(text) if row.limit.more_for_proven => {
                            Some(names.proven(text))
                        }
                        _ => None,
                    };
                    (2, proven, [count.into(), millis, ahead])
                }
                Quota::Lock { failures, millis } => {
                    let of_phone = row.limit.per == Per::Phone;
                    let forgets = of_phone || row.limit.per == Per::Device;
                    let before = erased
                        .filter(|_| of_phone)
                        .map(|name| [&names.erased_failures_prefix, name].concat());
                    (3, before, [failures.into(), millis, forgets.into()])
                }
                Quota::Budget {
                    count,
                    millis,
                    group_part,
                } => {
                    let part = row.part_of(subjects);
                    let part = part.map(|group| names.limit(row.limit.rule, &group));
                    (4, part, [count.into(), millis, group_part.into()])
                }
                Quota::Share { percent } => {
                    let whole = names.limit(Rule::GroupShare, "");
                    let counts = i64::from(!std::mem::replace(&mut whole_is_counted, true));
                    (SHARE, Some(whole), [percent.into(), SHARE_MILLIS, counts])
                }
            };
            if kind != SHARE {
                all.ever_read = all.keys.len() + usize::from(second.is_some());
            }
            all.packed.push(kind);
            all.packed
                .push(if second.is_some() { place + 4 } else { place });
            all.packed
                .extend(numbers.into_iter().flat_map(i64::to_be_bytes));
            all.keys.extend(second);
        }
        all
    }
}

/// Limits that were there before the table keep their keys.
fn key(names: &Keys, row: &Row, subject: &str) -> String {
    let prefix = match (row.limit.rule, row.quota) {
        (Rule::Address, _) => &names.address_prefix,
        (Rule::FailuresPhone, _) => &names.phone_failures_prefix,
        (Rule::FailuresAddress, Quota::Lock { .. }) => &names.address_failures_prefix,
        (rule, _) => return names.limit(rule, subject),
    };
    [prefix, subject].concat()
}

/// What a script answers of rows: the number of the one that refuses, and the time to wait.
pub(super) fn refusal_of(rows: &[Row], number: usize, wait: i64) -> Result<Count, HotStateError> {
    if number == 0 {
        return Ok(Count::Counted);
    }
    let row = rows
        .get(number - 1)
        .ok_or(HotStateError::Corrupt("the number of a limit"))?;
    Ok(Count::Refused {
        rule: row.limit.rule,
        retry_after_millis: wait.max(1),
    })
}

impl RedisHotState {
    fn erased_name(&self, subjects: &Subjects<'_>) -> Option<String> {
        self.memory.erased_name(subjects.phone?)
    }

    pub(in crate::hot_state) async fn count(
        &self,
        clock: &Clock,
        step: Step,
        subjects: &Subjects<'_>,
        quotas: &Quotas,
    ) -> Result<Count, HotStateError> {
        let rows = rows(step, subjects, quotas);
        if rows.is_empty() {
            return Ok(Count::Counted);
        }
        let refused_at = Instant::now() + REDIS_CALL_LIMIT;
        let erased = self.erased_name(subjects);
        let packed = PackedRows::of(&rows, subjects, self.store.keys(), erased.as_deref());
        for _ in 0..2 {
            let not_after = self.not_after(clock, refused_at).await?;
            let asked = Instant::now();
            let (refused, wait, now): (i64, i64, UnixMillis) = COUNT
                .key(&packed.keys)
                .arg(now_argument(clock))
                .arg(&packed.packed[..])
                .arg(not_after.unwrap_or_default())
                .invoke_async(&mut self.store.connection())
                .await
                .map_err(unavailable)?;
            self.server_time.told(asked, now);
            if let Ok(number) = usize::try_from(refused) {
                return refusal_of(&rows, number, wait);
            }
            // Too late by the clock of Redis, and an answer in time by ours: its clock was set.
        }
        Err(HotStateError::Unavailable(TOO_LATE.into()))
    }

    pub(in crate::hot_state) async fn take_back(
        &self,
        clock: &Clock,
        step: Step,
        subjects: &Subjects<'_>,
        quotas: &Quotas,
        proven: Option<ClientAddress>,
    ) -> Result<(), HotStateError> {
        let rows = rows(step, subjects, quotas);
        let names = self.store.keys();
        let erased = self.erased_name(subjects);
        let packed = PackedRows::of(&rows, subjects, names, erased.as_deref());
        let of_rows = packed.keys.len();
        let mut call = TAKE_BACK.key(packed.keys);
        for place in proven.map(proven_from).iter().flatten() {
            call.key(names.proven(place));
        }
        call.arg(now_argument(clock))
            .arg(&packed.packed[..])
            .arg(of_rows)
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)
    }
}

//! What Redis can tell of one number: plain reads, in one round trip.

use std::collections::HashMap;

use domain::clock::{Clock, UnixMillis};
use domain::phone::PhoneNumber;

use super::{RedisHotState, unavailable};
use crate::hot_state::limits::rules_of_number;
use crate::hot_state::model::HotStateError;
use crate::hot_state::phone_state::{PhoneRefusals, PhoneState};

type PhoneStateReply = (
    (i64, i64),
    Option<String>,
    (Option<u32>, Option<UnixMillis>),
    HashMap<String, i64>,
);

impl RedisHotState {
    pub(in crate::hot_state) async fn phone_state(
        &self,
        clock: &Clock,
        phone: &PhoneNumber,
    ) -> Result<PhoneState, HotStateError> {
        let keys = self.store.keys();
        let digits = phone.digits();
        let (time, sends, (failures, last_failure_at), refusals): PhoneStateReply = redis::pipe()
            .cmd("TIME")
            .get(format!("{}{digits}", keys.phone_sends_prefix))
            .hmget(
                format!("{}{digits}", keys.phone_failures_prefix),
                &["n", "l"][..],
            )
            .hgetall(format!("{}{digits}", keys.phone_refusals_prefix))
            .query_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        let of_redis = time.0 * 1000 + time.1 / 1000;
        let sends = sends.as_deref().unwrap_or_default();
        Ok(PhoneState {
            now: clock.hot_state_now().unwrap_or(of_redis),
            sends: moments(sends.split_ascii_whitespace())?,
            untexted: moments(
                sends
                    .split_ascii_whitespace()
                    .filter(|send| send.ends_with("=-")),
            )?,
            refusals: read_refusals(&refusals)?,
            failures: failures.unwrap_or_default(),
            last_failure_at,
        })
    }
}

/// The moments of granted requests, without what stands beside them.
fn moments<'a>(sends: impl Iterator<Item = &'a str>) -> Result<Vec<UnixMillis>, HotStateError> {
    sends
        .map(|send| send.split_once('=').map_or(send, |(at, _)| at).parse())
        .collect::<Result<_, _>>()
        .map_err(|_| HotStateError::Corrupt("the sends of a phone"))
}

/// `n` and `t` with the index of a window: how often, and when it last refused.
fn read_refusals(fields: &HashMap<String, i64>) -> Result<Vec<PhoneRefusals>, HotStateError> {
    let mut found = Vec::new();
    for (index, rule) in rules_of_number().enumerate() {
        let count = fields.get(&format!("n{index}"));
        let last_at = fields.get(&format!("t{index}"));
        if let Some((&count, &last_at)) = count.zip(last_at) {
            let count = count
                .try_into()
                .map_err(|_| HotStateError::Corrupt("a count of refusals"))?;
            found.push(PhoneRefusals {
                rule,
                count,
                last_at,
            });
        }
    }
    Ok(found)
}

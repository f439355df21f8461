//! Calls of the gateway that are asked for at the same time are admitted by one call of `admit_call.lua`.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use super::unavailable;
use crate::hot_state::gate::{Admission, millis};
use crate::hot_state::model::HotStateError;
use crate::redis_script::ScriptCall;
use crate::redis_store::RedisStore;
use crate::together::{Answer, Service, Waiting};

static ADMIT_CALL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("admit_call.lua")));

/// One who wants to call.
pub(super) struct AdmitCall {
    /// The time, or nothing for that of Redis.
    pub(super) now: String,
    pub(super) rate_per_second: u32,
    pub(super) patience: Duration,
}

/// Admits them.
pub(super) struct AdmitCalls(pub(super) RedisStore);

impl Service for AdmitCalls {
    type Input = AdmitCall;
    type Output = Admission;
    type Error = HotStateError;

    const MOST: usize = 64;
    const UNDER_WAY: usize = 2;

    fn may_join(one: &AdmitCall, others: &[Waiting<Self>]) -> bool {
        let same = |first: &Waiting<Self>| {
            (&first.input.now, first.input.rate_per_second) == (&one.now, one.rate_per_second)
        };
        others.first().is_none_or(same)
    }

    async fn serve(&self, together: &[Waiting<Self>]) -> Result<Vec<Answer<Self>>, HotStateError> {
        let Some(first) = together.first() else {
            return Ok(Vec::new());
        };
        let keys = self.0.keys();
        let mut call = ScriptCall::new(&ADMIT_CALL, 2);
        call.arg(&keys.breaker)
            .arg(&keys.gateway_rate)
            .arg(&first.input.now)
            .arg(first.input.rate_per_second)
            .arg(millis::BURST)
            .arg(millis::RECOVERY_STEP)
            .arg(millis::RECOVERY_STEPS)
            .arg(millis::PROBE_TAKES)
            .arg(millis::LONGEST_PROBE)
            .arg(millis::LONGEST_PATIENCE);
        for one in together {
            let patience = one.input.patience.as_millis();
            call.arg(u64::try_from(patience).unwrap_or(u64::MAX));
        }
        let replies: Vec<(String, u64, i32)> = call
            .run(&mut self.0.connection())
            .await
            .map_err(unavailable)?;
        Ok(replies.iter().map(admission).collect())
    }
}

fn admission((outcome, wait, code): &(String, u64, i32)) -> Result<Admission, HotStateError> {
    let wait = Duration::from_millis(*wait);
    match outcome.as_str() {
        "go" => Ok(Admission::Go { after: wait }),
        "wait" => Ok(Admission::Wait(wait)),
        "closed" => Ok(Admission::Closed {
            code: *code,
            retry_after: wait,
        }),
        _ => Err(HotStateError::Corrupt("the admission of a call")),
    }
}

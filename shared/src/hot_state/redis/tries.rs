//! Failed tries in Redis: each step is one script.

use std::sync::LazyLock;

use domain::clock::Clock;
use domain::phone::PhoneNumber;
use redis::Script;

use super::{RedisHotState, now_argument, unavailable};
use crate::hot_state::model::HotStateError;
use crate::hot_state::tries::{AddressTries, Try, TryLimits, TryRule};

static BEGIN_TRY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("begin_try.lua")));
static TRY_SUCCEEDED: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("try_succeeded.lua")));

impl RedisHotState {
    pub(in crate::hot_state) async fn begin_try(
        &self,
        clock: &Clock,
        phone: &PhoneNumber,
        address: &str,
        limits: &TryLimits,
    ) -> Result<Try, HotStateError> {
        let mut call = BEGIN_TRY.prepare_invoke();
        call.key(self.phone_failures(phone))
            .key(self.address_failures(address))
            .arg(now_argument(clock))
            .arg(limits.phone_failures)
            .arg(limits.lock_millis);
        match limits.address {
            AddressTries::Throttled { per_second } => call
                .arg("throttled")
                .arg(1000.0 / f64::from(per_second))
                .arg(AddressTries::BURST),
            AddressTries::Locked { failures } => call.arg("locked").arg(failures),
        };
        let (rule, retry_after_millis): (String, i64) = call
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        if rule.is_empty() {
            return Ok(Try::Counted);
        }
        TryRule::ALL
            .into_iter()
            .find(|known| known.as_str() == rule)
            .map(|rule| Try::Refused {
                rule,
                retry_after_millis,
            })
            .ok_or(HotStateError::Corrupt("the name of a rule"))
    }

    pub(in crate::hot_state) async fn try_succeeded(
        &self,
        phone: &PhoneNumber,
        address: &str,
        limits: &TryLimits,
    ) -> Result<(), HotStateError> {
        let mut call = TRY_SUCCEEDED.prepare_invoke();
        call.key(self.phone_failures(phone))
            .key(self.address_failures(address));
        match limits.address {
            AddressTries::Throttled { per_second } => call.arg(1000.0 / f64::from(per_second)),
            AddressTries::Locked { .. } => call.arg(""),
        };
        call.invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)
    }

    fn phone_failures(&self, phone: &PhoneNumber) -> String {
        let prefix = &self.store.keys().phone_failures_prefix;
        format!("{prefix}{}", phone.digits())
    }

    fn address_failures(&self, address: &str) -> String {
        format!("{}{address}", self.store.keys().address_failures_prefix)
    }
}

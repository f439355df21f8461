//! The gate in Redis: each step is one script.

use std::sync::LazyLock;
use std::time::Duration;

use domain::clock::{Clock, UnixMillis};
use redis::{AsyncCommands as _, Script};

use super::admit_calls::AdmitCall;
use super::{RedisHotState, now_argument, unavailable};
use crate::hot_state::gate::{Admission, OpenBreaker, millis};
use crate::hot_state::model::HotStateError;

static SLOW_DOWN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("slow_down.lua")));
static BREAKER: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("breaker.lua")));

impl RedisHotState {
    pub(in crate::hot_state) async fn admit_call(
        &self,
        clock: &Clock,
        rate_per_second: u32,
        patience: Duration,
    ) -> Result<Admission, HotStateError> {
        let call = AdmitCall {
            now: now_argument(clock),
            rate_per_second,
            patience,
        };
        self.admissions.take(call).await
    }

    pub(in crate::hot_state) async fn slow_down(
        &self,
        clock: &Clock,
    ) -> Result<bool, HotStateError> {
        SLOW_DOWN
            .key(&self.store.keys().gateway_rate)
            .arg(now_argument(clock))
            .arg(millis::RECOVERY_STEP)
            .arg(millis::RECOVERY_STEPS)
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)
    }

    pub(in crate::hot_state) async fn open_breaker(
        &self,
        clock: &Clock,
        code: i32,
    ) -> Result<bool, HotStateError> {
        self.move_breaker(clock, "refused", i64::from(code)).await
    }

    pub(in crate::hot_state) async fn take_probe(
        &self,
        clock: &Clock,
        lease: Duration,
    ) -> Result<bool, HotStateError> {
        let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        self.move_breaker(clock, "take_probe", lease).await
    }

    pub(in crate::hot_state) async fn put_off_probe(
        &self,
        clock: &Clock,
    ) -> Result<bool, HotStateError> {
        self.move_breaker(clock, "probe_failed", 0).await
    }

    pub(in crate::hot_state) async fn close_breaker(
        &self,
        clock: &Clock,
    ) -> Result<bool, HotStateError> {
        self.move_breaker(clock, "probe_succeeded", 0).await
    }

    pub(in crate::hot_state) async fn breaker(&self) -> Result<Option<OpenBreaker>, HotStateError> {
        type Fields = (Option<i32>, Option<UnixMillis>, Option<UnixMillis>);
        let (code, since, probe_at): Fields = self
            .store
            .connection()
            .hmget(
                &self.store.keys().breaker,
                &["code", "since", "probe_at"][..],
            )
            .await
            .map_err(unavailable)?;
        Ok(code.map(|code| OpenBreaker {
            code,
            since: since.unwrap_or_default(),
            probe_at: probe_at.unwrap_or_default(),
        }))
    }

    async fn move_breaker(
        &self,
        clock: &Clock,
        what: &str,
        extra: i64,
    ) -> Result<bool, HotStateError> {
        BREAKER
            .key(&self.store.keys().breaker)
            .arg(now_argument(clock))
            .arg(what)
            .arg(extra)
            .arg(millis::FIRST_PROBE)
            .arg(millis::LONGEST_PROBE)
            .arg(millis::PROBE_GRACE)
            .arg(millis::RELAPSE)
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)
    }
}

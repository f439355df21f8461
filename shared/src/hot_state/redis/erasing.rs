//! Taking a number out of Redis.

use std::sync::LazyLock;

use domain::phone::PhoneNumber;
use redis::Script;

use super::limits::ALLOWS_OUT_OF_MEMORY;
use super::{RedisHotState, unavailable};
use crate::hot_state::model::HotStateError;

static ERASE_NUMBER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        &[
            ALLOWS_OUT_OF_MEMORY,
            include_str!("waiting_job.lua"),
            include_str!("erase_number.lua"),
        ]
        .concat(),
    )
});

/// How long limits go on under the other name: longer than a day, and than a lock of an hour. What is over
/// is told by the times in it.
const ERASED_LIFE_MILLIS: i64 = 25 * 60 * 60 * 1000;

impl RedisHotState {
    pub(in crate::hot_state) async fn erase_number(
        &self,
        phone: &PhoneNumber,
    ) -> Result<u64, HotStateError> {
        let (keys, digits) = (self.store.keys(), phone.digits());
        let erased = self.memory.erased_name(phone);
        let of = |prefix: &str, name: &str| [prefix, name].concat();
        let name = erased.as_deref().unwrap_or_default();
        ERASE_NUMBER
            .key(of(&keys.phone_sends_prefix, digits))
            .key(of(&keys.phone_refusals_prefix, digits))
            .key(of(&keys.phone_failures_prefix, digits))
            .key(of(&keys.erased_sends_prefix, name))
            .key(of(&keys.erased_failures_prefix, name))
            .key(&keys.jobs)
            .arg(&keys.challenge_prefix)
            .arg(&keys.joined_prefix)
            .arg(phone.as_e164())
            .arg(u8::from(erased.is_some()))
            .arg(ERASED_LIFE_MILLIS)
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)
    }
}

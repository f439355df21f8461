//! Logs of numbers in Redis: a text each.

use std::sync::LazyLock;

use domain::clock::Clock;
use domain::phone::PhoneNumber;
use redis::{AsyncCommands as _, Script};

use super::limits::counting_script;
use super::{RedisHotState, now_argument, unavailable};
use crate::hot_state::model::HotStateError;
use crate::hot_state::number_logs::{LOG_LIFE_MILLIS, NAMED_FOR_MILLIS};

static SHORTEN_LOGS: LazyLock<Script> =
    LazyLock::new(|| counting_script(include_str!("shorten_logs.lua")));

impl RedisHotState {
    pub(in crate::hot_state) async fn logs_shortened_to(
        &self,
    ) -> Result<Option<Vec<u8>>, HotStateError> {
        let noted = &self.store.keys().logs_shortened_to;
        match self.store.connection().get(noted).await {
            // What somebody else has put there is written over.
            Err(error) if error.code() == Some("WRONGTYPE") => Ok(None),
            noted => noted.map_err(unavailable),
        }
    }

    pub(in crate::hot_state) async fn shorten_logs(
        &self,
        clock: &Clock,
        numbers: &[PhoneNumber],
        from: &[u8],
        to: &str,
    ) -> Result<Option<u64>, HotStateError> {
        let keys = self.store.keys();
        let mut call = SHORTEN_LOGS.prepare_invoke();
        call.key(&keys.logs_shortened_to);
        for number in numbers {
            call.key([&keys.phone_sends_prefix, number.digits()].concat());
        }
        let shorter: i64 = call
            .arg(now_argument(clock))
            .arg(from)
            .arg(to)
            .arg(NAMED_FOR_MILLIS)
            .arg(LOG_LIFE_MILLIS)
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        Ok(u64::try_from(shorter).ok())
    }
}

//! Locks in Redis: a hash of failed tries, of a number also under the name that it had while its account was
//! deleted.

use domain::clock::UnixMillis;
use redis::AsyncCommands as _;

use super::{RedisHotState, unavailable};
use crate::hot_state::locks::LockOf;
use crate::hot_state::model::HotStateError;

type Tries = (Option<u32>, Option<UnixMillis>);

impl RedisHotState {
    fn failed_tries_keys(&self, of: LockOf<'_>) -> Vec<String> {
        let keys = self.store.keys();
        match of {
            LockOf::Phone(phone) => {
                let own = [&keys.phone_failures_prefix, phone.digits()].concat();
                let erased = self.memory.erased_name(phone);
                let erased =
                    erased.map(|name| [&keys.erased_failures_prefix, name.as_str()].concat());
                [Some(own), erased].into_iter().flatten().collect()
            }
            LockOf::Address(address) => {
                let key = address.limit_key();
                vec![[&keys.address_failures_prefix, key.as_str()].concat()]
            }
        }
    }

    pub(in crate::hot_state) async fn failed_tries(
        &self,
        of: LockOf<'_>,
    ) -> Result<(u32, Option<UnixMillis>), HotStateError> {
        let mut pipe = redis::pipe();
        for key in self.failed_tries_keys(of) {
            pipe.hmget(key, &["n", "l"][..]);
        }
        let mut connection = self.store.connection();
        let found: Vec<Tries> = pipe
            .query_async(&mut connection)
            .await
            .map_err(unavailable)?;
        let first = found.into_iter().find(|(count, _)| count.is_some());
        Ok(first.map_or((0, None), |(count, last)| (count.unwrap_or_default(), last)))
    }

    pub(in crate::hot_state) async fn forget_failed_tries(
        &self,
        of: LockOf<'_>,
    ) -> Result<bool, HotStateError> {
        let removed: u64 = self
            .store
            .connection()
            .del(self.failed_tries_keys(of))
            .await
            .map_err(unavailable)?;
        Ok(removed > 0)
    }
}

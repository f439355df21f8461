//! Locks in the file; the twin of `redis/locks.rs`.

use domain::clock::UnixMillis;

use super::limits::{address_failures_key, erased_failures_key, phone_failures_key};
use super::{SqliteHotState, unavailable};
use crate::hot_state::locks::LockOf;
use crate::hot_state::model::HotStateError;

const FIND: &str = "SELECT failures, last_at FROM hot_failed_tries WHERE subject = $1";
const FORGET: &str = "DELETE FROM hot_failed_tries WHERE subject = $1";

impl SqliteHotState {
    fn failed_tries_keys(&self, of: LockOf<'_>) -> Vec<String> {
        match of {
            LockOf::Phone(phone) => {
                let erased = self.memory.erased_name(phone);
                let erased = erased.as_deref().map(erased_failures_key);
                let own = phone_failures_key(phone.digits());
                [Some(own), erased].into_iter().flatten().collect()
            }
            LockOf::Address(address) => vec![address_failures_key(&address.limit_key())],
        }
    }

    pub(in crate::hot_state) async fn failed_tries(
        &self,
        of: LockOf<'_>,
    ) -> Result<(u32, Option<UnixMillis>), HotStateError> {
        for key in self.failed_tries_keys(of) {
            let found: Option<(u32, UnixMillis)> = sqlx::query_as(FIND)
                .bind(key)
                .fetch_optional(self.file.readers())
                .await
                .map_err(unavailable)?;
            if let Some((failures, last_at)) = found {
                return Ok((failures, Some(last_at)));
            }
        }
        Ok((0, None))
    }

    pub(in crate::hot_state) async fn forget_failed_tries(
        &self,
        of: LockOf<'_>,
    ) -> Result<bool, HotStateError> {
        let mut removed = 0;
        let mut transaction = self.begin().await?;
        for key in self.failed_tries_keys(of) {
            removed += sqlx::query(FORGET)
                .bind(key)
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?
                .rows_affected();
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(removed > 0)
    }
}

//! Requests of clients in Redis: the moment of their end, a line break, and the body.

use domain::clock::{Clock, UnixMillis};
use redis::{AsyncCommands as _, ExistenceCheck, SetExpiry, SetOptions};

use super::{RedisHotState, unavailable};
use crate::hot_state::model::HotStateError;
use crate::hot_state::{AUTHORIZATION_REQUEST_MILLIS, AuthorizationRequestId};

impl RedisHotState {
    fn authorization_request_key(&self, id: AuthorizationRequestId) -> String {
        let prefix = &self.store.keys().authorization_request_prefix;
        format!("{prefix}{}", hex::encode(id))
    }

    pub(in crate::hot_state) async fn keep_authorization_request(
        &self,
        clock: &Clock,
        id: AuthorizationRequestId,
        body: &str,
    ) -> Result<bool, HotStateError> {
        let ends = self.now(clock).await? + AUTHORIZATION_REQUEST_MILLIS;
        let life = AUTHORIZATION_REQUEST_MILLIS.unsigned_abs();
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::PX(2 * life));
        let key = self.authorization_request_key(id);
        let set: Option<String> = self
            .store
            .connection()
            .set_options(key, format!("{ends}\n{body}"), options)
            .await
            .map_err(unavailable)?;
        Ok(set.is_some())
    }

    pub(in crate::hot_state) async fn authorization_request(
        &self,
        clock: &Clock,
        id: AuthorizationRequestId,
    ) -> Result<Option<String>, HotStateError> {
        let ((seconds, micros), kept): ((i64, i64), Option<String>) = redis::pipe()
            .cmd("TIME")
            .get(self.authorization_request_key(id))
            .query_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        let Some(kept) = kept else { return Ok(None) };
        let parts = kept.split_once('\n');
        let parts = parts.and_then(|(ends, body)| Some((ends.parse::<UnixMillis>().ok()?, body)));
        let (ends, body) = parts.ok_or(HotStateError::Corrupt("a request of a client"))?;
        let now = clock
            .hot_state_now()
            .unwrap_or(seconds * 1000 + micros / 1000);
        Ok((ends > now).then(|| body.to_owned()))
    }

    pub(in crate::hot_state) async fn take_authorization_request(
        &self,
        id: AuthorizationRequestId,
    ) -> Result<bool, HotStateError> {
        let removed: u32 = self
            .store
            .connection()
            .del(self.authorization_request_key(id))
            .await
            .map_err(unavailable)?;
        Ok(removed > 0)
    }
}

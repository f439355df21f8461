//! Who follows deliveries, in Redis: a hash for each route.

use std::sync::LazyLock;

use domain::clock::{Clock, UnixMillis};
use redis::Script;
use uuid::Uuid;

use super::{RedisHotState, now_argument, unavailable};
use crate::hot_state::model::HotStateError;
use crate::records::Route;

static FOLLOW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("follow.lua")));
static STOP_FOLLOWING: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("stop_following.lua")));

impl RedisHotState {
    pub(in crate::hot_state) async fn follow(
        &self,
        clock: &Clock,
        route: &Route,
        holder: Uuid,
        life: UnixMillis,
    ) -> Result<bool, HotStateError> {
        FOLLOW
            .key(self.store.keys().following(route))
            .arg(now_argument(clock))
            .arg(holder.to_string())
            .arg(life)
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)
    }

    pub(in crate::hot_state) async fn stop_following(
        &self,
        route: &Route,
        holder: Uuid,
    ) -> Result<bool, HotStateError> {
        STOP_FOLLOWING
            .key(self.store.keys().following(route))
            .arg(holder.to_string())
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)
    }
}

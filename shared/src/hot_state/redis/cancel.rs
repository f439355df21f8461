//! Taking back a request that was granted in Redis although its client was refused.

use std::sync::LazyLock;

use domain::clock::Clock;
use domain::limits::Rule;
use redis::Script;

use super::limits::{PackedRows, giving_back_script};
use super::{RedisHotState, now_argument, unavailable};
use crate::hot_state::limits::rows;
use crate::hot_state::model::HotStateError;
use crate::hot_state::unanswered::{Cancelled, Unanswered};

static CANCEL: LazyLock<Script> = LazyLock::new(|| {
    giving_back_script(
        &[include_str!("waiting_job.lua")],
        include_str!("cancel.lua"),
    )
});

impl RedisHotState {
    pub(in crate::hot_state) async fn cancel(
        &self,
        clock: &Clock,
        request: &Unanswered,
    ) -> Result<Cancelled, HotStateError> {
        let (keys, subjects) = (self.store.keys(), request.subjects());
        let id = request.id.to_string();
        let rows = rows(subjects.asking(), &subjects, &request.quotas);
        let packed = PackedRows::of(&rows, &subjects, keys, None);
        let outcome: String = CANCEL
            .key(&keys.jobs)
            .key([&keys.challenge_prefix, id.as_str()].concat())
            .key([&keys.joined_prefix, id.as_str()].concat())
            .key(packed.keys)
            .arg(now_argument(clock))
            .arg(&request.nonce[..])
            .arg(id)
            .arg(&keys.challenge_prefix)
            .arg(&keys.phone_sends_prefix)
            .arg(packed.packed)
            .arg(keys.limit(Rule::PrefixDay, ""))
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        let unknown = HotStateError::Corrupt("the outcome of a cancelling");
        outcome.parse().map_err(|_| unknown)
    }
}

//! Exemptions in Redis: one hash by number.

use std::collections::HashMap;
use std::sync::LazyLock;

use domain::clock::UnixMillis;
use domain::phone::PhoneNumber;
use redis::{AsyncCommands as _, Script};
use serde::{Deserialize, Serialize};

use super::{RedisHotState, unavailable};
use crate::hot_state::exemptions::{Exemption, LONGEST_EXEMPTION, MOST_EXEMPTIONS};
use crate::hot_state::model::HotStateError;

static EXEMPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("exempt.lua")));

/// What is kept beside the number; `exempt.lua` reads the end.
#[derive(Serialize, Deserialize)]
struct Kept {
    until: UnixMillis,
    since: UnixMillis,
    by: String,
    reason: String,
}

impl RedisHotState {
    pub(in crate::hot_state) async fn exempt(
        &self,
        now: UnixMillis,
        exemption: &Exemption,
    ) -> Result<bool, HotStateError> {
        let kept = Kept {
            until: exemption.until,
            since: exemption.since,
            by: exemption.by.clone(),
            reason: exemption.reason.clone(),
        };
        let kept = serde_json::to_string(&kept)
            .map_err(|_| HotStateError::Corrupt("an exemption that cannot be written"))?;
        EXEMPT
            .key(&self.store.keys().exemptions)
            .arg(exemption.phone.as_e164())
            .arg(kept)
            .arg(MOST_EXEMPTIONS)
            .arg(now)
            .arg(LONGEST_EXEMPTION)
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)
    }

    pub(in crate::hot_state) async fn end_exemption(
        &self,
        phone: &PhoneNumber,
    ) -> Result<bool, HotStateError> {
        self.store
            .connection()
            .hdel(&self.store.keys().exemptions, phone.as_e164())
            .await
            .map_err(unavailable)
    }

    pub(in crate::hot_state) async fn exemptions(&self) -> Result<Vec<Exemption>, HotStateError> {
        let found: HashMap<String, String> = self
            .store
            .connection()
            .hgetall(&self.store.keys().exemptions)
            .await
            .map_err(unavailable)?;
        let read = |(phone, kept): (String, String)| {
            let kept: Kept = serde_json::from_str(&kept).ok()?;
            Some(Exemption {
                phone: PhoneNumber::from_e164(&phone)?,
                since: kept.since,
                until: kept.until,
                by: kept.by,
                reason: kept.reason,
            })
        };
        found
            .into_iter()
            .map(read)
            .collect::<Option<_>>()
            .ok_or(HotStateError::Corrupt("an exemption"))
    }
}

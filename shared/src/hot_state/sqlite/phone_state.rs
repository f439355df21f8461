//! What the file can tell of one number, and the refusals that it remembers.

use domain::clock::{Clock, UnixMillis};
use domain::limits::Rule;
use domain::phone::PhoneNumber;

use super::limits::LOG_LIFE_MILLIS;
use super::limits::failures_of_phone;
use super::{SqliteHotState, unavailable};
use crate::hot_state::limits::rules_of_number;
use crate::hot_state::model::HotStateError;
use crate::hot_state::phone_state::{
    PhoneRefusals, PhoneState, REFUSALS_COUNTED_EACH, REFUSALS_LIFE_MILLIS,
    THEN_COUNTED_EVERY_MILLIS,
};
use crate::sqlite_file::Script;

const TEXTED_SINCE: &str =
    "SELECT at, texted FROM hot_phone_sends WHERE phone = $1 AND at > $2 ORDER BY at";
const REFUSALS: &str =
    "SELECT rule, refusals, last_at FROM hot_phone_refusals WHERE phone = $1 AND forget_at > $2";
const STORE_REFUSAL: &str = "INSERT INTO hot_phone_refusals \
     (phone, rule, refusals, last_at, forget_at) VALUES ($1, $2, 1, $3, $4) \
     ON CONFLICT (phone, rule) DO UPDATE SET refusals = CASE WHEN forget_at > excluded.last_at \
     THEN refusals + 1 ELSE 1 END, last_at = excluded.last_at, forget_at = excluded.forget_at \
     WHERE forget_at <= excluded.last_at OR refusals < $5 OR last_at <= excluded.last_at - $6";

impl SqliteHotState {
    pub(in crate::hot_state) async fn phone_state(
        &self,
        clock: &Clock,
        phone: &PhoneNumber,
    ) -> Result<PhoneState, HotStateError> {
        let now = clock.now_millis();
        let mut reader = self.file.readers().acquire().await.map_err(unavailable)?;
        let sends: Vec<(UnixMillis, bool)> = sqlx::query_as(TEXTED_SINCE)
            .bind(phone.as_e164())
            .bind(now - LOG_LIFE_MILLIS)
            .fetch_all(&mut *reader)
            .await
            .map_err(unavailable)?;
        let refusals: Vec<(String, u32, UnixMillis)> = sqlx::query_as(REFUSALS)
            .bind(phone.as_e164())
            .bind(now)
            .fetch_all(&mut *reader)
            .await
            .map_err(unavailable)?;
        let (failures, last_failure_at) = failures_of_phone(&mut reader, phone).await?;
        let of_rule = |rule: Rule| {
            let found = refusals.iter().find(|(name, ..)| name == rule.as_str());
            found.map(|&(_, count, last_at)| PhoneRefusals {
                rule,
                count,
                last_at,
            })
        };
        Ok(PhoneState {
            now,
            sends: sends.iter().map(|(at, _)| *at).collect(),
            untexted: sends
                .iter()
                .filter(|(_, texted)| !texted)
                .map(|(at, _)| *at)
                .collect(),
            refusals: rules_of_number().filter_map(of_rule).collect(),
            failures,
            last_failure_at,
        })
    }
}

pub(super) fn remember_refusal(
    script: &mut Script,
    phone: &PhoneNumber,
    rule: Rule,
    now: UnixMillis,
) {
    script
        .add(STORE_REFUSAL)
        .bind(phone.as_e164())
        .bind(rule.as_str())
        .bind(now)
        .bind(now + REFUSALS_LIFE_MILLIS)
        .bind(REFUSALS_COUNTED_EACH)
        .bind(THEN_COUNTED_EVERY_MILLIS);
}

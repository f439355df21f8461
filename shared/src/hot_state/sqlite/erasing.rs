//! Taking a number out of the file; the twin of `redis/erase_number.lua`.

use domain::phone::PhoneNumber;
use domain::root::RootId;

use super::limits::{erased_failures_key, phone_failures_key};
use super::{SqliteHotState, unavailable};
use crate::hot_state::model::HotStateError;

const ROOTS: &str = "SELECT id FROM hot_roots WHERE phone = $1";
const CHALLENGES_OF_ROOTS: &str = "SELECT id FROM hot_challenges WHERE root_id IN \
     (SELECT id FROM hot_roots WHERE phone = $1)";
const TAKE_JOBS_BACK: &str = "DELETE FROM jobs WHERE consumer IS NULL AND instr(payload, $1) > 0";
const END_CHALLENGES: &str = "DELETE FROM hot_challenges WHERE root_id IN \
     (SELECT id FROM hot_roots WHERE phone = $1)";
const END_ROOTS: &str = "DELETE FROM hot_roots WHERE phone = $1";
const FORGET_REFUSALS: &str = "DELETE FROM hot_phone_refusals WHERE phone = $1";
const RENAME_SENDS: &str = "UPDATE hot_phone_sends SET phone = $2 WHERE phone = $1";
const FORGET_SENDS: &str = "DELETE FROM hot_phone_sends WHERE phone = $1";
const RENAME_FAILURES: &str =
    "UPDATE OR REPLACE hot_failed_tries SET subject = $2 WHERE subject = $1";
const FORGET_FAILURES: &str = "DELETE FROM hot_failed_tries WHERE subject = $1";

impl SqliteHotState {
    pub(in crate::hot_state) async fn erase_number(
        &self,
        phone: &PhoneNumber,
    ) -> Result<u64, HotStateError> {
        let (number, failures) = (phone.as_e164(), phone_failures_key(phone.digits()));
        let name = self.memory.erased_name(phone);
        let mut transaction = self.begin().await?;
        let mut ids: Vec<Vec<u8>> = Vec::new();
        for question in [ROOTS, CHALLENGES_OF_ROOTS] {
            let found: Vec<Vec<u8>> = sqlx::query_scalar(question)
                .bind(number)
                .fetch_all(&mut *transaction)
                .await
                .map_err(unavailable)?;
            ids.extend(found);
        }
        for id in ids.into_iter().filter_map(|id| id.try_into().ok()) {
            sqlx::query(TAKE_JOBS_BACK)
                .bind(format!("\"challenge\":\"{}\"", RootId::from_bytes(id)))
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
        let (sends, of_failures) = match &name {
            Some(_) => (RENAME_SENDS, RENAME_FAILURES),
            None => (FORGET_SENDS, FORGET_FAILURES),
        };
        let failures_name = name.as_deref().map(erased_failures_key);
        for (statement, subject, renamed) in [
            (END_CHALLENGES, number, None),
            (FORGET_REFUSALS, number, None),
            (sends, number, name.as_deref()),
            (of_failures, &failures, failures_name.as_deref()),
        ] {
            let mut query = sqlx::query(statement).bind(subject);
            if let Some(renamed) = renamed {
                query = query.bind(renamed);
            }
            query
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
        let ended = sqlx::query(END_ROOTS)
            .bind(number)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(ended.rows_affected())
    }
}

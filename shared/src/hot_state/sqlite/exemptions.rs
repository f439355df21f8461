//! Exemptions in the file; the twin of `redis/exemptions.rs`.

use domain::clock::UnixMillis;
use domain::phone::PhoneNumber;

use super::{SqliteHotState, unavailable};
use crate::hot_state::exemptions::{Exemption, MOST_EXEMPTIONS};
use crate::hot_state::model::HotStateError;

const FORGET_ENDED: &str = "DELETE FROM hot_exemptions WHERE until <= $1";
const EXEMPT: &str = "INSERT INTO hot_exemptions (phone, since, until, by_whom, reason) \
     SELECT $1, $2, $3, $4, $5 \
     WHERE (SELECT COUNT(*) FROM hot_exemptions WHERE phone <> $1) < $6 \
     ON CONFLICT (phone) DO UPDATE SET since = excluded.since, until = excluded.until, \
     by_whom = excluded.by_whom, reason = excluded.reason";
const END: &str = "DELETE FROM hot_exemptions WHERE phone = $1";
const ALL: &str = "SELECT phone, since, until, by_whom, reason FROM hot_exemptions";

type Row = (String, UnixMillis, UnixMillis, String, String);

impl SqliteHotState {
    pub(in crate::hot_state) async fn exempt(
        &self,
        now: UnixMillis,
        exemption: &Exemption,
    ) -> Result<bool, HotStateError> {
        let mut transaction = self.begin().await?;
        sqlx::query(FORGET_ENDED)
            .bind(now)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let done = sqlx::query(EXEMPT)
            .bind(exemption.phone.as_e164())
            .bind(exemption.since)
            .bind(exemption.until)
            .bind(&exemption.by)
            .bind(&exemption.reason)
            .bind(i64::try_from(MOST_EXEMPTIONS).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(done.rows_affected() > 0)
    }

    pub(in crate::hot_state) async fn end_exemption(
        &self,
        phone: &PhoneNumber,
    ) -> Result<bool, HotStateError> {
        let mut transaction = self.begin().await?;
        let ended = sqlx::query(END)
            .bind(phone.as_e164())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(ended.rows_affected() > 0)
    }

    pub(in crate::hot_state) async fn exemptions(&self) -> Result<Vec<Exemption>, HotStateError> {
        let rows: Vec<Row> = sqlx::query_as(ALL)
            .fetch_all(self.file.readers())
            .await
            .map_err(unavailable)?;
        let read = |(phone, since, until, by, reason): Row| {
            Some(Exemption {
                phone: PhoneNumber::from_e164(&phone)?,
                since,
                until,
                by,
                reason,
            })
        };
        rows.into_iter()
            .map(read)
            .collect::<Option<_>>()
            .ok_or(HotStateError::Corrupt("an exemption"))
    }
}

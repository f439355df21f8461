//! The last refusals in the file; the twin of `redis/refusals.rs`.

use domain::clock::UnixMillis;
use domain::limits::Rule;
use domain::phone::PhoneNumber;

use super::{SqliteHotState, unavailable};
use crate::hot_state::model::HotStateError;
use crate::hot_state::refusals::{
    CountedBy, Counts, KEPT_OF_A_RULE, LIFE_MILLIS, LastRefusal, OF_A_DAY, OF_AN_HOUR, OfRule,
};

const COUNT: &str = "INSERT INTO hot_refusal_counts (span, slot, rule, refusals) \
     VALUES ($1, $2, $3, $4) \
     ON CONFLICT (span, slot, rule) DO UPDATE SET refusals = refusals + excluded.refusals";
const ADD: &str = "INSERT INTO hot_last_refusals (rule, at, phone, address_group, retry_after) \
     VALUES ($1, $2, $3, $4, $5)";
const TRIM: &str = "DELETE FROM hot_last_refusals WHERE rule = $1 AND (at < $2 OR rowid NOT IN \
     (SELECT rowid FROM hot_last_refusals WHERE rule = $1 ORDER BY at DESC, rowid DESC LIMIT $3))";
const FORGET_COUNTS: &str = "DELETE FROM hot_refusal_counts WHERE span = $1 AND slot < $2";
const LAST: &str = "SELECT at, phone, address_group, retry_after FROM hot_last_refusals \
     WHERE rule = $1 AND at >= $2 AND at < $3";
const COUNTS: &str = "SELECT rule, refusals FROM hot_refusal_counts \
     WHERE span = $1 AND slot BETWEEN $2 AND $3";
const FORGET_NUMBER: &str = "DELETE FROM hot_last_refusals WHERE phone = $1";

type Row = (UnixMillis, Option<String>, Option<String>, i64);

impl SqliteHotState {
    pub(in crate::hot_state) async fn write_refusals(
        &self,
        now: UnixMillis,
        noted: &[OfRule],
    ) -> Result<(), HotStateError> {
        let mut transaction = self.begin().await?;
        for of_rule in noted {
            let rule = of_rule.rule.as_str();
            for by in [OF_AN_HOUR, OF_A_DAY] {
                sqlx::query(COUNT)
                    .bind(by.millis)
                    .bind(by.slot(now))
                    .bind(rule)
                    .bind(i64::try_from(of_rule.count).unwrap_or(i64::MAX))
                    .execute(&mut *transaction)
                    .await
                    .map_err(unavailable)?;
            }
            for refusal in &of_rule.last {
                sqlx::query(ADD)
                    .bind(rule)
                    .bind(refusal.at)
                    .bind(refusal.phone.as_ref().map(PhoneNumber::as_e164))
                    .bind(refusal.group.as_deref())
                    .bind(refusal.retry_after_millis)
                    .execute(&mut *transaction)
                    .await
                    .map_err(unavailable)?;
            }
            sqlx::query(TRIM)
                .bind(rule)
                .bind(now - LIFE_MILLIS)
                .bind(i64::try_from(KEPT_OF_A_RULE).unwrap_or(i64::MAX))
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
        for by in [OF_AN_HOUR, OF_A_DAY] {
            sqlx::query(FORGET_COUNTS)
                .bind(by.millis)
                .bind(by.slots(now).start())
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    pub(in crate::hot_state) async fn last_refusals(
        &self,
        rules: &[Rule],
        since: UnixMillis,
        before: UnixMillis,
    ) -> Result<Vec<LastRefusal>, HotStateError> {
        let mut reader = self.file.readers().acquire().await.map_err(unavailable)?;
        let mut found = Vec::new();
        for &rule in rules {
            let rows: Vec<Row> = sqlx::query_as(LAST)
                .bind(rule.as_str())
                .bind(since)
                .bind(before)
                .fetch_all(&mut *reader)
                .await
                .map_err(unavailable)?;
            found.extend(
                rows.into_iter()
                    .map(|(at, phone, group, retry_after_millis)| LastRefusal {
                        at,
                        rule,
                        phone: phone.as_deref().and_then(PhoneNumber::from_e164),
                        group,
                        retry_after_millis,
                    }),
            );
        }
        Ok(found)
    }

    pub(in crate::hot_state) async fn refusals_by_rule(
        &self,
        now: UnixMillis,
    ) -> Result<Counts, HotStateError> {
        Ok([
            self.counts(OF_AN_HOUR, now).await?,
            self.counts(OF_A_DAY, now).await?,
        ])
    }

    async fn counts(
        &self,
        by: CountedBy,
        now: UnixMillis,
    ) -> Result<Vec<(String, u64)>, HotStateError> {
        let slots = by.slots(now);
        let counts: Vec<(String, i64)> = sqlx::query_as(COUNTS)
            .bind(by.millis)
            .bind(slots.start())
            .bind(slots.end())
            .fetch_all(self.file.readers())
            .await
            .map_err(unavailable)?;
        let counts = counts.into_iter();
        Ok(counts
            .map(|(rule, count)| (rule, count.unsigned_abs()))
            .collect())
    }

    pub(in crate::hot_state) async fn forget_refusals(
        &self,
        phone: &PhoneNumber,
    ) -> Result<(), HotStateError> {
        let mut transaction = self.begin().await?;
        sqlx::query(FORGET_NUMBER)
            .bind(phone.as_e164())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }
}

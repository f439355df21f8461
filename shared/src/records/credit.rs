//! What the workers have seen of the credit at the gateway, for those who ask whether there is money left.

use chrono::{DateTime, TimeDelta, Utc};

use super::dispatch::{in_transaction, on_connection};
use super::{Records, RecordsError, Route, micros};

/// Looks of so long ago are forgotten.
const KEPT: TimeDelta = TimeDelta::days(7);

const NOTE: &str = "INSERT INTO credit_looks (route, looked_at, credit_rials, rials_a_day) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (route, looked_at) DO NOTHING";
const FORGET: &str = "DELETE FROM credit_looks WHERE route = $1 AND looked_at < $2";
const SINCE: &str = "SELECT looked_at, credit_rials, rials_a_day FROM credit_looks \
     WHERE route = $1 AND looked_at >= $2 ORDER BY looked_at DESC LIMIT $3";

/// What a worker has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditLook {
    /// When.
    pub looked_at: DateTime<Utc>,
    /// What is left, in rials.
    pub credit_rials: i64,
    /// What messages cost a day, where it was added up.
    pub rials_a_day: Option<i64>,
}

impl CreditLook {
    /// How many days the credit lasts as things are; nothing where nobody knows, or where nothing is spent.
    #[expect(
        clippy::cast_precision_loss,
        reason = "an estimate of days; rials stay far below 2^52"
    )]
    pub fn days_left(&self) -> Option<f64> {
        let a_day = self.rials_a_day.filter(|rials| *rials > 0)?;
        Some(self.credit_rials.max(0) as f64 / a_day as f64)
    }
}

impl Records {
    /// Keeps what a worker has seen, for a week.
    pub async fn note_credit(&self, route: &Route, look: CreditLook) -> Result<(), RecordsError> {
        in_transaction!(self, transaction => {
            sqlx::query(NOTE)
                .bind(route.as_str())
                .bind(micros(look.looked_at))
                .bind(look.credit_rials)
                .bind(look.rials_a_day)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(FORGET)
                .bind(route.as_str())
                .bind(micros(look.looked_at - KEPT))
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(())
        })
    }

    /// What was seen since a moment, the newest first, `limit` looks at most.
    pub async fn credit_looks(
        &self,
        route: &Route,
        since: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<CreditLook>, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<(DateTime<Utc>, i64, Option<i64>)> = sqlx::query_as(SINCE)
                .bind(route.as_str())
                .bind(micros(since))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
            Ok(rows
                .into_iter()
                .map(|(looked_at, credit_rials, rials_a_day)| CreditLook {
                    looked_at,
                    credit_rials,
                    rials_a_day,
                })
                .collect())
        })
    }
}

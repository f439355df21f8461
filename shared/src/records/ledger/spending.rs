//! What the messages have cost.

use chrono::{DateTime, Utc};

use crate::records::dispatch::on_connection;
use crate::records::{Records, RecordsError, micros};

/// The sum of `BIGINT` is `NUMERIC` in PostgreSQL.
const SPENT: &str = "SELECT CAST(COALESCE(SUM(cost_rials), 0) AS BIGINT) FROM sends \
     WHERE created_at >= $1 AND created_at < $2 AND state = 'accepted'";

impl Records {
    /// What the sends cost, in rials, that were made from one moment up to another and that the
    /// gateway has accepted, as far as it named a price.
    ///
    /// It reads every row of that time, so callers that want a long one add up short ones.
    pub async fn spent_between(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<i64, RecordsError> {
        on_connection!(self, readers, connection => {
            Ok(sqlx::query_scalar(SPENT)
                .bind(micros(from))
                .bind(micros(to))
                .fetch_one(connection)
                .await?)
        })
    }
}

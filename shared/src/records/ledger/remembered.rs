//! What the ledger remembers of sends to numbers, for a hot state that has forgotten them.

use chrono::DateTime;
use domain::clock::UnixMillis;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;

use crate::records::dispatch::on_connection;
use crate::records::places::{Place, Work};
use crate::records::{Records, RecordsError};

/// No window counts more.
const MOST: i64 = 1_000;

/// The newest row is at the end of an index. Where any row would do, PostgreSQL's plan for any moment reads the table
/// from its oldest row on until it finds one: seconds, where millions are older.
const ANY: &str = "SELECT COALESCE(MAX(created_at) >= $1, FALSE) FROM sends";
const OF_PHONE: &str = "SELECT accepted_at, purpose FROM sends \
     WHERE phone = $1 AND created_at >= $2 ORDER BY created_at DESC LIMIT $3";

impl Records {
    /// Whether anything was sent since a moment, or given up.
    pub async fn has_sends_since(&self, since: UnixMillis) -> Result<bool, RecordsError> {
        on_connection!(self, Place::of(Work::Asking), readers, connection => {
            Ok(sqlx::query_scalar(ANY)
                .bind(DateTime::from_timestamp_millis(since).unwrap_or_default())
                .fetch_one(connection)
                .await?)
        })
    }

    /// When the codes that were sent to a number since a moment, or given up, were asked for; the oldest
    /// first. A number whose account was deleted since has none.
    pub async fn code_sends_of(
        &self,
        phone: &PhoneNumber,
        since: UnixMillis,
    ) -> Result<Vec<UnixMillis>, RecordsError> {
        let rows: Vec<(DateTime<chrono::Utc>, String)> = on_connection!(self, Place::of(Work::Asking), readers, connection => {
            Ok(sqlx::query_as(OF_PHONE)
                .bind(phone.as_e164())
                .bind(DateTime::from_timestamp_millis(since).unwrap_or_default())
                .bind(MOST)
                .fetch_all(connection)
                .await?)
        })?;
        // A notice is no code.
        let codes = rows
            .into_iter()
            .filter(|(_, purpose)| Purpose::from_name(purpose).is_some());
        let mut moments: Vec<_> = codes.map(|(at, _)| at.timestamp_millis()).collect();
        moments.sort_unstable();
        moments.dedup();
        Ok(moments)
    }
}

//! Who was written to, in the order in which the ledger was written.

use chrono::{DateTime, Utc};
use domain::phone::PhoneNumber;

use super::listing::SendPlace;
use super::row::stored_key;
use crate::records::dispatch::on_connection;
use crate::records::{Records, RecordsError, micros};

const WRITTEN_TO: &str = "SELECT created_at, challenge_id, send_number, leg, phone FROM sends \
     WHERE created_at >= $1 AND created_at < $2 AND (created_at, challenge_id, send_number, leg) > ($1, $3, $4, $5) \
     ORDER BY created_at, challenge_id, send_number, leg LIMIT $6";

#[derive(sqlx::FromRow)]
struct WrittenTo {
    created_at: DateTime<Utc>,
    challenge_id: Vec<u8>,
    send_number: i64,
    leg: i64,
    phone: Option<String>,
}

impl Records {
    /// The next sends behind a place and begun before a moment, the oldest first, with the numbers that they went to.
    /// Those of deleted accounts have none.
    pub async fn written_to(
        &self,
        after: SendPlace,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<(SendPlace, Option<PhoneNumber>)>, RecordsError> {
        let rows: Vec<WrittenTo> = on_connection!(self, readers, connection => {
            Ok(sqlx::query_as(WRITTEN_TO)
                .bind(after.created_at)
                .bind(micros(before))
                .bind(after.key.root.as_bytes().as_slice())
                .bind(i64::from(after.key.send))
                .bind(i64::from(after.key.leg))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?)
        })?;
        rows.into_iter()
            .map(|row| {
                let place = SendPlace {
                    created_at: row.created_at,
                    key: stored_key(&row.challenge_id, row.send_number, row.leg)?,
                };
                // A number that cannot be read has no log either.
                let phone = row.phone.as_deref().and_then(PhoneNumber::from_e164);
                Ok((place, phone))
            })
            .collect()
    }
}

//! Numbers whose account is being deleted: what others write at the same time shall not hold them.
//!
//! A code that was asked for before is written to the ledger by a worker afterwards, when the account is gone. So
//! first, in a transaction of its own, the erasure is announced, by a keyed hash of the number; every begin of a
//! send looks there, and writes no number that was asked for before that. Then the account goes, with the numbers
//! that were written before. A begin that was on its way all the time, from before the announcement until
//! after the account was gone, is found by a look once more, when none can be on its way any more.

use chrono::{DateTime, TimeDelta, Utc};
use domain::number_hash::NumberHash;
use domain::phone::PhoneNumber;
use sqlx::QueryBuilder;

use super::dispatch::on_connection;
use super::{Records, RecordsError, micros};

/// An announcement counts for what was accepted until so long after it: the clocks of API and hot state differ.
const CLOCKS_DIFFER_BY: TimeDelta = TimeDelta::seconds(5);

const FORGET_LATE: &str = "UPDATE sends SET phone = NULL WHERE phone = $1 AND accepted_at <= $2";
const ANNOUNCED_AGAIN: &str =
    " ON CONFLICT (number_hash) DO UPDATE SET erased_at = excluded.erased_at";
const FORGET_ANNOUNCED: &str = "DELETE FROM number_erasures WHERE erased_at < $1";

impl Records {
    /// Announces that a number is about to be erased: nothing that was accepted until now is written with it
    /// from now on. To be called before the account is deleted.
    pub async fn announce_erasure(
        &self,
        hashes: &[NumberHash],
        now: DateTime<Utc>,
    ) -> Result<(), RecordsError> {
        let until = micros(now + CLOCKS_DIFFER_BY);
        on_connection!(self, writer, connection => {
            let mut statement =
                QueryBuilder::new("INSERT INTO number_erasures (number_hash, erased_at) ");
            statement.push_values(hashes, |mut row, hash| {
                row.push_bind(hash.as_bytes().to_vec()).push_bind(until);
            });
            statement.push(ANNOUNCED_AGAIN);
            statement.build().persistent(false).execute(connection).await?;
            Ok(())
        })
    }

    /// Takes a number that was erased then out of what was asked for before, and says of how many sends. To be
    /// called when no begin of before can be on its way any more.
    pub async fn forget_late_sends(
        &self,
        phone: &PhoneNumber,
        erased_at: DateTime<Utc>,
    ) -> Result<u64, RecordsError> {
        on_connection!(self, writer, connection => {
            let forgotten = sqlx::query(FORGET_LATE)
                .bind(phone.as_e164())
                .bind(micros(erased_at + CLOCKS_DIFFER_BY))
                .execute(connection)
                .await?;
            Ok(forgotten.rows_affected())
        })
    }

    /// Removes announcements from before a moment, and says how many. No job that was accepted before them may
    /// be left.
    pub async fn forget_erasures(&self, before: DateTime<Utc>) -> Result<u64, RecordsError> {
        on_connection!(self, writer, connection => {
            let removed =
                sqlx::query(FORGET_ANNOUNCED).bind(micros(before)).execute(connection).await?;
            Ok(removed.rows_affected())
        })
    }
}

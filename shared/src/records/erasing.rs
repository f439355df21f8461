//! Numbers whose account is being deleted: what others write at the same time must not keep them.
//!
//! A code that was asked for before is written to the ledger by a worker afterwards, when the account is gone. So
//! first, in a transaction of its own, the erasure is announced, by a keyed hash of the number; every begin of a
//! send looks there, and writes no number that was asked for before that. Then the account goes, with the numbers
//! that were written before. A begin that was on its way all the time, from before the announcement until
//! after the account was gone, is found by a look once more, when none can be on its way any more. The
//! announcement remembers that the look was made, so that anyone who finds it without makes it: a process that stops
//! in between loses nothing.

use chrono::{DateTime, TimeDelta, Utc};
use domain::number_hash::NumberHash;
use domain::phone::PhoneNumber;
use sqlx::QueryBuilder;

use super::dispatch::on_connection;
use super::users::stored_phone;
use super::{Records, RecordsError, micros};

/// An announcement counts for what was accepted until so long after it: the clocks of API and hot state differ.
const CLOCKS_DIFFER_BY: TimeDelta = TimeDelta::seconds(5);

const FORGET_LATE: &str = "UPDATE sends SET phone = NULL WHERE phone = $1 AND accepted_at <= $2";
const ANNOUNCED_AGAIN: &str = " ON CONFLICT (number_hash) DO UPDATE SET \
     erased_at = excluded.erased_at, looked_at = NULL";
/// A begin that was on its way then has made its row so shortly before or after, by clocks that differ.
const WRITTEN_WITHIN: TimeDelta = TimeDelta::minutes(2);
const OPEN: &str = "SELECT number_hash, erased_at FROM number_erasures \
     WHERE looked_at IS NULL AND erased_at < $1 ORDER BY erased_at LIMIT $2";
const NUMBERS: &str = "SELECT DISTINCT phone FROM sends WHERE created_at >= $1 AND created_at <= $2 \
     AND phone > $3 ORDER BY phone LIMIT $4";
const LOOKED: &str =
    "UPDATE number_erasures SET looked_at = $1 WHERE number_hash = $2 AND erased_at <= $3";
const FORGET_ANNOUNCED: &str = "DELETE FROM number_erasures WHERE erased_at < $1";

/// An announced erasure whose look once more is still to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenErasure {
    hash: Vec<u8>,
    /// Until when what was asked for counts as before it.
    until: DateTime<Utc>,
}

impl OpenErasure {
    /// Whether it is of a number with one of these hashes.
    pub fn is_of(&self, hashes: &[NumberHash]) -> bool {
        hashes.iter().any(|hash| *hash.as_bytes() == self.hash[..])
    }
}

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
    /// called when no begin of before can be on its way any more; then [`Records::erasure_is_done`].
    pub async fn forget_late_sends(
        &self,
        phone: &PhoneNumber,
        erased_at: DateTime<Utc>,
    ) -> Result<u64, RecordsError> {
        self.forget_sends_until(phone, erased_at + CLOCKS_DIFFER_BY)
            .await
    }

    async fn forget_sends_until(
        &self,
        phone: &PhoneNumber,
        until: DateTime<Utc>,
    ) -> Result<u64, RecordsError> {
        on_connection!(self, writer, connection => {
            let forgotten = sqlx::query(FORGET_LATE)
                .bind(phone.as_e164())
                .bind(micros(until))
                .execute(connection)
                .await?;
            Ok(forgotten.rows_affected())
        })
    }

    /// Notes that nothing more is to be done for an erasure that was announced then, or that there was none.
    pub async fn erasure_is_done(
        &self,
        hashes: &[NumberHash],
        announced_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), RecordsError> {
        let until = micros(announced_at + CLOCKS_DIFFER_BY);
        for hash in hashes {
            self.note_look(hash.as_bytes(), until, now).await?;
        }
        Ok(())
    }

    async fn note_look(
        &self,
        hash: &[u8],
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), RecordsError> {
        on_connection!(self, writer, connection => {
            sqlx::query(LOOKED)
                .bind(micros(now))
                .bind(hash)
                .bind(micros(until))
                .execute(connection)
                .await?;
            Ok(())
        })
    }

    /// Erasures that were announced before this moment and not looked after, the oldest first, `limit` of them at
    /// most: their process has stopped.
    pub async fn open_erasures(
        &self,
        announced_before: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<OpenErasure>, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<(Vec<u8>, DateTime<Utc>)> = sqlx::query_as(OPEN)
                .bind(micros(announced_before + CLOCKS_DIFFER_BY))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
            Ok(rows.into_iter().map(|(hash, until)| OpenErasure { hash, until }).collect())
        })
    }

    /// The numbers of sends that were written about the time of an erasure, in order, from after `after` on.
    pub async fn numbers_written_about(
        &self,
        erasure: &OpenErasure,
        after: Option<&PhoneNumber>,
        limit: u32,
    ) -> Result<Vec<PhoneNumber>, RecordsError> {
        on_connection!(self, readers, connection => {
            let numbers: Vec<String> = sqlx::query_scalar(NUMBERS)
                .bind(micros(erasure.until - WRITTEN_WITHIN))
                .bind(micros(erasure.until + WRITTEN_WITHIN))
                .bind(after.map_or("", PhoneNumber::as_e164))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
            let read = |number| stored_phone("sends", Some(number)).transpose();
            numbers.into_iter().filter_map(read).collect()
        })
    }

    /// Takes the number of an open erasure, or none where no send has it, out of what was asked for before, and notes
    /// that this was done.
    pub async fn finish_erasure(
        &self,
        erasure: &OpenErasure,
        phone: Option<&PhoneNumber>,
        now: DateTime<Utc>,
    ) -> Result<u64, RecordsError> {
        let forgotten = match phone {
            Some(phone) => self.forget_sends_until(phone, erasure.until).await?,
            None => 0,
        };
        self.note_look(&erasure.hash, erasure.until, now).await?;
        Ok(forgotten)
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

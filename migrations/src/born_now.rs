//! What a database that begins with this release does without: keys that are there for programs of the release before,
//! which it never had.
//!
//! A message writes its places in all indexes of the ledger up to three times, and those of the old key lie on random
//! pages. A database that was there before keeps both keys until the next release, because workers of before name the
//! one and look messages up by the other.

use sqlx::PgConnection;

use crate::{Pending, PendingReason};

/// The first migration.
const BEGINNING: i64 = 1;

/// The key with legs is unique and takes no nulls, so it serves whoever follows the table's changes.
const WITHOUT_KEYS_OF_BEFORE: &str = "ALTER TABLE sends DROP CONSTRAINT IF EXISTS sends_pkey, \
     DROP CONSTRAINT IF EXISTS sends_messageid_key, REPLICA IDENTITY USING INDEX sends_by_leg";

/// Whether the database has nothing of Ramz yet.
pub(crate) fn is_empty(pending: &[Pending]) -> bool {
    pending
        .iter()
        .any(|one| one.version == BEGINNING && one.reason == PendingReason::NotApplied)
}

/// Takes the keys of before away, right after the tables were made. Where `migrate` ends in between, they stay, as in a
/// database that was there before.
pub(crate) async fn drop_keys_of_before(connection: &mut PgConnection) -> sqlx::Result<()> {
    let dropped = sqlx::raw_sql(WITHOUT_KEYS_OF_BEFORE).execute(connection);
    dropped.await.map(|_| ())
}

//! What a database lacks of this version's schema, found without writing to it.

use std::collections::HashMap;
use std::fmt;

use sqlx::migrate::Migrator;
use sqlx::{PgConnection, PgPool, SqlitePool};

use crate::{postgres, sqlite};

const HAS_TABLE_POSTGRES: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
const HAS_TABLE_SQLITE: &str =
    "SELECT COUNT(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
const APPLIED: &str = "SELECT version, checksum, success FROM _sqlx_migrations";

/// A migration that a database does not have as this version has it. Shown as its file is named:
/// `0002_send_ledger`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub reason: PendingReason,
}

/// Why a migration is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingReason {
    /// It was not applied; applying it mends this.
    NotApplied,
    /// It was applied with another text, or broke off; a person has to look.
    Changed,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.replace(' ', "_");
        write!(f, "{:04}_{name}", self.version)?;
        match self.reason {
            PendingReason::NotApplied => Ok(()),
            PendingReason::Changed => f.write_str(" (applied with another text)"),
        }
    }
}

/// What a PostgreSQL database lacks, in order; compared by number and checksum. Migrations of a
/// newer release do not count.
pub async fn pending_postgres(pool: &PgPool) -> sqlx::Result<Vec<Pending>> {
    pending_on_postgres(&mut *pool.acquire().await?).await
}

/// The same over one connection.
pub async fn pending_on_postgres(connection: &mut PgConnection) -> sqlx::Result<Vec<Pending>> {
    let has_table: bool = sqlx::query_scalar(HAS_TABLE_POSTGRES)
        .fetch_one(&mut *connection)
        .await?;
    let applied = if has_table {
        sqlx::query_as(APPLIED).fetch_all(connection).await?
    } else {
        Vec::new()
    };
    Ok(compare(&postgres(), applied))
}

/// What a SQLite file lacks, in order; compared by number and checksum. Migrations of a newer
/// release do not count.
pub async fn pending_sqlite(pool: &SqlitePool) -> sqlx::Result<Vec<Pending>> {
    let has_table: bool = sqlx::query_scalar(HAS_TABLE_SQLITE).fetch_one(pool).await?;
    let applied = if has_table {
        sqlx::query_as(APPLIED).fetch_all(pool).await?
    } else {
        Vec::new()
    };
    Ok(compare(&sqlite(), applied))
}

/// A row of the migrator's own table.
#[derive(sqlx::FromRow)]
struct Applied {
    version: i64,
    checksum: Vec<u8>,
    success: bool,
}

fn compare(migrator: &Migrator, applied: Vec<Applied>) -> Vec<Pending> {
    let applied: HashMap<i64, Applied> =
        applied.into_iter().map(|row| (row.version, row)).collect();
    migrator
        .iter()
        .filter_map(|migration| {
            let reason = match applied.get(&migration.version) {
                None => PendingReason::NotApplied,
                Some(row) if row.success && row.checksum == *migration.checksum => return None,
                Some(_) => PendingReason::Changed,
            };
            Some(Pending {
                version: migration.version,
                name: migration.description.to_string(),
                reason,
            })
        })
        .collect()
}

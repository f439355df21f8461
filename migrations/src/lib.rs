//! The schema of Ramz, once for PostgreSQL and once for SQLite.
//!
//! Both folders hold the same numbers and names; each file says the same in its own dialect
//! (`UUID`/`BLOB`, `TIMESTAMPTZ`/`TEXT`, `BIGINT`/`INTEGER`, `JSONB`/`TEXT`, `BYTEA`/`BLOB`).
//! An applied file is never edited. A change that the running version cannot live with takes
//! three releases: expand the schema, deploy the code, contract the schema.

mod born_now;
mod lock;
mod online;
mod pending;
mod roles;
mod server_url;
mod version;

use sqlx::migrate::Migrator;
use sqlx::{PgConnection, PgPool, SqlitePool};

pub use pending::{Pending, PendingReason, pending_on_postgres, pending_postgres, pending_sqlite};
pub use roles::{Grant, ROLES, Role, RolesError};
pub use server_url::server_url_problem;
pub use version::{LEAST_POSTGRES, old_postgres};

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database did not answer, or refused a question about its migrations.
    #[error("the database did not answer: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed, or one that was applied has another text now.
    #[error("{0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The roles of the programs could not be given what they may do.
    #[error("{0}")]
    Roles(#[from] RolesError),
    /// Another migrator of the SQLite file could not be waited for.
    #[error("the lock file {path} cannot be used: {source}")]
    Lock {
        /// The lock file.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// Applies what is pending and returns it, and gives [the programs' roles](ROLES) what they may do.
/// Several at once wait for each other (advisory lock). What would lock a large table for long is
/// done ahead of the migrations, while others write.
pub async fn run_postgres(pool: &PgPool) -> Result<Vec<Pending>, MigrateError> {
    let mut connection = pool.acquire().await?;
    lock::on_server(&mut connection).await?;
    let applied = apply(&mut connection).await;
    let released = lock::release(&mut connection).await;
    drop(connection);
    let applied = applied?;
    released?;
    roles::grant_to_roles(pool).await?;
    Ok(applied)
}

async fn apply(connection: &mut PgConnection) -> Result<Vec<Pending>, MigrateError> {
    let pending = pending_on_postgres(connection).await?;
    if !pending.is_empty() {
        online::prepare(connection).await?;
    }
    // `run` takes a connection only by ways that cannot be spawned.
    postgres().run_direct(None, connection, false).await?;
    if born_now::is_empty(&pending) {
        born_now::drop_keys_of_before(connection).await?;
    }
    Ok(pending)
}

/// Applies what is pending and returns it. Several at once wait for each other (a lock file
/// beside the database, since SQLite's own locks make all but one of them fail).
pub async fn run_sqlite(pool: &SqlitePool) -> Result<Vec<Pending>, MigrateError> {
    let _lock = lock::beside(pool.connect_options().get_filename()).await?;
    let pending = pending_sqlite(pool).await?;
    sqlite().run(pool).await?;
    Ok(pending)
}

fn postgres() -> Migrator {
    tolerant(sqlx::migrate!("./postgres"))
}

fn sqlite() -> Migrator {
    tolerant(sqlx::migrate!("./sqlite"))
}

/// Migrations of a newer release are no error: after a step back the older binaries must start.
fn tolerant(mut migrator: Migrator) -> Migrator {
    migrator.set_ignore_missing(true);
    migrator
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_folders_hold_the_same_numbers_and_names() {
        let list = |migrator: Migrator| -> Vec<(i64, String)> {
            migrator
                .iter()
                .map(|migration| (migration.version, migration.description.to_string()))
                .collect()
        };
        assert_eq!(list(postgres()), list(sqlite()));
        assert!(list(postgres()).len() >= 3);
    }
}

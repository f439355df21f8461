//! One migrator at a time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::PgConnection;

use crate::MigrateError;

/// The key is no other program's.
const TRY_SERVER: &str = "SELECT pg_try_advisory_lock(7229130021)";
const RELEASE_SERVER: &str = "SELECT pg_advisory_unlock(7229130021)";
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Waits until no other session has the lock of this database. It asks again and again: one that waits inside a
/// statement would be waited for by the index that the other is just making, and both would wait for ever.
pub(crate) async fn on_server(connection: &mut PgConnection) -> sqlx::Result<()> {
    loop {
        let is_ours: bool = sqlx::query_scalar(TRY_SERVER)
            .fetch_one(&mut *connection)
            .await?;
        if is_ours {
            return Ok(());
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Lets the next one go on.
pub(crate) async fn release(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(RELEASE_SERVER).execute(connection).await?;
    Ok(())
}

/// Waits for the lock file beside `database`; the lock ends with the value, or with the process.
pub(crate) async fn beside(database: &Path) -> Result<File, MigrateError> {
    let path = lock_path(database);
    let shown = path.display().to_string();
    tokio::task::spawn_blocking(move || {
        let file = File::create(&path)?;
        file.lock()?;
        Ok(file)
    })
    .await
    .unwrap_or_else(|error| Err(std::io::Error::other(error)))
    .map_err(|source| MigrateError::Lock {
        path: shown,
        source,
    })
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".migrate.lock");
    name.into()
}

//! One migrator at a time on a SQLite file.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::MigrateError;

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

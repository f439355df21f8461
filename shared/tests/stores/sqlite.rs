//! A SQLite file with the current schema.

use shared::sqlite_file::SqliteFile;
use tempfile::TempDir;

/// In this folder, which goes with the value.
pub(crate) async fn file_in(folder: TempDir) -> (SqliteFile, TempDir) {
    let file = SqliteFile::open_path(&folder.path().join("ramz.db")).await;
    let file = file.expect("a file");
    migrate::run_sqlite(file.writer())
        .await
        .expect("the schema");
    (file, folder)
}

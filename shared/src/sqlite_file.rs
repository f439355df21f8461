//! The one file of the one-process shape: hot state, queue and records share it.
//!
//! SQLite lets one connection write at a time, and waiting for it inside SQLite is unfair (one
//! writer can starve for a second). So there is exactly one writer connection, whose pool queues
//! fairly, and a few readers that never block it (WAL). Those who write at the same time share a commit.

mod script;
mod turns;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection, SqlitePool};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

pub(crate) use script::{Answers, Question, Script};
use turns::Turns;
pub(crate) use turns::{Others, Turn};

const READERS: u32 = 4;
/// How long a caller waits for a connection before the store counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection waits for the lock of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// An open file: clones share its connections.
#[derive(Clone, Debug)]
pub struct SqliteFile {
    writer: SqlitePool,
    readers: SqlitePool,
    turns: Arc<Turns>,
    jobs_written: Arc<Notify>,
    path: Arc<PathBuf>,
}

/// The file system under the file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DiskSpace {
    /// What it can hold.
    pub(crate) total: u64,
    /// What this user may still write.
    pub(crate) free: u64,
}

impl SqliteFile {
    /// Opens the file of a `sqlite:` URL and creates it if it is missing. Each commit is synced to
    /// the disk (`synchronous=FULL`), so neither a kill nor a power cut loses an accepted request.
    pub async fn open(url: &str) -> Result<Self, sqlx::Error> {
        Self::open_patiently(url, ACQUIRE_TIMEOUT).await
    }

    /// The same for callers that may wait longer than a request for the disk, or for another
    /// process that writes.
    pub(crate) async fn open_patiently(url: &str, patience: Duration) -> Result<Self, sqlx::Error> {
        let acquire_timeout = patience.max(ACQUIRE_TIMEOUT);
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(patience.max(BUSY_TIMEOUT));
        let path = options.get_filename().to_path_buf();
        make_private(options.get_filename()).map_err(sqlx::Error::Io)?;
        let undone = Arc::new(AtomicU64::new(0));
        let counts_undone = Arc::clone(&undone);
        // Nothing is asked before a connection is used: a file does not go away as a server does.
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(acquire_timeout)
            .test_before_acquire(false)
            .before_acquire(|connection, _| Box::pin(async move { Ok(is_sound(connection)) }))
            .after_connect(move |connection, _| {
                let undone = Arc::clone(&counts_undone);
                Box::pin(async move {
                    let mut handle = connection.lock_handle().await?;
                    handle.set_rollback_hook(move || {
                        undone.fetch_add(1, Ordering::SeqCst);
                    });
                    Ok(())
                })
            })
            .connect_with(options.clone())
            .await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(acquire_timeout)
            .test_before_acquire(false)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await?;
        Ok(Self {
            turns: Turns::new(writer.clone(), acquire_timeout, undone),
            writer,
            readers,
            jobs_written: Arc::default(),
            path: Arc::new(path),
        })
    }

    /// Whether the file of a `sqlite:` URL is there, for those who only look and must not make it.
    pub fn exists(url: &str) -> bool {
        SqliteConnectOptions::from_str(url).is_ok_and(|options| options.get_filename().exists())
    }

    /// Opens a file by its path.
    pub async fn open_path(path: &Path) -> Result<Self, sqlx::Error> {
        Self::open(&format!("sqlite://{}", path.display())).await
    }

    /// The only connection that may write.
    pub fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// A turn in a transaction that has the write lock from its start: one that reads first and then writes
    /// fails when another process wrote in between. Dropping the turn undoes what it did.
    pub(crate) async fn begin_writing(&self) -> sqlx::Result<Turn> {
        self.turns.begin().await
    }

    /// The disk under the file. Asks the operating system, which may wait for it.
    pub(crate) fn disk_space(&self) -> io::Result<DiskSpace> {
        let found = rustix::fs::statvfs(&*self.path)?;
        Ok(DiskSpace {
            total: found.f_blocks.saturating_mul(found.f_frsize),
            free: found.f_bavail.saturating_mul(found.f_frsize),
        })
    }

    /// Connections that only read.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Wakes a worker of this process that waits for jobs.
    pub(crate) fn wake_workers(&self) {
        self.jobs_written.notify_waiters();
    }

    /// Becomes ready when jobs are written after this call.
    pub(crate) fn written(&self) -> Notified<'_> {
        self.jobs_written.notified()
    }

    /// Ends all connections and writes the log back into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Whether a connection that was given back can be used again. On a full disk SQLite ends a transaction by
/// itself, so that undoing it fails; the driver then believes for ever that one is under way, and can begin
/// no other. Such a connection is replaced.
fn is_sound(connection: &SqliteConnection) -> bool {
    !connection.is_in_transaction()
}

/// The file holds phone numbers and salts: only its owner may read it. SQLite gives its companions
/// (`-wal`, `-shm`) the same permissions.
fn make_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

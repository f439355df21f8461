//! Runs the binary with an environment of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use harness::PostgresServer;
use shared::records::{PoolSettings, Records};
use shared::sqlite_file::SqliteFile;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The standard output of a run that must have gone well.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.status, Some(0), "{self:?}");
        self.stdout
    }

    /// The error of a run that must have been refused, without the name of the binary.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        assert_eq!(self.status, Some(1), "{self:?}");
        self.stderr
    }
}

/// `api` with these arguments and no variables but `PATH` and these.
pub(crate) fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api"));
    command
        .args(arguments)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    command
}

pub(crate) fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    ran(command(arguments, environment).output().expect("it runs"))
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path of UTF-8")
}

/// A database of its own with the present schema, for one test.
pub(crate) struct Database {
    pub(crate) url: String,
    pool: Pool,
    /// Where a file lies, and room for the files of the test.
    pub(crate) folder: TempDir,
}

enum Pool {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

static SERVER: OnceCell<PostgresServer> = OnceCell::const_new();

impl Database {
    pub(crate) async fn postgres() -> Self {
        let server = SERVER
            .get_or_init(PostgresServer::start_without_fsync)
            .await;
        let url = server.create_database().await;
        let pool = PgPool::connect(&url).await.expect("connected");
        migrate::run_postgres(&pool).await.expect("migrated");
        let folder = tempfile::tempdir().expect("a folder");
        let pool = Pool::Postgres(pool);
        Self { url, pool, folder }
    }

    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ramz.sqlite3");
        let file = SqliteFile::open_path(&path).await.expect("a file");
        migrate::run_sqlite(file.writer()).await.expect("migrated");
        let url = format!("sqlite://{}", path.display());
        let pool = Pool::Sqlite(file.readers().clone());
        Self { url, pool, folder }
    }

    /// Runs `api` on it.
    pub(crate) fn api(&self, arguments: &[&str]) -> Ran {
        run(arguments, &[("DATABASE_URL", &self.url)])
    }

    /// A file beside it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside it and gives its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("written");
        text(&path).to_owned()
    }

    /// The one number that a query gives.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
            Pool::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        }
        .expect("a count")
    }

    /// The texts of one column.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Postgres(pool) => sqlx::query_scalar(sql).fetch_all(pool).await,
            Pool::Sqlite(pool) => sqlx::query_scalar(sql).fetch_all(pool).await,
        }
        .expect("texts")
    }

    /// The records, past the binary.
    pub(crate) async fn records(&self) -> Records {
        let settings = PoolSettings {
            time_limit: Duration::from_mins(1),
            ..PoolSettings::default()
        };
        Records::connect(&self.url, settings).await.expect("a URL")
    }
}

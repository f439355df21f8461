//! The database that the environment names. Its URL may hold a password and is never shown.

use std::env;
use std::path::Path;
use std::time::Duration;

use migrate::{MigrateError, Pending};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool, SqlitePool};
use tokio::time::{Instant, timeout};

/// One attempt to connect; then the next begins.
const ATTEMPT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(500);

/// What is going to be done with the database.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Questions only; a SQLite file that is not there is not made.
    Look,
    /// Migrations are applied.
    Change,
}

impl Access {
    fn options(self, options: &SqliteConnectOptions) -> SqliteConnectOptions {
        let options = options.clone().busy_timeout(Duration::from_secs(5));
        match self {
            Self::Look => options.read_only(true),
            Self::Change => options
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal),
        }
    }
}

/// Where the database is.
pub(crate) enum DatabaseUrl {
    /// `postgres://` or `postgresql://`.
    Postgres(Box<PgConnectOptions>),
    /// `sqlite:`.
    Sqlite(Box<SqliteConnectOptions>),
}

impl DatabaseUrl {
    /// From `DATABASE_URL`, or from the file that `DATABASE_URL_FILE` names.
    pub(crate) fn from_environment() -> Result<Self, String> {
        let url = env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
        let file = env::var_os("DATABASE_URL_FILE").filter(|path| !path.is_empty());
        match (url, file) {
            (Some(url), None) => Self::parse(&url),
            (None, Some(path)) => {
                let path = Path::new(&path);
                let url = std::fs::read_to_string(path).map_err(|error| {
                    format!("DATABASE_URL_FILE: cannot read {}: {error}", path.display())
                })?;
                Self::parse(url.trim())
            }
            (Some(_), Some(_)) => {
                Err("DATABASE_URL and DATABASE_URL_FILE are both set; keep one".to_owned())
            }
            (None, None) => Err(
                "DATABASE_URL is not set: use postgres://user@host/database or sqlite://file"
                    .to_owned(),
            ),
        }
    }

    fn parse(url: &str) -> Result<Self, String> {
        let scheme = url.split_once(':').map(|(scheme, _)| scheme);
        if let Some("postgres" | "postgresql") = scheme
            && let Some(problem) = migrate::server_url_problem(url)
        {
            return Err(format!("DATABASE_URL {problem}"));
        }
        match scheme {
            Some("postgres" | "postgresql") => url
                .parse()
                .map(|options| Self::Postgres(Box::new(options)))
                .map_err(|error| format!("DATABASE_URL is malformed: {error}")),
            Some("sqlite") => url
                .parse::<SqliteConnectOptions>()
                .map(|options| Self::Sqlite(Box::new(options)))
                .map_err(|error| format!("DATABASE_URL is malformed: {error}")),
            _ => {
                Err("DATABASE_URL must begin with postgres://, postgresql:// or sqlite:".to_owned())
            }
        }
    }

    /// What may be shown of it.
    fn place(&self) -> String {
        match self {
            Self::Postgres(options) => format!(
                "PostgreSQL at {}:{}, database {}",
                options.get_host(),
                options.get_port(),
                options.get_database().unwrap_or("of the user's name"),
            ),
            Self::Sqlite(options) => format!("the file {}", options.get_filename().display()),
        }
    }

    /// Tries once. The first connection is made without the pool, which would hide why it failed.
    async fn connect(&self, access: Access) -> sqlx::Result<Database> {
        match self {
            Self::Postgres(options) => {
                timeout(ATTEMPT, PgConnection::connect_with(options))
                    .await
                    .map_err(|_| late())??
                    .close()
                    .await?;
                let pool = PgPoolOptions::new().max_connections(1);
                Ok(Database::Postgres(
                    pool.connect_lazy_with(options.as_ref().clone()),
                ))
            }
            Self::Sqlite(options) => SqlitePoolOptions::new()
                .max_connections(1)
                .connect_with(access.options(options))
                .await
                .map(Database::Sqlite),
        }
    }
}

fn late() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        "no answer",
    ))
}

/// An open database.
pub(crate) enum Database {
    /// PostgreSQL.
    Postgres(PgPool),
    /// A SQLite file.
    Sqlite(SqlitePool),
}

impl Database {
    /// Connects; when the database does not answer yet, tries again for as long as `limit` and
    /// says so once.
    pub(crate) async fn wait_for(
        url: &DatabaseUrl,
        limit: Duration,
        access: Access,
    ) -> Result<Self, String> {
        let deadline = Instant::now() + limit;
        let mut said = false;
        loop {
            let error = match url.connect(access).await {
                Ok(database) => return Ok(database),
                Err(error) => error,
            };
            if !may_come_up(&error) || Instant::now() + PAUSE > deadline {
                let advice = advice(&error);
                return Err(format!("cannot open {}: {error}{advice}", url.place()));
            }
            if !said {
                eprintln!(
                    "waiting up to {} s for {} ({error})",
                    limit.as_secs(),
                    url.place()
                );
                said = true;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// A warning where the server is older than what Ramz is tested with.
    pub(crate) async fn warning(&self) -> sqlx::Result<Option<String>> {
        let Self::Postgres(pool) = self else {
            return Ok(None);
        };
        let old = migrate::old_postgres(&mut *pool.acquire().await?).await?;
        let least = migrate::LEAST_POSTGRES;
        Ok(old.map(|version| {
            format!(
                "PostgreSQL {version} is older than {least}, the least that Ramz is tested with"
            )
        }))
    }

    /// What the database lacks.
    pub(crate) async fn pending(&self) -> sqlx::Result<Vec<Pending>> {
        match self {
            Self::Postgres(pool) => migrate::pending_postgres(pool).await,
            Self::Sqlite(pool) => migrate::pending_sqlite(pool).await,
        }
    }

    /// Applies what the database lacks.
    pub(crate) async fn migrate(&self) -> Result<Vec<Pending>, MigrateError> {
        match self {
            Self::Postgres(pool) => migrate::run_postgres(pool).await,
            Self::Sqlite(pool) => migrate::run_sqlite(pool).await,
        }
    }
}

/// What to do about an error that a pooler makes.
fn advice(error: &sqlx::Error) -> &'static str {
    let code = match error {
        sqlx::Error::Database(refusal) => refusal.code(),
        _ => None,
    };
    match code.as_deref() {
        // protocol_violation, with which PgBouncer refuses; names of statements that others use.
        Some("08P01" | "42P05" | "26000") => {
            "; migrate needs a direct connection: name the server itself in DATABASE_URL, not a pooler"
        }
        _ => "",
    }
}

/// Whether waiting can help: a server that starts, not a wrong password or a missing folder.
fn may_come_up(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // 57P03, cannot_connect_now: PostgreSQL is starting up or shutting down.
        sqlx::Error::Database(error) => error.code().as_deref() == Some("57P03"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i_05_neither_an_error_nor_the_place_shows_the_password() {
        let url = "postgres://ramz:s3cret@db.example:5432/ramz";
        let url = DatabaseUrl::parse(url).expect("a URL");
        assert_eq!(url.place(), "PostgreSQL at db.example:5432, database ramz");
        for wrong in [
            "mysql://ramz:s3cret@db.example/ramz",
            "postgres://ramz:s3cret@db.example:port/ramz",
            "s3cret",
            "sqlite://file?mode=s3cret-mode",
        ] {
            let Err(error) = DatabaseUrl::parse(wrong) else {
                panic!("{wrong} was taken");
            };
            assert!(error.starts_with("DATABASE_URL "), "{error}");
            assert!(!error.contains("s3cret@"), "{error}");
        }
    }
}

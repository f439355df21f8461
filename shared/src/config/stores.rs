//! Where records and hot state live.

use std::path::{Path, PathBuf};

use migrate::server_url_problem;
use secrecy::{ExposeSecret as _, SecretString};

use super::reader::{Read, Reader, parse_number, shown};
use super::variables::{
    Binary, DATA_DIR, DATABASE_POOL_SIZE, DATABASE_POOLER, DATABASE_URL, REDIS_URL,
};
use crate::records::Pooler;
use crate::stores::StoresConfig;

const DATABASE_FILE: &str = "ramz.sqlite3";

/// Reads `DATABASE_URL` and `REDIS_URL`.
pub(super) fn read_stores(reader: &mut Reader<'_>, data_dir: Option<&Path>) -> Read<StoresConfig> {
    let database = read_database(reader, data_dir);
    let redis_url = read_redis(reader);
    let pooler = read_pooler(reader);
    match (database?, redis_url?) {
        (Database::Postgres(database_url), Some(redis_url)) => Ok(StoresConfig::PostgresAndRedis {
            database_url,
            pooler: pooler?,
            redis_url,
        }),
        (Database::Postgres(_), None) => Err(reader.refuse(
            REDIS_URL.name,
            "is required with a PostgreSQL DATABASE_URL: codes, limits and the queue live in Redis",
        )),
        (Database::Sqlite(_), None) if matches!(pooler, Ok(Pooler::Transaction)) => {
            Err(reader.refuse(
                DATABASE_POOLER.name,
                "is set together with a SQLite DATABASE_URL, which nothing stands before; unset it",
            ))
        }
        (Database::Sqlite(url), None) => Ok(StoresConfig::Sqlite { url }),
        (Database::Sqlite(_), Some(_)) => Err(reader.refuse(
            REDIS_URL.name,
            "is set together with a SQLite DATABASE_URL, whose file does the work of Redis; unset REDIS_URL or use PostgreSQL",
        )),
    }
}

/// Reads `DATABASE_POOL_SIZE`.
///
/// The default of a worker: two pipelines of the ledger, the deliveries, what is asked from time to
/// time, and one to spare.
pub(super) fn read_pool_size(reader: &mut Reader<'_>, stores: &Read<StoresConfig>) -> Read<u32> {
    let size =
        reader.parsed_if_set(&DATABASE_POOL_SIZE, |text| parse_number(text, &(2..=1_000)))?;
    if matches!(stores, Ok(StoresConfig::Sqlite { .. })) {
        reader.warn_without_effect(&DATABASE_POOL_SIZE, "a SQLite file has its own connections")?;
    }
    Ok(size.unwrap_or(match reader.binary() {
        Binary::Worker => 5,
        Binary::Api | Binary::Standalone => 10,
    }))
}

enum Database {
    Postgres(SecretString),
    Sqlite(String),
}

fn read_database(reader: &mut Reader<'_>, data_dir: Option<&Path>) -> Read<Database> {
    let url = match (reader.secret(&DATABASE_URL)?, data_dir) {
        (Some(url), _) => url,
        (None, Some(data_dir)) => sqlite_url(&data_dir.join(DATABASE_FILE)).into(),
        (None, None) => return Err(reader.missing(&DATABASE_URL)),
    };
    let scheme = scheme(&url);
    let problem = match scheme.as_deref() {
        Some("postgres" | "postgresql") if reader.binary() == Binary::Standalone => {
            "is a PostgreSQL URL, but standalone keeps everything in one SQLite file; unset it, or run `api` and `worker`"
        }
        Some("postgres" | "postgresql") => {
            return match server_url_problem(url.expose_secret()) {
                None => Ok(Database::Postgres(url)),
                Some(problem) => Err(reader.refuse(DATABASE_URL.name, problem)),
            };
        }
        Some("sqlite") if is_in_memory(url.expose_secret()) => {
            "is a database in memory, which would be lost at each restart; name a file, such as `sqlite://data/ramz.sqlite3`"
        }
        Some("sqlite") => return Ok(Database::Sqlite(url.expose_secret().to_owned())),
        _ => "begins with neither `postgres://` nor `sqlite://`",
    };
    Err(reader.refuse(DATABASE_URL.name, problem))
}

/// Reads `DATABASE_URL` and `DATABASE_POOLER` where the other stores do not matter.
pub(super) fn read_database_url(reader: &mut Reader<'_>) -> Read<(SecretString, Pooler)> {
    let database = read_database(reader, None);
    let pooler = read_pooler(reader);
    let url = match database? {
        Database::Postgres(url) => url,
        Database::Sqlite(url) => url.into(),
    };
    Ok((url, pooler?))
}

fn read_redis(reader: &mut Reader<'_>) -> Read<Option<SecretString>> {
    let Some(url) = reader.secret(&REDIS_URL)? else {
        return Ok(None);
    };
    match scheme(&url).as_deref() {
        Some("redis" | "rediss") => match server_url_problem(url.expose_secret()) {
            None => Ok(Some(url)),
            Some(problem) => Err(reader.refuse(REDIS_URL.name, problem)),
        },
        _ => Err(reader.refuse(REDIS_URL.name, "is not a `redis://` or `rediss://` URL")),
    }
}

fn is_in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}

/// Reads `DATA_DIR`.
pub(super) fn data_dir(reader: &mut Reader<'_>) -> Read<PathBuf> {
    reader.parsed(&DATA_DIR, |text| Ok::<_, String>(PathBuf::from(text)))
}

/// Reads `DATABASE_POOLER`. Standalone has a file of its own, and nothing in between.
fn read_pooler(reader: &mut Reader<'_>) -> Read<Pooler> {
    if reader.binary() == Binary::Standalone {
        return Ok(Pooler::None);
    }
    reader.parsed(&DATABASE_POOLER, |text| match text {
        "none" => Ok(Pooler::None),
        "transaction" => Ok(Pooler::Transaction),
        other => Err(format!(
            "{} is neither `none` nor `transaction`",
            shown(other)
        )),
    })
}

/// Whether a URL names a PostgreSQL server.
pub(super) fn is_postgres(url: &SecretString) -> bool {
    matches!(scheme(url).as_deref(), Some("postgres" | "postgresql"))
}

/// What stands before the first colon. The rest need not be a URL: the paths behind `sqlite:` are
/// none, and what is wrong with another is told apart from its scheme.
fn scheme(url: &SecretString) -> Option<String> {
    let (scheme, _) = url.expose_secret().split_once(':')?;
    Some(scheme.to_ascii_lowercase())
}

/// The URL of a file; the characters that have a meaning in URLs are escaped.
fn sqlite_url(path: &Path) -> String {
    let path = path.to_string_lossy();
    let escaped = path
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23");
    format!("sqlite://{escaped}")
}

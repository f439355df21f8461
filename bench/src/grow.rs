//! A database with a past: users, and a ledger of the messages that they got.
//!
//! Rows are copied (`COPY`) in one transaction in which the ledger has no indexes; they are made
//! again, as they were, when the rows are there. So a million users and ten million messages take
//! minutes.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use chrono::DateTime;
use domain::random::Random;
use indicatif::{ProgressBar, ProgressStyle};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::Failure;
use crate::arguments::GrowSize;

/// Rows that are sent to the server at once.
const CHUNK: u64 = 2_000;
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Where the past ends: 2026-01-01, and how far apart two messages are.
const END_OF_PAST: i64 = 1_767_225_600;
const BAR: &str = "{msg:12} {bar:30} {human_pos} of {human_len} rows, {per_sec}, {eta} left";
/// The same numbers and ids each time, so that two databases of one size are alike.
const SEED: u64 = 20_260_101;

const USERS: &str = "COPY users (id, phone, username, phone_verified_at, last_sign_in_at,
    created_at, updated_at) FROM STDIN";
const SENDS: &str = "COPY sends (challenge_id, send_number, phone, purpose, channel, method, state,
    attempt, fence, localid, messageid, cost_rials, gateway_status, entry_status, accepted_at,
    deadline_at, started_at, finished_at, created_at, updated_at) FROM STDIN";

/// The number of a user of the past, in E.164 form: another hundred million than that of the
/// clients of a load.
pub(crate) fn user_phone(index: u64) -> String {
    format!("+9890{:08}", index % 60_000_000)
}

/// Fills the database at this URL.
pub(crate) async fn grow(database_url: &str, size: &GrowSize) -> Result<(), Failure> {
    let mut connection = PgConnection::connect(database_url).await?;
    let users: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM users")
        .fetch_one(&mut connection)
        .await?;
    if users > 0 {
        return Err(format!("the database has {users} users: grow needs one without").into());
    }
    let random = Random::seeded(SEED);
    let mut transaction = connection.begin().await?;
    let user = |index| user_row(&random, index, size.users);
    copy(&mut transaction, "users", USERS, size.users, user).await?;
    let memory = "SET LOCAL maintenance_work_mem = '256MB'";
    execute(&mut transaction, memory.to_owned()).await?;
    let indexes = drop_indexes(&mut transaction).await?;
    let row = |index| ledger_row(&random, index, size);
    copy(&mut transaction, "ledger", SENDS, size.ledger_rows, row).await?;
    for index in &indexes {
        say(size, &format!("making {}", index.name));
        execute(&mut transaction, index.create.clone()).await?;
    }
    transaction.commit().await?;
    // A past has been vacuumed long ago. Else the server would begin with it while something is measured: ten million
    // rows that came at once are reason enough.
    execute(&mut connection, "VACUUM (FREEZE, ANALYZE)".to_owned()).await?;
    // Else the server would write it all while something is measured. Not every user may.
    if let Err(refused) = execute(&mut connection, "CHECKPOINT".to_owned()).await {
        eprintln!("no checkpoint: {refused}");
    }
    Ok(connection.close().await?)
}

async fn execute(connection: &mut PgConnection, statement: String) -> Result<(), Failure> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await?;
    Ok(())
}

/// An index, or a constraint that has one.
struct Index {
    name: String,
    create: String,
}

/// Takes the indexes of the ledger away; they are as the migrations have made them.
async fn drop_indexes(connection: &mut PgConnection) -> Result<Vec<Index>, Failure> {
    let constraints: Vec<(String, String)> = sqlx::query_as(
        "SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = 'sends'::regclass AND contype IN ('p', 'u')",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut indexes = Vec::new();
    for (name, definition) in constraints {
        execute(
            connection,
            format!("ALTER TABLE sends DROP CONSTRAINT {name}"),
        )
        .await?;
        let create = format!("ALTER TABLE sends ADD CONSTRAINT {name} {definition}");
        indexes.push(Index { name, create });
    }
    // What is left belongs to no constraint.
    let plain: Vec<(String, String)> = sqlx::query_as(
        "SELECT indexname::text, indexdef FROM pg_indexes WHERE tablename = 'sends'",
    )
    .fetch_all(&mut *connection)
    .await?;
    for (name, create) in plain {
        execute(connection, format!("DROP INDEX {name}")).await?;
        indexes.push(Index { name, create });
    }
    Ok(indexes)
}

/// Copies so many rows, with their progress.
async fn copy(
    connection: &mut PgConnection,
    what: &'static str,
    statement: &str,
    rows: u64,
    row: impl Fn(u64) -> String,
) -> Result<(), Failure> {
    let mut progress = Progress::begin(what, rows);
    let mut copy = connection.copy_in_raw(statement).await?;
    let mut done = 0;
    while done < rows {
        let end = (done + CHUNK).min(rows);
        let chunk: String = (done..end).map(&row).collect();
        copy.send(chunk.into_bytes()).await?;
        done = end;
        progress.show(done);
    }
    let copied = copy.finish().await?;
    progress.end();
    if copied != rows {
        return Err(format!("{what}: {copied} of {rows} rows were copied").into());
    }
    Ok(())
}

fn user_row(random: &Random, index: u64, users: u64) -> String {
    let phone = user_phone(index);
    let username = phone.trim_start_matches('+');
    // As if they had come one a second.
    let created = END_OF_PAST - signed(users - index);
    let id = random.uuid_v7(created * 1_000);
    let at = timestamp(created, 0);
    format!("{id}\t{phone}\t{username}\t{at}\t{at}\t{at}\t{at}\n")
}

fn ledger_row(random: &Random, index: u64, size: &GrowSize) -> String {
    let phone = user_phone(index % size.users);
    let challenge = hex::encode(random.bytes::<16>());
    let (localid, messageid) = (random.positive_i64(), 1_000_000_000 + signed(index));
    let accepted = END_OF_PAST - signed(size.ledger_rows - index);
    let at = |millis| timestamp(accepted, millis);
    let deadline = timestamp(accepted + 90, 0);
    let mut row = format!("\\\\x{challenge}\t1\t{phone}\tsign_in\tsms\tlookup\taccepted\t1\t1\t");
    // Writing into a text cannot fail.
    let _ = writeln!(
        row,
        "{localid}\t{messageid}\t2280\t200\t5\t{}\t{deadline}\t{}\t{}\t{}\t{}",
        at(0),
        at(4),
        at(204),
        at(4),
        at(204)
    );
    row
}

fn timestamp(seconds: i64, millis: u32) -> String {
    let moment = DateTime::from_timestamp(seconds, millis * 1_000_000);
    moment.unwrap_or_default().to_rfc3339()
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn say(size: &GrowSize, step: &str) {
    if size.ledger_rows > 100_000 {
        eprintln!("{step}");
    }
}

/// A bar on a terminal, a line now and then elsewhere.
enum Progress {
    Bar(ProgressBar),
    Lines {
        what: &'static str,
        rows: u64,
        last: Instant,
    },
}

impl Progress {
    fn begin(what: &'static str, rows: u64) -> Self {
        if stderr().is_terminal() {
            let style = ProgressStyle::with_template(BAR);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            return Self::Bar(ProgressBar::new(rows).with_style(style).with_message(what));
        }
        let last = Instant::now();
        Self::Lines { what, rows, last }
    }

    fn show(&mut self, done: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(done),
            Self::Lines { what, rows, last } if last.elapsed() >= LINE_EVERY => {
                *last = Instant::now();
                eprintln!("{what}: {done} of {rows} rows");
            }
            Self::Lines { .. } => {}
        }
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use harness::PostgresServer;

    use super::*;

    async fn indexes(connection: &mut PgConnection) -> Vec<String> {
        let query = "SELECT indexdef FROM pg_indexes WHERE tablename IN ('users', 'sends')
            ORDER BY indexname";
        let indexes = sqlx::query_scalar(query).fetch_all(connection).await;
        indexes.expect("the indexes")
    }

    #[tokio::test]
    async fn a_database_grows_once_and_keeps_its_indexes() {
        let server = PostgresServer::start_without_fsync().await;
        let url = server.create_database().await;
        let pool = sqlx::PgPool::connect(&url).await.expect("a pool");
        migrate::run_postgres(&pool).await.expect("migrated");
        let mut connection = PgConnection::connect(&url).await.expect("a connection");
        let before = indexes(&mut connection).await;
        assert!(before.len() >= 8, "{before:?}");
        let size = GrowSize {
            users: 1_000,
            ledger_rows: 2_500,
        };

        grow(&url, &size).await.expect("it grows");

        assert_eq!(indexes(&mut connection).await, before);
        let counts: (i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM users), COUNT(*),
                COUNT(*) FILTER (WHERE phone IN (SELECT phone FROM users)) FROM sends",
        )
        .fetch_one(&mut connection)
        .await
        .expect("counts");
        assert_eq!(counts, (1_000, 2_500, 2_500));
        let again = grow(&url, &size).await.expect_err("a refusal");
        assert!(again.to_string().contains("1000 users"), "{again}");
    }
}

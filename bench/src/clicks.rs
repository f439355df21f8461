//! Somebody of the staff who goes through the console: every page and search, one after the other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::clock::Clock;
use e2e::staff::open_staff_session;
use reqwest::StatusCode;
use reqwest::header::COOKIE;
use shared::records::{PoolSettings, Records};
use sqlx::{Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Failure;
use crate::arguments::ConsoleArguments;
use crate::statistics::{millis, percentile};

const MAKE_STAFF: &str = "UPDATE users SET is_staff = TRUE, updated_at = $2 WHERE id = $1";
const MAKE_ADMIN: &str = "INSERT INTO staff (user_id, role, given_at) VALUES ($1, 'admin', $2) \
     ON CONFLICT DO NOTHING";
/// An impatient finger.
const BETWEEN_CLICKS: Duration = Duration::from_millis(200);
/// Messages and people that are looked for, in turn.
const SAMPLES: &str = "SELECT phone, request_id::text, COALESCE(message_id, messageid::text), \
     (EXTRACT(EPOCH FROM created_at) * 1000000)::BIGINT || '-' || encode(challenge_id, 'hex') || '-' || \
     send_number || '-' || leg, COALESCE((SELECT id::text FROM users WHERE users.phone = sends.phone), ''), \
     to_char(created_at AT TIME ZONE 'Asia/Tehran', 'YYYY-MM-DD\"T\"HH24:MI') \
     FROM sends TABLESAMPLE SYSTEM_ROWS($1) WHERE phone IS NOT NULL";
/// Where the extension that draws rows is missing, and in a small table, the newest ones.
const NEWEST: &str = "FROM sends WHERE phone IS NOT NULL ORDER BY created_at DESC LIMIT $1";
const LETTERS: [&str; 5] = ["Ahmadi", "Karimi", "Sara", "Nima", "nobody"];

/// A message and its person.
#[derive(sqlx::FromRow)]
struct Sample(
    String,
    Option<String>,
    Option<String>,
    String,
    String,
    String,
);

/// The person who clicks.
pub(crate) struct Clicker {
    client: reqwest::Client,
    console: String,
    cookie: String,
    samples: Vec<Sample>,
}

impl Clicker {
    /// Signs somebody in by the records of this database, and draws what they will look for.
    pub(crate) async fn sign_in(
        database_url: &str,
        console: &str,
        samples: u32,
    ) -> Result<Self, Failure> {
        let mut connection = PgConnection::connect(database_url).await?;
        let records = Records::connect(database_url, PoolSettings::default()).await?;
        let token = open_session(&records, &mut connection).await;
        Ok(Self {
            client: reqwest::Client::builder()
                .timeout(Duration::from_secs(30))
                .build()?,
            console: console.trim_end_matches('/').to_owned(),
            cookie: format!("ramz_staff={token}"),
            samples: draw(&mut connection, samples).await?,
        })
    }

    /// Every page and search for one of the samples, with its name.
    fn round(&self, turn: usize) -> Vec<(&'static str, String)> {
        let sample = &self.samples[turn % self.samples.len()];
        let Sample(phone, request, message, place, user, hour) = sample;
        let national = phone.replace("+98", "0");
        let digits = &phone[phone.len().saturating_sub(4)..];
        let letters = LETTERS[turn % LETTERS.len()];
        let mut pages = vec![
            ("overview", "/".to_owned()),
            ("sends, newest", "/sends".to_owned()),
            ("sends, a page anywhere", format!("/sends?after={place}")),
            ("sends before an hour", format!("/sends?to={hour}")),
            ("sends of a number", format!("/sends?number={national}")),
            ("sends by last digits", format!("/sends?digits={digits}")),
            ("people, newest", "/users".to_owned()),
            ("people by number", format!("/users?q={national}")),
            ("people by last digits", format!("/users?q={digits}")),
            ("people by name", format!("/users?q={letters}")),
            (
                "people by e-mail",
                format!("/users?q=user{turn}%40example.com"),
            ),
            ("audit log", "/audit".to_owned()),
            ("limits", "/limits".to_owned()),
            ("money", "/spending".to_owned()),
            ("settings", "/settings".to_owned()),
            ("dead sends", "/dead".to_owned()),
            ("staff", "/staff".to_owned()),
        ];
        for (name, filter) in [
            ("sends refused", "state=refused"),
            ("sends not known", "state=unknown"),
            ("sends of operator other", "operator=other"),
            ("sends of operator irancell", "operator=irancell"),
            ("sends by call", "channel=call"),
            ("sends by code 422", "code=422"),
            ("sends by a rare gateway", "route=second"),
        ] {
            pages.push((name, format!("/sends?{filter}&to={hour}")));
        }
        if let Some(request) = request {
            pages.push(("sends of a request", format!("/sends?request={request}")));
        }
        if let Some(message) = message {
            pages.push(("sends by message", format!("/sends?message={message}")));
        }
        if !user.is_empty() {
            pages.push(("person", format!("/users/{user}")));
        }
        pages
    }

    /// How long a page takes, its redirects and its bytes included.
    async fn look(&self, path: &str) -> Result<Duration, Failure> {
        let began = Instant::now();
        let answer = self
            .client
            .get(format!("{}{path}", self.console))
            .header(COOKIE, &self.cookie)
            .send()
            .await?;
        let (status, url) = (answer.status(), answer.url().path().to_owned());
        answer.bytes().await?;
        if status != StatusCode::OK || url.starts_with("/sign-in") {
            return Err(format!("{path}: {status} of {url}").into());
        }
        Ok(began.elapsed())
    }

    /// Goes through everything until told to stop; the number of pages.
    pub(crate) async fn click_through(&self, stop: CancellationToken) -> Result<u64, Failure> {
        let mut seen = 0;
        for turn in 0.. {
            for (_, path) in self.round(turn) {
                if stop.is_cancelled() {
                    return Ok(seen);
                }
                let took = self.look(&path).await?;
                seen += 1;
                let rest = BETWEEN_CLICKS.saturating_sub(took);
                let _ = stop.run_until_cancelled(tokio::time::sleep(rest)).await;
            }
        }
        Ok(seen)
    }
}

/// `bench console`: how long each page and search takes.
pub(crate) async fn measure(arguments: &ConsoleArguments) -> Result<(), Failure> {
    let clicker = Clicker::sign_in(
        &arguments.database_url,
        &arguments.console,
        arguments.requests,
    )
    .await?;
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for turn in 0..arguments.requests as usize {
        for (name, path) in clicker.round(turn) {
            times
                .entry(name)
                .or_default()
                .push(clicker.look(&path).await?);
        }
        if turn % 10 == 9 {
            eprintln!("{} of {} rounds", turn + 1, arguments.requests);
        }
    }
    println!("| page | requests | p50, ms | p99, ms | most, ms |");
    println!("|---|---|---|---|---|");
    for (name, mut times) in times {
        times.sort_unstable();
        let at = |percent| percentile(&times, percent).map_or(f64::NAN, millis);
        println!(
            "| {name} | {} | {:.0} | {:.0} | {:.0} |",
            times.len(),
            at(50.0),
            at(99.0),
            at(100.0)
        );
    }
    Ok(())
}

async fn draw(connection: &mut PgConnection, samples: u32) -> Result<Vec<Sample>, Failure> {
    let count = i64::from(samples.max(1));
    // Not every server has it, and not every user may make it.
    let extension = "CREATE EXTENSION IF NOT EXISTS tsm_system_rows";
    if sqlx::raw_sql(extension)
        .execute(&mut *connection)
        .await
        .is_ok()
    {
        let drawn: Vec<Sample> = sqlx::query_as(SAMPLES)
            .bind(count)
            .fetch_all(&mut *connection)
            .await?;
        if !drawn.is_empty() {
            return Ok(drawn);
        }
    }
    let (columns, _) = SAMPLES
        .split_once("FROM sends TABLESAMPLE")
        .ok_or("the question has changed")?;
    let newest: Vec<Sample> = sqlx::query_as(sqlx::AssertSqlSafe(format!("{columns}{NEWEST}")))
        .bind(count)
        .fetch_all(connection)
        .await?;
    if newest.is_empty() {
        return Err("the ledger is empty".into());
    }
    Ok(newest)
}

/// A session of an admin. How they sign in is no part of what is measured.
async fn open_session(records: &Records, connection: &mut PgConnection) -> String {
    open_staff_session(records, async |user: Uuid| {
        let now = Clock::system().now();
        for statement in [MAKE_STAFF, MAKE_ADMIN] {
            let made = sqlx::query(statement)
                .bind(user)
                .bind(now)
                .execute(&mut *connection);
            made.await.expect("an admin");
        }
    })
    .await
}

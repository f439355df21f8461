//! A database of its own for each test, and the values that tests are made of.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::{Channel, Locale, SessionId};
use domain::clock::Clock;
use domain::notice::NoticeKind;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::random::Random;
use domain::root::RootId;
use harness::{PgBouncer, PostgresServer, Relay};
use shared::records::{
    Begin, Device, Finish, LedgerOutcome, NewNotice, NewSession, PoolSettings, Pooler, Records,
    Route, SendKey, SendMethod, SendResult, SignIn, SignInOutcome, User,
};
use shared::sqlite_file::SqliteFile;
use sqlx::{AssertSqlSafe, PgPool};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::sqlite_files;

/// Bounds a failing test only: no test here is about speed.
pub(crate) const PATIENT: Duration = Duration::from_mins(2);
pub(crate) const START: i64 = 1_763_700_000_000;

static POOLER: OnceCell<PgBouncer> = OnceCell::const_new();
static SERVER: OnceCell<PostgresServer> = OnceCell::const_new();

/// What the programs may do together, so that every case shows that no right is missing. (`PgBouncer`
/// makes a superuser of everybody here.)
const PROGRAMS: &str = "ramz_programs";

/// A server that all tests share.
async fn shared_server() -> PostgresServer {
    let server = PostgresServer::start_without_fsync().await;
    make_roles(&server).await;
    server
}

async fn make_roles(server: &PostgresServer) {
    for role in ["ramz_api", "ramz_worker", "ramz_console", PROGRAMS] {
        server.create_role(role).await;
    }
    let pool = PgPool::connect(&server.url()).await.expect("a connection");
    let member = format!("GRANT ramz_api, ramz_worker, ramz_console TO {PROGRAMS}");
    sqlx::query(AssertSqlSafe(member))
        .execute(&pool)
        .await
        .expect("a member of all");
    pool.close().await;
}

/// Records with the current schema, and a way past them.
pub(crate) struct Stage {
    pub(crate) records: Records,
    pub(crate) clock: Clock,
    raw: Raw,
    pub(crate) random: Random,
    /// Where a file lies; removed with the stage.
    _directory: Option<TempDir>,
}

enum Raw {
    Postgres(PgPool),
    Sqlite(SqliteFile),
}

impl Stage {
    pub(crate) async fn sqlite() -> Self {
        let (file, directory) = sqlite_files::file_in(tempfile::tempdir().expect("a folder")).await;
        let records = Records::from_sqlite(file.clone()).with_time_limit(PATIENT);
        Self::new(records, Raw::Sqlite(file), Some(directory))
    }

    pub(crate) async fn postgres() -> Self {
        let server = SERVER.get_or_init(shared_server).await;
        let url = server.create_database().await;
        Self::reached_by(&url, &url, settings(Pooler::None, PATIENT)).await
    }

    /// With so many connections, for calls that may take so long.
    pub(crate) async fn postgres_of(connections: u32, time_limit: Duration) -> Self {
        let server = SERVER.get_or_init(shared_server).await;
        let url = server.create_database().await;
        let settings = PoolSettings {
            max_connections: connections,
            time_limit,
            pooler: Pooler::None,
        };
        Self::reached_by(&url, &url, settings).await
    }

    /// Through what listens at this address, which has to lead to the server that is told.
    pub(crate) async fn through(address: &str) -> (Self, String) {
        let server = SERVER.get_or_init(shared_server).await;
        let url = server.create_database().await;
        let relayed = url.replacen(&server.address(), address, 1);
        assert_ne!(url, relayed, "the URL names the server");
        let stage = Self::reached_by(&url, &relayed, settings(Pooler::None, PATIENT)).await;
        (stage, server.address())
    }

    /// On a server that the test may break.
    pub(crate) async fn on_server(server: &PostgresServer, time_limit: Duration) -> Self {
        make_roles(server).await;
        let url = server.create_database().await;
        Self::reached_by(&url, &url, settings(Pooler::None, time_limit)).await
    }

    /// On a server behind a relay.
    pub(crate) async fn behind(
        server: &PostgresServer,
        relay: &Relay,
        time_limit: Duration,
    ) -> Self {
        make_roles(server).await;
        let url = server.create_database().await;
        let relayed = relay.in_place_of(&server.address(), &url);
        Self::reached_by(&url, &relayed, settings(Pooler::None, time_limit)).await
    }

    /// On a server behind `PgBouncer`, which gives each transaction any of its few connections.
    pub(crate) async fn pooled() -> Self {
        Self::pooled_with(PATIENT).await
    }

    /// The same for calls that may take so long.
    pub(crate) async fn pooled_with(time_limit: Duration) -> Self {
        let server = SERVER.get_or_init(shared_server).await;
        let pooler = POOLER.get_or_init(|| PgBouncer::start(server)).await;
        let url = server.create_database().await;
        let pooled = pooler.in_place_of(server, &url);
        Self::reached_by(&url, &pooled, settings(Pooler::Transaction, time_limit)).await
    }

    /// The schema and the test's own questions go to the server itself.
    async fn reached_by(direct: &str, url: &str, settings: PoolSettings) -> Self {
        let pool = PgPool::connect(direct).await.expect("a connection");
        migrate::run_postgres(&pool).await.expect("migrations");
        let url = url.replacen("//ramz@", &format!("//{PROGRAMS}@"), 1);
        let records = Records::connect(&url, settings).await.expect("a URL");
        Self::new(records, Raw::Postgres(pool), None)
    }

    fn new(records: Records, raw: Raw, directory: Option<TempDir>) -> Self {
        Self {
            records,
            clock: Clock::manual(START),
            raw,
            random: Random::seeded(1),
            _directory: directory,
        }
    }

    /// The server itself, past the records.
    pub(crate) fn server(&self) -> &PgPool {
        match &self.raw {
            Raw::Postgres(pool) => pool,
            Raw::Sqlite(_) => panic!("a file has no server"),
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Runs SQL of the test's own.
    pub(crate) async fn execute(&self, sql: impl Into<String>) -> sqlx::Result<u64> {
        let sql = AssertSqlSafe(sql.into());
        Ok(match &self.raw {
            Raw::Postgres(pool) => sqlx::query(sql).execute(pool).await?.rows_affected(),
            Raw::Sqlite(file) => sqlx::query(sql)
                .execute(file.writer())
                .await?
                .rows_affected(),
        })
    }

    /// Has the database refuse, for good, rows of a table for which this is true, as a rule of the table
    /// would.
    pub(crate) async fn refuse(&self, table: &str, rows: &str) {
        static RULES: AtomicU64 = AtomicU64::new(0);
        let name = format!("refuse_{}", RULES.fetch_add(1, Ordering::Relaxed));
        let statements = if matches!(self.raw, Raw::Postgres(_)) {
            vec![
                format!(
                    "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                     RAISE EXCEPTION 'refused' USING ERRCODE = 'check_violation'; END $$"
                ),
                format!(
                    "CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW \
                     WHEN ({rows}) EXECUTE FUNCTION {name}()"
                ),
            ]
        } else {
            let on = |what: &str| {
                format!(
                    "CREATE TRIGGER {name}_{what} BEFORE {what} ON {table} WHEN {rows} \
                     BEGIN SELECT RAISE(ABORT, 'refused'); END"
                )
            };
            vec![on("INSERT"), on("UPDATE")]
        };
        for statement in statements {
            self.execute(statement).await.expect("a rule");
        }
    }

    /// Takes the key of the ledger away that knows no legs, as the release after this one does; a new database of
    /// PostgreSQL has none.
    pub(crate) async fn without_the_key_of_before(&self) {
        let statements: &[&str] = match &self.raw {
            Raw::Postgres(_) => &[],
            Raw::Sqlite(_) => &[
                "CREATE TABLE kept AS SELECT * FROM sends",
                "DROP TABLE sends",
                "ALTER TABLE kept RENAME TO sends",
                "CREATE UNIQUE INDEX sends_by_leg ON sends (challenge_id, send_number, leg)",
                "CREATE UNIQUE INDEX sends_by_message \
                 ON sends (route, COALESCE(message_id, CAST(messageid AS TEXT)))",
            ],
        };
        self.alter(statements).await;
    }

    /// Gives the ledger the keys that a database which was there before has.
    pub(crate) async fn with_the_keys_of_before(&self) {
        let statements: &[&str] = match &self.raw {
            Raw::Postgres(_) => &[
                "ALTER TABLE sends ADD PRIMARY KEY (challenge_id, send_number), \
                 ADD UNIQUE (messageid), ADD UNIQUE (localid), REPLICA IDENTITY DEFAULT",
            ],
            Raw::Sqlite(_) => &[],
        };
        self.alter(statements).await;
    }

    async fn alter(&self, statements: &[&'static str]) {
        for statement in statements {
            self.execute(*statement).await.expect("a change");
        }
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        match &self.raw {
            Raw::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
            Raw::Sqlite(file) => sqlx::query_scalar(sql).fetch_one(file.writer()).await,
        }
        .expect("a count")
    }

    /// Bytes as a literal of this database.
    pub(crate) fn blob(&self, bytes: &[u8]) -> String {
        let digits = hex::encode(bytes);
        match &self.raw {
            Raw::Postgres(_) => format!("'\\x{digits}'"),
            Raw::Sqlite(_) => format!("x'{digits}'"),
        }
    }

    /// Writes a notice as somebody who changes an account does.
    pub(crate) async fn write_notice(&self, phone: &PhoneNumber, kind: NoticeKind) -> NewNotice {
        let (clock, locale) = (self.clock.now(), Locale::En);
        let notice = NewNotice::new(&self.random, phone.clone(), kind, locale, clock);
        let id = match &self.raw {
            Raw::Postgres(_) => format!("'{}'", notice.id),
            Raw::Sqlite(_) => self.blob(notice.id.as_bytes()),
        };
        let (at, deadline) = (notice.created_at, notice.waiting().deadline_at);
        self.execute(format!(
            "INSERT INTO notices (id, phone, kind, locale, created_at, deadline_at) \
             VALUES ({id}, '{}', '{}', 'en', '{}', '{}')",
            phone.as_e164(),
            kind.as_str(),
            at.to_rfc3339(),
            deadline.to_rfc3339(),
        ))
        .await
        .expect("written");
        notice
    }

    /// An id as a literal of this database.
    pub(crate) fn id(&self, id: Uuid) -> String {
        match &self.raw {
            Raw::Postgres(_) => format!("'{id}'"),
            Raw::Sqlite(_) => self.blob(id.as_bytes()),
        }
    }

    pub(crate) fn root(&self) -> RootId {
        RootId::from_bytes(self.random.bytes())
    }

    /// A handle of a step.
    pub(crate) fn step_id(&self) -> SessionId {
        SessionId::new(&self.random)
    }

    /// A sign-in with a code of its own.
    pub(crate) fn sign_in(&self, phone: &PhoneNumber) -> SignIn {
        SignIn {
            root: self.root(),
            purpose: Purpose::SignIn,
            phone: phone.clone(),
            new_user_id: self.random.uuid_v7(self.clock.now_millis()),
            session: self.new_session(),
        }
    }

    pub(crate) fn new_session(&self) -> NewSession {
        let now = self.now();
        NewSession {
            id: self.random.uuid_v4(),
            refresh_token_hash: self.random.bytes(),
            origin_salt: None,
            device: Device {
                name: Some("گوشی من".to_owned()),
                user_agent: Some("Mozilla/5.0".to_owned()),
                address: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
            },
            opened_at: now,
            idle_expires_at: now + TimeDelta::days(1),
            expires_at: now + TimeDelta::days(30),
        }
    }

    /// The ids of the sessions of a user that hold.
    pub(crate) async fn live(&self, user: Uuid) -> Vec<Uuid> {
        let sessions = self.records.live_sessions(user, self.now()).await;
        sessions.expect("a list").iter().map(|one| one.id).collect()
    }

    pub(crate) async fn signed_in(&self, phone: &PhoneNumber) -> (User, bool) {
        match self.records.sign_in(&self.sign_in(phone)).await {
            Ok(SignInOutcome::SignedIn { user, is_new }) => (user, is_new),
            other => panic!("not signed in: {other:?}"),
        }
    }

    /// An attempt at the first send of a new challenge.
    pub(crate) fn begin(&self, fence: i64) -> Begin {
        let now = self.now();
        Begin {
            key: SendKey::first_leg(self.root(), 1),
            phone: phone(1),
            purpose: Purpose::SignIn.into(),
            channel: Channel::Sms,
            route: Route::KAVENEGAR,
            method: SendMethod::Lookup,
            fence,
            localid: self.random.positive_i64(),
            accepted_at: now,
            deadline_at: now + TimeDelta::seconds(90),
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
            request_id: Some(self.random.uuid_v4()),
        }
    }
}

fn settings(pooler: Pooler, time_limit: Duration) -> PoolSettings {
    PoolSettings {
        max_connections: 6,
        time_limit,
        pooler,
    }
}

pub(crate) fn phone(number: u32) -> PhoneNumber {
    PhoneNumber::from_e164(&format!("+98912{number:07}")).expect("canonical")
}

pub(crate) fn finish(begin: &Begin, attempt: u32, outcome: LedgerOutcome) -> Finish {
    Finish {
        key: begin.key,
        attempt,
        fence: begin.fence,
        outcome,
    }
}

pub(crate) fn accepted(messageid: i64) -> LedgerOutcome {
    LedgerOutcome {
        result: SendResult::Accepted,
        message_id: Some(messageid.into()),
        cost_rials: Some(1_200),
        gateway_status: Some(200),
        entry_status: Some(5),
        error_class: None,
    }
}

pub(crate) fn failed(result: SendResult, error_class: &str) -> LedgerOutcome {
    LedgerOutcome {
        result,
        message_id: None,
        cost_rials: None,
        gateway_status: None,
        entry_status: None,
        error_class: Some(error_class.to_owned()),
    }
}

//! A back end of hot state with a clock that stands still and a phone that asks.

use std::time::Duration;

use domain::challenge::{Challenge, ChallengeId, Channel, Locale, NewChallenge};
use domain::client_address::ClientAddress;
use domain::clock::Clock;
use domain::limits::{Quota, Quotas, Rule};
use domain::otp::{KeyRing, Purpose};
use domain::phone::PhoneNumber;
use domain::random::Random;
use domain::root::{NewSecret, Root, RootId};
use harness::{RedisServer, SmallDisk};
use prometheus::Registry;
use redis::aio::MultiplexedConnection;
use shared::hot_state::{
    Accept, AcceptPolicy, AcceptRequest, Accepted, Grant, Guess, HotState, Verdict,
};
use shared::queue::{Delivery, Feed, Job};
use shared::records::Records;
use shared::redis_store::RedisStore;
use shared::sqlite_file::SqliteFile;
use shared::stores::{StoreWatch, Stores};
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Row as _, Sqlite};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use crate::stores::START;
use crate::stores::{keys, redis as redis_keys, sqlite};

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const DAY: i64 = 24 * 60 * MINUTE;
/// Long enough for a machine under load; nothing waits for it when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The limits of a phone, and thirty requests of an address in a minute.
pub(crate) fn limits(short: Quota, day: Quota) -> Quotas {
    Quotas::NONE
        .with(Rule::PhoneShort, short)
        .with(Rule::PhoneDay, day)
        .with(Rule::Address, per_minute(30))
}

pub(crate) fn window(count: u32, millis: i64) -> Quota {
    Quota::Window { count, millis }
}

pub(crate) fn per_minute(count: u32) -> Quota {
    Quota::Rate {
        count,
        millis: MINUTE,
        ahead: MINUTE,
    }
}

pub(crate) fn caller(address: &str) -> ClientAddress {
    ClientAddress::new(address.parse().expect("an address"))
}

pub(crate) struct Stage {
    pub(crate) hot: HotState,
    pub(crate) feed: Feed,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) keys: KeyRing,
    pub(crate) policy: AcceptPolicy,
    raw: Raw,
}

/// The watch over the stores of a process, until it is dropped.
pub(crate) struct Watched {
    registry: Registry,
    _stop: DropGuard,
}

impl Watched {
    pub(crate) fn over(stage: &Stage, records: Records) -> Self {
        let stores = Stores {
            hot_state: stage.hot.clone(),
            records,
            feed: stage.feed.clone(),
        };
        let (registry, stop) = (Registry::new(), CancellationToken::new());
        let watch = StoreWatch::register(&registry, &stores).expect("fresh names");
        tokio::spawn(watch.run(stop.clone()));
        Self {
            registry,
            _stop: stop.drop_guard(),
        }
    }

    /// The value of a gauge of one series, if it has one.
    pub(crate) fn gauge(&self, name: &str) -> Option<f64> {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name)?;
        let series = family.get_metric().first()?;
        Some(series.get_gauge().get_value())
    }
}

/// What a test looks at behind the store's back.
enum Raw {
    Redis {
        url: String,
        tag: String,
    },
    Sqlite {
        file: SqliteFile,
        folder: tempfile::TempDir,
    },
}

impl Stage {
    pub(crate) async fn redis() -> Self {
        Self::redis_by(Clock::manual(START)).await
    }

    /// The system's clock leaves the time to Redis itself, as in production.
    pub(crate) async fn redis_by(clock: Clock) -> Self {
        Self::redis_on(redis_keys::shared_server().await, clock)
    }

    /// On a server of the test, which may break it.
    pub(crate) fn redis_on(server: &RedisServer, clock: Clock) -> Self {
        let url = server.url();
        let (store, tag) = redis_keys::new_keys(&url);
        let hot = HotState::redis(store.clone(), clock.clone());
        let feed = Feed::redis(store, clock.clone(), &Random::seeded(6));
        Self::new(hot, feed, clock, Raw::Redis { url, tag })
    }

    pub(crate) async fn sqlite() -> Self {
        Self::sqlite_in(tempfile::tempdir().expect("a folder")).await
    }

    /// On a disk of the test, which may fill it.
    pub(crate) async fn sqlite_on(disk: &SmallDisk) -> Self {
        Self::sqlite_in(tempfile::tempdir_in(disk.path()).expect("a folder")).await
    }

    async fn sqlite_in(folder: tempfile::TempDir) -> Self {
        let (file, folder) = sqlite::file_in(folder).await;
        let clock = Clock::manual(START);
        let hot = HotState::sqlite(file.clone(), clock.clone());
        let feed = Feed::sqlite(file.clone(), clock.clone(), &Random::seeded(6));
        Self::new(hot, feed, clock, Raw::Sqlite { file, folder })
    }

    fn new(hot: HotState, feed: Feed, clock: Clock, raw: Raw) -> Self {
        let policy = AcceptPolicy {
            code_life_millis: 120 * SECOND,
            resend_cooldown_millis: 30 * SECOND,
            max_attempts: 3,
            quotas: limits(window(3, 2 * MINUTE), window(10, DAY)),
            queue_max: 10_000,
            queue_max_age_millis: i64::MAX,
        };
        Self {
            hot,
            feed,
            clock,
            random: Random::seeded(5),
            keys: keys(),
            policy,
            raw,
        }
    }

    pub(crate) fn new_challenge(&self, phone: &str) -> NewChallenge {
        self.challenge_for(phone, Purpose::SignIn)
    }

    pub(crate) fn challenge_for(&self, phone: &str, purpose: Purpose) -> NewChallenge {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        NewChallenge::begin(&self.random, &self.keys, phone, purpose, 6, Locale::Fa).1
    }

    pub(crate) fn accept<'a>(&self, request: AcceptRequest<'a>) -> Accept<'a> {
        Accept {
            request,
            nonce: self.random.bytes(),
            channel: Channel::Sms,
            caller: None,
            trace: None,
            request_id: None,
            device: None,
        }
    }

    pub(crate) async fn run(&self, accept: &Accept<'_>) -> Accepted {
        self.hot
            .accept(accept, &self.policy)
            .await
            .expect("hot state answers")
    }

    pub(crate) async fn ask(&self, challenge: &NewChallenge) -> Accepted {
        self.run(&self.accept(AcceptRequest::New(challenge))).await
    }

    pub(crate) async fn resend(&self, id: ChallengeId) -> Accepted {
        self.resend_under(id, &self.policy).await
    }

    pub(crate) async fn resend_under(&self, id: ChallengeId, policy: &AcceptPolicy) -> Accepted {
        let secret = self.secret();
        let resend = self.accept(AcceptRequest::Resend {
            id,
            phone: None,
            root: RootId::new(&self.random),
            secret: &secret,
        });
        let accepted = self.hot.accept(&resend, policy).await;
        accepted.expect("hot state answers")
    }

    /// What a root that may begin is made of.
    pub(crate) fn secret(&self) -> NewSecret {
        NewSecret::new(&self.random, &self.keys, 6)
    }

    /// A granted challenge for this phone, as it is read back.
    pub(crate) async fn granted(&self, phone: &str) -> Challenge {
        let new = self.new_challenge(phone);
        sent(self.ask(&new).await);
        self.read(new.id).await
    }

    pub(crate) async fn read(&self, id: ChallengeId) -> Challenge {
        self.hot
            .challenge(id)
            .await
            .expect("hot state answers")
            .expect("a record")
    }

    /// A try with the session id.
    pub(crate) async fn count(&self, challenge: &Challenge, right: bool) -> Verdict {
        let allowed = self.policy.max_attempts;
        let counted = self
            .hot
            .count_by_session(allowed, challenge, right, None)
            .await;
        counted.expect("an answer")
    }

    /// The roots that a code with the number only is compared with.
    pub(crate) async fn roots(&self, phone: &str) -> Vec<Root> {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        self.hot.phone_roots(&phone).await.expect("an answer")
    }

    /// How many of five wrong codes with their session id are compared.
    pub(crate) async fn wrong_guesses_by_session(&self, challenge: &Challenge) -> u32 {
        let mut compared = 0;
        for _ in 0..5 {
            let wrong = self.count(challenge, false).await;
            compared += u32::from(matches!(wrong, Verdict::Wrong { .. }));
        }
        compared
    }

    /// How many comparisons five wrong codes with the number alone are, over all its roots.
    pub(crate) async fn wrong_guesses_by_number(&self, phone: &str) -> u32 {
        let mut compared = 0;
        for _ in 0..5 {
            let before = self.roots(phone).await;
            self.guess_by_phone(phone, None).await;
            for root in &before {
                let after = self.hot.root(root.id).await.expect("an answer");
                compared += after.expect("a record").phone_attempts - root.phone_attempts;
            }
        }
        compared
    }

    /// What the phone way does: one guess, compared with every root it sees.
    pub(crate) async fn guess_by_phone(&self, phone: &str, right: Option<RootId>) -> Verdict {
        let roots = self.roots(phone).await;
        let guesses: Vec<_> = roots
            .iter()
            .map(|root| Guess {
                root,
                right: Some(root.id) == right,
            })
            .collect();
        let allowed = self.policy.max_attempts;
        let counted = self.hot.count_by_phone(allowed, &guesses).await;
        counted.expect("an answer")
    }

    /// Takes the jobs that wait, as a worker does.
    pub(crate) async fn take_jobs(&self) -> Vec<Delivery> {
        loop {
            // The first read of an empty Redis makes the group and returns nothing.
            let wait = Duration::from_millis(1);
            let taken = self.feed.read(10, wait).await.expect("an answer");
            if !taken.is_empty() {
                return taken;
            }
        }
    }

    /// The records in the same file.
    pub(crate) fn records(&self) -> Records {
        let Raw::Sqlite { file, .. } = &self.raw else {
            panic!("Redis holds no records");
        };
        Records::from_sqlite(file.clone())
    }

    /// The same store, opened by a process that starts now.
    pub(crate) async fn restarted(&self) -> HotState {
        match &self.raw {
            Raw::Redis { url, tag } => {
                let store = RedisStore::connect_tagged(url, tag).expect("an address");
                HotState::redis(store, self.clock.clone())
            }
            Raw::Sqlite { folder, .. } => {
                let file = SqliteFile::open_path(&folder.path().join("ramz.db")).await;
                HotState::sqlite(file.expect("a file"), self.clock.clone())
            }
        }
    }

    /// Writes the tries of a session as bytes, which is a form that we never write into a file.
    pub(crate) async fn write_attempts(&self, id: ChallengeId, form: &str) {
        match &self.raw {
            Raw::Redis { url, tag } => redis::cmd("HSET")
                .arg(format!("{{{tag}}}:c:{id}"))
                .arg("a")
                .arg(form)
                .query_async::<()>(&mut connection(url).await)
                .await
                .expect("written"),
            Raw::Sqlite { file, .. } => {
                sqlx::query("UPDATE hot_challenges SET session_attempts = $2 WHERE id = $1")
                    .bind(id.as_bytes().as_slice())
                    .bind(form.as_bytes())
                    .execute(file.writer())
                    .await
                    .expect("written");
            }
        }
    }

    /// The keys of Redis that would stay for good; none in a file, which is swept.
    pub(crate) async fn lasting_keys(&self) -> Vec<String> {
        let Raw::Redis { url, tag } = &self.raw else {
            return Vec::new();
        };
        let client = redis::Client::open(url.as_str()).expect("an address");
        let connection = client.get_multiplexed_async_connection().await;
        let mut connection = connection.expect("a connection");
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(format!("{{{tag}}}:*"))
            .query_async(&mut connection)
            .await
            .expect("the keys");
        assert!(!keys.is_empty());
        let mut lasting = Vec::new();
        for key in keys {
            let ttl: i64 = redis::cmd("PTTL")
                .arg(&key)
                .query_async(&mut connection)
                .await
                .expect("a time");
            if ttl < 0 {
                lasting.push(key);
            }
        }
        lasting
    }

    /// Rows of failed tries in a file.
    pub(crate) async fn rows_of_tries(&self) -> i64 {
        self.rows("hot_failed_tries").await
    }

    /// A connection to the Redis of this stage, and the hash tag of its keys.
    pub(crate) async fn raw_redis(&self) -> (MultiplexedConnection, String) {
        let Raw::Redis { url, tag } = &self.raw else {
            panic!("a file has no connection of this kind");
        };
        (connection(url).await, tag.clone())
    }

    /// How long Redis keeps a record by its own clock; nothing of a file, which is swept.
    pub(crate) async fn millis_to_live(&self, name: &str) -> Option<i64> {
        let Raw::Redis { url, tag } = &self.raw else {
            return None;
        };
        let mut connection = connection(url).await;
        let left: i64 = redis::cmd("PTTL")
            .arg(format!("{{{tag}}}:{name}"))
            .query_async(&mut connection)
            .await
            .expect("a time");
        Some(left)
    }

    /// The connection of a file that writes; while it is held, everybody else who writes waits.
    pub(crate) async fn hold_writer(&self) -> PoolConnection<Sqlite> {
        let Raw::Sqlite { file, .. } = &self.raw else {
            panic!("Redis has no connection of this kind");
        };
        file.writer().acquire().await.expect("a connection")
    }

    /// How many rows the writing connection of a file has changed so far.
    pub(crate) async fn changes_of_the_writer(&self) -> i64 {
        let mut writer = self.hold_writer().await;
        sqlx::query_scalar("SELECT total_changes()")
            .fetch_one(&mut *writer)
            .await
            .expect("a count")
    }

    /// Rows of a table in a file.
    pub(crate) async fn rows(&self, table: &str) -> i64 {
        let Raw::Sqlite { file, .. } = &self.raw else {
            return 0;
        };
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
            .fetch_one(file.readers())
            .await
            .expect("a count")
    }

    /// How many records there are, the jobs left out: keys of Redis, rows of a file.
    pub(crate) async fn size(&self) -> usize {
        let Raw::Redis { url, tag } = &self.raw else {
            let mut rows = 0;
            for table in [
                "hot_challenges",
                "hot_roots",
                "hot_phone_sends",
                "hot_addresses",
                "hot_failed_tries",
                "hot_phone_refusals",
                "hot_breaker",
                "hot_following",
            ] {
                rows += self.rows(table).await;
            }
            return usize::try_from(rows).expect("a count");
        };
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(format!("{{{tag}}}:*"))
            .query_async(&mut connection(url).await)
            .await
            .expect("the keys");
        keys.len()
    }

    /// All that the store holds, as one text, with the names of its keys.
    pub(crate) async fn dump(&self) -> String {
        let Raw::Redis { url, tag } = &self.raw else {
            let mut dump = String::new();
            for table in [
                "hot_challenges",
                "hot_roots",
                "hot_phone_sends",
                "hot_failed_tries",
                "hot_phone_refusals",
                "hot_counters",
                "jobs",
            ] {
                dump += &self.dump_of(table).await;
            }
            return dump;
        };
        let mut connection = connection(url).await;
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(format!("{{{tag}}}:*"))
            .query_async(&mut connection)
            .await
            .expect("the keys");
        let mut dump = keys.join("\n");
        for key in keys {
            let kind: String = redis::cmd("TYPE")
                .arg(&key)
                .query_async(&mut connection)
                .await
                .expect("a type");
            let mut read = match kind.as_str() {
                "string" => redis::cmd("GET"),
                "hash" => redis::cmd("HGETALL"),
                "stream" => redis::cmd("XRANGE"),
                other => panic!("{key} is a {other}"),
            };
            read.arg(&key);
            if kind == "stream" {
                read.arg("-").arg("+");
            }
            let value: redis::Value = read.query_async(&mut connection).await.expect("a value");
            dump += &as_text(&value);
        }
        dump
    }

    async fn dump_of(&self, table: &str) -> String {
        let Raw::Sqlite { file, .. } = &self.raw else {
            return String::new();
        };
        let columns: Vec<String> =
            sqlx::query_scalar("SELECT name FROM pragma_table_info($1) WHERE type = 'TEXT'")
                .bind(table)
                .fetch_all(file.readers())
                .await
                .expect("columns");
        let columns = columns.join(" || ' ' || ");
        let rows: Vec<Option<String>> =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT {columns} FROM {table}")))
                .fetch_all(file.readers())
                .await
                .expect("rows");
        rows.into_iter().flatten().collect()
    }

    /// Bytes and time to live of what Redis remembers of a phone's refusals.
    pub(crate) async fn refusals_in_redis(&self, phone: &str) -> Option<(i64, i64)> {
        let Raw::Redis { url, tag } = &self.raw else {
            return None;
        };
        let key = format!("{{{tag}}}:r:{}", phone.trim_start_matches('+'));
        let answer = redis::pipe()
            .cmd("MEMORY")
            .arg("USAGE")
            .arg(&key)
            .cmd("PTTL")
            .arg(&key)
            .query_async(&mut connection(url).await)
            .await;
        Some(answer.expect("a record"))
    }

    /// The jobs that wait, oldest first.
    pub(crate) async fn jobs(&self) -> Vec<Job> {
        let payloads: Vec<String> = match &self.raw {
            Raw::Redis { url, tag } => {
                let client = redis::Client::open(url.as_str()).expect("an address");
                let mut connection = client
                    .get_multiplexed_async_connection()
                    .await
                    .expect("a connection");
                let entries: Vec<(String, Vec<(String, String)>)> = redis::cmd("XRANGE")
                    .arg(format!("{{{tag}}}:jobs"))
                    .arg("-")
                    .arg("+")
                    .query_async(&mut connection)
                    .await
                    .expect("the stream");
                entries
                    .into_iter()
                    .map(|(_, mut fields)| fields.remove(0).1)
                    .collect()
            }
            Raw::Sqlite { file, .. } => sqlx::query("SELECT payload FROM jobs ORDER BY id")
                .fetch_all(file.readers())
                .await
                .expect("the table")
                .iter()
                .map(|row| row.get(0))
                .collect(),
        };
        payloads
            .iter()
            .map(|payload| Job::decode(payload).expect("a job"))
            .collect()
    }
}

/// The bytes in a reply as one text.
fn as_text(value: &redis::Value) -> String {
    match value {
        redis::Value::BulkString(bytes) => format!("{} ", String::from_utf8_lossy(bytes)),
        redis::Value::Array(values) => values.iter().map(as_text).collect(),
        _ => String::new(),
    }
}

async fn connection(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).expect("an address");
    let connection = client.get_multiplexed_async_connection().await;
    connection.expect("a connection")
}

pub(crate) fn sent(accepted: Accepted) -> Grant {
    match accepted {
        Accepted::Sent(grant) => grant,
        other => panic!("expected a grant, got {other:?}"),
    }
}

//! A service in either shape whose times a test sets, and the command that looks at it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::{Channel, Locale, NewChallenge};
use domain::clock::Clock;
use domain::limits::{Quota, Quotas, Rule};
use domain::otp::{KeyRing, Purpose};
use domain::phone::PhoneNumber;
use domain::random::Random;
use domain::root::Salt;
use harness::RedisServer;
use serde_json::Value;
use shared::hot_state::{Accept, AcceptPolicy, AcceptRequest, Accepted, HotState};
use shared::queue::Feed;
use shared::records::{
    Begin, Begun, Device, Finish, Finished, LedgerOutcome, LedgerWriter, NewSession, Route,
    SendKey, SendMethod, SendResult, SignIn,
};
use shared::redis_store::RedisStore;
use shared::sqlite_file::SqliteFile;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::stage::{Database, Ran, run};

pub(super) const NUMBER: &str = "09123456789";
pub(super) const MASKED: &str = "+98912•••6789";

/// The stores of a service; requests, workers and people are played by the test.
pub(crate) struct Service {
    pub(super) at: Database,
    pub(super) redis: Option<RedisServer>,
    pub(super) hot: HotState,
    pub(super) feed: Feed,
    pub(super) clock: Clock,
    pub(super) ledger: LedgerWriter,
    pub(super) random: Random,
    keys: KeyRing,
    raw: Raw,
}

enum Raw {
    Postgres(PgPool),
    Sqlite(SqliteFile),
}

impl Service {
    /// PostgreSQL and Redis, `seconds` ago.
    pub(crate) async fn postgres(seconds: i64) -> Self {
        let (at, redis) = tokio::join!(Database::postgres(), RedisServer::start());
        let clock = past(seconds);
        let store = RedisStore::connect(&redis.url()).expect("an address");
        let hot = HotState::redis(store.clone(), clock.clone());
        let feed = Feed::redis(store, Clock::system(), &Random::operating_system());
        let raw = Raw::Postgres(PgPool::connect(&at.url).await.expect("connected"));
        Self::new(at, Some(redis), hot, feed, clock, raw).await
    }

    /// One file, `seconds` ago.
    pub(crate) async fn sqlite(seconds: i64) -> Self {
        let at = Database::sqlite().await;
        let file = SqliteFile::open(&at.url).await.expect("a file");
        let clock = past(seconds);
        let hot = HotState::sqlite(file.clone(), clock.clone());
        let feed = Feed::sqlite(file.clone(), Clock::system(), &Random::operating_system());
        Self::new(at, None, hot, feed, clock, Raw::Sqlite(file)).await
    }

    async fn new(
        at: Database,
        redis: Option<RedisServer>,
        hot: HotState,
        feed: Feed,
        clock: Clock,
        raw: Raw,
    ) -> Self {
        let ledger = LedgerWriter::start(at.records().await, clock.clone());
        Self {
            at,
            redis,
            hot,
            feed,
            clock,
            ledger,
            random: Random::operating_system(),
            keys: KeyRing::parse("k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=").expect("keys"),
            raw,
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.clock.advance(seconds * 1_000);
    }

    /// Runs `api why` with the settings of the service.
    pub(super) fn why(&self, arguments: &[&str]) -> Ran {
        let arguments = [&["why"], arguments].concat();
        let mut environment = vec![("DATABASE_URL", self.at.url.as_str())];
        let redis = self.redis.as_ref().map(RedisServer::url);
        environment.extend(redis.as_ref().map(|url| ("REDIS_URL", url.as_str())));
        run(&arguments, &environment)
    }

    /// What the command says about the number, as programs read it.
    #[track_caller]
    pub(super) fn asked(&self, subject: &str) -> Value {
        let printed = self.why(&[subject, "--json"]).done();
        serde_json::from_str(&printed).expect("one JSON object")
    }

    /// The closing sentence about the number, by its code.
    #[track_caller]
    pub(super) fn concludes(&self, code: &str) -> String {
        let answer = self.asked(NUMBER);
        assert_eq!(answer["conclusion"]["code"], code, "{answer:#}");
        answer["conclusion"]["text"]
            .as_str()
            .expect("a text")
            .to_owned()
    }

    pub(super) fn phone() -> PhoneNumber {
        PhoneNumber::from_e164("+989123456789").expect("canonical")
    }

    /// Somebody asks for a code to sign in.
    pub(super) async fn ask(&self) -> (NewChallenge, Accepted) {
        let (_, new) = NewChallenge::begin(
            &self.random,
            &self.keys,
            Self::phone(),
            Purpose::SignIn,
            6,
            Locale::Fa,
        );
        let accept = Accept {
            request: AcceptRequest::New(&new),
            nonce: self.random.bytes(),
            channel: Channel::Sms,
            caller: None,
            trace: None,
            request_id: None,
            device: None,
        };
        let accepted = self
            .hot
            .accept(&accept, &policy())
            .await
            .expect("an answer");
        (new, accepted)
    }

    /// The code of a challenge and its salt, which no output may show.
    pub(super) async fn secrets(&self, new: &NewChallenge) -> [String; 2] {
        let challenge = self.hot.challenge(new.id).await.expect("an answer");
        let challenge = challenge.expect("a challenge");
        let code = challenge
            .code(&self.keys)
            .expect("a key")
            .expose()
            .to_owned();
        let salt: &Salt = &challenge.root.salt;
        [code, hex::encode(salt.as_bytes())]
    }

    pub(super) fn begin_of(&self, new: &NewChallenge, accepted_at: DateTime<Utc>) -> Begin {
        Begin {
            key: SendKey::first_leg(new.root.id, 1),
            phone: new.root.phone.clone(),
            purpose: new.root.purpose.into(),
            channel: Channel::Sms,
            route: Route::KAVENEGAR,
            method: SendMethod::Lookup,
            fence: 1,
            localid: self.random.positive_i64(),
            accepted_at,
            deadline_at: accepted_at + TimeDelta::seconds(90),
            trace_id: None,
            request_id: None,
        }
    }

    /// A worker takes the message that was just asked for, and the gateway answers a second later.
    pub(super) async fn send(&self, new: &NewChallenge, outcome: LedgerOutcome) {
        let begin = self.begin_of(new, self.now());
        let begun = self.ledger.begin(begin.clone()).await.expect("begun");
        assert!(
            matches!(begun, Begun::Started { attempt: 1, .. }),
            "{begun:?}"
        );
        self.pass(1);
        let finish = Finish {
            key: begin.key,
            attempt: 1,
            fence: 1,
            outcome,
        };
        let finished = self.ledger.finish(finish).await.expect("finished");
        assert_eq!(finished, Finished::Recorded);
    }

    /// Somebody asked and the gateway took the message.
    pub(super) async fn sent(&self) -> NewChallenge {
        let (new, accepted) = self.ask().await;
        assert!(matches!(accepted, Accepted::Sent(_)), "{accepted:?}");
        self.send(&new, taken(self.random.positive_i64())).await;
        new
    }

    /// What the operator reports of all messages, now.
    pub(super) async fn report(&self, status: i64) {
        let now = self.now().to_rfc3339();
        let delivered = if status == 10 {
            format!("'{now}'")
        } else {
            "NULL".to_owned()
        };
        self.execute(&format!(
            "UPDATE sends SET delivery_status = {status}, delivery_checked_at = '{now}', \
             next_check_at = NULL, delivered_at = {delivered}"
        ))
        .await;
    }

    /// The owner of the number types the code in; gives their id.
    pub(super) async fn sign_in(&self, new: &NewChallenge) -> Uuid {
        let now = self.now();
        let user = self.random.uuid_v7(self.clock.now_millis());
        let sign_in = SignIn {
            root: new.root.id,
            purpose: Purpose::SignIn,
            phone: new.root.phone.clone(),
            new_user_id: user,
            session: NewSession {
                id: self.random.uuid_v4(),
                refresh_token_hash: self.random.bytes(),
                origin_salt: None,
                device: Device {
                    name: None,
                    user_agent: None,
                    address: None,
                },
                opened_at: now,
                idle_expires_at: now + TimeDelta::days(1),
                expires_at: now + TimeDelta::days(30),
            },
        };
        let signed_in = self.at.records().await.sign_in(&sign_in).await;
        signed_in.expect("signed in");
        user
    }

    /// A worker shows that it is there.
    pub(super) async fn show_a_worker(&self) {
        let block = std::time::Duration::from_millis(1);
        for _ in 0..2 {
            // The first read of an empty Redis makes the group.
            self.feed.read(1, block).await.expect("an answer");
        }
    }

    pub(super) async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.raw {
            Raw::Postgres(pool) => sqlx::query(sql).execute(pool).await.map(|_| ()),
            Raw::Sqlite(file) => sqlx::query(sql).execute(file.writer()).await.map(|_| ()),
        }
        .expect("executed");
    }
}

/// The gateway took the message.
pub(super) fn taken(messageid: i64) -> LedgerOutcome {
    LedgerOutcome {
        result: SendResult::Accepted,
        message_id: Some(messageid.into()),
        cost_rials: Some(2_280),
        gateway_status: Some(200),
        entry_status: Some(5),
        error_class: None,
    }
}

pub(super) fn failed(result: SendResult, code: Option<i64>, class: &str) -> LedgerOutcome {
    LedgerOutcome {
        result,
        message_id: None,
        cost_rials: None,
        gateway_status: code,
        entry_status: None,
        error_class: Some(class.to_owned()),
    }
}

/// The limits that the command assumes where none are set.
fn policy() -> AcceptPolicy {
    AcceptPolicy {
        code_life_millis: 120_000,
        resend_cooldown_millis: 30_000,
        max_attempts: 3,
        quotas: Quotas::NONE
            .with(
                Rule::PhoneShort,
                Quota::Window {
                    count: 3,
                    millis: 120_000,
                },
            )
            .with(
                Rule::PhoneDay,
                Quota::Window {
                    count: 10,
                    millis: 86_400_000,
                },
            ),
        queue_max: 100_000,
        queue_max_age_millis: i64::MAX,
    }
}

fn past(seconds: i64) -> Clock {
    Clock::manual(Clock::system().now_millis() - seconds * 1_000)
}

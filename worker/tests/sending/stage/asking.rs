//! Asking for messages: codes and notices, as the API does.

use std::sync::atomic::Ordering;

use domain::challenge::{ChallengeId, Channel, Locale, NewChallenge};
use domain::limits::Quotas;
use domain::notice::NoticeKind;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::{NewSecret, RootId};
use shared::hot_state::{Accept, AcceptPolicy, AcceptRequest, Accepted, HotStateError};
use shared::records::NewNotice;
use sqlx::AssertSqlSafe;

use super::{REQUEST, Stage};

impl Stage {
    /// Asks for a code as the API does.
    pub(crate) async fn ask(&self, phone: &str, channel: Channel) -> ChallengeId {
        self.ask_for(phone, channel, Purpose::SignIn).await
    }

    /// The same for any purpose; of each a number has one code, and so one message in a while.
    pub(crate) async fn ask_for(
        &self,
        phone: &str,
        channel: Channel,
        purpose: Purpose,
    ) -> ChallengeId {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let keys = Self::keys();
        let (_, new) = NewChallenge::begin(&self.random, &keys, phone, purpose, 6, Locale::Fa);
        self.accept(AcceptRequest::New(&new), channel).await;
        new.id
    }

    /// Asks for the codes of many.
    pub(crate) async fn ask_many(&self, count: u32) -> Vec<ChallengeId> {
        let mut challenges = Vec::new();
        for _ in 0..count {
            let number = self.phones.fetch_add(1, Ordering::Relaxed);
            challenges.push(self.ask(&format!("+98{number}"), Channel::Sms).await);
        }
        challenges
    }

    /// Asks for a code that may be refused.
    pub(crate) async fn try_ask(&self, phone: &str) -> Accepted {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let keys = Self::keys();
        let (_, new) =
            NewChallenge::begin(&self.random, &keys, phone, Purpose::SignIn, 6, Locale::Fa);
        self.try_accept(AcceptRequest::New(&new), Channel::Sms)
            .await
    }

    /// Asks for a code where the store may refuse.
    pub(crate) async fn ask_in_vain(&self, phone: &str) -> Result<Accepted, HotStateError> {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let keys = Self::keys();
        let (_, new) =
            NewChallenge::begin(&self.random, &keys, phone, Purpose::SignIn, 6, Locale::Fa);
        self.answer_to(AcceptRequest::New(&new), Channel::Sms).await
    }

    pub(crate) async fn resend(&self, id: ChallengeId) {
        let secret = NewSecret::new(&self.random, &Self::keys(), 6);
        let resend = AcceptRequest::Resend {
            id,
            phone: None,
            root: RootId::new(&self.random),
            secret: &secret,
        };
        self.accept(resend, Channel::Sms).await;
    }

    async fn accept(&self, request: AcceptRequest<'_>, channel: Channel) {
        let accepted = self.try_accept(request, channel).await;
        assert!(matches!(accepted, Accepted::Sent(_)), "{accepted:?}");
    }

    async fn try_accept(&self, request: AcceptRequest<'_>, channel: Channel) -> Accepted {
        let answer = self.answer_to(request, channel).await;
        answer.expect("an answer")
    }

    async fn answer_to(
        &self,
        request: AcceptRequest<'_>,
        channel: Channel,
    ) -> Result<Accepted, HotStateError> {
        let policy = AcceptPolicy {
            code_life_millis: 120_000,
            resend_cooldown_millis: 30_000,
            max_attempts: 3,
            quotas: Quotas::NONE,
            queue_max: 1_000_000,
            queue_max_age_millis: i64::MAX,
        };
        let trace = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let accept = Accept {
            request,
            nonce: self.random.bytes(),
            channel,
            caller: None,
            trace,
            request_id: Some(REQUEST),
            device: None,
        };
        self.stores.hot_state.accept(&accept, &policy).await
    }

    /// The code of a challenge.
    pub(crate) async fn code(&self, id: ChallengeId) -> String {
        let challenge = self.stores.hot_state.challenge(id).await;
        let challenge = challenge.expect("an answer").expect("a record");
        let code = challenge.code(&Self::keys()).expect("a key");
        code.expose().to_owned()
    }

    /// Takes the challenges away, as a store does that lost its data, and leaves the jobs.
    pub(crate) async fn lose_challenges(&self) {
        if let Some(url) = &self.settings.redis_url {
            let client = redis::Client::open(url.as_str()).expect("an address");
            let mut connection = client
                .get_multiplexed_async_connection()
                .await
                .expect("a connection");
            let keys: Vec<String> = redis::cmd("KEYS")
                .arg("{ramz}:c:*")
                .query_async(&mut connection)
                .await
                .expect("the keys");
            redis::cmd("DEL")
                .arg(keys)
                .exec_async(&mut connection)
                .await
                .expect("deleted");
        } else {
            let pool = sqlx::SqlitePool::connect(&self.settings.database_url).await;
            let pool = pool.expect("a connection");
            for statement in ["DELETE FROM hot_challenges", "DELETE FROM hot_roots"] {
                let deleted = sqlx::query(statement).execute(&pool).await;
                deleted.expect("deleted");
            }
        }
    }

    /// Writes a notice and puts it into the queue, as the API does.
    pub(crate) async fn notify(&self, phone: &str, kind: NoticeKind, locale: Locale) -> NewNotice {
        let phone = PhoneNumber::from_e164(phone).expect("canonical");
        let notice = NewNotice::new(&self.random, phone, kind, locale, self.clock.now());
        let (at, deadline) = (notice.created_at, notice.waiting().deadline_at);
        let sql = "INSERT INTO notices (id, phone, kind, locale, created_at, deadline_at) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        macro_rules! write {
            ($pool:ty) => {{
                let pool = <$pool>::connect(&self.settings.database_url).await;
                sqlx::query(sql)
                    .bind(notice.id)
                    .bind(notice.phone.as_e164())
                    .bind(kind.as_str())
                    .bind(locale.as_str())
                    .bind(at)
                    .bind(deadline)
                    .execute(&pool.expect("a connection"))
                    .await
                    .expect("written");
            }};
        }
        if self.settings.redis_url.is_some() {
            write!(sqlx::PgPool);
        } else {
            write!(sqlx::SqlitePool);
        }
        let hot_state = &self.stores.hot_state;
        let enqueued = hot_state.enqueue_notice(notice.id, deadline.timestamp_millis(), None, None);
        assert!(enqueued.await.expect("an answer"));
        notice
    }

    /// Makes a user of this number who is kept out.
    pub(crate) async fn keep_out(&self, phone: &str) {
        let (id, now) = (self.random.uuid_v4(), self.clock.now());
        let sql = "INSERT INTO users (id, phone, username, created_at, updated_at, blocked_at) \
                   VALUES ($1, $2, $2, $3, $3, $3)";
        macro_rules! write {
            ($pool:ty) => {{
                let pool = <$pool>::connect(&self.settings.database_url).await;
                sqlx::query(sql)
                    .bind(id)
                    .bind(phone)
                    .bind(now)
                    .execute(&pool.expect("a connection"))
                    .await
                    .expect("written");
            }};
        }
        if self.settings.redis_url.is_some() {
            write!(sqlx::PgPool);
        } else {
            write!(sqlx::SqlitePool);
        }
    }

    /// Removes the notices, as the deletion of an account does.
    pub(crate) async fn remove_notices(&self) {
        self.execute("DELETE FROM notices").await;
    }

    /// Runs SQL of the test's own.
    pub(crate) async fn execute(&self, sql: &str) {
        let (sql, url) = (AssertSqlSafe(sql.to_owned()), &self.settings.database_url);
        if self.settings.redis_url.is_some() {
            let pool = sqlx::PgPool::connect(url).await.expect("a connection");
            sqlx::query(sql).execute(&pool).await.expect("done");
        } else {
            let pool = sqlx::SqlitePool::connect(url).await.expect("a connection");
            sqlx::query(sql).execute(&pool).await.expect("done");
        }
    }
}

//! Hot state in Redis: one script, one round trip for each step.

mod accept;
mod gate;
mod phone_state;
mod record;
mod tries;

use std::sync::LazyLock;

use domain::challenge::{Challenge, ChallengeId, Way};
use domain::clock::{Clock, UnixMillis};
use domain::phone::PhoneNumber;
use redis::{AsyncCommands as _, RedisError, Script};
use uuid::Uuid;

use super::model::{AcceptPolicy, Attempt, HotStateError, Verdict};
use crate::redis_store::{RedisStore, cause};

static COUNT_REQUEST: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("count_request.lua")));
static COUNT_ATTEMPT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("count_attempt.lua")));
static PHONE_CHALLENGES: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("phone_challenges.lua")));
static ENQUEUE_NOTICE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("enqueue_notice.lua")));
static CONSUME: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("consume.lua")));

#[derive(Clone, Debug)]
pub(super) struct RedisHotState {
    store: RedisStore,
}

impl RedisHotState {
    pub(super) fn new(store: RedisStore) -> Self {
        Self { store }
    }

    /// Host and port of the server.
    pub(super) fn place(&self) -> &str {
        self.store.place()
    }

    pub(super) async fn count_request(
        &self,
        clock: &Clock,
        address: &str,
        policy: &AcceptPolicy,
    ) -> Result<Option<i64>, HotStateError> {
        let key = format!("{}{address}", self.store.keys().address_prefix);
        let wait: i64 = COUNT_REQUEST
            .key(key)
            .arg(now_argument(clock))
            .arg(policy.address_per_minute)
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        Ok((wait > 0).then_some(wait))
    }

    pub(super) async fn challenge(
        &self,
        id: ChallengeId,
    ) -> Result<Option<Challenge>, HotStateError> {
        let key = format!("{}{id}", self.store.keys().challenge_prefix);
        let fields: record::Fields = self
            .store
            .connection()
            .hmget(key, record::FIELDS)
            .await
            .map_err(unavailable)?;
        record::read(id, &fields)
    }

    pub(super) async fn phone_challenges(
        &self,
        phone: &PhoneNumber,
    ) -> Result<Vec<Challenge>, HotStateError> {
        let keys = self.store.keys();
        let found: Vec<(String, record::Fields)> = PHONE_CHALLENGES
            .key(format!("{}{}", keys.phone_sends_prefix, phone.digits()))
            .arg(&keys.challenge_prefix)
            .arg(super::PHONE_CHALLENGES)
            .arg(record::FIELDS)
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        let mut challenges = Vec::with_capacity(found.len());
        for (id, fields) in found {
            let id = id
                .parse()
                .map_err(|_| HotStateError::Corrupt("the id of a challenge"))?;
            challenges.extend(record::read(id, &fields)?);
        }
        Ok(challenges)
    }

    pub(super) async fn count_attempt(
        &self,
        clock: &Clock,
        way: Way,
        allowed: u32,
        attempts: &[Attempt<'_>],
    ) -> Result<Verdict, HotStateError> {
        let prefix = &self.store.keys().challenge_prefix;
        let mut call = COUNT_ATTEMPT.prepare_invoke();
        call.arg(now_argument(clock)).arg(way.as_str()).arg(allowed);
        for attempt in attempts {
            call.key(format!("{prefix}{}", attempt.challenge.id))
                .arg(&attempt.challenge.salt.as_bytes()[..])
                .arg(u8::from(attempt.right));
        }
        let (verdict, attempts_left, which): (String, u32, usize) = call
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        match verdict.as_str() {
            "right" => attempts
                .get(which.wrapping_sub(1))
                .map(|attempt| Verdict::Right {
                    id: attempt.challenge.id,
                })
                .ok_or(HotStateError::Corrupt("the index of a verdict")),
            "used" => Ok(Verdict::Used),
            "wrong" => Ok(Verdict::Wrong { attempts_left }),
            "exhausted" => Ok(Verdict::Exhausted),
            "expired" => Ok(Verdict::Expired),
            "gone" => Ok(Verdict::Gone),
            _ => Err(HotStateError::Corrupt("a verdict")),
        }
    }

    pub(super) async fn consume(&self, id: ChallengeId) -> Result<bool, HotStateError> {
        let keys = self.store.keys();
        CONSUME
            .key(format!("{}{id}", keys.challenge_prefix))
            .arg(id.to_string())
            .arg(&keys.phone_sends_prefix)
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)
    }

    pub(super) async fn enqueue_notice(
        &self,
        clock: &Clock,
        notice: Uuid,
        deadline: UnixMillis,
        trace: Option<&str>,
        request: Option<Uuid>,
    ) -> Result<bool, HotStateError> {
        let keys = self.store.keys();
        ENQUEUE_NOTICE
            .key(&keys.jobs)
            .key(format!("{}{notice}", keys.notice_prefix))
            .arg(now_argument(clock))
            .arg(notice.to_string())
            .arg(deadline)
            .arg(trace.unwrap_or_default())
            .arg(super::NOTICE_MARK_MILLIS)
            .arg(request_argument(request))
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)
    }

    #[expect(
        clippy::unused_async,
        reason = "the SQLite back end has work to do here"
    )]
    pub(super) async fn sweep(&self, _clock: &Clock) -> Result<u64, HotStateError> {
        Ok(0)
    }

    pub(super) async fn server_version(&self) -> Result<Option<String>, HotStateError> {
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        let version = info
            .lines()
            .find_map(|line| line.strip_prefix("redis_version:"));
        Ok(version.map(|version| version.trim().to_owned()))
    }

    /// A write, because a Redis that is read-only or out of memory answers PING all the same.
    pub(super) async fn ping(&self) -> Result<(), HotStateError> {
        let key = format!("{}ping", self.store.keys().address_prefix);
        self.store
            .connection()
            .set_ex(key, 1, 10)
            .await
            .map_err(unavailable)
    }
}

fn now_argument(clock: &Clock) -> String {
    clock
        .hot_state_now()
        .map(|now| now.to_string())
        .unwrap_or_default()
}

fn request_argument(request: Option<Uuid>) -> String {
    request.map(|id| id.to_string()).unwrap_or_default()
}

/// Keeps the cause in Redis' own words, never arguments.
#[expect(clippy::needless_pass_by_value, reason = "it is used with map_err")]
fn unavailable(error: RedisError) -> HotStateError {
    if error.code() == Some("CONFLICT") {
        return HotStateError::Corrupt("this challenge id is taken");
    }
    HotStateError::Unavailable(cause(&error).into())
}

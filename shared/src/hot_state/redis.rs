//! Hot state in Redis: one script, one round trip for each step.
//!
//! The scripts of workers, and those that count an attempt on what is there, are also run by a Redis that
//! is at its `maxmemory` (`allow-oom`): they add a few bytes to a record, and without them what was
//! accepted could neither be sent nor given back. Those that begin something are refused.

mod accept;
mod accept_batch;
mod admit_calls;
mod authorization;
mod cancel;
mod challenges;
mod erasing;
mod exemptions;
mod following;
mod gate;
mod limits;
mod locks;
mod number_logs;
mod phone_state;
mod record;
mod refusals;
mod server_time;
mod session_attempts;

use std::hint::black_box;
use std::sync::LazyLock;

use domain::challenge::{Challenge, ChallengeId};
use domain::client_address::ClientAddress;
use domain::clock::{Clock, UnixMillis};
use domain::phone::PhoneNumber;
use domain::root::{Root, RootId};
use redis::{AsyncCommands as _, RedisError, Script};
use tokio::time::Instant;
use uuid::Uuid;

use super::living::LivingRoot;
use super::memory::Memory;
use super::model::{Guess, HotStateError, Verdict};
use super::room::Fill;
use crate::redis_store::{RedisStore, cause};
use crate::together::Together;
use accept_batch::Accepting;
use admit_calls::AdmitCalls;
use challenges::{FindChallenges, WantedChallenge};
use server_time::ServerTime;
use session_attempts::{CountSessionAttempts, SessionAttempt};

static COUNT_BY_PHONE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("redis/count_by_phone.lua")));
static PHONE_ROOTS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("redis/phone_roots.lua")));
static ENQUEUE_NOTICE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("redis/enqueue_notice.lua")));
static REOPEN_ROOT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("redis/reopen_root.lua")));
static CLOSE_ROOT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("redis/close_root.lua")));

/// Of the last roots of a phone so many are looked at for those that are open.
const LOOKED_AT: usize = 2 * super::PHONE_ROOTS;

/// Why a step was not taken, which Redis carried out only when its client had its answer.
const TOO_LATE: &str = "it was too late by the time of Redis";

#[derive(Clone, Debug)]
pub(super) struct RedisHotState {
    store: RedisStore,
    server_time: ServerTime,
    accepting: Accepting,
    admissions: Together<AdmitCalls>,
    challenges: Together<FindChallenges>,
    session_attempts: Together<CountSessionAttempts>,
    memory: Memory,
}

impl RedisHotState {
    pub(super) fn new(store: RedisStore) -> Self {
        let server_time = ServerTime::default();
        Self {
            accepting: Accepting::new(store.clone(), server_time.clone()),
            admissions: Together::new(AdmitCalls(store.clone())),
            challenges: Together::new(FindChallenges(store.clone())),
            session_attempts: Together::new(CountSessionAttempts(store.clone())),
            store,
            server_time,
            memory: Memory::default(),
        }
    }

    pub(super) fn remember_by(&mut self, memory: Memory) {
        self.memory = memory;
    }

    /// Host and port of the server.
    pub(super) fn place(&self) -> &str {
        self.store.place()
    }

    pub(super) async fn challenge(
        &self,
        id: ChallengeId,
        root: Option<RootId>,
    ) -> Result<Option<Challenge>, HotStateError> {
        self.challenges.take(WantedChallenge { id, root }).await
    }

    pub(super) async fn root(&self, id: RootId) -> Result<Option<Root>, HotStateError> {
        let key = format!("{}{id}", self.store.keys().challenge_prefix);
        let fields: record::Fields = self
            .store
            .connection()
            .hmget(key, &record::ROOT_FIELDS)
            .await
            .map_err(unavailable)?;
        let exists = fields.iter().any(Option::is_some);
        exists.then(|| record::read_root(id, &fields)).transpose()
    }

    pub(super) async fn living_roots(
        &self,
        ids: &[RootId],
    ) -> Result<Vec<LivingRoot>, HotStateError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys = self.store.keys();
        let mut asked = redis::pipe();
        for id in ids {
            asked.hmget(
                format!("{}{id}", keys.challenge_prefix),
                &record::LIVING_FIELDS[..],
            );
        }
        let found: Vec<record::Fields> = asked
            .query_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        let mut living = Vec::new();
        for (id, fields) in ids.iter().zip(&found) {
            if let Some(root) = record::read_living(*id, fields)? {
                living.push(root);
            }
        }
        Ok(living)
    }

    pub(super) async fn phone_roots(
        &self,
        phone: &PhoneNumber,
    ) -> Result<Vec<Root>, HotStateError> {
        let keys = self.store.keys();
        let found: Vec<(String, record::Fields)> = PHONE_ROOTS
            .key(format!("{}{}", keys.phone_sends_prefix, phone.digits()))
            .key(&keys.no_root)
            .arg(&keys.challenge_prefix)
            .arg(super::PHONE_ROOTS)
            .arg(LOOKED_AT)
            .arg(&record::OPEN_FIELDS)
            .arg(&record::ROOT_FIELDS)
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        let mut roots = Vec::with_capacity(found.len());
        for (id, fields) in found {
            let id = id
                .parse()
                .map_err(|_| HotStateError::Corrupt("the id of a root"))?;
            let fields = fields.get(record::OPEN_FIELDS.len()..).unwrap_or_default();
            roots.push(record::read_root(id, fields)?);
        }
        for _ in roots.len()..super::PHONE_ROOTS {
            black_box(record::read_no_root());
        }
        Ok(roots)
    }

    pub(super) async fn count_by_session(
        &self,
        clock: &Clock,
        allowed: u32,
        challenge: &Challenge,
        right: bool,
        caller: Option<ClientAddress>,
    ) -> Result<Verdict, HotStateError> {
        let keys = self.store.keys();
        let attempt = SessionAttempt::new(clock, keys, allowed, challenge, right, caller);
        self.session_attempts.take(attempt).await
    }

    pub(super) async fn count_by_phone(
        &self,
        clock: &Clock,
        allowed: u32,
        guesses: &[Guess<'_>],
    ) -> Result<Verdict, HotStateError> {
        let keys = self.store.keys();
        let mut call = COUNT_BY_PHONE.prepare_invoke();
        call.arg(now_argument(clock)).arg(allowed);
        for guess in guesses {
            call.key(format!("{}{}", keys.challenge_prefix, guess.root.id))
                .arg(&guess.root.salt.as_bytes()[..])
                .arg(u8::from(guess.right));
        }
        for _ in guesses.len()..super::PHONE_ROOTS {
            call.key(&keys.no_root).arg(&[0; 16][..]).arg(0);
        }
        call.key(&keys.no_root);
        let (verdict, attempts_left, which): (String, u32, usize) = call
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        let right = guesses.get(which.wrapping_sub(1));
        verdict_of(&verdict, attempts_left, right.map(|guess| guess.root.id))
    }

    pub(super) async fn close_root(&self, id: RootId) -> Result<bool, HotStateError> {
        let keys = self.store.keys();
        CLOSE_ROOT
            .key(format!("{}{id}", keys.challenge_prefix))
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(unavailable)
    }

    pub(super) async fn reopen_root(&self, id: RootId) -> Result<(), HotStateError> {
        let keys = self.store.keys();
        REOPEN_ROOT
            .key(format!("{}{id}", keys.challenge_prefix))
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

    pub(super) async fn now(&self, clock: &Clock) -> Result<UnixMillis, HotStateError> {
        if let Some(now) = clock.hot_state_now() {
            return Ok(now);
        }
        let asked = Instant::now();
        let (seconds, micros): (i64, i64) = redis::cmd("TIME")
            .query_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        let shown = seconds * 1000 + micros / 1000;
        self.server_time.told(asked, shown);
        Ok(shown)
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

    /// How much of `maxmemory` is used; nothing without a limit.
    pub(super) async fn fill(&self) -> Result<Option<Fill>, HotStateError> {
        let info: String = redis::cmd("INFO")
            .arg("memory")
            .query_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        Ok(Fill::of_memory(&info))
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

fn verdict_of(
    name: &str,
    attempts_left: u32,
    right: Option<RootId>,
) -> Result<Verdict, HotStateError> {
    match name {
        "right" => right
            .map(|root| Verdict::Right { root })
            .ok_or(HotStateError::Corrupt("the index of a verdict")),
        "used" => Ok(Verdict::Used),
        "wrong" => Ok(Verdict::Wrong { attempts_left }),
        "exhausted" => Ok(Verdict::Exhausted),
        "expired" => Ok(Verdict::Expired),
        "gone" => Ok(Verdict::Gone),
        _ => Err(HotStateError::Corrupt("a verdict")),
    }
}

/// What is in the way of one of those who share a call, as its script tells it.
fn in_the_way(why: &[u8]) -> HotStateError {
    HotStateError::Unavailable(String::from_utf8_lossy(why).into())
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

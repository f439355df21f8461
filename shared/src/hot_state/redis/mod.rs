//! Hot state in Redis: one script, one round trip for each step.

mod gate;
mod phone_state;
mod record;
mod tries;

use std::sync::LazyLock;

use redis::{AsyncCommands as _, ErrorKind, RedisError, Script, ServerErrorKind};
use uuid::Uuid;

use super::model::{
    Accept, AcceptPolicy, AcceptRequest, Accepted, Attempt, Grant, HotStateError, Previous, Rule,
    Verdict,
};
use super::phone_state::REFUSALS_LIFE_MILLIS;
use crate::challenge::{
    Challenge, ChallengeId, Locale, MAX_CHALLENGE_MILLIS, SEND_MARGIN_MILLIS, Way,
};
use crate::clock::{Clock, UnixMillis};
use crate::otp::Purpose;
use crate::phone::PhoneNumber;
use crate::redis_store::RedisStore;

static ACCEPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("accept.lua")));
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

/// The reply of `accept.lua`, in its order.
type AcceptReply = (
    String,
    i64,
    i64,
    i64,
    u32,
    u8,
    String,
    i64,
    String,
    String,
    String,
);

impl RedisHotState {
    pub(super) fn new(store: RedisStore) -> Self {
        Self { store }
    }

    pub(super) async fn accept(
        &self,
        clock: &Clock,
        accept: &Accept<'_>,
        policy: &AcceptPolicy,
    ) -> Result<Accepted, HotStateError> {
        let keys = self.store.keys();
        let (mode, id, new) = match &accept.request {
            AcceptRequest::New(challenge) => ("new", challenge.id, Some(*challenge)),
            AcceptRequest::Resend { id, .. } => ("resend", *id, None),
        };
        let phone = match &accept.request {
            AcceptRequest::New(challenge) => challenge.phone.as_e164(),
            AcceptRequest::Resend { phone, .. } => phone.map_or("", PhoneNumber::as_e164),
        };
        let mut call = ACCEPT.prepare_invoke();
        call.key(keys.jobs())
            .key(keys.delayed())
            .key(keys.breaker())
            .key(format!("{}{id}", keys.challenge_prefix()))
            .key(format!(
                "{}{}",
                keys.address_prefix(),
                accept.address.unwrap_or_default()
            ))
            .arg(now_argument(clock))
            .arg(mode)
            .arg(&accept.nonce[..])
            .arg(id.to_string())
            .arg(accept.channel.as_str())
            .arg(accept.trace.unwrap_or_default())
            .arg(policy.code_life_millis)
            .arg(MAX_CHALLENGE_MILLIS)
            .arg(policy.resend_cooldown_millis)
            .arg(SEND_MARGIN_MILLIS)
            .arg(policy.max_attempts)
            .arg(policy.queue_max)
            .arg(policy.queue_max_age_millis)
            .arg(if accept.address.is_some() {
                policy.address_per_minute
            } else {
                0
            })
            .arg(keys.phone_log_prefix())
            .arg(keys.phone_challenges_prefix())
            .arg(keys.phone_refusals_prefix())
            .arg(REFUSALS_LIFE_MILLIS)
            .arg(phone)
            .arg(new.map_or("", |challenge| challenge.purpose.as_str()))
            .arg(new.map_or("", |challenge| challenge.locale.as_str()))
            .arg(new.map_or("", |challenge| &challenge.kid))
            .arg(new.map_or(&[][..], |challenge| &challenge.salt.as_bytes()[..]))
            .arg(new.map_or(0, |challenge| challenge.digits))
            .arg(request_argument(accept.request_id));
        for window in policy.phone_windows() {
            call.arg(window.count).arg(window.millis);
        }
        let mut connection = self.store.connection();
        let reply: Result<AcceptReply, _> = call.invoke_async(&mut connection).await;
        let reply = match reply {
            // The request may have been granted; with the same nonce it is not granted twice.
            Err(error) if reply_may_be_lost(&error) => call.invoke_async(&mut connection).await,
            reply => reply,
        };
        read_accept_reply(reply.map_err(unavailable)?)
    }

    pub(super) async fn count_request(
        &self,
        clock: &Clock,
        address: &str,
        policy: &AcceptPolicy,
    ) -> Result<Option<i64>, HotStateError> {
        let key = format!("{}{address}", self.store.keys().address_prefix());
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
        let key = format!("{}{id}", self.store.keys().challenge_prefix());
        let fields: record::Fields = self
            .store
            .connection()
            .hmget(key, record::FIELDS)
            .await
            .map_err(unavailable)?;
        record::read(id, fields)
    }

    pub(super) async fn phone_challenges(
        &self,
        phone: &PhoneNumber,
    ) -> Result<Vec<Challenge>, HotStateError> {
        let keys = self.store.keys();
        let found: Vec<(String, record::Fields)> = PHONE_CHALLENGES
            .key(format!(
                "{}{}",
                keys.phone_challenges_prefix(),
                phone.digits()
            ))
            .arg(keys.challenge_prefix())
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
            challenges.extend(record::read(id, fields)?);
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
        let prefix = self.store.keys().challenge_prefix();
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
            .key(format!("{}{id}", keys.challenge_prefix()))
            .arg(id.to_string())
            .arg(keys.phone_challenges_prefix())
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
            .key(keys.jobs())
            .key(format!("{}{notice}", keys.notice_prefix()))
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

    /// A write, because a Redis that is read-only or out of memory answers PING all the same.
    pub(super) async fn ping(&self) -> Result<(), HotStateError> {
        let key = format!("{}ping", self.store.keys().address_prefix());
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

fn read_accept_reply(reply: AcceptReply) -> Result<Accepted, HotStateError> {
    let (outcome, now, expires_at, resend_at, sends, digits, rule, retry, phone, purpose, locale) =
        reply;
    let phone = PhoneNumber::from_e164(&phone);
    let purpose = Purpose::from_name(&purpose);
    let grant = || {
        phone
            .clone()
            .zip(purpose)
            .map(|(phone, purpose)| Grant {
                phone,
                purpose,
                now,
                expires_at,
                resend_at,
                sends,
                digits,
            })
            .ok_or(HotStateError::Corrupt(
                "the phone or purpose of a challenge",
            ))
    };
    match outcome.as_str() {
        "sent" => grant().map(Accepted::Sent),
        "cooldown" => grant().map(Accepted::Cooldown),
        "other_phone" => Ok(Accepted::OtherPhone),
        "not_live" => Ok(Accepted::NotLive(
            phone
                .clone()
                .zip(purpose)
                .zip(Locale::from_name(&locale))
                .map(|((phone, purpose), locale)| Previous {
                    phone,
                    purpose,
                    locale,
                }),
        )),
        "refused" => {
            let rule = match rule
                .strip_prefix("phone_")
                .and_then(|index| index.parse().ok())
            {
                Some(index) => Some(Rule::phone_window(index)),
                None => Rule::ALL.into_iter().find(|known| known.as_str() == rule),
            };
            rule.map(|rule| Accepted::Refused {
                rule,
                retry_after_millis: retry.max(1),
            })
            .ok_or(HotStateError::Corrupt("the name of a rule"))
        }
        _ => Err(HotStateError::Corrupt("the outcome of the accept script")),
    }
}

/// Whether the command may have reached Redis although no reply came.
fn reply_may_be_lost(error: &RedisError) -> bool {
    error.is_io_error() || error.is_timeout() || error.is_connection_dropped()
}

/// Keeps the kind of the trouble and Redis' own code, never arguments or addresses.
#[expect(clippy::needless_pass_by_value, reason = "it is used with map_err")]
fn unavailable(error: RedisError) -> HotStateError {
    if error.code() == Some("CONFLICT") {
        return HotStateError::Corrupt("this challenge id is taken");
    }
    let text = match error.kind() {
        ErrorKind::Server(ServerErrorKind::ResponseError) | ErrorKind::UnexpectedReturnType => {
            error.to_string()
        }
        _ => format!("{:?} {}", error.kind(), error.code().unwrap_or_default()),
    };
    HotStateError::Unavailable(text.trim_end().into())
}

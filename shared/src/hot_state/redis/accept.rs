//! The accept step: one call of `accept.lua`, and what its reply says.

use std::sync::LazyLock;

use domain::challenge::{Locale, NewChallenge, SEND_MARGIN_MILLIS};
use domain::clock::{Clock, UnixMillis};
use domain::limits::Rule;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::{MAX_ROOT_MILLIS, shared_for_millis};
use redis::{FromRedisValue, RedisError, Script, Value};
use tokio::time::Instant;

use super::super::REDIS_CALL_LIMIT;
use super::limits::{PackedRows, counting_script};
use super::{RedisHotState, TOO_LATE, now_argument, request_argument, unavailable};
use crate::hot_state::gate::millis;
use crate::hot_state::limits::{Row, asked_rows, looked_back};
use crate::hot_state::model::{
    Accept, AcceptPolicy, AcceptRequest, Accepted, BEHIND_MILLIS, Grant, HotStateError, Previous,
};
use crate::hot_state::phone_state::REFUSALS_LIFE_MILLIS;
use crate::redis_script::ScriptCall;

static ACCEPT: LazyLock<Script> = LazyLock::new(|| counting_script(include_str!("accept.lua")));

impl RedisHotState {
    pub(in crate::hot_state) async fn accept(
        &self,
        clock: &Clock,
        accept: &Accept<'_>,
        policy: &AcceptPolicy,
        exempt: bool,
    ) -> Result<Accepted, HotStateError> {
        let rows = asked_rows(&accept.subjects(), &policy.quotas, exempt);
        let refused_at = Instant::now() + REDIS_CALL_LIMIT;
        let (mut refill, mut too_late) = (None::<Vec<u8>>, false);
        // Once too late, once without an epoch, once unknown: each is mended, and does not come again.
        for _ in 0..5 {
            let not_after = self.not_after(clock, refused_at).await?;
            let refill_bytes = refill.as_deref();
            let call = self.accept_call(clock, accept, policy, &rows, not_after, refill_bytes);
            let mut connection = self.store.connection();
            let asked = Instant::now();
            let reply = match call.run(&mut connection).await {
                // The request may have been granted; with the same nonce it is not granted twice.
                Err(error) if reply_may_be_lost(&error) => call.run(&mut connection).await,
                reply => reply,
            };
            let (now, ended) = match (reply.map_err(unavailable)?, &accept.request) {
                (Value::Int(now), AcceptRequest::New(new)) => {
                    (now, Ended::Decided(granted_new(new, now, policy)))
                }
                (reply, _) => read_reply(reply, &rows)?,
            };
            self.server_time.told(asked, now);
            let looked_back = looked_back(&policy.quotas).1;
            match ended {
                Ended::Decided(accepted) => return Ok(accepted),
                Ended::Late if too_late => break,
                // And an answer in time by our clock: that of Redis was set.
                Ended::Late => too_late = true,
                Ended::NoEpoch => Box::pin(self.begin_epoch(now, looked_back)).await?,
                Ended::Unremembered(phone) => {
                    let sends = Box::pin(self.memory.sends_of(&phone, now - looked_back)).await?;
                    refill = Some(sends.into_iter().flat_map(i64::to_be_bytes).collect());
                }
            }
        }
        Err(HotStateError::Unavailable(TOO_LATE.into()))
    }

    /// Makes the epoch of a Redis that has none. Of several who do, one does.
    async fn begin_epoch(&self, now: UnixMillis, looked_back: i64) -> Result<(), HotStateError> {
        let until = if self.memory.knows_sends(now - looked_back).await? {
            now + looked_back
        } else {
            0
        };
        let made: bool = redis::cmd("SETNX")
            .arg(&self.store.keys().epoch)
            .arg(until)
            .query_async(&mut self.store.connection())
            .await
            .map_err(unavailable)?;
        if made && until > 0 {
            tracing::warn!(
                "Redis knew nothing of earlier requests: for a day, the limits of a number that it does \
                 not know are looked up in the ledger"
            );
        }
        Ok(())
    }

    /// Until when Redis may carry out what is refused to its client from this moment on; nothing where
    /// the time is not that of Redis.
    pub(super) async fn not_after(
        &self,
        clock: &Clock,
        refused_at: Instant,
    ) -> Result<Option<UnixMillis>, HotStateError> {
        if clock.hot_state_now().is_some() {
            return Ok(None);
        }
        if let Some(latest) = self.server_time.latest_at(refused_at) {
            return Ok(Some(latest));
        }
        self.now(clock).await?;
        Ok(self.server_time.latest_at(refused_at))
    }

    fn accept_call(
        &self,
        clock: &Clock,
        accept: &Accept<'_>,
        policy: &AcceptPolicy,
        rows: &[Row],
        not_after: Option<UnixMillis>,
        refill: Option<&[u8]>,
    ) -> ScriptCall<'static> {
        let keys = self.store.keys();
        let (mode, id, root, secret) = match &accept.request {
            AcceptRequest::New(new) => ("new", new.id, new.root.id, &new.root.secret),
            AcceptRequest::Resend {
                id, root, secret, ..
            } => ("resend", *id, *root, *secret),
        };
        let (phone, purpose, locale) = match &accept.request {
            AcceptRequest::New(new) => (
                new.root.phone.as_e164(),
                new.root.purpose.as_str(),
                new.locale.as_str(),
            ),
            AcceptRequest::Resend { phone, .. } => (phone.map_or("", PhoneNumber::as_e164), "", ""),
        };
        let id = id.to_string();
        let erased = match &accept.request {
            AcceptRequest::New(new) => self.memory.erased_name(&new.root.phone),
            // Who has a challenge has asked since.
            AcceptRequest::Resend { .. } => None,
        };
        let limits = PackedRows::of(rows, &accept.subjects(), keys, None);
        let mut call = ScriptCall::new(&ACCEPT, 7 + limits.keys.len());
        call.arg(&keys.jobs)
            .arg(&keys.delayed)
            .arg(&keys.breaker)
            .arg([&keys.challenge_prefix, id.as_str()].concat())
            .arg([&keys.joined_prefix, id.as_str()].concat())
            .arg(&keys.epoch)
            .arg(
                [
                    &keys.erased_sends_prefix,
                    erased.as_deref().unwrap_or_default(),
                ]
                .concat(),
            )
            .arg(limits.keys)
            .arg(now_argument(clock))
            .arg(mode)
            .arg(&accept.nonce[..])
            .arg(id)
            .arg(accept.channel.as_str())
            .arg(accept.trace.unwrap_or_default())
            .arg(request_argument(accept.request_id))
            .arg(&keys.challenge_prefix)
            .arg(&keys.phone_sends_prefix)
            .arg(&keys.phone_refusals_prefix)
            .arg(phone)
            .arg(purpose)
            .arg(locale)
            .arg(root.to_string())
            .arg(&secret.kid)
            .arg(&secret.salt.as_bytes()[..])
            .arg(secret.digits)
            .arg(&numbers(policy, not_after, limits.ever_read)[..])
            .arg(limits.packed)
            .arg(keys.limit(Rule::PrefixDay, ""));
        if let Some(refill) = refill {
            call.arg(refill);
        }
        call
    }
}

/// What the script unpacks in one step: 15 numbers of 8 bytes, the highest byte first. As texts,
/// each would be an argument of its own to be read, copied and parsed.
fn numbers(policy: &AcceptPolicy, not_after: Option<UnixMillis>, ever_read: usize) -> Vec<u8> {
    let (log_length, log_millis) = looked_back(&policy.quotas);
    [
        policy.code_life_millis,
        MAX_ROOT_MILLIS,
        shared_for_millis(policy.code_life_millis),
        policy.resend_cooldown_millis,
        SEND_MARGIN_MILLIS,
        policy.max_attempts.into(),
        i64::try_from(policy.queue_max).unwrap_or(i64::MAX),
        policy.queue_max_age_millis,
        BEHIND_MILLIS.min(policy.queue_max_age_millis),
        millis::LONGEST_REFUSAL,
        REFUSALS_LIFE_MILLIS,
        log_length.into(),
        log_millis,
        not_after.unwrap_or_default(),
        i64::try_from(ever_read).unwrap_or(i64::MAX),
    ]
    .into_iter()
    .flat_map(i64::to_be_bytes)
    .collect()
}

/// What most requests come to: of one that began a root only the moment was not known before.
fn granted_new(new: &NewChallenge, now: UnixMillis, policy: &AcceptPolicy) -> Accepted {
    Accepted::Sent(Grant {
        phone: new.root.phone.clone(),
        purpose: new.root.purpose,
        now,
        expires_at: now + policy.code_life_millis,
        resend_at: now + policy.resend_cooldown_millis,
        sends: 1,
        texted: true,
        digits: new.root.secret.digits,
    })
}

/// The reply of the script to all others, in its order: the outcome, four numbers of a grant, its
/// digits, a rule with the time to wait, what is known of the challenge, and whether a message goes.
type Reply = (
    String,
    UnixMillis,
    UnixMillis,
    UnixMillis,
    u32,
    u8,
    String,
    i64,
    String,
    String,
    String,
    bool,
);

/// What became of one call of the script.
enum Ended {
    Decided(Accepted),
    /// Too late by the clock of Redis.
    Late,
    /// Redis was emptied.
    NoEpoch,
    /// Nothing is known of this number, and the epoch is young.
    Unremembered(PhoneNumber),
}

/// The moment, and what was decided.
fn read_reply(reply: Value, rows: &[Row]) -> Result<(UnixMillis, Ended), HotStateError> {
    let (
        outcome,
        now,
        expires_at,
        resend_at,
        sends,
        digits,
        rule,
        retry_after_millis,
        phone,
        purpose,
        locale,
        texted,
    ) = Reply::from_redis_value(reply)
        .map_err(|_| HotStateError::Corrupt("the reply of the accept script"))?;
    let known = PhoneNumber::from_e164(&phone).zip(Purpose::from_name(&purpose));
    let granted = |known: Option<(PhoneNumber, Purpose)>| {
        known
            .map(|(phone, purpose)| Grant {
                phone,
                purpose,
                now,
                expires_at,
                resend_at,
                sends,
                texted,
                digits,
            })
            .ok_or(HotStateError::Corrupt(
                "the phone or purpose of a challenge",
            ))
    };
    let accepted = match outcome.as_str() {
        "late" => return Ok((now, Ended::Late)),
        "no_epoch" => return Ok((now, Ended::NoEpoch)),
        "unremembered" => {
            let (phone, _) = known.ok_or(HotStateError::Corrupt("the phone of a request"))?;
            return Ok((now, Ended::Unremembered(phone)));
        }
        "sent" => granted(known).map(Accepted::Sent),
        "cooldown" => granted(known).map(Accepted::Cooldown),
        "other_phone" => Ok(Accepted::OtherPhone),
        "not_live" => {
            let known = known.zip(Locale::from_name(&locale));
            Ok(Accepted::NotLive(known.map(
                |((phone, purpose), locale)| Previous {
                    phone,
                    purpose,
                    locale,
                },
            )))
        }
        "refused" => rule_of(&rule, rows)
            .map(|rule| Accepted::Refused {
                rule,
                retry_after_millis: retry_after_millis.max(1),
            })
            .ok_or(HotStateError::Corrupt("the name of a rule")),
        _ => Err(HotStateError::Corrupt("the outcome of the accept script")),
    };
    Ok((now, Ended::Decided(accepted?)))
}

/// The number of a limit among those of the step, from 1, or the name of a guard.
fn rule_of(text: &str, rows: &[Row]) -> Option<Rule> {
    match text.parse::<usize>() {
        Ok(number) => Some(rows.get(number.checked_sub(1)?)?.limit.rule),
        Err(_) => Rule::ALL
            .iter()
            .copied()
            .find(|known| known.as_str() == text),
    }
}

/// Whether the command may have reached Redis although no reply came.
fn reply_may_be_lost(error: &RedisError) -> bool {
    error.is_io_error() || error.is_timeout() || error.is_connection_dropped()
}

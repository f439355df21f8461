//! The accept step: what a request brings to a call of `accept.lua`, and what the reply says.

use domain::challenge::{Locale, NewChallenge, SEND_MARGIN_MILLIS};
use domain::clock::{Clock, UnixMillis};
use domain::limits::Rule;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::{MAX_ROOT_MILLIS, shared_for_millis};
use redis::{FromRedisValue, Value};
use tokio::time::Instant;

use super::super::REDIS_CALL_LIMIT;
use super::accept_batch::{Ask, Numbers};
use super::limits::PackedRows;
use super::{RedisHotState, TOO_LATE, now_argument, request_argument, unavailable};
use crate::hot_state::gate::millis;
use crate::hot_state::limits::{Row, asked_rows, looked_back};
use crate::hot_state::model::{
    Accept, AcceptPolicy, AcceptRequest, Accepted, BEHIND_MILLIS, Grant, HotStateError, Previous,
};
use crate::hot_state::phone_state::REFUSALS_LIFE_MILLIS;

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
            let ask = self.ask(clock, accept, policy, &rows, not_after, refill_bytes);
            let reply = self.accepting.carry_out(ask, refused_at).await?;
            let (now, ended) = match (reply, &accept.request) {
                (Value::Int(now), AcceptRequest::New(new)) => {
                    (now, Ended::Decided(granted_new(new, now, policy)))
                }
                (reply, _) => read_reply(reply, &rows)?,
            };
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

    /// One request, in the order of `accept.lua`.
    fn ask(
        &self,
        clock: &Clock,
        accept: &Accept<'_>,
        policy: &AcceptPolicy,
        rows: &[Row],
        not_after: Option<UnixMillis>,
        refill: Option<&[u8]>,
    ) -> Ask {
        let keys = self.store.keys();
        let (mode, challenge, root, secret) = match &accept.request {
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
        let id = challenge.to_string();
        let erased = match &accept.request {
            AcceptRequest::New(new) => self.memory.erased_name(&new.root.phone),
            // Who has a challenge has asked since.
            AcceptRequest::Resend { .. } => None,
        };
        let limits = PackedRows::of(rows, &accept.subjects(), keys, None);
        let mut ask = Ask::new(challenge, now_argument(clock), numbers(policy));
        ask.keys.push_joined(&keys.challenge_prefix, &id);
        ask.keys.push_joined(&keys.joined_prefix, &id);
        let erased = erased.as_deref().unwrap_or_default();
        ask.keys.push_joined(&keys.erased_sends_prefix, erased);
        for key in &limits.keys {
            ask.keys.push(key);
        }
        let [not_after, ever_read] = [
            not_after.unwrap_or_default(),
            i64::try_from(limits.ever_read).unwrap_or(i64::MAX),
        ]
        .map(i64::to_be_bytes);
        let texts = &mut ask.arguments;
        texts.push(mode);
        texts.push(accept.nonce);
        texts.push(&id);
        texts.push(accept.channel.as_str());
        texts.push(accept.trace.unwrap_or_default());
        texts.push(request_argument(accept.request_id));
        texts.push(phone);
        texts.push(purpose);
        texts.push(locale);
        texts.push(root.to_string());
        texts.push(&secret.kid);
        texts.push(secret.salt.as_bytes());
        texts.push(secret.digits.to_string());
        texts.push([not_after, ever_read].concat());
        texts.push(&limits.packed);
        texts.push(refill.map_or_else(Vec::new, |sends| [b"r", sends].concat()));
        ask
    }
}

/// The numbers that all requests of a call share, as the script reads them.
fn numbers(policy: &AcceptPolicy) -> Numbers {
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
    ]
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
type AcceptReply = (
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
    if let Some(why) = failure(&reply) {
        return Err(why);
    }
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
    ) = AcceptReply::from_redis_value(reply)
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

/// What went wrong with this request alone.
fn failure(reply: &Value) -> Option<HotStateError> {
    let (outcome, why) = <(String, String)>::from_redis_value_ref(reply).ok()?;
    if outcome != "failed" {
        return None;
    }
    Some(if why.starts_with("CONFLICT") {
        HotStateError::Corrupt("this challenge id is taken")
    } else {
        HotStateError::Unavailable(why.into())
    })
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

//! The accept step inside one transaction; the twin of `redis/accept.lua`.

use domain::challenge::{
    Challenge, ChallengeId, MAX_CHALLENGE_MILLIS, NewChallenge, SEND_MARGIN_MILLIS,
};
use domain::clock::UnixMillis;
use domain::phone::PhoneNumber;
use sqlx::SqliteConnection;

use super::phone_state::remember_refusal;
use super::row::ChallengeRow;
use super::unavailable;
use crate::hot_state::model::{
    Accept, AcceptPolicy, AcceptRequest, Accepted, Grant, HotStateError, Previous, Rule,
};
use crate::queue::Job;

/// How long the sends of a phone are remembered: a day and a little.
pub(super) const LOG_LIFE_MILLIS: i64 = 25 * 60 * 60 * 1000;
/// What a client is told when the queue is behind: soon enough to try, late enough to help.
const QUEUE_RETRY_MILLIS: i64 = 5_000;
const MINUTE_MILLIS: f64 = 60_000.0;

const COUNT_JOBS: &str = "SELECT COUNT(*) FROM jobs";
const OLDEST_FRESH_JOB: &str = "SELECT json_extract(payload, '$.accepted_at') FROM jobs \
     WHERE NOT put_off AND deliveries <= 1 ORDER BY id LIMIT 1";
const OPEN_BREAKER: &str = "SELECT until FROM hot_breaker WHERE until > $1";
pub(super) const SENDS_SINCE: &str =
    "SELECT at FROM hot_phone_sends WHERE phone = $1 AND at > $2 ORDER BY at";
const ADDRESS_ARRIVAL: &str = "SELECT arrival FROM hot_addresses WHERE address = $1";
const STORE_ARRIVAL: &str = "INSERT INTO hot_addresses (address, arrival) VALUES ($1, $2) \
     ON CONFLICT (address) DO UPDATE SET arrival = excluded.arrival";
const STORE_SEND: &str = "INSERT INTO hot_phone_sends (phone, at) VALUES ($1, $2)";
const INSERT: &str = "INSERT INTO hot_challenges (id, nonce, phone, purpose, locale, kid, salt, \
     digits, created_at, expires_at, last_send_at, sends, forget_at, trace) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9, 1, $11, $12)";
const EXTEND: &str = "UPDATE hot_challenges SET nonce = $2, expires_at = $3, last_send_at = $4, \
     sends = $5, forget_at = $6 WHERE id = $1";
pub(super) const ENQUEUE: &str = "INSERT INTO jobs (payload, due_at) VALUES ($1, $2)";

pub(super) async fn accept(
    connection: &mut SqliteConnection,
    now: UnixMillis,
    accept: &Accept<'_>,
    policy: &AcceptPolicy,
) -> Result<Accepted, HotStateError> {
    let id = match &accept.request {
        AcceptRequest::New(challenge) => challenge.id,
        AcceptRequest::Resend { id, .. } => *id,
    };
    let row: Option<ChallengeRow> = sqlx::query_as(super::FIND)
        .bind(&id.as_bytes()[..])
        .fetch_optional(&mut *connection)
        .await
        .map_err(unavailable)?;
    let nonce = row.as_ref().map(|row| row.nonce.clone());
    let present = row.map(Challenge::try_from).transpose()?;
    let cooldown = policy.resend_cooldown_millis;
    if let Some(challenge) = &present
        && nonce.as_deref() == Some(&accept.nonce[..])
    {
        return Ok(Accepted::Sent(grant_of(challenge, now, cooldown)));
    }
    let granted = match (&accept.request, present) {
        (AcceptRequest::New(_), Some(_)) => {
            return Err(HotStateError::Corrupt("this challenge id is taken"));
        }
        (AcceptRequest::New(new), None) => begun(new, now, accept, policy),
        (AcceptRequest::Resend { .. }, None) => return Ok(Accepted::NotLive(None)),
        (AcceptRequest::Resend { phone, .. }, Some(challenge)) => {
            if phone.is_some_and(|phone| *phone != challenge.phone) {
                return Ok(Accepted::OtherPhone);
            }
            if !challenge.is_live(now, policy.max_attempts) {
                return Ok(Accepted::NotLive(Some(Previous {
                    phone: challenge.phone,
                    purpose: challenge.purpose,
                    locale: challenge.locale,
                })));
            }
            if now < challenge.last_send_at + cooldown {
                return Ok(Accepted::Cooldown(grant_of(&challenge, now, cooldown)));
            }
            extended(challenge, now, policy)
        }
    };
    if let Some((rule, retry_after_millis)) =
        refusal(connection, now, &granted.phone, accept, policy).await?
    {
        if matches!(rule, Rule::PhoneShort | Rule::PhoneDay) {
            remember_refusal(connection, &granted.phone, rule, now).await?;
        }
        return Ok(Accepted::Refused {
            rule,
            retry_after_millis,
        });
    }
    store(connection, now, &granted, accept, policy).await?;
    Ok(Accepted::Sent(grant_of(&granted, now, cooldown)))
}

fn begun(
    new: &NewChallenge,
    now: UnixMillis,
    accept: &Accept<'_>,
    policy: &AcceptPolicy,
) -> Challenge {
    Challenge {
        id: new.id,
        phone: new.phone.clone(),
        purpose: new.purpose,
        kid: new.kid.clone(),
        salt: new.salt.clone(),
        digits: new.digits,
        locale: new.locale,
        created_at: now,
        expires_at: now + policy.code_life_millis,
        last_send_at: now,
        sends: 1,
        session_attempts: 0,
        phone_attempts: 0,
        consumed: false,
        trace: accept.trace.map(str::to_owned),
    }
}

fn extended(challenge: Challenge, now: UnixMillis, policy: &AcceptPolicy) -> Challenge {
    let latest = challenge.created_at + MAX_CHALLENGE_MILLIS;
    Challenge {
        expires_at: challenge
            .expires_at
            .max((now + policy.code_life_millis).min(latest)),
        last_send_at: now,
        sends: challenge.sends + 1,
        ..challenge
    }
}

fn grant_of(challenge: &Challenge, now: UnixMillis, cooldown: i64) -> Grant {
    Grant {
        phone: challenge.phone.clone(),
        purpose: challenge.purpose,
        now,
        expires_at: challenge.expires_at,
        resend_at: challenge.last_send_at + cooldown,
        sends: challenge.sends,
        digits: challenge.digits,
    }
}

/// The rule that refuses, if one does; of several the one that takes longest to allow it.
async fn refusal(
    connection: &mut SqliteConnection,
    now: UnixMillis,
    phone: &PhoneNumber,
    accept: &Accept<'_>,
    policy: &AcceptPolicy,
) -> Result<Option<(Rule, i64)>, HotStateError> {
    let breaker: Option<i64> = sqlx::query_scalar(OPEN_BREAKER)
        .bind(now)
        .fetch_optional(&mut *connection)
        .await
        .map_err(unavailable)?;
    if let Some(until) = breaker {
        return Ok(Some((Rule::BreakerOpen, until - now)));
    }
    let jobs: i64 = sqlx::query_scalar(COUNT_JOBS)
        .fetch_one(&mut *connection)
        .await
        .map_err(unavailable)?;
    if jobs.unsigned_abs() >= policy.queue_max {
        return Ok(Some((Rule::QueueFull, QUEUE_RETRY_MILLIS)));
    }
    let oldest: Option<Option<i64>> = sqlx::query_scalar(OLDEST_FRESH_JOB)
        .fetch_optional(&mut *connection)
        .await
        .map_err(unavailable)?;
    if oldest
        .flatten()
        .is_some_and(|accepted| now - accepted > policy.queue_max_age_millis)
    {
        return Ok(Some((Rule::QueueSlow, QUEUE_RETRY_MILLIS)));
    }

    let log: Vec<i64> = sqlx::query_scalar(SENDS_SINCE)
        .bind(phone.as_e164())
        .bind(now - LOG_LIFE_MILLIS)
        .fetch_all(&mut *connection)
        .await
        .map_err(unavailable)?;
    let mut refusal: Option<(Rule, i64)> = None;
    let mut refuse = |rule, after| {
        if refusal.is_none_or(|(_, longest)| after > longest) {
            refusal = Some((rule, after));
        }
    };
    for (index, window) in policy.phone_windows().into_iter().enumerate() {
        let count = usize::try_from(window.count).unwrap_or(usize::MAX);
        if let Some(at) = log
            .len()
            .checked_sub(count)
            .and_then(|index| log.get(index))
            && now < at + window.millis
        {
            refuse(Rule::phone_window(index), at + window.millis - now);
        }
    }
    if let Some(address) = accept.address
        && let Some(wait) = address_wait(connection, address, now, policy).await?
    {
        refuse(Rule::Address, wait);
    }
    Ok(refusal)
}

/// How long this address has to wait before it may ask once more, in milliseconds; `None` when it
/// need not.
pub(super) async fn address_wait(
    connection: &mut SqliteConnection,
    address: &str,
    now: UnixMillis,
    policy: &AcceptPolicy,
) -> Result<Option<i64>, HotStateError> {
    let wait = arrival(connection, address, now, policy).await? - millis(now) - MINUTE_MILLIS;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a wait is below a minute or two"
    )]
    let whole = wait.ceil() as i64;
    Ok((wait > 0.0).then_some(whole))
}

/// Counts one request of this address.
pub(super) async fn count_address(
    connection: &mut SqliteConnection,
    address: &str,
    now: UnixMillis,
    policy: &AcceptPolicy,
) -> Result<(), HotStateError> {
    let arrival = arrival(connection, address, now, policy).await?;
    sqlx::query(STORE_ARRIVAL)
        .bind(address)
        .bind(arrival)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// The theoretical arrival time of this address if this request is granted.
async fn arrival(
    connection: &mut SqliteConnection,
    address: &str,
    now: UnixMillis,
    policy: &AcceptPolicy,
) -> Result<f64, HotStateError> {
    let stored: Option<f64> = sqlx::query_scalar(ADDRESS_ARRIVAL)
        .bind(address)
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    let step = MINUTE_MILLIS / f64::from(policy.address_per_minute);
    Ok(stored.unwrap_or_default().max(millis(now)) + step)
}

async fn store(
    connection: &mut SqliteConnection,
    now: UnixMillis,
    granted: &Challenge,
    accept: &Accept<'_>,
    policy: &AcceptPolicy,
) -> Result<(), HotStateError> {
    if let Some(address) = accept.address {
        count_address(connection, address, now, policy).await?;
    }
    sqlx::query(STORE_SEND)
        .bind(granted.phone.as_e164())
        .bind(now)
        .execute(&mut *connection)
        .await
        .map_err(unavailable)?;
    let forget_at = granted.created_at + 2 * (granted.expires_at - granted.created_at);
    let id = &granted.id.as_bytes()[..];
    let nonce = &accept.nonce[..];
    let query = if granted.sends == 1 {
        sqlx::query(INSERT)
            .bind(id)
            .bind(nonce)
            .bind(granted.phone.as_e164())
            .bind(granted.purpose.as_str())
            .bind(granted.locale.as_str())
            .bind(&granted.kid)
            .bind(&granted.salt.as_bytes()[..])
            .bind(granted.digits)
            .bind(now)
            .bind(granted.expires_at)
            .bind(forget_at)
            .bind(&granted.trace)
    } else {
        sqlx::query(EXTEND)
            .bind(id)
            .bind(nonce)
            .bind(granted.expires_at)
            .bind(now)
            .bind(granted.sends)
            .bind(forget_at)
    };
    query.execute(&mut *connection).await.map_err(unavailable)?;
    sqlx::query(ENQUEUE)
        .bind(job(granted.id, granted, now, accept).encode())
        .bind(now)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

fn job(id: ChallengeId, granted: &Challenge, now: UnixMillis, accept: &Accept<'_>) -> Job {
    Job::send(
        id,
        granted.sends,
        accept.channel,
        now,
        granted.expires_at - SEND_MARGIN_MILLIS,
        accept.trace.map(str::to_owned),
    )
    .of_request(accept.request_id)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit 53 bits for ages"
)]
fn millis(now: UnixMillis) -> f64 {
    now as f64
}

//! What can refuse a request: the guards of the whole service, and the limits of phone and address.

use domain::clock::UnixMillis;
use domain::phone::PhoneNumber;
use sqlx::SqliteConnection;

use super::unavailable;
use crate::hot_state::gate::millis as millis_of_gate;
use crate::hot_state::model::{Accept, AcceptPolicy, HotStateError, Rule};

/// What a client is told when the queue is behind: soon enough to try, late enough to help.
const QUEUE_RETRY_MILLIS: i64 = 5_000;
const MINUTE_MILLIS: f64 = 60_000.0;
const COUNT_JOBS: &str = "SELECT COUNT(*) FROM jobs";
const OLDEST_FRESH_JOB: &str = "SELECT json_extract(payload, '$.accepted_at') FROM jobs \
     WHERE NOT put_off AND deliveries <= 1 ORDER BY id LIMIT 1";
const OPEN_BREAKER: &str = "SELECT until FROM hot_breaker WHERE until > $1 AND until <= $2";
const SENDS_SINCE: &str = "SELECT at FROM hot_phone_sends WHERE phone = $1 AND at > $2 ORDER BY at";
const BRING_BACK_SENDS: &str = "UPDATE hot_phone_sends SET at = $2 WHERE phone = $1 AND at > $2";
const ADDRESS_ARRIVAL: &str = "SELECT arrival FROM hot_addresses WHERE address = $1";
const STORE_ARRIVAL: &str = "INSERT INTO hot_addresses (address, arrival) VALUES ($1, $2) \
     ON CONFLICT (address) DO UPDATE SET arrival = excluded.arrival";
/// How long the sends of a phone are remembered: a day and a little.
pub(super) const LOG_LIFE_MILLIS: i64 = 25 * 60 * 60 * 1000;

/// The rule that refuses, if one does; of several the one that takes longest to allow it.
pub(super) async fn refusal(
    connection: &mut SqliteConnection,
    now: UnixMillis,
    phone: &PhoneNumber,
    accept: &Accept<'_>,
    policy: &AcceptPolicy,
) -> Result<Option<(Rule, i64)>, HotStateError> {
    let breaker: Option<i64> = sqlx::query_scalar(OPEN_BREAKER)
        .bind(now)
        .bind(now + millis_of_gate::LONGEST_REFUSAL)
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

    // The clock was set back since: what lies ahead would keep the phone out for as long.
    sqlx::query(BRING_BACK_SENDS)
        .bind(phone.as_e164())
        .bind(now)
        .execute(&mut *connection)
        .await
        .map_err(unavailable)?;
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
    let mut stored = stored.unwrap_or_default();
    if stored > millis(now) + MINUTE_MILLIS + step {
        // No clock that goes on comes so far.
        stored = millis(now);
    }
    Ok(stored.max(millis(now)) + step)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit 53 bits for ages"
)]
fn millis(now: UnixMillis) -> f64 {
    now as f64
}

//! Clients that have to be told that somebody logged out. How they are told is the business of the crate `oidc`.

use std::time::Duration;

use chrono::TimeDelta;
use domain::tokens::{IdTokenAlg, IdTokenError};
use serde::Serialize;
use shared::backoff::RetryDelays;
use shared::records::{BackChannelLogout, RecordsError};
use uuid::Uuid;

use crate::flows::Flows;
use crate::metrics::LogoutResult;

/// Anyone who has taken one and dies keeps it from the others for so long.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// After a call that failed: below two seconds first, below half an hour at last.
const FIRST_DELAY: Duration = Duration::from_secs(2);
const LAST_DELAY: Duration = Duration::from_mins(30);
/// A client that was away for so long has asked for new tokens meanwhile, or has none.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::days(1);

/// The type of a logout token (OpenID Connect Back-Channel Logout, section 2.4).
const TYPE: &str = "logout+jwt";
/// Each call gets a new one.
const LIFE_SECONDS: i64 = 120;

#[derive(Serialize)]
struct LogoutClaims<'a> {
    iss: &'a str,
    sub: Uuid,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: Uuid,
    sid: Uuid,
    events: Events,
}

/// Says of what kind the token is.
#[derive(Serialize)]
struct Events {
    #[serde(rename = "http://schemas.openid.net/event/backchannel-logout")]
    logout: Nothing,
}

#[derive(Serialize)]
struct Nothing {}

/// Takes some clients that have to be told now.
pub async fn due_logouts(
    flows: &Flows,
    limit: u32,
) -> Result<Vec<BackChannelLogout>, RecordsError> {
    let now = flows.clock.now();
    let records = &flows.records;
    records
        .take_back_channel_logouts(now, now + LEASE, limit)
        .await
}

/// What a client is told by, signed as its ID tokens are. It has no nonce, so that it is never taken for one.
pub fn logout_token(
    flows: &Flows,
    logout: &BackChannelLogout,
    algorithm: IdTokenAlg,
) -> Result<String, IdTokenError> {
    let iat = flows.clock.now_millis().div_euclid(1000);
    let claims = LogoutClaims {
        iss: flows.id_tokens.issuer(),
        sub: logout.user,
        aud: &logout.client,
        iat,
        exp: iat + LIFE_SECONDS,
        jti: flows.random.uuid_v4(),
        sid: logout.sid,
        events: Events { logout: Nothing {} },
    };
    flows.id_tokens.sign(&claims, TYPE, algorithm)
}

/// The client needs not be told: it has no address for that, or is none any more.
pub async fn drop_logout(flows: &Flows, logout: &BackChannelLogout) -> Result<(), RecordsError> {
    let (client, sid) = (&logout.client, logout.sid);
    flows.records.end_back_channel_logout(client, sid).await
}

/// Notes how a call ended. One that failed is repeated later, for a day.
pub async fn note_logout(
    flows: &Flows,
    logout: &BackChannelLogout,
    result: LogoutResult,
) -> Result<(), RecordsError> {
    let now = flows.clock.now();
    let over = now - logout.created_at >= GIVEN_UP_AFTER;
    let result = match result {
        LogoutResult::Again if over => LogoutResult::GivenUp,
        other => other,
    };
    flows.metrics.logout_ended(result);
    if result == LogoutResult::Again {
        let delays = RetryDelays::new(FIRST_DELAY, LAST_DELAY, flows.random.clone());
        let until = now + delays.delay(u32::try_from(logout.attempts).unwrap_or(1));
        let (client, sid) = (&logout.client, logout.sid);
        return flows
            .records
            .delay_back_channel_logout(client, sid, until)
            .await;
    }
    if result == LogoutResult::GivenUp {
        tracing::warn!(
            client = logout.client,
            attempts = logout.attempts,
            "an application could not be told of a log-out for a day, and is told no more"
        );
    }
    drop_logout(flows, logout).await
}

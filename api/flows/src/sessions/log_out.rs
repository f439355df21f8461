//! Ending the session of a token, or all sessions of its user.

use domain::tokens::RefreshToken;
use shared::records::SessionEnd;

use crate::flows::Flows;
use crate::refusal::Refusal;

/// What to end, by the tokens that were presented.
#[derive(Clone, Copy)]
pub struct LogOutBy<'a> {
    /// Access tokens, dead or alive; one as a rule.
    pub access_tokens: &'a [&'a str],
    /// Refresh tokens, which are enough where the access token is dead.
    pub refresh_tokens: &'a [&'a str],
    /// Whether all sessions of the user end.
    pub all_devices: bool,
}

/// Ends what each of the tokens names, should they name several sessions; tells whether there was any.
pub async fn log_out(flows: &Flows, by: LogOutBy<'_>) -> Result<bool, Refusal> {
    let all_devices = by.all_devices;
    let mut ended = false;
    for token in by.access_tokens {
        ended |= with_access_token(flows, token, all_devices).await?;
    }
    let refresh_tokens = by.refresh_tokens.iter();
    for token in refresh_tokens.filter_map(|text| RefreshToken::parse(text)) {
        let (hash, now) = (token.hash(), flows.clock.now());
        let reason = if all_devices {
            SessionEnd::LogOutEverywhere
        } else {
            SessionEnd::LogOut
        };
        ended |= flows
            .records
            .end_session_of_token(hash, all_devices, reason, now)
            .await?;
    }
    Ok(ended)
}

async fn with_access_token(flows: &Flows, token: &str, all_devices: bool) -> Result<bool, Refusal> {
    let now = flows.clock.now();
    let verified = flows.access_tokens.verify(token, flows.clock.now_millis());
    let Ok(claims) = verified else {
        return Ok(false);
    };
    let (user, session) = (claims.sub, claims.sid);
    let records = &flows.records;
    if !all_devices {
        let ended = records.end_session(user, session, SessionEnd::LogOut, now);
        return Ok(ended.await?);
    }
    if records.session_in_use(user, session, now).await?.is_none() {
        return Ok(false);
    }
    let ended = records.end_all_sessions(user, SessionEnd::LogOutEverywhere, now);
    Ok(ended.await? > 0)
}

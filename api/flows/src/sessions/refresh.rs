//! The next pair of tokens.

use domain::limits::Step;
use domain::tokens::{RefreshToken, SessionTokens};
use shared::records::{Device, Refresh, RefreshOutcome};

use crate::call_limits::count_call;
use crate::caller::Caller;
use crate::flows::Flows;
use crate::metrics::RefreshResult;
use crate::refusal::{Refusal, RefusalCode};
use crate::refused::{RefusedAs, counted};
use crate::signed_in::issue_tokens;

/// Renews the tokens of a session. Each refresh token works once; one that comes back too late, or after its
/// successor was used, ends its session. `token` is `None` where nothing was presented that could be one.
pub async fn refresh(
    flows: &Flows,
    caller: Caller,
    token: Option<RefreshToken>,
    device: Device,
) -> Result<SessionTokens, Refusal> {
    let renewed = renew(flows, caller, token, device).await;
    counted(renewed, |result| flows.metrics.refreshed(result))
}

async fn renew(
    flows: &Flows,
    caller: Caller,
    token: Option<RefreshToken>,
    device: Device,
) -> Result<(RefreshResult, SessionTokens), RefusedAs<RefreshResult>> {
    let token = token.ok_or(RefusalCode::RefreshTokenInvalid)?;
    count_call(flows, Step::Refresh, caller).await?;
    let refresh = Refresh {
        token,
        client: None,
        salt: flows.random.bytes(),
        address: device.address,
        user_agent: device.user_agent,
        now: flows.clock.now(),
        idle_lifetime: flows.tokens.refresh_idle_lifetime,
        grace: flows.tokens.refresh_grace,
    };
    let (result, renewed) = match flows.records.refresh(&refresh).await? {
        RefreshOutcome::Rotated(renewed) => (RefreshResult::Rotated, renewed),
        RefreshOutcome::Repeated(renewed) => (RefreshResult::Repeated, renewed),
        RefreshOutcome::RepeatedLate(renewed) => (RefreshResult::RepeatedLate, renewed),
        RefreshOutcome::Reused { user, session } => {
            // Neither id is a secret: the session's opens nothing, unlike that of a challenge.
            tracing::warn!(
                %user,
                %session,
                "a refresh token came back after it was replaced; its session was ended"
            );
            return Err(RefusedAs {
                result: RefreshResult::Reused,
                refusal: RefusalCode::RefreshTokenInvalid.into(),
            });
        }
        RefreshOutcome::TooOften { until } => {
            flows.metrics.refreshed_too_often();
            let wait = (until - refresh.now).num_milliseconds();
            return Err(Refusal::waiting(RefusalCode::TooManyRefreshes, wait).into());
        }
        RefreshOutcome::Refused => return Err(RefusalCode::RefreshTokenInvalid.into()),
    };
    let tokens = issue_tokens(flows, renewed.user, renewed.session, renewed.token)?;
    Ok((result, tokens))
}

//! Tokens of clients: given, renewed, given back, and what they tell.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::limits::Step;
use domain::tokens::{AccessToken, ForClient, IdToken, IdTokenAlg, IdTokenError, RefreshToken};
use shared::records::{
    CodeFault, Device, Grant, RecordsError, Refresh, RefreshOutcome, SessionEnd, User,
};

use crate::call_limits::count_call;
use crate::caller::Caller;
use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};

/// What a client gets.
#[derive(Clone, Debug)]
pub struct ClientTokens {
    /// For the claims of the user.
    pub access: AccessToken,
    /// From its issue to its end.
    pub access_lifetime: Duration,
    /// Who signed in, where the client may know that.
    pub id_token: Option<String>,
    /// Gets the next ones.
    pub refresh: RefreshToken,
    /// What the access token may, separated by spaces.
    pub scope: String,
}

/// Why a client gets no tokens.
#[derive(Clone, Debug)]
pub enum GrantRefusal {
    /// Its code is refused.
    Code(CodeFault),
    /// Its code was used before.
    CodeUsed,
    /// Its refresh token is refused.
    Token,
    /// It asks for more than it has.
    WiderScope,
    /// Something that has nothing to do with what it sent.
    Refused(Refusal),
}

impl From<RecordsError> for GrantRefusal {
    fn from(error: RecordsError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Refusal> for GrantRefusal {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A refresh token that a client presents.
pub struct Renewal<'a> {
    /// The client, which has proven itself.
    pub client: &'a str,
    /// How its ID tokens are signed.
    pub id_token_alg: IdTokenAlg,
    /// The token.
    pub token: RefreshToken,
    /// The part that it asks for, where it names one.
    pub scope: Option<&'a str>,
    /// Where it calls from.
    pub device: Device,
}

/// Renews the tokens of a client, by the rules of our own sessions.
pub async fn renew(
    flows: &Flows,
    caller: Caller,
    renewal: Renewal<'_>,
) -> Result<ClientTokens, GrantRefusal> {
    count_call(flows, Step::Refresh, caller).await?;
    let (client, token) = (renewal.client, renewal.token);
    if let Some(wanted) = renewal.scope {
        let found = flows
            .records
            .scope_of_token(token.hash_of_client(), client)
            .await?;
        let granted = found.ok_or(GrantRefusal::Token)?;
        // Before anything is replaced: the client may ask again for less.
        let granted: BTreeSet<&str> = granted.split(' ').collect();
        if !wanted.split(' ').all(|one| granted.contains(one)) {
            return Err(GrantRefusal::WiderScope);
        }
    }
    let refresh = Refresh {
        token,
        client: Some(client.to_owned()),
        salt: flows.random.bytes(),
        address: renewal.device.address,
        user_agent: renewal.device.user_agent,
        now: flows.clock.now(),
        idle_lifetime: flows.tokens.refresh_idle_lifetime,
        grace: flows.tokens.refresh_grace,
    };
    let renewed = match flows.records.refresh(&refresh).await? {
        RefreshOutcome::Rotated(renewed)
        | RefreshOutcome::Repeated(renewed)
        | RefreshOutcome::RepeatedLate(renewed) => renewed,
        RefreshOutcome::Reused { user, session } => {
            tracing::warn!(
                %user,
                %session,
                client,
                "a refresh token of an application came back after it was replaced; what it had was ended"
            );
            return Err(GrantRefusal::Token);
        }
        RefreshOutcome::TooOften { until } => {
            flows.metrics.refreshed_too_often();
            let wait = (until - refresh.now).num_milliseconds();
            return Err(Refusal::waiting(RefusalCode::TooManyRefreshes, wait).into());
        }
        RefreshOutcome::Refused => return Err(GrantRefusal::Token),
    };
    let (user, session) = (renewed.user, renewed.session);
    let found = flows
        .records
        .grant_in_use(user, session, client, refresh.now);
    let grant = found.await?.ok_or(GrantRefusal::Token)?;
    let scope = renewal.scope.unwrap_or(&grant.scope).to_owned();
    let client = (client, renewal.id_token_alg);
    issue(flows, client, &grant, &scope, None, renewed.token)
}

/// Signs what a client gets.
pub(super) fn issue(
    flows: &Flows,
    (client, algorithm): (&str, IdTokenAlg),
    grant: &Grant,
    scope: &str,
    nonce: Option<&str>,
    refresh: RefreshToken,
) -> Result<ClientTokens, GrantRefusal> {
    let now = flows.clock.now_millis();
    let (user, for_client) = (grant.user.id, ForClient { id: client, scope });
    let issued =
        flows
            .access_tokens
            .issue_for_client(for_client, user, grant.session, now, &flows.random);
    let access = issued.map_err(|error| {
        tracing::error!(%error, "an access token cannot be signed");
        Refusal::from(RefusalCode::Internal)
    })?;
    let id_token = if scope.split(' ').any(|one| one == "openid") {
        let token = IdToken {
            user,
            client,
            auth_time: grant.auth_time.timestamp(),
            by_code: grant.by_code,
            nonce,
            access: &access,
            sso_session: grant.sso_session,
        };
        let signed = flows.id_tokens.issue(token, algorithm, now);
        Some(signed.map_err(|error: IdTokenError| {
            tracing::error!(%error, client, %algorithm, "an ID token cannot be signed");
            Refusal::from(RefusalCode::Internal)
        })?)
    } else {
        None
    };
    Ok(ClientTokens {
        access,
        access_lifetime: flows.access_tokens.lifetime(),
        id_token,
        refresh,
        scope: scope.to_owned(),
    })
}

/// Ends what a token of a client belongs to. Of a token that is nobody's, or another client's, nothing is
/// told.
pub async fn revoke(flows: &Flows, client: &str, token: &str) -> Result<(), Refusal> {
    let now = flows.clock.now();
    if let Some(token) = RefreshToken::parse(token) {
        flows
            .records
            .end_grant_of_token(token.hash_of_client(), client, now)
            .await?;
        return Ok(());
    }
    let verified = flows
        .access_tokens
        .verify_of_client(token, flows.clock.now_millis());
    if let Ok(claims) = verified
        && claims.client_id.as_deref() == Some(client)
    {
        let reason = SessionEnd::Revoked;
        flows
            .records
            .end_session(claims.sub, claims.sid, reason, now)
            .await?;
    }
    Ok(())
}

/// What an access token of a client tells.
#[derive(Debug)]
pub struct Told {
    /// Whose it is, as of now.
    pub user: User,
    /// What it may, separated by spaces.
    pub scope: String,
}

/// Whose an access token of a client is; nothing where it is none, or what it belongs to is over.
pub async fn told(flows: &Flows, access_token: &str) -> Result<Option<Told>, Refusal> {
    let now = flows.clock.now_millis();
    let claims = match flows.access_tokens.verify_of_client(access_token, now) {
        Ok(claims) => claims,
        Err(error) => {
            tracing::debug!(%error, "a token of an application was refused");
            return Ok(None);
        }
    };
    let (Some(client), Some(scope)) = (claims.client_id, claims.scope) else {
        return Ok(None);
    };
    let found = flows
        .records
        .grant_in_use(claims.sub, claims.sid, &client, flows.clock.now())
        .await?;
    Ok(found.map(|grant| Told {
        user: grant.user,
        scope,
    }))
}

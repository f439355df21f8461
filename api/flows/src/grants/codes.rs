//! Codes: given by way of the browser, and given back for tokens.

use chrono::TimeDelta;
use domain::tokens::{AuthorizationCode, IdTokenAlg, RefreshToken, s256};
use shared::records::{Device, NewCode, NewSession, Redeem, RedeemOutcome};

use super::tokens::{ClientTokens, GrantRefusal, issue};
use crate::flows::Flows;
use crate::refusal::Refusal;
use crate::sessions::Authenticated;

/// A code lives as long as a redirect and one call of a server take.
const CODE_LIFE: TimeDelta = TimeDelta::seconds(60);

/// What a client has asked for, and may have.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The client.
    pub client: String,
    /// Where the code is sent.
    pub redirect_uri: String,
    /// The PKCE challenge (S256).
    pub challenge: Option<String>,
    /// Goes into the ID token.
    pub nonce: Option<String>,
    /// What it may, separated by spaces.
    pub scope: String,
}

/// Gives a code for somebody who is signed in; nothing where they no longer are.
pub async fn give_code(
    flows: &Flows,
    asking: Asking,
    signed_on: &Authenticated,
) -> Result<Option<AuthorizationCode>, Refusal> {
    let (code, now) = (AuthorizationCode::new(&flows.random), flows.clock.now());
    let new = NewCode {
        hash: code.hash(),
        client: asking.client,
        redirect_uri: asking.redirect_uri,
        challenge: asking.challenge,
        nonce: asking.nonce,
        scope: asking.scope,
        user: signed_on.user.id,
        sso_session: signed_on.session.id,
        now,
        expires_at: now + CODE_LIFE,
    };
    Ok(flows.records.keep_code(&new).await?.then_some(code))
}

/// A code that a client gives back.
#[derive(Clone)]
pub struct Redemption<'a> {
    /// The client, which has proven itself.
    pub client: &'a str,
    /// Its name for people, by which they find what they have allowed.
    pub name: &'a str,
    /// How its ID tokens are signed.
    pub id_token_alg: IdTokenAlg,
    /// The code.
    pub code: AuthorizationCode,
    /// Where the client says that it was sent.
    pub redirect_uri: &'a str,
    /// The PKCE verifier.
    pub verifier: Option<&'a str>,
    /// Who calls.
    pub device: Device,
}

/// Gives tokens for a code, once.
pub async fn redeem(
    flows: &Flows,
    redemption: Redemption<'_>,
) -> Result<ClientTokens, GrantRefusal> {
    let (now, refresh) = (flows.clock.now(), RefreshToken::new(&flows.random));
    let redeem = Redeem {
        code: redemption.code.hash(),
        client: redemption.client.to_owned(),
        redirect_uri: redemption.redirect_uri.to_owned(),
        challenge: redemption.verifier.map(s256),
        session: NewSession {
            id: flows.random.uuid_v7(flows.clock.now_millis()),
            refresh_token_hash: refresh.hash_of_client(),
            origin_salt: None,
            device: Device {
                name: Some(redemption.name.to_owned()),
                ..redemption.device
            },
            opened_at: now,
            idle_expires_at: now + flows.tokens.refresh_idle_lifetime,
            expires_at: now + flows.tokens.refresh_lifetime,
        },
    };
    match flows.records.redeem_code(&redeem).await? {
        RedeemOutcome::Opened { grant, nonce } => {
            let nonce = nonce.as_deref();
            let scope = grant.scope.clone();
            let client = (redemption.client, redemption.id_token_alg);
            issue(flows, client, &grant, &scope, nonce, refresh)
        }
        RedeemOutcome::Replayed { user, session } => {
            tracing::warn!(
                user = user.map(tracing::field::display),
                %session,
                client = redemption.client,
                "a code of an application came back after it was used; what it opened was ended"
            );
            Err(GrantRefusal::CodeUsed)
        }
        RedeemOutcome::Refused(fault) => Err(GrantRefusal::Code(fault)),
    }
}

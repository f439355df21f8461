//! Access tokens: issued, and checked more strictly than any library does by default.
//!
//! Only what this service itself issues passes: a header of exactly `typ`, `alg` and `kid`; a kid
//! out of the fixed set of keys, each with its one algorithm; every claim there, of its right
//! type, and equal where it has one value. Times are compared with our own clock and without any
//! leeway; instead a token is valid from a few seconds before its issue, so that the clocks of
//! several API processes may differ by that much.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::SigningKeys;
use crate::clock::UnixMillis;
use crate::random::Random;

/// The header's type (RFC 9068, section 2.1).
const TYPE: &str = "at+jwt";
/// Ours are about 600 characters; longer texts are refused before they are looked at.
const MAX_TOKEN_CHARS: usize = 4096;
/// How far the clock of another API process may be behind ours.
const CLOCK_SKEW_SECONDS: i64 = 5;
/// What follows our audience in that of tokens for clients.
const CLIENT_AUDIENCE: &str = "/oidc/userinfo";

/// What the tokens of a service have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessTokensSettings {
    /// The claim `iss`.
    pub issuer: String,
    /// The claim `aud`.
    pub audience: String,
    /// From issue to expiry, in whole seconds.
    pub lifetime: Duration,
}

/// Issues and checks access tokens.
#[derive(Clone, Debug)]
pub struct AccessTokens {
    keys: SigningKeys,
    settings: AccessTokensSettings,
}

/// A signed token. Debug output hides it.
#[derive(Clone)]
pub struct AccessToken(String);

impl AccessToken {
    /// The text that goes to the client, and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(••••)")
    }
}

/// The claims of an access token (RFC 7519, RFC 9068). None is optional and none names the phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who issued it.
    pub iss: String,
    /// Whom it is for: one audience, never a list.
    pub aud: String,
    /// The user.
    pub sub: Uuid,
    /// The session: the family of refresh tokens that this one belongs to.
    pub sid: Uuid,
    /// From this second on it is dead (Unix time).
    pub exp: i64,
    /// Before this second it is not yet valid (Unix time).
    pub nbf: i64,
    /// When it was issued (Unix time).
    pub iat: i64,
    /// Its own id.
    pub jti: Uuid,
    /// The client that it was given to (RFC 9068, section 2.2); nothing in our own. Such a token opens no
    /// call of an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What that client may, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// For which client an access token is, and what that may do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForClient<'a> {
    /// Its id.
    pub id: &'a str,
    /// Scopes, separated by spaces.
    pub scope: &'a str,
}

/// Why a text is not a valid access token. Clients are told no more than "invalid" or "expired".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenError {
    /// Not three parts of base64url within the length, or no JSON of the right shape in them.
    #[error("this is not an access token")]
    Malformed,
    /// A header that this service never writes.
    #[error("the access token has a foreign header")]
    ForeignHeader,
    /// No key of this id is in use.
    #[error("the access token is signed with an unknown key")]
    UnknownKey,
    /// The signature is not that of the named key.
    #[error("the signature of the access token is wrong")]
    WrongSignature,
    /// Of another issuer or for another audience.
    #[error("the access token is of another service")]
    OtherService,
    /// Its time has not come.
    #[error("the access token is not yet valid")]
    NotYetValid,
    /// Its time is over.
    #[error("the access token is expired")]
    Expired,
}

/// The only header that is accepted: anything more, such as `jwk`, `jku`, `x5u` or `crit`, is a
/// forgery.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictHeader {
    typ: String,
    alg: Algorithm,
    kid: String,
}

impl AccessTokens {
    /// Tokens signed with the first of `keys`.
    pub fn new(keys: SigningKeys, settings: AccessTokensSettings) -> Self {
        Self { keys, settings }
    }

    /// The keys, for publishing their public halves.
    pub fn keys(&self) -> &SigningKeys {
        &self.keys
    }

    /// From issue to expiry.
    pub fn lifetime(&self) -> Duration {
        self.settings.lifetime
    }

    /// Signs a token for a user's session.
    ///
    /// # Errors
    /// When the cryptographic library refuses to sign, which a key that was read never causes.
    pub fn issue(
        &self,
        user: Uuid,
        session: Uuid,
        now: UnixMillis,
        random: &Random,
    ) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        self.issue_to(None, user, session, now, random)
    }

    /// Signs a token for a client: of another audience, so that no call of an account takes it.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub fn issue_for_client(
        &self,
        client: ForClient<'_>,
        user: Uuid,
        session: Uuid,
        now: UnixMillis,
        random: &Random,
    ) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        self.issue_to(Some(client), user, session, now, random)
    }

    fn issue_to(
        &self,
        client: Option<ForClient<'_>>,
        user: Uuid,
        session: Uuid,
        now: UnixMillis,
        random: &Random,
    ) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        let iat = now.div_euclid(1000);
        let lifetime = i64::try_from(self.settings.lifetime.as_secs()).unwrap_or(i64::MAX);
        let claims = AccessClaims {
            iss: self.settings.issuer.clone(),
            aud: match client {
                None => self.settings.audience.clone(),
                Some(_) => self.client_audience(),
            },
            sub: user,
            sid: session,
            exp: iat.saturating_add(lifetime),
            nbf: iat - CLOCK_SKEW_SECONDS,
            iat,
            jti: random.uuid_v4(),
            client_id: client.map(|client| client.id.to_owned()),
            scope: client.map(|client| client.scope.to_owned()),
        };
        self.sign(&claims)
    }

    /// The audience of tokens for clients.
    fn client_audience(&self) -> String {
        format!("{}{CLIENT_AUDIENCE}", self.settings.audience)
    }

    fn sign(&self, claims: &AccessClaims) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        self.keys.signing().sign(TYPE, claims).map(AccessToken)
    }

    /// Checks a text that claims to be an access token of our own; `now` is the time to judge it by. That
    /// of a client is none.
    pub fn verify(&self, token: &str, now: UnixMillis) -> Result<AccessClaims, AccessTokenError> {
        let claims = self.read(token)?;
        if claims.client_id.is_some() || claims.scope.is_some() {
            return Err(AccessTokenError::OtherService);
        }
        self.check(&claims, &self.settings.audience, now)?;
        Ok(claims)
    }

    /// Checks a text that claims to be the access token of a client.
    pub fn verify_of_client(
        &self,
        token: &str,
        now: UnixMillis,
    ) -> Result<AccessClaims, AccessTokenError> {
        let claims = self.read(token)?;
        if claims.client_id.is_none() || claims.scope.is_none() {
            return Err(AccessTokenError::OtherService);
        }
        self.check(&claims, &self.client_audience(), now)?;
        Ok(claims)
    }

    /// What a text says that one of our keys has signed.
    fn read(&self, token: &str) -> Result<AccessClaims, AccessTokenError> {
        if token.len() > MAX_TOKEN_CHARS {
            return Err(AccessTokenError::Malformed);
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [header_part, claims_part, signature] = parts[..] else {
            return Err(AccessTokenError::Malformed);
        };
        let header: StrictHeader =
            decode_part(header_part).ok_or(AccessTokenError::ForeignHeader)?;
        if header.typ != TYPE {
            return Err(AccessTokenError::ForeignHeader);
        }
        let key = self
            .keys
            .find(&header.kid)
            .filter(|key| key.signs_access_tokens())
            .ok_or(AccessTokenError::UnknownKey)?;
        if header.alg != key.algorithm {
            return Err(AccessTokenError::ForeignHeader);
        }
        let signed = &token[..header_part.len() + 1 + claims_part.len()];
        match jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key.public, key.algorithm)
        {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(AccessTokenError::WrongSignature),
        }
        decode_part(claims_part).ok_or(AccessTokenError::Malformed)
    }

    fn check(
        &self,
        claims: &AccessClaims,
        audience: &str,
        now: UnixMillis,
    ) -> Result<(), AccessTokenError> {
        if claims.iss != self.settings.issuer || claims.aud != audience {
            return Err(AccessTokenError::OtherService);
        }
        let now_seconds = now.div_euclid(1000);
        if claims.nbf > now_seconds {
            return Err(AccessTokenError::NotYetValid);
        }
        if claims.exp <= now_seconds {
            return Err(AccessTokenError::Expired);
        }
        Ok(())
    }
}

pub(super) fn decode_part<T: DeserializeOwned>(part: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests;

//! ID tokens (OpenID Connect Core, section 2): what a client learns of who signed in, and how.
//!
//! They are for the client alone and open nothing: their type is `JWT`, never that of an access token.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};
use uuid::Uuid;

use super::{AccessToken, SigningKeys};
use crate::clock::UnixMillis;

const TYPE: &str = "JWT";
/// From issue to expiry: a client looks at it once, when it gets it.
const LIFE_SECONDS: i64 = 300;
/// Ours are about 900 characters.
const MAX_TOKEN_CHARS: usize = 4096;

/// How an ID token is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, strum::IntoStaticStr)]
pub enum IdTokenAlg {
    /// RSA, what every library takes.
    #[default]
    #[serde(rename = "RS256")]
    #[strum(serialize = "RS256")]
    Rs256,
    /// P-256.
    #[serde(rename = "ES256")]
    #[strum(serialize = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    #[strum(serialize = "EdDSA")]
    EdDsa,
}

impl IdTokenAlg {
    /// The name in headers and in the file of clients.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    fn algorithm(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }

    /// The left half of the hash of an access token (Core, section 3.1.3.6). For Ed25519 libraries take
    /// SHA-512, which is inside that algorithm.
    fn at_hash(self, access: &AccessToken) -> String {
        let text = access.expose().as_bytes();
        match self {
            Self::Rs256 | Self::Es256 => URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..16]),
            Self::EdDsa => URL_SAFE_NO_PAD.encode(&Sha512::digest(text)[..32]),
        }
    }
}

/// The claims of an ID token. The subject is never the number, which may have another owner tomorrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdClaims {
    /// Who issued it.
    pub iss: String,
    /// The user.
    pub sub: Uuid,
    /// The client.
    pub aud: String,
    /// From this second on it is dead (Unix time).
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// When the user proved who they are.
    pub auth_time: i64,
    /// What the client sent along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Binds it to the access token beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    /// The sign-on in the browser.
    pub sid: Uuid,
    /// By what the user proved who they are (RFC 8176).
    pub amr: Vec<String>,
    /// The same as one name.
    pub acr: String,
}

/// What is said in an ID token.
#[derive(Clone, Copy, Debug)]
pub struct IdToken<'a> {
    /// The user.
    pub user: Uuid,
    /// The client.
    pub client: &'a str,
    /// When the user proved who they are, in seconds.
    pub auth_time: i64,
    /// Whether a code did that; a password otherwise.
    pub by_code: bool,
    /// What the client sent along.
    pub nonce: Option<&'a str>,
    /// The access token that goes with it.
    pub access: &'a AccessToken,
    /// The sign-on in the browser.
    pub sso_session: Uuid,
}

/// Why a text is no ID token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// Not signed by us, or not of this form.
    #[error("this is not an ID token of ours")]
    Foreign,
    /// It cannot be signed.
    #[error("no key signs by this algorithm")]
    NoKey,
}

/// Signs ID tokens and knows its own again.
#[derive(Clone, Debug)]
pub struct IdTokens {
    keys: SigningKeys,
    issuer: String,
}

#[derive(Deserialize)]
struct HintHeader {
    #[serde(default)]
    typ: Option<String>,
    alg: Algorithm,
    kid: String,
}

impl IdTokens {
    /// Those of an issuer.
    pub fn new(keys: SigningKeys, issuer: String) -> Self {
        Self { keys, issuer }
    }

    /// Who issues them.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs one.
    pub fn issue(
        &self,
        token: IdToken<'_>,
        algorithm: IdTokenAlg,
        now: UnixMillis,
    ) -> Result<String, IdTokenError> {
        let iat = now.div_euclid(1000);
        let (amr, acr): (&[&str], _) = if token.by_code {
            (&["otp", "sms"], "urn:ramz:acr:sms")
        } else {
            (&["pwd"], "urn:ramz:acr:pwd")
        };
        let claims = IdClaims {
            iss: self.issuer.clone(),
            sub: token.user,
            aud: token.client.to_owned(),
            exp: iat + LIFE_SECONDS,
            iat,
            auth_time: token.auth_time,
            nonce: token.nonce.map(str::to_owned),
            at_hash: Some(algorithm.at_hash(token.access)),
            sid: token.sso_session,
            amr: amr.iter().map(ToString::to_string).collect(),
            acr: acr.to_owned(),
        };
        self.sign(&claims, TYPE, algorithm)
    }

    /// Signs any claims, such as those of a logout token, with a type of their own.
    pub fn sign(
        &self,
        claims: &impl Serialize,
        typ: &str,
        algorithm: IdTokenAlg,
    ) -> Result<String, IdTokenError> {
        let key = self.keys.signing_by(algorithm.algorithm());
        let key = key.ok_or(IdTokenError::NoKey)?;
        key.sign(typ, claims).map_err(|_| IdTokenError::NoKey)
    }

    /// What an ID token says that a client gives back as a hint: signed by us, for that client or any where
    /// none is given, however old.
    pub fn read_hint(&self, hint: &str, client: Option<&str>) -> Result<IdClaims, IdTokenError> {
        let foreign = IdTokenError::Foreign;
        if hint.len() > MAX_TOKEN_CHARS {
            return Err(foreign);
        }
        let parts: Vec<&str> = hint.split('.').collect();
        let [header_part, claims_part, signature] = parts[..] else {
            return Err(foreign);
        };
        let header: HintHeader = super::access::decode_part(header_part).ok_or(foreign)?;
        let key = self.keys.find(&header.kid).ok_or(foreign)?;
        if header.typ.as_deref() != Some(TYPE) || header.alg != key.algorithm {
            return Err(foreign);
        }
        let signed = &hint[..header_part.len() + 1 + claims_part.len()];
        match jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key.public, key.algorithm)
        {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(foreign),
        }
        let claims: IdClaims = super::access::decode_part(claims_part).ok_or(foreign)?;
        let for_client = client.is_none_or(|client| claims.aud == client);
        if claims.iss == self.issuer && for_client {
            Ok(claims)
        } else {
            Err(foreign)
        }
    }
}

impl fmt::Display for IdTokenAlg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;

//! A client that proves itself by a signature (`private_key_jwt`; RFC 7523, section 3). Each assertion works
//! once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::clock::UnixMillis;
use flows::Caller;
use flows::grants::{SecretTry, remember_once};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::answers::OAuthError;
use crate::clients::Client;
use crate::provider::Provider;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// An assertion that lives longer than it is remembered could be used twice.
const LONGEST_LIFE_SECONDS: i64 = 600;
/// How far the clock of a client may be ahead.
const CLOCK_SKEW_SECONDS: i64 = 30;

#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    #[serde(default)]
    kid: Option<String>,
    /// What is not understood and said to be needed makes the assertion unreadable.
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    jti: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn names(&self, ours: &[&str]) -> bool {
        match self {
            Self::One(one) => ours.contains(&one.as_str()),
            Self::Many(many) => many.iter().any(|one| ours.contains(&one.as_str())),
        }
    }
}

fn part<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Whom an assertion says to be of, before it is looked at.
pub(crate) fn named_client(assertion: &str) -> Option<String> {
    let claims: Claims = part(assertion.split('.').nth(1)?)?;
    Some(claims.sub)
}

/// Refuses an assertion that does not prove who the client is.
pub(crate) async fn check(
    provider: &Provider,
    caller: Caller,
    client: &Client,
    kind: Option<&str>,
    assertion: &str,
) -> Result<(), OAuthError> {
    let refused = |description| OAuthError::client(description, false);
    if kind != Some(TYPE) {
        return Err(OAuthError::request(
            "client_assertion_type is not the one of a JWT",
        ));
    }
    let flows = provider.flows();
    let tried = SecretTry::begin(flows, caller).await?;
    let token_endpoint = format!("{}{}", provider.issuer(), Provider::TOKEN);
    let ours = [provider.issuer(), token_endpoint.as_str()];
    let jti = judge(client, assertion, &ours, flows.clock().now_millis()).map_err(refused)?;
    let hash = Sha256::new()
        .chain_update(b"ramz client assertion v1")
        .chain_update(client.id.as_bytes())
        .chain_update([0])
        .chain_update(jti.as_bytes());
    if !remember_once(flows, hash.finalize().into()).await? {
        return Err(refused("The assertion was used before"));
    }
    tried.succeeded(flows).await;
    Ok(())
}

/// The id of an assertion that is right.
fn judge(
    client: &Client,
    assertion: &str,
    ours: &[&str],
    now: UnixMillis,
) -> Result<String, &'static str> {
    let malformed = "client_assertion is no JWT of a client";
    let parts: Vec<&str> = assertion.split('.').collect();
    let [header_part, claims_part, signature] = parts[..] else {
        return Err(malformed);
    };
    let header: Header = part(header_part).ok_or(malformed)?;
    let claims: Claims = part(claims_part).ok_or(malformed)?;
    let keys = client.keys.as_ref().ok_or("The client has no keys")?;
    let signed = &assertion[..header_part.len() + 1 + claims_part.len()];
    let mut keys = keys.candidates(header.kid.as_deref(), header.alg);
    let is_right = keys.any(|key| {
        let verified =
            jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key.public, key.algorithm);
        verified.unwrap_or(false)
    });
    if !is_right || header.crit.is_some() {
        return Err("The assertion is not signed by a key of the client");
    }
    if claims.iss != client.id || claims.sub != client.id {
        return Err("iss and sub of the assertion are not the client");
    }
    if !claims.aud.names(ours) {
        return Err("aud of the assertion is not the issuer");
    }
    let now = now.div_euclid(1000);
    if claims.exp <= now || claims.exp > now + LONGEST_LIFE_SECONDS {
        return Err("exp of the assertion is over or more than ten minutes away");
    }
    if claims.nbf.is_some_and(|nbf| nbf > now + CLOCK_SKEW_SECONDS) {
        return Err("nbf of the assertion has not come");
    }
    if claims.jti.is_empty() {
        return Err("jti of the assertion is empty");
    }
    Ok(claims.jti)
}

#[cfg(test)]
mod tests;

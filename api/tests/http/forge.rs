//! Makes access tokens with the service's own key, whatever they say, and tries them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::random::Random;
use domain::tokens::SigningKeys;
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::stage::{ME, Shape, Stage};
use crate::tokens::Tokens;

/// What is forged, and the token.
pub(crate) type Forgery = (String, String);

/// A stage whose key is at hand, with somebody signed in.
pub(crate) struct Forge {
    pub(crate) stage: Stage,
    key: EncodingKey,
    pub(crate) tokens: Tokens,
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Forge {
    pub(crate) async fn new(shape: Shape) -> Self {
        let pem = key(1);
        let pem = pem.expose_secret();
        let stage = Stage::with(shape, &[("JWT_PRIVATE_KEY", pem)]).await;
        let tokens = stage.tokens("09123456789").await;
        let (header, claims) = decoded(&tokens.access);
        Self {
            stage,
            key: EncodingKey::from_ed_pem(pem.as_bytes()).expect("a key"),
            tokens,
            header,
            claims,
        }
    }

    pub(crate) fn with_header(&self, header: &Value) -> String {
        signed(
            &self.key,
            Algorithm::EdDSA,
            header,
            &self.claims.to_string(),
        )
    }

    pub(crate) fn with_claims(&self, claims: &str) -> String {
        signed(&self.key, Algorithm::EdDSA, &self.header, claims)
    }

    /// The status, as apps send it and as browsers do.
    pub(crate) async fn statuses(&self, token: &str) -> [(u16, String); 2] {
        let by_header = self.stage.bearing(token, Method::GET, ME, None).await;
        let cookie = format!("ramz_access={token}");
        let by_cookie = self.stage.by_cookie(Method::GET, ME, &cookie);
        let by_cookie = self.stage.send(by_cookie).await;
        [by_header, by_cookie].map(|answer| {
            let code = answer.body["code"].as_str().unwrap_or_default().to_owned();
            (answer.status, code)
        })
    }

    pub(crate) async fn are_refused(&self, forgeries: Vec<Forgery>) {
        for (what, token) in forgeries {
            for answer in self.statuses(&token).await {
                assert_eq!(answer, (401, "unauthenticated".to_owned()), "{what}");
            }
        }
        let accepted = self.statuses(&self.tokens.access).await;
        assert_eq!(accepted.map(|(status, _)| status), [200, 200]);
    }
}

pub(crate) fn key(seed: u64) -> SecretString {
    SigningKeys::generate_pem(&Random::seeded(seed))
}

pub(crate) fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn signed(
    key: &EncodingKey,
    algorithm: Algorithm,
    header: &Value,
    claims: &str,
) -> String {
    let message = format!("{}.{}", part(header.to_string()), part(claims));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).expect("signed");
    format!("{message}.{signature}")
}

pub(crate) fn decoded(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let json = URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice(&json).unwrap_or(Value::Null)
    });
    let mut next = || parts.next().expect("a part");
    (next(), next())
}

/// The value with one member changed, or without it where `to` is null.
pub(crate) fn with(value: &Value, member: &str, to: &Value) -> Value {
    let mut value = value.clone();
    let members = value.as_object_mut().expect("an object");
    members.remove(member);
    if !to.is_null() {
        members.insert(member.to_owned(), to.clone());
    }
    value
}

//! The public keys of a client that proves itself by signing (`private_key_jwt`).

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// More keys than a rotation needs are a mistake.
const MAX_KEYS: usize = 10;

/// The public keys of a client.
#[derive(Clone)]
pub struct ClientKeys(Vec<ClientKey>);

/// One of them.
#[derive(Clone)]
pub struct ClientKey {
    /// `kid`, where the key has one.
    pub id: Option<String>,
    /// The one algorithm that it is used with.
    pub algorithm: Algorithm,
    /// What checks a signature.
    pub public: DecodingKey,
}

impl ClientKeys {
    /// Reads a JWK set (RFC 7517): RSA, P-256 and Ed25519, public halves only.
    pub(super) fn from_jwks(jwks: &Value) -> Result<Self, String> {
        let keys = jwks["keys"].as_array();
        let keys = keys.ok_or("is no JWK set: it has no list `keys`")?;
        if keys
            .iter()
            .any(|key| key.get("d").is_some() || key.get("k").is_some())
        {
            return Err(
                "holds a private key; give the public half only, and make a new key".to_owned(),
            );
        }
        if keys.is_empty() || keys.len() > MAX_KEYS {
            return Err(format!("has {} keys; give 1 to {MAX_KEYS}", keys.len()));
        }
        let wrong = |error| format!("is no JWK set of keys that are known here: {error}");
        let set: JwkSet = serde_json::from_value(jwks.clone()).map_err(wrong)?;
        set.keys
            .iter()
            .map(ClientKey::read)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The keys that may have made a signature of this key id and algorithm.
    pub fn candidates(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &ClientKey> {
        self.0.iter().filter(move |key| {
            key.algorithm == algorithm
                && (id.is_none() || key.id.is_none() || key.id.as_deref() == id)
        })
    }
}

impl ClientKey {
    fn read(jwk: &Jwk) -> Result<Self, String> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                Algorithm::EdDSA
            }
            _ => return Err("has a key that is neither RSA nor P-256 nor Ed25519".to_owned()),
        };
        Ok(Self {
            id: jwk.common.key_id.clone(),
            algorithm,
            public: DecodingKey::from_jwk(jwk).map_err(|_| "has a damaged key")?,
        })
    }
}

impl std::fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientKeys({})", self.0.len())
    }
}

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientKey({:?})", self.algorithm)
    }
}

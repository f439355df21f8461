//! Access tokens that a back end has to tell apart, most of them signed with the true keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::random::Random;
use domain::tokens::SigningKeys;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

type Claims = Map<String, Value>;

const TYPE: &str = "at+jwt";
const HOUR: i64 = 3600;

/// The keys of a service, known to the test too.
pub(crate) struct Keys {
    ed25519: String,
    p256: String,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let p256 = rcgen::KeyPair::generate().expect("a key");
        Self {
            ed25519: SigningKeys::generate_pem(&Random::operating_system())
                .expose_secret()
                .to_owned(),
            p256: p256.serialize_pem(),
        }
    }

    /// For `JWT_PRIVATE_KEY`.
    pub(crate) fn pem(&self) -> String {
        format!("{}{}", self.ed25519, self.p256)
    }
}

/// Makes tokens like a true one, but for one thing.
pub(crate) struct Mint {
    token: String,
    claims: Claims,
    ed25519: EncodingKey,
    p256: EncodingKey,
    jwks: Value,
}

impl Mint {
    pub(crate) fn new(keys: &Keys, jwks: Value, token: &str) -> Self {
        let payload = token.split('.').nth(1).expect("three parts");
        let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
        Self {
            token: token.to_owned(),
            claims: serde_json::from_slice(&payload).expect("claims"),
            ed25519: EncodingKey::from_ed_pem(keys.ed25519.as_bytes()).expect("a key"),
            p256: EncodingKey::from_ec_pem(keys.p256.as_bytes()).expect("a key"),
            jwks,
        }
    }

    /// What must be let in: the true token, and one of each algorithm with the same claims.
    pub(crate) fn good(&self) -> Vec<(&'static str, String)> {
        let es256 = self.header(Algorithm::ES256);
        let mut early = self.claims.clone();
        early.insert("iat".to_owned(), json!(self.issued() + HOUR));
        vec![
            ("true", self.token.clone()),
            ("EdDSA", self.sign(&self.claims)),
            ("ES256", encode(&es256, &self.claims, &self.p256)),
            // Only `nbf` says when a token begins: the clock of the issuer may be ahead.
            ("issued by a clock ahead", self.sign(&early)),
        ]
    }

    /// What must be refused.
    pub(crate) fn bad(&self) -> Vec<(String, String)> {
        let mut bad = self.badly_signed();
        let issued = self.issued();
        for (claim, value) in [
            ("exp", json!(issued - 1)),
            ("nbf", json!(issued + HOUR)),
            ("iss", json!("https://other.example")),
            ("aud", json!("https://other.example")),
        ] {
            let mut claims = self.claims.clone();
            claims.insert(claim.to_owned(), value);
            bad.push((format!("other {claim}"), self.sign(&claims)));
        }
        for claim in ["iss", "aud", "exp", "nbf", "iat", "sub", "jti"] {
            let mut claims = self.claims.clone();
            claims.remove(claim).expect("a claim of true tokens");
            bad.push((format!("without {claim}"), self.sign(&claims)));
        }
        for kind in [Some("JWT"), None] {
            let mut header = self.header(Algorithm::EdDSA);
            header.typ = kind.map(str::to_owned);
            let token = encode(&header, &self.claims, &self.ed25519);
            bad.push((format!("typ {kind:?}"), token));
        }
        bad
    }

    fn badly_signed(&self) -> Vec<(String, String)> {
        let other = Keys::new();
        let other = EncodingKey::from_ed_pem(other.ed25519.as_bytes()).expect("a key");
        let eddsa = self.header(Algorithm::EdDSA);
        let mut unknown = eddsa.clone();
        unknown.kid = Some("unknown".to_owned());

        let mut somebody = self.claims.clone();
        somebody.insert("sub".into(), json!("019a7f3e-5c1b-7d4e-9a6f-0b2c4d6e8f10"));
        let parts: Vec<&str> = self.token.split('.').collect();
        let tampered = format!("{}.{}.{}", parts[0], base64url(&somebody), parts[2]);

        let none = json!({ "alg": "none", "typ": TYPE, "kid": eddsa.kid });
        let none = format!("{}.{}.", base64url(&none), parts[1]);
        // The public key taken for a shared secret.
        let public = self.key(Algorithm::EdDSA)["x"].as_str().expect("a key");
        let public = URL_SAFE_NO_PAD.decode(public).expect("base64url");
        let mut hs256 = eddsa.clone();
        hs256.alg = Algorithm::HS256;
        let hs256 = encode(&hs256, &self.claims, &EncodingKey::from_secret(&public));
        [
            ("no token", "nonsense".to_owned()),
            ("empty", String::new()),
            (
                "without its signature",
                format!("{}.{}.", parts[0], parts[1]),
            ),
            ("tampered", tampered),
            ("another key", encode(&eddsa, &self.claims, &other)),
            ("unknown key", encode(&unknown, &self.claims, &other)),
            ("alg none", none),
            ("alg HS256", hs256),
        ]
        .map(|(name, token)| (name.to_owned(), token))
        .into()
    }

    fn issued(&self) -> i64 {
        self.claims["iat"].as_i64().expect("seconds")
    }

    fn sign(&self, claims: &Claims) -> String {
        encode(&self.header(Algorithm::EdDSA), claims, &self.ed25519)
    }

    fn header(&self, algorithm: Algorithm) -> Header {
        let mut header = Header::new(algorithm);
        header.typ = Some(TYPE.to_owned());
        header.kid = self.key(algorithm)["kid"].as_str().map(str::to_owned);
        header
    }

    fn key(&self, algorithm: Algorithm) -> &Value {
        let keys = self.jwks["keys"].as_array().expect("keys");
        let found = keys.iter().find(|key| key["alg"] == json!(algorithm));
        found.expect("a published key of this algorithm")
    }
}

fn encode(header: &Header, claims: &Claims, key: &EncodingKey) -> String {
    jsonwebtoken::encode(header, claims, key).expect("a token")
}

fn base64url(value: &impl serde::Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).expect("JSON"))
}

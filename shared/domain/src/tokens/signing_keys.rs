//! The keys that sign access tokens and ID tokens, and what of them is public.
//!
//! `JWT_PRIVATE_KEY` holds one or more PKCS#8 private keys in PEM form, Ed25519 or P-256. The
//! first signs; all are published and accepted. A new key is therefore added behind the old one
//! first, and moved to the front when every reader has fetched the published keys again.
//!
//! RSA keys may stand behind the first. They sign ID tokens, which many libraries take with RSA only,
//! and never an access token.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use secrecy::SecretString;
use serde::Serialize;

use crate::random::Random;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";
const PKCS8_LABEL: &str = "PRIVATE KEY";
/// Shorter RSA keys are refused (RFC 7518, section 3.3).
const RSA_BYTES: usize = 2048 / 8;
/// Characters in one line of a PEM block.
const PEM_LINE: usize = 64;

/// What stands before the 32 bytes of an Ed25519 private key in PKCS#8 (RFC 8410, section 7).
const ED25519_PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The signing keys, the one that signs first. Never empty.
#[derive(Clone)]
pub struct SigningKeys(Vec<SigningKey>);

#[derive(Clone)]
pub(super) struct SigningKey {
    /// RFC 7638 thumbprint with SHA-256.
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    private: Arc<PrivateKey>,
    pub(super) public: DecodingKey,
    jwk: Jwk,
}

/// A private key as it was read once: reading an Ed25519 key takes longer than signing with it.
enum PrivateKey {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(EncodingKey),
}

/// Why a text holds no usable signing keys. Never holds key material.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeysError {
    /// No PEM block at all.
    #[error(
        "holds no PEM block; make a key with `openssl genpkey -algorithm ed25519` and give the whole text"
    )]
    NoKey,
    /// A block that begins but does not end.
    #[error("key {0} has no END line: give the whole PEM text")]
    Unfinished(usize),
    /// PEM of another kind, such as SEC1 or an encrypted key.
    #[error(
        "key {position} is a `{label}`, not a PKCS#8 `PRIVATE KEY`; convert it with `openssl pkcs8 -topk8 -nocrypt`"
    )]
    NotPkcs8 {
        /// Which of the keys, counted from 1.
        position: usize,
        /// What its PEM block says that it is.
        label: String,
    },
    /// A damaged key, or one of another algorithm or curve.
    #[error("key {0} is neither an Ed25519 nor a P-256 nor an RSA private key, or it is damaged")]
    Unusable(usize),
    /// RSA that can be broken.
    #[error(
        "key {0} is an RSA key of less than 2048 bits; make one with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`"
    )]
    ShortRsa(usize),
    /// No key that may sign access tokens comes first.
    #[error(
        "key 1 is an RSA key, which signs ID tokens only; put an Ed25519 or P-256 key before it"
    )]
    RsaFirst,
    /// The same key again.
    #[error("key {0} is there twice")]
    Twice(usize),
}

impl SigningKeys {
    /// Reads one or more PEM blocks. A literal `\n` counts as a line break, because environment
    /// files hold one line a variable.
    pub fn from_pem(text: &str) -> Result<Self, SigningKeysError> {
        let text = text.replace("\\n", "\n");
        let mut keys: Vec<SigningKey> = Vec::new();
        for (index, rest) in text.split(BEGIN).skip(1).enumerate() {
            let position = index + 1;
            let key = SigningKey::from_block(rest, position)?;
            if keys.iter().any(|earlier| earlier.kid == key.kid) {
                return Err(SigningKeysError::Twice(position));
            }
            keys.push(key);
        }
        match keys.first() {
            None => Err(SigningKeysError::NoKey),
            Some(first) if !first.signs_access_tokens() => Err(SigningKeysError::RsaFirst),
            Some(_) => Ok(Self(keys)),
        }
    }

    /// The same with more keys behind, such as an RSA key that lies in a file of its own.
    pub fn with_more(self, text: &str) -> Result<Self, SigningKeysError> {
        let mut keys = self.0;
        let text = text.replace("\\n", "\n");
        for rest in text.split(BEGIN).skip(1) {
            let position = keys.len() + 1;
            let key = SigningKey::from_block(rest, position)?;
            if keys.iter().any(|earlier| earlier.kid == key.kid) {
                return Err(SigningKeysError::Twice(position));
            }
            keys.push(key);
        }
        Ok(Self(keys))
    }

    /// A new RSA key of 2048 bits in PEM form. The cryptographic library finds its primes by itself.
    ///
    /// # Errors
    /// When the library has no randomness or no memory.
    pub fn generate_rsa_pem() -> Result<SecretString, aws_lc_rs::error::Unspecified> {
        let der = RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?;
        let encoded = STANDARD.encode(der.as_ref());
        let mut text = format!("{BEGIN}{PKCS8_LABEL}{DASHES}\n");
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, behind) = rest.split_at(rest.len().min(PEM_LINE));
            text.extend([line, "\n"]);
            rest = behind;
        }
        text.extend(["-----END ", PKCS8_LABEL, DASHES, "\n"]);
        Ok(text.into())
    }

    /// Whether an RSA key is there, without which no ID token can be signed for most libraries.
    pub fn has_rsa(&self) -> bool {
        self.signing_by(Algorithm::RS256).is_some()
    }

    /// The key that signs ID tokens by an algorithm: the first of its sort.
    pub(super) fn signing_by(&self, algorithm: Algorithm) -> Option<&SigningKey> {
        self.0.iter().find(|key| key.algorithm == algorithm)
    }

    /// The algorithms that ID tokens can be signed by, as their names.
    pub fn id_token_algorithms(&self) -> Vec<&'static str> {
        [
            (Algorithm::RS256, "RS256"),
            (Algorithm::ES256, "ES256"),
            (Algorithm::EdDSA, "EdDSA"),
        ]
        .into_iter()
        .filter(|(algorithm, _)| self.signing_by(*algorithm).is_some())
        .map(|(_, name)| name)
        .collect()
    }

    /// A new Ed25519 key in PEM form, for [`SigningKeys::from_pem`].
    pub fn generate_pem(random: &Random) -> SecretString {
        let seed: [u8; 32] = random.fresh_bytes();
        let encoded = STANDARD.encode([&ED25519_PKCS8_HEAD[..], &seed].concat());
        format!("{BEGIN}{PKCS8_LABEL}{DASHES}\n{encoded}\n-----END {PKCS8_LABEL}{DASHES}\n").into()
    }

    /// The public halves as a JWK set (RFC 7517), for `/.well-known/jwks.json`.
    pub fn jwks(&self) -> serde_json::Value {
        let keys: Vec<&Jwk> = self.0.iter().map(|key| &key.jwk).collect();
        serde_json::json!({ "keys": keys })
    }

    pub(super) fn signing(&self) -> &SigningKey {
        &self.0[0]
    }

    pub(super) fn find(&self, kid: &str) -> Option<&SigningKey> {
        self.0.iter().find(|key| key.kid == kid)
    }
}

impl SigningKey {
    /// An RSA key never does: it signs ID tokens only.
    pub(super) fn signs_access_tokens(&self) -> bool {
        self.algorithm != Algorithm::RS256
    }

    /// Signs a header, which names this key, and claims as a JWT (RFC 7519).
    ///
    /// # Errors
    /// When the cryptographic library refuses to sign, which a key that was read never causes.
    pub(super) fn sign(
        &self,
        typ: &str,
        claims: &impl Serialize,
    ) -> jsonwebtoken::errors::Result<String> {
        let mut header = Header::new(self.algorithm);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.clone());
        let mut token = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut token);
        let signature = self.signature(&token)?;
        token.extend([".", &signature]);
        Ok(token)
    }

    /// The third part of a token (RFC 7515, section 5.1).
    pub(super) fn signature(&self, message: &str) -> jsonwebtoken::errors::Result<String> {
        let message = message.as_bytes();
        match &*self.private {
            PrivateKey::Ed25519(key) => Ok(URL_SAFE_NO_PAD.encode(key.sign(message))),
            PrivateKey::P256(key) => {
                let signature = key.sign(&SystemRandom::new(), message);
                let refused = |_| ErrorKind::Signing("the library refuses to sign".to_owned());
                Ok(URL_SAFE_NO_PAD.encode(signature.map_err(refused)?))
            }
            PrivateKey::Rsa(key) => jsonwebtoken::crypto::sign(message, key, self.algorithm),
        }
    }

    fn has_enough_bits(&self) -> bool {
        match &self.jwk.algorithm {
            AlgorithmParameters::RSA(key) => {
                let modulus = URL_SAFE_NO_PAD.decode(&key.n).unwrap_or_default();
                let leading = modulus.iter().take_while(|byte| **byte == 0).count();
                let modulus = &modulus[leading..];
                modulus.len() > RSA_BYTES
                    || (modulus.len() == RSA_BYTES
                        && modulus.first().is_some_and(|byte| *byte >= 0x80))
            }
            _ => true,
        }
    }

    /// Reads a PEM block whose `-----BEGIN ` is cut off.
    fn from_block(rest: &str, position: usize) -> Result<Self, SigningKeysError> {
        let (label, body) = rest
            .split_once(DASHES)
            .ok_or(SigningKeysError::Unfinished(position))?;
        if label != PKCS8_LABEL {
            return Err(SigningKeysError::NotPkcs8 {
                position,
                label: shown_label(label),
            });
        }
        let end = format!("-----END {PKCS8_LABEL}{DASHES}");
        let (body, _) = body
            .split_once(&end)
            .ok_or(SigningKeysError::Unfinished(position))?;
        let pem = format!("{BEGIN}{PKCS8_LABEL}{DASHES}{body}{end}\n");
        let ed25519 = || Self::new(EncodingKey::from_ed_pem(pem.as_bytes())?, Algorithm::EdDSA);
        let p256 = || Self::new(EncodingKey::from_ec_pem(pem.as_bytes())?, Algorithm::ES256);
        let rsa = || Self::new(EncodingKey::from_rsa_pem(pem.as_bytes())?, Algorithm::RS256);
        let key = ed25519().or_else(|_| p256()).or_else(|_| rsa());
        let key = key.map_err(|_| SigningKeysError::Unusable(position))?;
        if key.has_enough_bits() {
            Ok(key)
        } else {
            Err(SigningKeysError::ShortRsa(position))
        }
    }

    fn new(private: EncodingKey, algorithm: Algorithm) -> jsonwebtoken::errors::Result<Self> {
        let mut jwk = Jwk::from_encoding_key(&private, algorithm)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let public = DecodingKey::from_jwk(&jwk)?;
        Ok(Self {
            kid,
            algorithm,
            private: Arc::new(PrivateKey::read(private, algorithm)?),
            public,
            jwk,
        })
    }
}

impl PrivateKey {
    fn read(key: EncodingKey, algorithm: Algorithm) -> jsonwebtoken::errors::Result<Self> {
        let p256 = &ECDSA_P256_SHA256_FIXED_SIGNING;
        match algorithm {
            Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(key.as_bytes())
                .map(Self::Ed25519)
                .map_err(|_| ErrorKind::InvalidEddsaKey.into()),
            Algorithm::ES256 => EcdsaKeyPair::from_pkcs8(p256, key.as_bytes())
                .map(Self::P256)
                .map_err(|_| ErrorKind::InvalidEcdsaKey.into()),
            _ => Ok(Self::Rsa(key)),
        }
    }
}

/// A label consists of capitals; anything else could be a part of the key.
fn shown_label(label: &str) -> String {
    let is_label = label.len() <= 40
        && label
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b' ');
    if is_label {
        label
    } else {
        "PEM block of another kind"
    }
    .to_owned()
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|key| &key.kid))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
    use secrecy::ExposeSecret as _;

    use super::*;

    fn ed25519(seed: u64) -> String {
        SigningKeys::generate_pem(&Random::seeded(seed))
            .expose_secret()
            .to_owned()
    }

    fn p256() -> String {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .expect("a key")
            .serialize_pem()
    }

    #[test]
    fn a_token_is_the_one_that_the_library_would_make() {
        let rsa = SigningKeys::generate_rsa_pem().expect("a key");
        let keys = SigningKeys::from_pem(&ed25519(1)).expect("a key");
        let keys = keys.with_more(rsa.expose_secret()).expect("a key");
        let privates = [
            EncodingKey::from_ed_pem(ed25519(1).as_bytes()),
            EncodingKey::from_rsa_pem(rsa.expose_secret().as_bytes()),
        ];
        for (key, private) in keys.0.iter().zip(privates) {
            for claims in [
                serde_json::json!({}),
                serde_json::json!({ "sub": "۱", "exp": 1, "aud": ["a", "b"] }),
            ] {
                let mut header = Header::new(key.algorithm);
                header.typ = Some("at+jwt".to_owned());
                header.kid = Some(key.kid.clone());
                let private = private.as_ref().expect("a key");
                let expected = jsonwebtoken::encode(&header, &claims, private);
                assert_eq!(
                    key.sign("at+jwt", &claims).expect("signed"),
                    expected.expect("signed")
                );
            }
        }
    }

    fn error(text: &str) -> SigningKeysError {
        SigningKeys::from_pem(text).expect_err("refused")
    }

    /// The key of RFC 8037, appendix A.1, and its thumbprint of appendix A.3.
    #[test]
    fn the_published_thumbprint_of_rfc_8037_is_the_kid() {
        let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .expect("hex");
        let der = [&ED25519_PKCS8_HEAD[..], &seed].concat();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
            STANDARD.encode(der)
        );
        let keys = SigningKeys::from_pem(&pem).expect("a key");
        assert_eq!(
            keys.jwks(),
            serde_json::json!({ "keys": [{
                "kty": "OKP",
                "crv": "Ed25519",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                "use": "sig",
                "alg": "EdDSA",
                "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            }] })
        );
    }

    #[test]
    fn all_keys_are_published_in_order_and_nothing_private_is() {
        let text = format!("{}{}", p256(), ed25519(1));
        let keys = SigningKeys::from_pem(&text).expect("two keys");
        let jwks = keys.jwks();
        assert_eq!(jwks["keys"][0]["kty"], "EC");
        assert_eq!(jwks["keys"][0]["crv"], "P-256");
        assert_eq!(jwks["keys"][0]["alg"], "ES256");
        assert_eq!(jwks["keys"][1]["alg"], "EdDSA");
        assert_eq!(jwks["keys"][0]["kid"], keys.signing().kid.as_str());
        for key in jwks["keys"].as_array().expect("a list") {
            assert_eq!(key.get("d"), None, "the private half");
            assert!(key["x"].is_string());
        }
        let shown = format!("{keys:?}");
        assert_eq!(
            shown,
            format!("{:?}", [&keys.0[0].kid, &keys.0[1].kid]),
            "kids only"
        );
    }

    #[test]
    fn a_key_may_stand_in_one_line() {
        let one_line = ed25519(1).replace('\n', "\\n");
        let keys = SigningKeys::from_pem(&one_line).expect("a key");
        assert_eq!(
            keys.jwks(),
            SigningKeys::from_pem(&ed25519(1)).expect("a key").jwks()
        );
    }

    #[test]
    fn an_rsa_key_stands_behind_the_first_and_is_published_with_its_use_and_algorithm() {
        let rsa = SigningKeys::generate_rsa_pem().expect("a key");
        let rsa = rsa.expose_secret();
        assert_eq!(error(rsa), SigningKeysError::RsaFirst);
        assert_eq!(
            error(&format!("{rsa}{}", ed25519(1))),
            SigningKeysError::RsaFirst
        );
        let keys = SigningKeys::from_pem(&format!("{}{rsa}", ed25519(1))).expect("two keys");
        assert!(keys.has_rsa());
        assert_eq!(keys.id_token_algorithms(), ["RS256", "EdDSA"]);
        assert_eq!(keys.signing().algorithm, Algorithm::EdDSA);
        let jwk = &keys.jwks()["keys"][1];
        for (name, value) in [
            ("kty", "RSA"),
            ("use", "sig"),
            ("alg", "RS256"),
            ("e", "AQAB"),
        ] {
            assert_eq!(jwk[name], value);
        }
        assert!(jwk["kid"].is_string() && jwk.get("d").is_none() && jwk.get("p").is_none());
        // As it is advised: another key before it.
        assert!(SigningKeys::from_pem(&format!("{}{rsa}", p256())).is_ok());
        let alone = SigningKeys::from_pem(&ed25519(1)).expect("a key");
        assert!(!alone.has_rsa());
        let joined = alone.with_more(rsa).expect("two keys");
        assert_eq!(joined.jwks(), keys.jwks());
        assert_eq!(
            joined.with_more(rsa).expect_err("refused"),
            SigningKeysError::Twice(3)
        );
    }

    #[test]
    fn a_short_rsa_key_is_refused() {
        // 1024 bits, of `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024`.
        let short = include_str!("signing_keys/rsa_1024.pem");
        let told = error(&format!("{}{short}", ed25519(1)));
        assert!(
            matches!(
                told,
                SigningKeysError::ShortRsa(2) | SigningKeysError::Unusable(2)
            ),
            "{told}"
        );
        let arguments = [
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
        ];
        let made = std::process::Command::new("openssl")
            .args(arguments)
            .output();
        let made = String::from_utf8(made.expect("openssl is installed").stdout).expect("text");
        let keys = SigningKeys::from_pem(&format!("{}{made}", ed25519(1)));
        assert!(keys.expect("two keys").has_rsa());
    }

    #[test]
    fn unusable_keys_are_named_by_their_position() {
        assert_eq!(error(""), SigningKeysError::NoKey);
        assert_eq!(error("secret"), SigningKeysError::NoKey);
        let whole = ed25519(1);
        assert_eq!(error(&whole[..60]), SigningKeysError::Unfinished(1));
        assert_eq!(
            error(&format!(
                "{whole}{}",
                whole.replace("PRIVATE", "EC PRIVATE")
            )),
            SigningKeysError::NotPkcs8 {
                position: 2,
                label: "EC PRIVATE KEY".to_owned()
            }
        );
        let without_line_break = whole.replace("KEY-----\n", "KEY ");
        let shown = error(&without_line_break).to_string();
        assert!(!shown.contains("MC4C"), "{shown}");
        let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)
            .expect("a key")
            .serialize_pem();
        assert_eq!(error(&p384), SigningKeysError::Unusable(1));
        let damaged = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert_eq!(
            error(&format!("{whole}{damaged}")),
            SigningKeysError::Unusable(2)
        );
        assert_eq!(
            error(&format!("{whole}{whole}")),
            SigningKeysError::Twice(2)
        );
    }
}

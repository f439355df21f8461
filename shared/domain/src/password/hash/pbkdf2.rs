//! `iterations$salt$hash`, as Django writes PBKDF2 behind the name of its hasher.

use ::pbkdf2::pbkdf2_hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{StoredHashError, TooCostly, UnknownFormat, decimal};

/// RFC 8018 section 4.2 asks for as many at least.
const MIN_ITERATIONS: u32 = 1_000;
/// Django writes 1,000,000 (5.2) and raises it by about a fifth with each release.
const MAX_ITERATIONS: u32 = 2_000_000;

/// The hash that is compared has the length of its digest.
#[derive(Clone)]
enum Expected {
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

#[derive(Clone)]
pub(super) struct Pbkdf2Hash {
    iterations: u32,
    salt: String,
    expected: Expected,
}

impl Pbkdf2Hash {
    pub(super) fn sha1(text: &str) -> Result<Self, StoredHashError> {
        Self::parse(text, |hash| Some(Expected::Sha1(hash.try_into().ok()?)))
    }

    pub(super) fn sha256(text: &str) -> Result<Self, StoredHashError> {
        Self::parse(text, |hash| Some(Expected::Sha256(hash.try_into().ok()?)))
    }

    fn parse(
        text: &str,
        expected: impl FnOnce(Vec<u8>) -> Option<Expected>,
    ) -> Result<Self, StoredHashError> {
        let parts: Vec<&str> = text.split('$').collect();
        let [iterations, salt, hash] = parts[..] else {
            return Err(UnknownFormat);
        };
        let iterations = decimal(iterations).ok_or(UnknownFormat)?;
        let hash = BASE64.decode(hash).map_err(|_| UnknownFormat)?;
        let expected = expected(hash).ok_or(UnknownFormat)?;
        if salt.is_empty() || iterations < MIN_ITERATIONS {
            return Err(UnknownFormat);
        }
        if iterations > MAX_ITERATIONS {
            return Err(TooCostly);
        }
        Ok(Self {
            iterations,
            salt: salt.to_owned(),
            expected,
        })
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let salt = self.salt.as_bytes();
        match &self.expected {
            Expected::Sha1(expected) => {
                let mut computed = [0; 20];
                pbkdf2_hmac::<Sha1>(password, salt, self.iterations, &mut computed);
                computed.ct_eq(expected).into()
            }
            Expected::Sha256(expected) => {
                let mut computed = [0; 32];
                pbkdf2_hmac::<Sha256>(password, salt, self.iterations, &mut computed);
                computed.ct_eq(expected).into()
            }
        }
    }
}

//! The secret in the address at which the gateway reports deliveries.

use std::collections::BTreeSet;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::reader::{Read, Reader};
use super::variables::DELIVERY_CALLBACK_SECRET;

const MIN_CHARS: usize = 32;
/// With the rest of the address it must fit into a field of the gateway's panel.
const MAX_CHARS: usize = 128;
/// A secret of fewer different characters is a pattern.
const MIN_DIFFERENT_CHARS: usize = 8;

/// `DELIVERY_CALLBACK_SECRET`: anyone who knows it may report deliveries.
#[derive(Clone)]
pub struct CallbackSecret(SecretString);

impl CallbackSecret {
    /// Reads a secret that can stand in a path as it is.
    ///
    /// # Errors
    /// What is wrong with it, never the secret.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !text.bytes().all(plain) {
            return Err(
                "may have letters, digits, `-` and `_` only, since it is part of an address; make one with `openssl rand -hex 32`",
            );
        }
        if !(MIN_CHARS..=MAX_CHARS).contains(&text.len()) {
            return Err("must have 32 to 128 characters; make one with `openssl rand -hex 32`");
        }
        if text.bytes().collect::<BTreeSet<_>>().len() < MIN_DIFFERENT_CHARS {
            return Err("can be guessed; make one with `openssl rand -hex 32`");
        }
        Ok(Self(text.into()))
    }

    /// Whether this is the secret. The time that it takes tells nothing about it, nor its length.
    pub fn is(&self, given: &str) -> bool {
        let digest = |text: &str| Sha256::digest(text.as_bytes());
        let (ours, theirs) = (digest(self.0.expose_secret()), digest(given));
        ours.as_slice().ct_eq(theirs.as_slice()).into()
    }
}

impl fmt::Debug for CallbackSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackSecret(…)")
    }
}

/// Reads `DELIVERY_CALLBACK_SECRET`.
pub(super) fn read_callback_secret(reader: &mut Reader<'_>) -> Read<Option<CallbackSecret>> {
    reader.parsed_if_set(&DELIVERY_CALLBACK_SECRET, CallbackSecret::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "9f2c4b7d1e6a8035c9f2d4b7e1a60835";

    #[test]
    fn a_34_only_the_whole_secret_is_the_secret() {
        let secret = CallbackSecret::parse(SECRET).expect("a secret");
        assert!(secret.is(SECRET));
        for other in ["", &SECRET[1..], "9F2C4B7D1E6A8035C9F2D4B7E1A60835"] {
            assert!(!secret.is(other), "{other}");
        }
        assert!(!secret.is(&format!("{SECRET}0")));
    }

    #[test]
    fn a_secret_that_can_be_guessed_or_does_not_fit_into_a_path_is_refused_unseen() {
        let long = SECRET.repeat(5);
        for (wrong, word) in [
            (&SECRET[1..], "32 to 128"),
            (&long, "32 to 128"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "guessed"),
            ("9f2c4b7d1e6a8035/9f2d4b7e1a608351", "part of an address"),
            ("9f2c4b7d1e6a8035c9f2d4b7e1a6083گ", "part of an address"),
        ] {
            let error = CallbackSecret::parse(wrong).expect_err("refused");
            assert!(error.contains(word), "{error}");
        }
        let secret = CallbackSecret::parse(SECRET).expect("a secret");
        assert!(!format!("{secret:?}").contains("9f2c"));
    }
}

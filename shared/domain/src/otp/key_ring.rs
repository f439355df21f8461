//! The keys that codes are derived from, and their rotation.
//!
//! `OTP_KEY` is `kid:base64[,kid:base64…]`. The first key makes new codes; the others still answer
//! for challenges that name them, so a new key is put in front and the old one is dropped when the
//! last challenge made with it has died (at most ten minutes later).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// The shortest key that is taken: as long as the output of SHA-256.
const MIN_KEY_BYTES: usize = 32;
/// The longest id of a key.
pub(crate) const MAX_KID_CHARS: usize = 16;

/// One key with its id.
#[derive(Clone)]
pub struct OtpKey {
    kid: String,
    bytes: Vec<u8>,
}

/// The keys in use, the newest first. Never empty.
#[derive(Clone)]
pub struct KeyRing(Vec<OtpKey>);

/// Why a text is not a key ring. Never holds key material.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// A part without a colon, or with an unusable id.
    #[error(
        "part {0} is not `kid:base64` with a kid of 1 to {MAX_KID_CHARS} letters, digits, `-` or `_`"
    )]
    Malformed(usize),
    /// The key is not base64.
    #[error("the key `{0}` is not base64")]
    NotBase64(String),
    /// The key could be guessed.
    #[error(
        "the key `{0}` is shorter than {MIN_KEY_BYTES} bytes; make one with `openssl rand -base64 32`"
    )]
    TooShort(String),
    /// The key is a placeholder or a pattern.
    #[error("the key `{0}` is a known or patterned value; make one with `openssl rand -base64 32`")]
    Known(String),
    /// Two keys with one id.
    #[error("the key id `{0}` is given twice")]
    Twice(String),
}

impl OtpKey {
    /// The id that challenge records name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl KeyRing {
    /// Reads `kid:base64[,kid:base64…]`.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let mut keys: Vec<OtpKey> = Vec::new();
        for (index, part) in text.split(',').map(str::trim).enumerate() {
            let key = parse_key(part, index + 1)?;
            if keys.iter().any(|earlier| earlier.kid == key.kid) {
                return Err(KeyRingError::Twice(key.kid));
            }
            keys.push(key);
        }
        Ok(Self(keys))
    }

    /// The key for new codes.
    pub fn newest(&self) -> &OtpKey {
        &self.0[0]
    }

    /// Every key, the newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &OtpKey> {
        self.0.iter()
    }

    /// The key of a challenge that names `kid`, unless this process lacks it.
    pub fn find(&self, kid: &str) -> Option<&OtpKey> {
        self.0.iter().find(|key| key.kid == kid)
    }
}

fn parse_key(part: &str, position: usize) -> Result<OtpKey, KeyRingError> {
    let (kid, encoded) = part
        .split_once(':')
        .ok_or(KeyRingError::Malformed(position))?;
    let kid_is_plain = kid
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if kid.is_empty() || kid.len() > MAX_KID_CHARS || !kid_is_plain {
        return Err(KeyRingError::Malformed(position));
    }
    let bytes = STANDARD
        .decode(encoded)
        .or_else(|_| URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('=')))
        .map_err(|_| KeyRingError::NotBase64(kid.to_owned()))?;
    if bytes.len() < MIN_KEY_BYTES {
        return Err(KeyRingError::TooShort(kid.to_owned()));
    }
    if is_patterned(&bytes) {
        return Err(KeyRingError::Known(kid.to_owned()));
    }
    Ok(OtpKey {
        kid: kid.to_owned(),
        bytes,
    })
}

/// 32 random bytes hold fewer than 12 distinct values, or readable text only, with a chance below
/// 10^-13; placeholders (`changeme…`, zeros, counted bytes) always do.
fn is_patterned(bytes: &[u8]) -> bool {
    let distinct = bytes.iter().collect::<std::collections::HashSet<_>>().len();
    let text = bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
    let counted = bytes
        .windows(2)
        .all(|pair| pair[1].wrapping_sub(pair[0]) == 1);
    distinct < 12 || text || counted
}

impl fmt::Debug for OtpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OtpKey({}, ••••)", self.kid)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn random_key(seed: u64) -> String {
        STANDARD.encode(Random::seeded(seed).bytes::<32>())
    }

    #[test]
    fn the_first_key_is_the_newest_and_the_others_still_answer() {
        let ring = KeyRing::parse(&format!("new:{}, old:{}", random_key(1), random_key(2)))
            .expect("a key ring");
        assert_eq!(ring.newest().kid(), "new");
        assert!(ring.find("old").is_some());
        assert!(ring.find("older").is_none());
    }

    #[test]
    fn jwt_02_short_known_and_broken_keys_are_refused_without_being_shown() {
        let error = |text: &str| KeyRing::parse(text).expect_err("refused");
        assert_eq!(error(""), KeyRingError::Malformed(1));
        assert_eq!(error("k1"), KeyRingError::Malformed(1));
        assert_eq!(
            error(&format!("k1:{},", random_key(1))),
            KeyRingError::Malformed(2)
        );
        assert_eq!(error("k 1:AAAA"), KeyRingError::Malformed(1));
        assert_eq!(error("k1:%%%"), KeyRingError::NotBase64("k1".to_owned()));
        assert_eq!(
            error("k1:c2hvcnQ="),
            KeyRingError::TooShort("k1".to_owned())
        );
        let known = |bytes: &[u8]| error(&format!("k1:{}", STANDARD.encode(bytes)));
        assert_eq!(known(&[0; 32]), KeyRingError::Known("k1".to_owned()));
        assert_eq!(
            known(b"changeme-changeme-changeme-changeme"),
            KeyRingError::Known("k1".to_owned())
        );
        assert_eq!(
            known(b"correct horse battery staple 42!"),
            KeyRingError::Known("k1".to_owned())
        );
        let counted: Vec<u8> = (0..32).collect();
        assert_eq!(known(&counted), KeyRingError::Known("k1".to_owned()));
        let twice = format!("k1:{},k1:{}", random_key(1), random_key(2));
        assert_eq!(error(&twice), KeyRingError::Twice("k1".to_owned()));
    }

    #[test]
    fn i_05_debug_output_hides_the_keys() {
        let encoded = random_key(1);
        let shown = format!(
            "{:?}",
            KeyRing::parse(&format!("k1:{encoded}")).expect("a key ring")
        );
        assert_eq!(shown, "[OtpKey(k1, ••••)]");
    }
}

//! Recovery codes: for the day when the phone with the app is lost. Each works once.

use std::fmt;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::random::Random;
use crate::typed::ascii_digit;

/// So many does somebody get.
pub const RECOVERY_CODES: usize = 10;

const CHARS: usize = 16;
/// Crockford's base32: no letter is taken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LABEL: &[u8] = b"ramz recovery code v1";

/// A recovery code: 80 random bits, which need no slow hash in the records. Debug output hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode([u8; CHARS]);

impl RecoveryCode {
    /// A new one.
    pub fn new(random: &Random) -> Self {
        let bytes: [u8; CHARS] = random.fresh_bytes();
        Self(bytes.map(|byte| ALPHABET[usize::from(byte & 31)]))
    }

    /// Reads what somebody typed: spaces and dashes do not matter, nor large letters, nor digits of another script;
    /// `o`, `i` and `l` are the digits that they look like. `None` for what is none.
    pub fn parse(typed: &str) -> Option<Self> {
        // Nobody makes us read more.
        if typed.len() > 128 {
            return None;
        }
        let mut chars = Vec::with_capacity(CHARS);
        for character in typed.chars() {
            let character = ascii_digit(character).unwrap_or(character);
            let character = match character.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                other => other,
            };
            match u8::try_from(character) {
                Ok(byte) if ALPHABET.contains(&byte) => chars.push(byte),
                _ if character.is_alphanumeric() => return None,
                _ => {}
            }
        }
        chars.try_into().ok().map(Self)
    }

    /// The form that people keep: four groups of four.
    pub fn expose(&self) -> String {
        let groups = self.0.chunks(4).map(String::from_utf8_lossy);
        groups.collect::<Vec<_>>().join("-")
    }

    /// What the records keep of it, as that of this user.
    pub fn hash(&self, user: Uuid) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(LABEL);
        hash.update(user.as_bytes());
        hash.update(self.0);
        hash.finalize().into()
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(••••)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_however_they_are_typed() {
        let code = RecoveryCode::new(&Random::seeded(1));
        let shown = code.expose();
        assert_eq!(shown.len(), CHARS + 3);
        for typed in [
            shown.clone(),
            shown.replace('-', " "),
            shown.replace('-', ""),
            format!("  {}\u{200f}", shown.to_uppercase()),
            shown.replace('0', "o").replace('1', "L"),
            shown.replace('7', "۷").replace('3', "٣"),
        ] {
            assert_eq!(RecoveryCode::parse(&typed), Some(code.clone()), "{typed}");
        }
        for typed in [
            "",
            "123456",
            &shown[1..],
            &format!("{shown}0"),
            &shown.replace('-', "u"),
        ] {
            assert_eq!(RecoveryCode::parse(typed), None, "{typed}");
        }
        assert_eq!(RecoveryCode::parse(&"0".repeat(1_000)), None);
    }

    #[test]
    fn a_hash_is_that_of_one_user() {
        let random = Random::seeded(1);
        let code = RecoveryCode::new(&random);
        let (one, other) = (random.uuid_v4(), random.uuid_v4());
        assert_eq!(code.hash(one), code.hash(one));
        assert_ne!(code.hash(one), code.hash(other));
        assert_eq!(format!("{code:?}"), "RecoveryCode(••••)");
    }
}

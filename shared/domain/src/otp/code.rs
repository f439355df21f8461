//! The code of a challenge, computed when it is needed and never written down.
//!
//! `code = HMAC-SHA-256(key[kid], fields)`, where `fields` are, each behind its length as a
//! 32-bit big-endian number: the text `ramz otp v1`, the purpose, the E.164 phone number, the
//! 16-byte root id and the 16-byte salt. The first 8 bytes of the MAC, read as a big-endian
//! number, modulo 10^digits, padded with zeros, are the code. The bias of the modulo is below
//! 10^8 / 2^64, which is less than 1 in 10^11.
//!
//! The salt lives in the record of the root only and the key in configuration only, so neither a
//! dump of a store nor a leaked key alone gives a code. Test vectors stand in
//! `docs/derived-codes.md`.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::OtpKey;
use crate::phone::PhoneNumber;
use crate::root::{RootId, Salt};
use crate::typed::{ascii_digit, is_dash, is_invisible, is_punctuation, reverses};

const DOMAIN: &[u8] = b"ramz otp v1";

/// What a code may be used for. Each endpoint accepts its own purpose only.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Sign in, or sign up by the first sign-in.
    SignIn,
    /// The step flow that sets a password.
    Register,
    /// A new password for somebody who forgot the old one.
    ResetPassword,
    /// A new number for a signed-in user.
    ChangePhone,
    /// The admin console.
    Admin,
}

impl Purpose {
    /// The name in stores, in metrics and in the derivation of the code.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether all who ask for the same number within minutes share one code. Otherwise each request
    /// has its own: a change of number belongs to the user who asked.
    pub fn shares_roots(self) -> bool {
        match self {
            Self::SignIn | Self::Register | Self::ResetPassword => true,
            Self::ChangePhone | Self::Admin => false,
        }
    }

    /// The purpose of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// A one-time code: digits only. Debug output hides it.
#[derive(Clone)]
pub struct OtpCode(String);

/// Why a text is not a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OtpCodeError {
    /// Something else than digits.
    #[error("the code consists of digits only")]
    NotDigits,
    /// Too few or too many digits.
    #[error("the code has {0} digits")]
    WrongLength(u8),
}

impl OtpCode {
    /// Reads what a person typed or pasted: digits of any script, without what nobody sees and without
    /// the punctuation between and around them, which no code has.
    pub fn parse(input: &str, digits: u8) -> Result<Self, OtpCodeError> {
        if input.len() > 128 {
            return Err(OtpCodeError::WrongLength(digits));
        }
        let mut code = String::with_capacity(usize::from(digits));
        let matters =
            |c: &char| reverses(*c) || !(is_invisible(*c) || is_dash(*c) || is_punctuation(*c));
        for character in input.chars().filter(matters) {
            code.push(ascii_digit(character).ok_or(OtpCodeError::NotDigits)?);
        }
        if code.len() == usize::from(digits) {
            Ok(Self(code))
        } else {
            Err(OtpCodeError::WrongLength(digits))
        }
    }

    /// The digits, for the text of the message and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for OtpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtpCode(••••)")
    }
}

/// Computes the code of a root; see the module for the definition.
pub fn derive(
    key: &OtpKey,
    purpose: Purpose,
    phone: &PhoneNumber,
    root: RootId,
    salt: &Salt,
    digits: u8,
) -> OtpCode {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.bytes()).expect("HMAC takes keys of any length");
    for field in [
        DOMAIN,
        purpose.as_str().as_bytes(),
        phone.as_e164().as_bytes(),
        root.as_bytes(),
        salt.as_bytes(),
    ] {
        let length = u32::try_from(field.len()).expect("the fields are short");
        mac.update(&length.to_be_bytes());
        mac.update(field);
    }
    let mac = mac.finalize().into_bytes();
    let mut first = [0; 8];
    first.copy_from_slice(&mac[..8]);
    let number = u64::from_be_bytes(first) % 10_u64.pow(u32::from(digits));
    OtpCode(format!("{number:0width$}", width = usize::from(digits)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::SessionId;
    use crate::otp::KeyRing;
    use crate::random::Random;

    fn key(seed: u64) -> OtpKey {
        let bytes: [u8; 32] = Random::seeded(seed).bytes();
        KeyRing::parse(&format!("k1:{}", base64(&bytes)))
            .expect("a key ring")
            .newest()
            .clone()
    }

    fn base64(bytes: &[u8]) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }

    fn phone(text: &str) -> PhoneNumber {
        PhoneNumber::from_e164(text).expect("canonical")
    }

    /// The rows of the published vectors of `docs/derived-codes.md`, computed there with another language,
    /// whose first cell begins so; each is cut into its `N` cells.
    fn vectors<const N: usize>(first: &str) -> Vec<[&'static str; N]> {
        let document = include_str!("../../../../docs/derived-codes.md");
        let rows = document
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        rows.filter(|row| row.starts_with(first))
            .map(|row| {
                let cells: Vec<_> = row.split('|').map(|c| c.trim().trim_matches('`')).collect();
                cells.try_into().expect("the cells of a vector")
            })
            .collect()
    }

    /// The code that we derive from the cells of a vector.
    fn derived([key_hex, purpose, number, salt_hex, digits]: [&str; 5], root: RootId) -> String {
        let key = base64(&hex::decode(key_hex).expect("hex"));
        let ring = KeyRing::parse(&format!("v:{key}")).expect("a key ring");
        let salt = hex::decode(salt_hex).expect("hex").try_into().expect("16");
        let code = derive(
            ring.newest(),
            Purpose::from_name(purpose).expect("a purpose"),
            &phone(number),
            root,
            &Salt::from_bytes(salt),
            digits.parse().expect("a number of digits"),
        );
        code.expose().to_owned()
    }

    #[test]
    fn otp_06_the_published_test_vectors_hold() {
        let vectors = vectors::<9>("vector");
        for [
            name,
            key,
            purpose,
            number,
            session,
            salt,
            digits,
            id_hex,
            code,
        ] in &vectors
        {
            let id = session.parse::<SessionId>().expect("a UUID").challenge_id();
            assert_eq!(id.to_string(), *id_hex);
            let made = derived([key, purpose, number, salt, digits], id.into());
            assert_eq!(made, *code, "{name}");
        }
        assert!(vectors.len() >= 5, "only {} vectors found", vectors.len());
    }

    /// The same for challenges that share a root, which they did not begin.
    #[test]
    fn otp_06_the_published_vectors_of_shared_roots_hold() {
        let vectors = vectors::<8>("shared");
        for [name, key, purpose, number, root, salt, digits, code] in &vectors {
            let root = root.parse().expect("a root id");
            let made = derived([key, purpose, number, salt, digits], root);
            assert_eq!(made, *code, "{name}");
        }
        assert!(vectors.len() >= 3, "only {} vectors found", vectors.len());
    }

    #[test]
    fn a_08_a_09_each_of_the_fields_changes_the_code() {
        let random = Random::seeded(3);
        let (id, other_id) = (
            RootId::from_bytes(random.bytes()),
            RootId::from_bytes(random.bytes()),
        );
        let (salt, other_salt) = (
            Salt::from_bytes(random.bytes()),
            Salt::from_bytes(random.bytes()),
        );
        let (me, other) = (phone("+989123456789"), phone("+989123456780"));
        // Ten digits: a chance match of two of these codes is 1 in 10^10.
        let code = |key: &OtpKey, purpose, number: &PhoneNumber, id, salt: &Salt| {
            derive(key, purpose, number, id, salt, 10)
                .expose()
                .to_owned()
        };
        let base = code(&key(1), Purpose::SignIn, &me, id, &salt);
        assert_eq!(
            base,
            code(&key(1), Purpose::SignIn, &me, id, &salt),
            "a resend is the same code"
        );
        for other in [
            code(&key(2), Purpose::SignIn, &me, id, &salt),
            code(&key(1), Purpose::ChangePhone, &me, id, &salt),
            code(&key(1), Purpose::SignIn, &other, id, &salt),
            code(&key(1), Purpose::SignIn, &me, other_id, &salt),
            code(&key(1), Purpose::SignIn, &me, id, &other_salt),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn otp_01_codes_are_uniform_and_keep_their_leading_zeros() {
        let (key, me) = (key(9), phone("+989123456789"));
        let random = Random::seeded(11);
        let mut buckets = [0_u32; 100];
        let draws = 100_000;
        for _ in 0..draws {
            let id = RootId::from_bytes(random.bytes());
            let salt = Salt::from_bytes(random.bytes());
            let code = derive(&key, Purpose::SignIn, &me, id, &salt, 6);
            assert_eq!(code.expose().len(), 6);
            buckets[code.expose()[..2].parse::<usize>().expect("digits")] += 1;
        }
        let expected = f64::from(draws) / 100.0;
        let chi_square: f64 = buckets
            .iter()
            .map(|&seen| (f64::from(seen) - expected).powi(2) / expected)
            .sum();
        // 99 degrees of freedom: 148 is exceeded by chance once in 1,000; the seed is fixed.
        assert!(chi_square < 148.0, "chi-square {chi_square}");
    }

    #[test]
    fn typed_codes_may_be_persian_and_spaced() {
        let typed = OtpCode::parse(" ۱۲۳ ٤٥6 ", 6).expect("six digits");
        assert_eq!(typed.expose(), "123456");
        assert!(typed.matches(&OtpCode::parse("123456", 6).expect("six digits")));
        assert!(!typed.matches(&OtpCode::parse("123457", 6).expect("six digits")));
        for pasted in [
            "\u{200e}123456",
            "\u{2066}123456\u{2069}\n",
            "123-456",
            "123–456",
            "«123456»",
            "(123 456).",
            "\u{feff}12\u{ad}34\u{2009}56\u{fe0f}",
            "१२३४५६",
            "1،2،3،4،5،6",
            "\u{61c}۱۲۳۴۵۶\u{200f}؟",
        ] {
            let code = OtpCode::parse(pasted, 6).expect(pasted);
            assert_eq!(code.expose(), "123456", "{pasted:?}");
        }
        for other in [
            "\u{202e}654321",
            "12345six",
            "12345²",
            "123456\0",
            "+123456",
            "123456=",
            "12345½",
        ] {
            assert!(OtpCode::parse(other, 6).is_err(), "{other:?}");
        }
        assert_eq!(
            OtpCode::parse("12345", 6).err(),
            Some(OtpCodeError::WrongLength(6))
        );
        assert_eq!(
            OtpCode::parse("1234567", 6).err(),
            Some(OtpCodeError::WrongLength(6))
        );
        assert_eq!(
            OtpCode::parse("12345a", 6).err(),
            Some(OtpCodeError::NotDigits)
        );
        assert_eq!(
            OtpCode::parse("", 6).err(),
            Some(OtpCodeError::WrongLength(6))
        );
    }

    #[test]
    fn i_05_debug_output_hides_the_code() {
        assert_eq!(
            format!("{:?}", OtpCode::parse("123456", 6)),
            "Ok(OtpCode(••••))"
        );
    }
}

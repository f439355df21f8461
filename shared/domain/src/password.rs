//! Passwords: what people type, what is stored of it, and which ones are taken.
//!
//! [`Passwords`] does the hashing, which is slow and takes memory by design: off the async threads,
//! a few at a time. A [`PasswordHash`] is what is stored; it names its own format, so the hashes
//! that a Django project brings along are verified too, and replaced at the next log-in.

mod hash;
mod hashing;
mod places;
mod policy;

use std::borrow::Cow;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::typed::{composed, is_space};

pub use hash::{Match, PasswordHash, StoredHashError};
pub use hashing::{Busy, Compared, NewPasswordError, Passwords, Place, SLOWEST_REFUSAL};
pub use policy::{MIN_CHARS, OwnWords, Weakness};

/// The longest password that is taken. ASVS 5.0 (6.2.9) asks for at least 64 characters.
pub const MAX_CHARS: usize = 128;
/// The same in bytes of UTF-8: any script has its 128 characters, and nobody makes us hash more.
const MAX_BYTES: usize = 4 * MAX_CHARS;

/// A password as it was typed. It is wiped from memory when it goes, as is what is made of it as far as
/// that is ours; Debug output hides it.
///
/// What is hashed is its *prepared* form (RFC 8265, `OpaqueString`): composed, with plain spaces, so that
/// the same text from another keyboard is the same password. Nothing else is changed, not even digits.
/// Hashes of before, and Django's, were made of what was typed; they are compared with that too.
#[derive(Clone)]
pub struct Password(SecretString);

/// Why a text cannot be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing was typed.
    #[error("the password is empty")]
    Empty,
    /// More than [`MAX_CHARS`] characters.
    #[error("the password is longer than {MAX_CHARS} characters")]
    TooLong,
}

impl Password {
    /// Takes what a person typed.
    pub fn parse(typed: impl Into<SecretString>) -> Result<Self, PasswordError> {
        let typed = typed.into();
        let text = typed.expose_secret();
        if text.is_empty() {
            Err(PasswordError::Empty)
        } else if text.len() > MAX_BYTES || text.chars().count() > MAX_CHARS {
            Err(PasswordError::TooLong)
        } else {
            Ok(Self(typed))
        }
    }

    fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The form that is hashed.
    fn prepared(&self) -> Zeroizing<String> {
        let typed = self.expose();
        // A plain space is no longer than another, so the text is never moved and left behind.
        let mut spaced = Zeroizing::new(String::with_capacity(typed.len()));
        spaced.extend(typed.chars().map(|c| if is_space(c) { ' ' } else { c }));
        match composed(&spaced) {
            Cow::Borrowed(_) => {}
            Cow::Owned(composed) => return Zeroizing::new(composed),
        }
        spaced
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(••••)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_1_to_128_characters_of_any_script() {
        for (typed, error) in [
            (String::new(), Some(PasswordError::Empty)),
            (" ".into(), None),
            ("a".repeat(128), None),
            ("a".repeat(129), Some(PasswordError::TooLong)),
            ("ر".repeat(128), None),
            ("🔑".repeat(128), None),
            ("🔑".repeat(129), Some(PasswordError::TooLong)),
            ("a".repeat(1 << 20), Some(PasswordError::TooLong)),
        ] {
            let chars = typed.chars().count();
            assert_eq!(Password::parse(typed).err(), error, "{chars} characters");
        }
    }

    #[test]
    fn what_was_typed_is_kept_to_the_letter() {
        let typed = " ۱۲۳ رمز e\u{301} ";
        let password = Password::parse(typed).expect("a password");
        assert_eq!(password.expose(), typed);
    }

    #[test]
    fn the_same_text_from_another_keyboard_is_the_same_password() {
        let prepared = |typed: &str| {
            let password = Password::parse(typed).expect("a password");
            password.prepared().to_string()
        };
        for (one, other) in [
            ("café-سلام", "cafe\u{301}-سلام"),
            ("آبان-۱۳۷۰", "ا\u{653}بان-۱۳۷۰"),
            ("Å-station", "\u{212b}-station"),
            ("한글-password", "\u{1112}\u{1161}\u{11ab}글-password"),
            ("two words", "two\u{a0}words"),
            ("two words", "two\u{3000}words"),
        ] {
            assert_eq!(prepared(one), prepared(other), "{one}");
        }
        // What means another thing stays apart.
        for (one, other) in [
            ("Pass", "pass"),
            ("12", "۱۲"),
            ("ﬁx", "fix"),
            ("a b", "ab"),
            ("a ", "a"),
        ] {
            assert_ne!(prepared(one), prepared(other), "{one}");
        }
    }

    #[test]
    fn i_05_debug_output_hides_the_password() {
        let password = Password::parse("correct horse battery staple");
        assert_eq!(format!("{password:?}"), "Ok(Password(••••))");
    }
}

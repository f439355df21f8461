//! Refresh tokens: random, opaque, stored as hashes only.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::random::Random;

const BYTES: usize = 32;

/// Characters of the text form.
pub const REFRESH_TOKEN_CHARS: usize = 43;

/// The secret with which a client gets new access tokens. Debug output hides it.
///
/// Its 256 random bits need neither salt nor a slow hash in the records.
#[derive(Clone)]
pub struct RefreshToken([u8; BYTES]);

impl RefreshToken {
    /// A new one.
    pub fn new(random: &Random) -> Self {
        Self(random.bytes())
    }

    /// Reads the text form; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != REFRESH_TOKEN_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The text that goes to the client, and nowhere else: base64url without padding.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The form that the records keep: SHA-256 of the bytes.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(••••)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_leads_back_to_the_same_hash_and_debug_output_hides_it() {
        let token = RefreshToken::new(&Random::seeded(1));
        let text = token.expose();
        assert_eq!(text.len(), REFRESH_TOKEN_CHARS);
        let read = RefreshToken::parse(&text).expect("the text form");
        assert_eq!(read.hash(), token.hash());
        assert_ne!(
            token.hash(),
            RefreshToken::new(&Random::seeded(2)).hash(),
            "another token"
        );
        assert_eq!(format!("{token:?}"), "RefreshToken(••••)");
    }

    #[test]
    fn ses_02_the_hash_is_sha_256_of_the_bytes() {
        let token = RefreshToken([0; BYTES]);
        assert_eq!(
            hex::encode(token.hash()),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
    }

    #[test]
    fn only_the_one_text_form_of_a_token_is_taken() {
        let text = RefreshToken::new(&Random::seeded(1)).expose();
        // 43 characters hold 258 bits: the last two must be zero, or one token had four texts.
        let other_ending = format!("{}B", &"A".repeat(REFRESH_TOKEN_CHARS)[1..]);
        for wrong in [
            String::new(),
            format!("{text}="),
            format!(" {text}"),
            text[1..].to_owned(),
            "+".repeat(REFRESH_TOKEN_CHARS),
            other_ending,
        ] {
            assert!(RefreshToken::parse(&wrong).is_none(), "{wrong}");
        }
    }
}

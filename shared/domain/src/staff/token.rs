//! What a browser of the staff keeps, and what a link for them holds.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::random::Random;

/// Keeps the hashes of these tokens apart from those of others, and from one another.
const SESSION_LABEL: &[u8] = b"ramz staff session v1";
const FORM_LABEL: &[u8] = b"ramz staff form v1";
const LINK_LABEL: &[u8] = b"ramz staff link v1";

/// The secret by which a browser, or a link, shows whose it is. Debug output hides it.
///
/// Its 256 random bits need neither salt nor a slow hash in the records.
#[derive(Clone)]
pub struct StaffToken([u8; 32]);

impl StaffToken {
    /// A new one.
    pub fn new(random: &Random) -> Self {
        Self(random.fresh_bytes())
    }

    /// Reads the text form; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The text that goes to the browser or into the link, and nowhere else: base64url without padding.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What the records keep of the token of a session.
    pub fn session_hash(&self) -> [u8; 32] {
        self.hashed(SESSION_LABEL)
    }

    /// What the records keep of the token of a link.
    pub fn link_hash(&self) -> [u8; 32] {
        self.hashed(LINK_LABEL)
    }

    /// What the forms of a session carry, which no other site and no other browser has.
    pub fn form_token(&self) -> String {
        let hash = self.hashed(FORM_LABEL);
        URL_SAFE_NO_PAD.encode(&hash[..16])
    }

    fn hashed(&self, label: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(label);
        hash.update(self.0);
        hash.finalize().into()
    }
}

impl fmt::Debug for StaffToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaffToken(••••)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_back_and_their_hashes_stay_apart() {
        let (token, other) = (
            StaffToken::new(&Random::seeded(1)),
            StaffToken::new(&Random::seeded(2)),
        );
        let read = StaffToken::parse(&token.expose()).expect("a token");
        assert_eq!(read.session_hash(), token.session_hash());
        assert_ne!(token.session_hash(), token.link_hash());
        assert_ne!(token.form_token(), other.form_token());
        assert!(StaffToken::parse("AAAA").is_none());
        assert_eq!(format!("{token:?}"), "StaffToken(••••)");
    }
}

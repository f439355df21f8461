//! Authorization codes: what a client gets by way of the browser and gives back for tokens, once.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::random::Random;

const BYTES: usize = 32;

/// 256 random bits. Debug output hides them; the records keep a hash only.
#[derive(Clone)]
pub struct AuthorizationCode([u8; BYTES]);

impl AuthorizationCode {
    /// A new one.
    pub fn new(random: &Random) -> Self {
        Self(random.fresh_bytes())
    }

    /// Reads the text form; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The text that goes to the client, and nowhere else.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The form that the records keep.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationCode(••••)")
    }
}

/// The challenge that belongs to a verifier (RFC 7636, section 4.2, `S256`).
pub fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_that_of_the_published_vector() {
        assert_eq!(
            s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn t12_a_code_reads_back_as_itself_and_debug_output_hides_it() {
        let code = AuthorizationCode::new(&Random::seeded(1));
        let read = AuthorizationCode::parse(&code.expose()).expect("the text form");
        assert_eq!(read.hash(), code.hash());
        assert_eq!(format!("{code:?}"), "AuthorizationCode(••••)");
        for wrong in ["", "a", &format!("{}=", code.expose()), &code.expose()[1..]] {
            assert!(AuthorizationCode::parse(wrong).is_none(), "{wrong}");
        }
    }
}

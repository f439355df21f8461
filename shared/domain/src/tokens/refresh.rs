//! Refresh tokens: random, opaque, stored as hashes only.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::challenge::SessionId;
use crate::random::Random;

const BYTES: usize = 32;
/// Keeps this use of HMAC apart from every other one.
const SUCCESSOR_LABEL: &[u8] = b"ramz refresh successor v1";
const FIRST_LABEL: &[u8] = b"ramz first refresh v1";
/// Keeps the hashes of clients' tokens apart from those of our own.
const CLIENT_LABEL: &[u8] = b"ramz client refresh v1";

/// Characters of the text form.
pub const REFRESH_TOKEN_CHARS: usize = 43;

/// What a token is mixed with into its successor.
pub type SuccessorSalt = [u8; 16];

/// What the session id of a challenge is mixed with into the first token of a session.
pub type OriginSalt = [u8; 16];

/// The secret with which a client gets new access tokens. Debug output hides it.
///
/// Its 256 random bits need neither salt nor a slow hash in the records.
#[derive(Clone)]
pub struct RefreshToken([u8; BYTES]);

impl RefreshToken {
    /// A new one.
    pub fn new(random: &Random) -> Self {
        Self(random.fresh_bytes())
    }

    /// The first token of a session that a code opened: HMAC-SHA-256 with the 16 bytes of the session
    /// id of its challenge as the key, over a label and a random salt. A client whose answer was lost
    /// has the session id and not the salt; the records keep the salt and not the session id, and so
    /// neither alone gives the token.
    pub fn first(session: SessionId, salt: &OriginSalt) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(session.as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(FIRST_LABEL);
        mac.update(salt);
        Self(mac.finalize().into_bytes().into())
    }

    /// Reads the text form; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != REFRESH_TOKEN_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The token that takes this one's place: HMAC-SHA-256 with this token as the key, over a label
    /// and a random salt. Anyone who holds token and salt finds the same successor again; the records
    /// keep the salt but not the token, and a client has the token but not the salt.
    #[must_use]
    pub fn successor(&self, salt: &SuccessorSalt) -> Self {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(SUCCESSOR_LABEL);
        mac.update(salt);
        Self(mac.finalize().into_bytes().into())
    }

    /// The text that goes to the client, and nowhere else: base64url without padding.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The form that the records keep: SHA-256 of the bytes.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// The form that the records keep of the token of a client. It is another one, so that no call of
    /// an account finds such a token, and none of a client finds ours.
    pub fn hash_of_client(&self) -> [u8; 32] {
        let hash = Sha256::new()
            .chain_update(CLIENT_LABEL)
            .chain_update(self.0);
        hash.finalize().into()
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
    fn ses_02_a_44_the_hash_is_sha_256_of_the_bytes() {
        let token = RefreshToken([0; BYTES]);
        assert_eq!(
            hex::encode(token.hash()),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
    }

    /// Computed with Python: `hmac.new(token, b"ramz refresh successor v1" + salt, sha256)`.
    #[test]
    fn ses_09_the_successor_is_that_of_the_published_vectors() {
        for (token, salt, successor) in [
            (
                "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
                "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
                "276d54d9cb6954bfb6f914d01c31c17df161b8947f00a28400fdd06c51878a98",
            ),
            (
                "e1a9cb2904e149fc67fb4f462113cf471732bc7cc1ae35276ce2fdc0ab51af28",
                "c3a6a8530dbb478fb70a6ca8c7263a94",
                "16c514e68d14a770cf3193fa4afbd3c7d1554d363a81aed7785bb9d60aac222d",
            ),
        ] {
            let mut token_bytes = [0; BYTES];
            hex::decode_to_slice(token, &mut token_bytes).expect("hex");
            let mut salt_bytes = [0; 16];
            hex::decode_to_slice(salt, &mut salt_bytes).expect("hex");
            let found = RefreshToken(token_bytes).successor(&salt_bytes);
            assert_eq!(hex::encode(found.0), successor);
            assert_ne!(
                RefreshToken(token_bytes).successor(&[0; 16]).0,
                found.0,
                "another salt"
            );
        }
    }

    /// Computed with Python: `hmac.new(uuid.bytes, b"ramz first refresh v1" + salt, sha256)`.
    #[test]
    fn ses_09_the_first_token_is_that_of_the_published_vector() {
        let session: SessionId = "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11"
            .parse()
            .expect("a UUID");
        let mut salt = [0; 16];
        hex::decode_to_slice("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", &mut salt).expect("hex");
        let first = RefreshToken::first(session, &salt);
        assert_eq!(
            hex::encode(first.0),
            "adb70a613f8b6a0906226bbb0d89d3e679bad858b248494bc71dac74549b937c"
        );
        assert_ne!(RefreshToken::first(session, &[0; 16]).0, first.0);
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

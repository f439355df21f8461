//! What a browser keeps for us and must neither read nor change: sealed text (AES-256-GCM).
//!
//! The key is derived from a key of the ring, so that every process that has the ring opens what
//! another one sealed, and a dropped key closes what it sealed. A label keeps uses apart.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::otp::KeyRing;
use crate::random::Random;

/// Seals and opens the texts of one use.
pub struct Seal {
    /// The first one seals, all of them open. Never empty.
    keys: Vec<LessSafeKey>,
}

impl Seal {
    /// The seal of one use; `label` names it and its version.
    pub fn new(ring: &KeyRing, label: &str) -> Self {
        let keys = ring.iter().map(|key| {
            let mut mac =
                Hmac::<Sha256>::new_from_slice(key.bytes()).expect("HMAC takes keys of any length");
            mac.update(b"ramz seal v1");
            mac.update(label.as_bytes());
            let derived = mac.finalize().into_bytes();
            let key = UnboundKey::new(&AES_256_GCM, &derived)
                .expect("SHA-256 gives as many bytes as AES-256 takes");
            LessSafeKey::new(key)
        });
        Self {
            keys: keys.collect(),
        }
    }

    /// Seals a text; the result is base64url. Two results of one text differ. `None` where there is
    /// more than the cipher takes, which no cookie holds.
    pub fn seal(&self, text: &str, random: &Random) -> Option<String> {
        // Two texts under one nonce would tell each other.
        let nonce: [u8; NONCE_LEN] = random.fresh_bytes();
        let mut bytes = text.as_bytes().to_vec();
        let key = self.keys.first()?;
        let sealing = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(sealing, Aad::empty(), &mut bytes)
            .ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &bytes].concat()))
    }

    /// Opens what was sealed with this ring and label; `None` for everything else.
    pub fn open(&self, sealed: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, inside) = bytes.split_first_chunk::<NONCE_LEN>()?;
        self.keys.iter().find_map(|key| {
            let mut inside = inside.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let text = key.open_in_place(nonce, Aad::empty(), &mut inside).ok()?;
            String::from_utf8(text.to_vec()).ok()
        })
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(••••)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=";
    const NEW: &str = "k2:Zm9vYmFyLXRoaXMtaXMtbm90LXRoZS1rZXktYWJjZGUBAgM=";

    fn seal(ring: &str, label: &str) -> Seal {
        Seal::new(&KeyRing::parse(ring).expect("a ring"), label)
    }

    #[test]
    fn a_sealed_text_is_opened_by_the_same_key_and_label_only() {
        let random = Random::seeded(1);
        let (old, rotated) = (seal(OLD, "a"), seal(&format!("{NEW},{OLD}"), "a"));
        let sealed = old.seal("+989123456789 متن", &random).expect("sealed");
        assert!(!sealed.contains("989123456789"));
        assert_eq!(old.open(&sealed).as_deref(), Some("+989123456789 متن"));
        assert_eq!(rotated.open(&sealed).as_deref(), Some("+989123456789 متن"));
        assert_eq!(seal(OLD, "b").open(&sealed), None, "another use");
        assert_eq!(seal(NEW, "a").open(&sealed), None, "another key");
        assert_ne!(old.seal("x", &random), old.seal("x", &random));
    }

    #[test]
    fn nothing_that_was_changed_or_made_up_is_opened() {
        let seal = seal(OLD, "a");
        let sealed = seal.seal("text", &Random::seeded(1)).expect("sealed");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("text");
            // The last character may hold bits that no byte has.
            assert!(
                seal.open(&changed).is_none_or(|text| text == "text"),
                "{index}"
            );
        }
        for made_up in ["", "AAAA", "تهران", &sealed[..8], &"A".repeat(4_000)] {
            assert_eq!(seal.open(made_up), None, "{made_up}");
        }
        assert_eq!(format!("{seal:?}"), "Seal(••••)");
    }
}

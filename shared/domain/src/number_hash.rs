//! A number as a keyed hash: for what must be told apart after the number itself was erased.
//!
//! There are few numbers, so a hash without a key would give each of them away. The key is derived from a key
//! of the ring; anyone who has the ring finds the number again, a dump alone does not.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::otp::KeyRing;
use crate::phone::PhoneNumber;

/// The hash of a number under one key of a ring.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NumberHash([u8; 32]);

impl NumberHash {
    /// The hashes of a number under each key of the ring, that of the newest first. Two processes whose rings
    /// share a key share a hash.
    pub fn all(ring: &KeyRing, phone: &PhoneNumber) -> Vec<Self> {
        ring.iter()
            .map(|key| Self::labelled(b"ramz number v1", key.bytes(), phone))
            .collect()
    }

    /// The hash of a number by which limits know it after its account was deleted: under the key that has
    /// been in the ring for longest, and no hash of [`all`](Self::all).
    pub fn in_limits(ring: &KeyRing, phone: &PhoneNumber) -> Option<Self> {
        let key = ring.iter().last()?;
        Some(Self::labelled(b"ramz limits v1", key.bytes(), phone))
    }

    fn labelled(label: &[u8], key: &[u8], phone: &PhoneNumber) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(label);
        mac.update(phone.as_e164().as_bytes());
        Self(mac.finalize().into_bytes().into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for NumberHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NumberHash(••••)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=";
    const NEW: &str = "k2:Zm9vYmFyLXRoaXMtaXMtbm90LXRoZS1rZXktYWJjZGUBAgM=";

    fn hashes(ring: &str, phone: &str) -> Vec<NumberHash> {
        let ring = KeyRing::parse(ring).expect("a ring");
        NumberHash::all(&ring, &PhoneNumber::from_e164(phone).expect("canonical"))
    }

    #[test]
    fn rings_that_share_a_key_share_a_hash_and_numbers_share_none() {
        let both = hashes(&format!("{NEW},{OLD}"), "+989123456789");
        assert_eq!(both[1..], hashes(OLD, "+989123456789"));
        assert_ne!(both[0], both[1]);
        assert_ne!(hashes(OLD, "+989123456789"), hashes(OLD, "+989123456780"));
        assert!(!format!("{both:?}").contains("123"));

        let phone = PhoneNumber::from_e164("+989123456789").expect("canonical");
        let in_limits = |ring: &str| {
            let ring = KeyRing::parse(ring).expect("a ring");
            NumberHash::in_limits(&ring, &phone).expect("a key")
        };
        assert_eq!(in_limits(OLD), in_limits(&format!("{NEW},{OLD}")));
        assert!(!both.contains(&in_limits(OLD)), "another label");
    }
}

//! Tokens of known devices: what a device shows on which somebody has signed in before.
//!
//! A token opens nothing. Where strangers have used up what a number may have, it lets its holder ask
//! and try by limits of their own, if the records say that it still holds.
//!
//! `v1.<kid>.<what it names>.<HMAC-SHA-256>`, both parts base64url. The MAC covers the number too, which
//! does not stand in the text: a token is worth nothing for any other number, and tells none.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use crate::clock::UnixMillis;
use crate::otp::{KeyRing, MAX_KID_CHARS};
use crate::phone::PhoneNumber;

/// How long a token holds at most. A new one comes with each sign-in.
pub const DEVICE_TOKEN_LIFE: Duration = Duration::from_hours(90 * 24);

/// Keeps this use of the keys apart from every other one.
const KEY_LABEL: &[u8] = b"ramz device v1";
const VERSION: &str = "v1";
const NAMED_BYTES: usize = 16 + 16 + 8;
const NAMED_CHARS: usize = 54;
const MAC_BYTES: usize = 32;
const MAC_CHARS: usize = 43;
/// The longest text of a token.
const MAX_CHARS: usize = VERSION.len() + MAX_KID_CHARS + NAMED_CHARS + MAC_CHARS + 3;
/// So much may the clock of another process be ahead.
const AHEAD_MILLIS: i64 = 60_000;

/// A device on which somebody has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownDevice {
    /// The session that began there; it may have ended since.
    pub session: Uuid,
    /// Who signed in.
    pub user: Uuid,
    /// When the token was issued.
    pub issued_at: UnixMillis,
}

impl KnownDevice {
    fn to_bytes(self) -> [u8; NAMED_BYTES] {
        let mut bytes = [0; NAMED_BYTES];
        bytes[..16].copy_from_slice(self.session.as_bytes());
        bytes[16..32].copy_from_slice(self.user.as_bytes());
        bytes[32..].copy_from_slice(&self.issued_at.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; NAMED_BYTES]) -> Option<Self> {
        let (session, rest) = bytes.split_first_chunk()?;
        let (user, issued_at) = rest.split_first_chunk()?;
        Some(Self {
            session: Uuid::from_bytes(*session),
            user: Uuid::from_bytes(*user),
            issued_at: i64::from_be_bytes(issued_at.try_into().ok()?),
        })
    }
}

/// The token of a known device. Debug output hides it.
#[derive(Clone, Copy)]
pub struct DeviceToken {
    /// The id of its key, which fills its room up with zeros.
    kid: [u8; MAX_KID_CHARS],
    named: [u8; NAMED_BYTES],
    mac: [u8; MAC_BYTES],
}

impl DeviceToken {
    /// The token of a device of the user of this number, under the newest key.
    pub fn issue(ring: &KeyRing, phone: &PhoneNumber, device: KnownDevice) -> Self {
        let key = ring.newest();
        let named = device.to_bytes();
        let mut kid = [0; MAX_KID_CHARS];
        for (place, byte) in kid.iter_mut().zip(key.kid().bytes()) {
            *place = byte;
        }
        let mac = mac(key.bytes(), &named, phone).finalize().into_bytes();
        Self {
            kid,
            named,
            mac: mac.into(),
        }
    }

    /// Reads the text form; `None` for anything else. Whether it is ours, [`verify`](Self::verify) tells.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_CHARS {
            return None;
        }
        let (kid_text, rest) = text
            .strip_prefix(VERSION)?
            .strip_prefix('.')?
            .split_once('.')?;
        let (named, mac) = rest.split_once('.')?;
        if kid_text.is_empty() || kid_text.len() > MAX_KID_CHARS || kid_text.contains('\0') {
            return None;
        }
        if named.len() != NAMED_CHARS || mac.len() != MAC_CHARS {
            return None;
        }
        let mut kid = [0; MAX_KID_CHARS];
        for (place, byte) in kid.iter_mut().zip(kid_text.bytes()) {
            *place = byte;
        }
        Some(Self {
            kid,
            named: URL_SAFE_NO_PAD.decode(named).ok()?.try_into().ok()?,
            mac: URL_SAFE_NO_PAD.decode(mac).ok()?.try_into().ok()?,
        })
    }

    /// The device that it names, if it is ours, was issued for this number, and has not grown too old. Whether
    /// the user still has the number, and nobody has ended the session, is for the records.
    pub fn verify(
        &self,
        ring: &KeyRing,
        phone: &PhoneNumber,
        now: UnixMillis,
    ) -> Option<KnownDevice> {
        let key = ring.find(self.kid())?;
        let mac = mac(key.bytes(), &self.named, phone);
        // In constant time.
        mac.verify_slice(&self.mac).ok()?;
        let device = KnownDevice::from_bytes(&self.named)?;
        let age = now.checked_sub(device.issued_at)?;
        let life = i64::try_from(DEVICE_TOKEN_LIFE.as_millis()).unwrap_or(i64::MAX);
        (-AHEAD_MILLIS..life).contains(&age).then_some(device)
    }

    /// The text that goes to the client, and nowhere else.
    pub fn expose(&self) -> String {
        let [named, mac] = [&self.named[..], &self.mac].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!("{VERSION}.{}.{named}.{mac}", self.kid())
    }

    fn kid(&self) -> &str {
        let end = self.kid.iter().position(|byte| *byte == 0);
        let kid = self.kid.split_at(end.unwrap_or(MAX_KID_CHARS)).0;
        std::str::from_utf8(kid).unwrap_or_default()
    }
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceToken(••••)")
    }
}

fn mac(key: &[u8], named: &[u8; NAMED_BYTES], phone: &PhoneNumber) -> Hmac<Sha256> {
    let with =
        |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    let derived = with(key).chain_update(KEY_LABEL).finalize().into_bytes();
    // What comes first has a fixed length, so no two pairs give the same bytes.
    with(&derived)
        .chain_update(named)
        .chain_update(phone.as_e164())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=";
    const NEW: &str = "k2:Zm9vYmFyLXRoaXMtaXMtbm90LXRoZS1rZXktYWJjZGUBAgM=";
    const NOW: UnixMillis = 1_763_700_000_000;
    const DAY: i64 = 24 * 3_600_000;

    fn ring(text: &str) -> KeyRing {
        KeyRing::parse(text).expect("a ring")
    }

    fn phone(text: &str) -> PhoneNumber {
        PhoneNumber::from_e164(text).expect("canonical")
    }

    fn device() -> KnownDevice {
        KnownDevice {
            session: "019a7f3e-5c1b-7d4e-9a6f-0b2c4d6e8f10"
                .parse()
                .expect("an id"),
            user: "019a7f3e-5c1b-7d4e-9a6f-0b2c4d6e8f11"
                .parse()
                .expect("an id"),
            issued_at: NOW,
        }
    }

    fn token() -> DeviceToken {
        DeviceToken::issue(&ring(OLD), &phone("+989123456789"), device())
    }

    fn verified(token: &str, keys: &str, number: &str, now: UnixMillis) -> Option<KnownDevice> {
        DeviceToken::parse(token)?.verify(&ring(keys), &phone(number), now)
    }

    /// Computed with Python: `hmac.new(hmac.new(key, b"ramz device v1", sha256).digest(), named + phone, sha256)`.
    #[test]
    fn the_token_is_that_of_the_published_vector() {
        assert_eq!(
            token().expose(),
            concat!(
                "v1.k1.AZp_PlwbfU6abwssTW6PEAGafz5cG31Omm8LLE1ujxEAAAGapLZFAA",
                ".PY-Lvc7_Ave_X7Px764VEvfofJ767sHeiykCO0ka3fk"
            )
        );
    }

    #[test]
    fn a_token_is_good_for_its_number_and_its_time_only() {
        let text = token().expose();
        let of = "+989123456789";
        assert_eq!(verified(&text, OLD, of, NOW), Some(device()));
        let rotated = format!("{NEW},{OLD}");
        assert_eq!(verified(&text, &rotated, of, NOW), Some(device()));
        assert_eq!(verified(&text, NEW, of, NOW), None, "another key");
        let renamed = OLD.replace("k1:", "k2:");
        let of_other_kid = text.replacen("v1.k1.", "v1.k2.", 1);
        assert_eq!(verified(&text, &renamed, of, NOW), None, "another kid");
        assert_eq!(verified(&of_other_kid, NEW, of, NOW), None);
        assert_eq!(verified(&text, OLD, "+989123456780", NOW), None);
        for (age, holds) in [
            (0, true),
            (90 * DAY - 1, true),
            (90 * DAY, false),
            (-60_000, true),
            (-60_001, false),
        ] {
            assert_eq!(
                verified(&text, OLD, of, NOW + age).is_some(),
                holds,
                "{age}"
            );
        }
        let ever = KnownDevice {
            issued_at: i64::MIN,
            ..device()
        };
        let ever = DeviceToken::issue(&ring(OLD), &phone(of), ever);
        assert_eq!(ever.verify(&ring(OLD), &phone(of), NOW), None);
    }

    #[test]
    fn no_character_can_be_changed() {
        let text = token().expose();
        for index in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("text");
            assert_eq!(
                verified(&changed, OLD, "+989123456789", NOW),
                None,
                "{index}"
            );
        }
    }

    #[test]
    fn i_05_debug_output_hides_it_and_the_text_names_no_number() {
        let token = token();
        assert_eq!(format!("{token:?}"), "DeviceToken(••••)");
        assert!(!token.expose().contains("9123456789"));
    }

    #[test]
    fn the_longest_kid_fits() {
        let kid = "k".repeat(MAX_KID_CHARS);
        let keys = OLD.replace("k1", &kid);
        let token = DeviceToken::issue(&ring(&keys), &phone("+989123456789"), device());
        let text = token.expose();
        assert_eq!(text.len(), MAX_CHARS);
        assert!(verified(&text, &keys, "+989123456789", NOW).is_some());
        assert!(DeviceToken::parse(&format!("{text}A")).is_none());
        assert!(DeviceToken::parse(&text.replacen('k', "kk", 1)).is_none());
    }

    proptest::proptest! {
        #[test]
        fn fuzz_whatever_is_read_prints_as_itself(text in proptest::prop_oneof![
            "\\PC{0,140}",
            "v1\\.[a-z\\PC]{0,17}\\.[A-Za-z0-9_-]{53,55}\\.[A-Za-z0-9_-]{42,44}",
        ]) {
            if let Some(token) = DeviceToken::parse(&text) {
                proptest::prop_assert_eq!(token.expose(), text);
                proptest::prop_assert_eq!(token.verify(&ring(OLD), &phone("+989123456789"), NOW), None);
            }
        }
    }
}

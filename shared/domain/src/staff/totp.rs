//! The second factor: a code of the moment from an app (RFC 6238, SHA-1, 30 seconds, 6 digits), as every app knows it.

use std::fmt;

use totp_rs::{Builder, Secret, Totp};
use url::form_urlencoded::byte_serialize;

use crate::random::Random;
use crate::typed::ascii_digit;

/// What RFC 4226 asks for with SHA-1.
const BYTES: usize = 20;
const SECONDS: u64 = 30;
const DIGITS: u8 = 6;

/// The secret that an app and we share. Debug output hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret([u8; BYTES]);

impl TotpSecret {
    /// A new one.
    pub fn new(random: &Random) -> Self {
        Self(random.fresh_bytes())
    }

    /// Reads the form that [`to_base32`](Self::to_base32) gives; `None` for anything else.
    pub fn from_base32(text: &str) -> Option<Self> {
        let secret = Secret::try_from_base32(text).ok()?;
        let bytes: &[u8] = secret.as_ref();
        bytes.try_into().ok().map(Self)
    }

    /// The form that people type into an app: base32. To be shown once, and sealed where it is kept.
    pub fn to_base32(&self) -> String {
        Secret::from(self.0).to_base32()
    }

    /// What the picture for an app holds (`otpauth://`).
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let escaped = |text: &str| {
            byte_serialize(text.as_bytes())
                .collect::<String>()
                .replace('+', "%20")
        };
        let (issuer, account) = (escaped(issuer), escaped(account));
        format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}",
            self.to_base32()
        )
    }

    /// The time step that a code belongs to, of the present one and those beside it; `None` for a wrong code. A step
    /// is to be accepted once.
    pub fn step_of(&self, typed: &str, now_millis: i64) -> Option<i64> {
        // Nobody makes us read more.
        if typed.len() > 128 {
            return None;
        }
        let code: String = typed.chars().filter_map(ascii_digit).collect();
        let seconds = u64::try_from(now_millis / 1_000).ok()?;
        let step = self.totp().check(&code, seconds)?;
        i64::try_from(step).ok()
    }

    /// The code of a moment, for tests that stand in for an app.
    pub fn code_at(&self, now_millis: i64) -> String {
        let seconds = u64::try_from(now_millis / 1_000).unwrap_or_default();
        self.totp().generate(seconds).to_string()
    }

    fn totp(&self) -> Totp {
        Builder::new()
            .with_secret(self.0)
            .with_digits(DIGITS)
            .with_skew(1)
            .with_step_duration(SECONDS)
            .build_noncompliant()
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(••••)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "12345678901234567890" in base32.
    const RFC_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = TotpSecret::from_base32(RFC_SECRET).expect("a secret");
        // RFC 6238, appendix B, the last six of its eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000_i64, "353130"),
        ] {
            assert_eq!(secret.code_at(seconds * 1_000), code, "{seconds}");
            assert_eq!(secret.step_of(code, seconds * 1_000), Some(seconds / 30));
        }
    }

    #[test]
    fn a_code_is_good_a_step_before_and_after_and_in_any_digits() {
        let secret = TotpSecret::from_base32(RFC_SECRET).expect("a secret");
        let now = 1_111_111_111_000;
        let step = now / 30_000;
        assert_eq!(secret.step_of("۰۵۰ ۴۷۱", now), Some(step));
        assert_eq!(secret.step_of(" 050-471", now + 30_000), Some(step));
        assert_eq!(secret.step_of("050471", now - 30_000), Some(step));
        for (code, at) in [
            ("050471", now + 60_000),
            ("050471", now - 60_000),
            ("050472", now),
            ("", now),
            ("0504711", now),
            ("50471", now),
            ("050471", -1),
        ] {
            assert_eq!(secret.step_of(code, at), None, "{code} at {at}");
        }
    }

    #[test]
    fn a_secret_is_new_each_time_reads_back_and_hides_itself() {
        let secret = TotpSecret::new(&Random::seeded(1));
        assert_ne!(secret, TotpSecret::new(&Random::seeded(2)));
        let text = secret.to_base32();
        assert_eq!(TotpSecret::from_base32(&text), Some(secret.clone()));
        for other in ["", "AAAA", "0", "تهران"] {
            assert_eq!(TotpSecret::from_base32(other), None, "{other}");
        }
        let uri = secret.uri("Ramz رمز", "0912:6789");
        assert!(uri.starts_with("otpauth://totp/Ramz%20%D8%B1"), "{uri}");
        assert!(
            uri.contains(&format!(":0912%3A6789?secret={text}&issuer=Ramz%20")),
            "{uri}"
        );
        assert_eq!(format!("{secret:?}"), "TotpSecret(••••)");
    }
}

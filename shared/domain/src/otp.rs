//! One-time codes: derived, never stored.

mod code;
mod key_ring;

pub use code::{OtpCode, OtpCodeError, Purpose, derive};
pub(crate) use key_ring::MAX_KID_CHARS;
pub use key_ring::{KeyRing, KeyRingError, OtpKey};

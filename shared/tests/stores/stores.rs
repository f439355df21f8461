//! What the contract suites run on. Each takes what it needs of it by `#[path]`.

pub(crate) mod redis;
pub(crate) mod sqlite;

use domain::otp::KeyRing;

/// Where a clock that is moved by hand begins.
pub(crate) const START: i64 = 1_763_700_000_000;

/// A key, so that challenges can be begun.
pub(crate) fn keys() -> KeyRing {
    KeyRing::parse("k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=").expect("keys")
}

//! `n$salt$r$p$hash`, as Django writes scrypt (RFC 7914) behind the name of its hasher.
//!
//! The three factors of the cost stand in the text. It takes `128 · n · r` bytes of memory, `p` times
//! one after the other.

use ::scrypt::Params;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq as _;

use super::{StoredHashError, TooCostly, UnknownFormat, decimal};

/// What Django derives: `dklen=64`.
const HASH_BYTES: usize = 64;
/// `n · r`: 128 MiB. Django writes n = 16,384 and r = 8, which are 16 MiB; OWASP's first choice is
/// n = 131,072 and r = 8.
const MAX_BLOCKS: u64 = 1 << 20;
/// `n · r · p`, which is the work: twice through the most memory. Django (5.2) writes p = 5, which is
/// 80 MiB.
const MAX_WORK: u64 = 2 * MAX_BLOCKS;
/// Beside `128 · n · r` it takes `128 · r · p`, which these bound. Nobody writes another r than 8 but
/// with a purpose.
const MAX_BLOCK_SIZE: u32 = 32;
const MAX_PARALLELISM: u32 = 16;

#[derive(Clone)]
pub(super) struct ScryptHash {
    params: Params,
    salt: String,
    expected: [u8; HASH_BYTES],
}

impl ScryptHash {
    pub(super) fn parse(text: &str) -> Result<Self, StoredHashError> {
        let parts: Vec<&str> = text.split('$').collect();
        let [n, salt, r, p, hash] = parts[..] else {
            return Err(UnknownFormat);
        };
        let factor = |text| decimal(text).filter(|factor| *factor > 0);
        let (Some(n), Some(r), Some(p)) = (factor(n), factor(r), factor(p)) else {
            return Err(UnknownFormat);
        };
        let hash = BASE64.decode(hash).map_err(|_| UnknownFormat)?;
        let expected = hash.try_into().map_err(|_| UnknownFormat)?;
        if salt.is_empty() {
            return Err(UnknownFormat);
        }
        let blocks = u64::from(n) * u64::from(r);
        if r > MAX_BLOCK_SIZE
            || p > MAX_PARALLELISM
            || blocks > MAX_BLOCKS
            || blocks * u64::from(p) > MAX_WORK
        {
            return Err(TooCostly);
        }
        // RFC 7914 section 2: larger than 1 and a power of 2.
        if n < 2 || !n.is_power_of_two() {
            return Err(UnknownFormat);
        }
        let log_n = u8::try_from(n.ilog2()).map_err(|_| UnknownFormat)?;
        Ok(Self {
            params: Params::new(log_n, r, p).map_err(|_| UnknownFormat)?,
            salt: salt.to_owned(),
            expected,
        })
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut computed = [0; HASH_BYTES];
        let salt = self.salt.as_bytes();
        let done = ::scrypt::scrypt(password, salt, &self.params, &mut computed);
        done.is_ok() && computed.ct_eq(&self.expected).into()
    }
}

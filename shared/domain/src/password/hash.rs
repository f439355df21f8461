//! What is stored of a password, in the formats that are understood.
//!
//! | stored text | from |
//! |---|---|
//! | `$argon2id$v=19$m=…,t=…,p=…$salt$hash` | Ramz, and everybody who writes PHC strings |
//! | `argon2$argon2id$v=19$…` | Django, `Argon2PasswordHasher` |
//! | `pbkdf2_sha256$iterations$salt$hash` | Django's default, `PBKDF2PasswordHasher` |
//! | `pbkdf2_sha1$iterations$salt$hash` | Django, `PBKDF2SHA1PasswordHasher` |
//! | `scrypt$n$salt$r$p$hash` | Django, `ScryptPasswordHasher` |
//! | `bcrypt_sha256$$2b$cost$…` | Django, `BCryptSHA256PasswordHasher`: bcrypt over the SHA-256 in hexadecimal |
//!
//! What a hash costs to verify is written in the hash itself. An import may bring anything, so the
//! costs have upper bounds: about a second of one core and 128 MiB.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use bcrypt::HashParts;
use password_hash::phc;
use password_hash::{PasswordHasher as _, PasswordVerifier as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use self::pbkdf2::Pbkdf2Hash;
use self::scrypt::ScryptHash;
use super::Password;

mod pbkdf2;
mod scrypt;

/// Memory of one hash in KiB. With [`TIME_COST`] and [`PARALLELISM`] the first choice of the OWASP
/// Password Storage Cheat Sheet for argon2id: 19 MiB, 2 iterations, 1 degree of parallelism.
const MEMORY_KIB: u32 = 19_456;
const TIME_COST: u32 = 2;
const PARALLELISM: u32 = 1;
/// The length that RFC 9106 section 3.1 recommends for password hashing.
pub(super) const SALT_BYTES: usize = 16;

/// Whether a password belongs to a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// It does not.
    No,
    /// It does.
    Prepared,
    /// It does, as it was typed: the hash is older than the preparing of passwords, or Django's, and
    /// should be replaced.
    Typed,
}

impl Match {
    /// Whether it belongs to it at all.
    pub fn is_right(self) -> bool {
        self != Self::No
    }
}

/// Django writes 102,400 KiB, 2 iterations and 8 lanes.
const MAX_MEMORY_KIB: u32 = 131_072;
const MAX_TIME_COST: u32 = 8;
const MAX_PARALLELISM: u32 = 16;
/// Memory times iterations, which is the work: four rounds over the most memory.
const MAX_ARGON2_WORK_KIB: u32 = 4 * MAX_MEMORY_KIB;
/// Django writes 12; each step doubles the work.
const MAX_BCRYPT_COST: u32 = 14;
/// The longest stored text; Django's column is as wide.
const MAX_STORED_BYTES: usize = 256;

/// A password's hash as it is stored. Debug output hides it.
#[derive(Clone)]
pub struct PasswordHash {
    stored: String,
    format: Format,
}

#[derive(Clone)]
enum Format {
    /// `present`: as we write it today.
    Argon2id {
        phc: Box<phc::PasswordHash>,
        present: bool,
    },
    Pbkdf2(Pbkdf2Hash),
    Scrypt(ScryptHash),
    BcryptSha256 {
        cost: u32,
        salt: [u8; 16],
        expected: String,
    },
}

/// Why a stored text cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredHashError {
    /// None of the formats of this module, or a broken one.
    #[error("the password hash has no known format")]
    UnknownFormat,
    /// Well formed, but a log-in with it would take too much time or memory.
    #[error("the password hash costs too much to verify")]
    TooCostly,
}

use StoredHashError::{TooCostly, UnknownFormat};

impl PasswordHash {
    /// Takes a stored or imported hash.
    pub fn from_stored(stored: &str) -> Result<Self, StoredHashError> {
        if stored.len() > MAX_STORED_BYTES {
            return Err(UnknownFormat);
        }
        let format = if stored.starts_with("$argon2id$") {
            argon2id(stored, true)
        } else if let Some(phc) = stored.strip_prefix("argon2$") {
            argon2id(&format!("${phc}"), false)
        } else if let Some(rest) = stored.strip_prefix("pbkdf2_sha256$") {
            Pbkdf2Hash::sha256(rest).map(Format::Pbkdf2)
        } else if let Some(rest) = stored.strip_prefix("pbkdf2_sha1$") {
            Pbkdf2Hash::sha1(rest).map(Format::Pbkdf2)
        } else if let Some(rest) = stored.strip_prefix("scrypt$") {
            ScryptHash::parse(rest).map(Format::Scrypt)
        } else if let Some(bcrypt) = stored.strip_prefix("bcrypt_sha256$") {
            bcrypt_sha256(bcrypt)
        } else {
            Err(UnknownFormat)
        };
        format.map(|format| Self {
            stored: stored.to_owned(),
            format,
        })
    }

    /// Hashes with argon2id and the present parameters. Slow: [`super::Passwords`] calls it off the
    /// async threads.
    pub(super) fn compute(password: &Password, salt: [u8; SALT_BYTES]) -> Self {
        let phc = argon2()
            .hash_password_with_salt(password.prepared().as_bytes(), &salt)
            .expect("the parameters, the salt and the password are within argon2's bounds");
        Self {
            stored: phc.to_string(),
            format: Format::Argon2id {
                phc: Box::new(phc),
                present: true,
            },
        }
    }

    /// Compares in constant time. Slow, like [`Self::compute`]; twice as slow where what was typed is
    /// not its own prepared form, because the hash may be made of either.
    pub(super) fn compare(&self, password: &Password) -> Match {
        let prepared = password.prepared();
        if self.is_of(prepared.as_bytes()) {
            return Match::Prepared;
        }
        let typed = password.expose();
        if typed != prepared.as_str() && self.is_of(typed.as_bytes()) {
            return Match::Typed;
        }
        Match::No
    }

    fn is_of(&self, password: &[u8]) -> bool {
        match &self.format {
            Format::Argon2id { phc, .. } => {
                argon2().verify_password(password, phc.as_ref()).is_ok()
            }
            Format::Pbkdf2(hash) => hash.matches(password),
            Format::Scrypt(hash) => hash.matches(password),
            Format::BcryptSha256 {
                cost,
                salt,
                expected,
            } => {
                let digest = hex::encode(Sha256::digest(password));
                bcrypt::hash_with_salt(digest, *cost, *salt).is_ok_and(|computed| {
                    let computed = computed.format_for_version(bcrypt::Version::TwoB);
                    computed.as_bytes().ct_eq(expected.as_bytes()).into()
                })
            }
        }
    }

    /// Whether a log-in should replace it: everything that is not argon2id with the present
    /// parameters in our own notation.
    pub fn needs_upgrade(&self) -> bool {
        !matches!(self.format, Format::Argon2id { present: true, .. })
    }

    /// The text to store, and for nothing else.
    pub fn expose(&self) -> &str {
        &self.stored
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(••••)")
    }
}

/// The present parameters.
fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, TIME_COST, PARALLELISM, None)
        .expect("the parameters are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn argon2id(text: &str, own_notation: bool) -> Result<Format, StoredHashError> {
    let phc = phc::PasswordHash::new(text).map_err(|_| UnknownFormat)?;
    let known = phc.algorithm == Algorithm::Argon2id.ident()
        && phc.version == Some(Version::V0x13.into())
        && phc.salt.is_some()
        && phc.hash.is_some();
    if !known {
        return Err(UnknownFormat);
    }
    let params = Params::try_from(&phc).map_err(|_| UnknownFormat)?;
    let (memory, time, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    if memory > MAX_MEMORY_KIB
        || time > MAX_TIME_COST
        || lanes > MAX_PARALLELISM
        || memory.saturating_mul(time) > MAX_ARGON2_WORK_KIB
    {
        return Err(TooCostly);
    }
    let present = own_notation
        && (memory, time, lanes) == (MEMORY_KIB, TIME_COST, PARALLELISM)
        && params.output_len() == Some(Params::DEFAULT_OUTPUT_LEN);
    Ok(Format::Argon2id {
        phc: Box::new(phc),
        present,
    })
}

fn bcrypt_sha256(text: &str) -> Result<Format, StoredHashError> {
    // 2a, 2b and 2y are the same algorithm; 2x marks hashes of a broken implementation.
    if text.starts_with("$2x$") {
        return Err(UnknownFormat);
    }
    let parts: HashParts = text.parse().map_err(|_| UnknownFormat)?;
    let (cost, salt) = (parts.get_cost(), parts.get_salt_raw());
    if cost > MAX_BCRYPT_COST {
        return Err(TooCostly);
    }
    if cost < 4 {
        return Err(UnknownFormat);
    }
    Ok(Format::BcryptSha256 {
        cost,
        salt,
        expected: parts.format_for_version(bcrypt::Version::TwoB),
    })
}

/// A number of plain digits, at most the largest; `parse` alone would take a sign.
fn decimal(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;

//! Access and refresh tokens.

use std::time::Duration;

use domain::tokens::{AccessTokensSettings, SigningKeys};

use super::http::PublicUrl;
use super::reader::{Read, Reader, shown};
use super::variables::{
    ACCESS_TOKEN_LIFETIME, JWT_AUDIENCE, JWT_ISSUER, JWT_PRIVATE_KEY, REFRESH_GRACE,
    REFRESH_TOKEN_IDLE_LIFETIME, REFRESH_TOKEN_LIFETIME, Variable,
};

const YEAR_SECONDS: u64 = 365 * 24 * 60 * 60;

/// What tokens say and how long they live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokensConfig {
    /// `JWT_ISSUER`, `JWT_AUDIENCE` and `ACCESS_TOKEN_LIFETIME`
    pub access: AccessTokensSettings,
    /// `REFRESH_TOKEN_IDLE_LIFETIME`
    pub refresh_idle_lifetime: Duration,
    /// `REFRESH_TOKEN_LIFETIME`
    pub refresh_lifetime: Duration,
    /// `REFRESH_GRACE`
    pub refresh_grace: Duration,
}

impl TokensConfig {
    pub(super) fn read(reader: &mut Reader<'_>, public_url: Option<&PublicUrl>) -> Read<Self> {
        let issuer = reader.parsed_if_set(&JWT_ISSUER, parse_claim);
        let audience = reader.parsed_if_set(&JWT_AUDIENCE, parse_claim);
        let access = read_access_token_lifetime(reader).map(|lifetime| lifetime.as_secs());
        let idle = reader.number(&REFRESH_TOKEN_IDLE_LIFETIME, 60..=YEAR_SECONDS);
        let whole = reader.number(&REFRESH_TOKEN_LIFETIME, 60..=YEAR_SECONDS);
        let grace = reader.number(&REFRESH_GRACE, 10..=3_600_u64);
        let (access, idle, whole) = (access?, idle?, whole?);
        let (access_key, idle_key) = (&ACCESS_TOKEN_LIFETIME, &REFRESH_TOKEN_IDLE_LIFETIME);
        let first = ordered(reader, (access_key, access), (idle_key, idle));
        let second = ordered(reader, (idle_key, idle), (&REFRESH_TOKEN_LIFETIME, whole));
        first.and(second)?;
        let origin = public_url.ok_or(super::reader::Reported)?.origin();
        Ok(Self {
            access: AccessTokensSettings {
                issuer: issuer?.unwrap_or_else(|| origin.to_owned()),
                audience: audience?.unwrap_or_else(|| origin.to_owned()),
                lifetime: Duration::from_secs(access),
            },
            refresh_idle_lifetime: Duration::from_secs(idle),
            refresh_lifetime: Duration::from_secs(whole),
            refresh_grace: Duration::from_secs(grace?),
        })
    }
}

/// Refuses a shorter time that is longer than the one it lies within.
fn ordered(
    reader: &mut Reader<'_>,
    (inner, inner_seconds): (&Variable, u64),
    (outer, outer_seconds): (&Variable, u64),
) -> Read<()> {
    if inner_seconds <= outer_seconds {
        return Ok(());
    }
    Err(reader.refuse(
        inner.name,
        format!(
            "is {inner_seconds} seconds, longer than {} with {outer_seconds}; choose less",
            outer.name
        ),
    ))
}

fn parse_claim(text: &str) -> Result<String, String> {
    if text.len() <= 200 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{} is not a name of up to 200 visible ASCII characters",
            shown(text)
        ))
    }
}

/// Reads `ACCESS_TOKEN_LIFETIME`.
pub(super) fn read_access_token_lifetime(reader: &mut Reader<'_>) -> Read<Duration> {
    let seconds = reader.number(&ACCESS_TOKEN_LIFETIME, 60..=3_600)?;
    Ok(Duration::from_secs(seconds))
}

/// Reads `JWT_PRIVATE_KEY`.
pub(super) fn read_signing_keys(reader: &mut Reader<'_>) -> Read<Option<SigningKeys>> {
    reader.parsed_if_set(&JWT_PRIVATE_KEY, SigningKeys::from_pem)
}

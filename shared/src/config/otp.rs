//! Codes: their keys, length, life, and how often each may be tried.

use std::time::Duration;

use domain::otp::KeyRing;
use domain::phone::AllowedCountries;

use super::reader::{Read, Reader};
use super::variables::{
    ALLOWED_COUNTRIES, OTP_EXPIRY_TIME, OTP_KEY, OTP_LENGTH, OTP_MAX_ATTEMPTS, OTP_RESEND_COOLDOWN,
};

/// What codes are like and whom they are for.
#[derive(Clone, Debug)]
pub struct OtpConfig {
    /// `OTP_LENGTH`, in digits.
    pub length: u8,
    /// `OTP_EXPIRY_TIME`
    pub life: Duration,
    /// `OTP_MAX_ATTEMPTS`, for each of the two ways.
    pub max_attempts: u32,
    /// `OTP_RESEND_COOLDOWN`
    pub resend_cooldown: Duration,
    /// `ALLOWED_COUNTRIES`
    pub allowed_countries: AllowedCountries,
}

impl OtpConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Read<Self> {
        let length = reader.number(&OTP_LENGTH, 5..=8);
        let life = reader.number(&OTP_EXPIRY_TIME, 120..=600_u64);
        let max_attempts = reader.number(&OTP_MAX_ATTEMPTS, 1..=10);
        let resend_cooldown = reader.number(&OTP_RESEND_COOLDOWN, 1..=600_u64);
        let allowed_countries = read_allowed_countries(reader);
        let (life, resend_cooldown) = (life?, resend_cooldown?);
        if resend_cooldown >= life {
            return Err(reader.refuse(
                OTP_RESEND_COOLDOWN.name,
                format!(
                    "is {resend_cooldown} seconds, but a code is dead after {life} (OTP_EXPIRY_TIME); choose less"
                ),
            ));
        }
        Ok(Self {
            length: length?,
            life: Duration::from_secs(life),
            max_attempts: max_attempts?,
            resend_cooldown: Duration::from_secs(resend_cooldown),
            allowed_countries: allowed_countries?,
        })
    }
}

/// Reads `ALLOWED_COUNTRIES`.
pub(super) fn read_allowed_countries(reader: &mut Reader<'_>) -> Read<AllowedCountries> {
    reader.parsed(&ALLOWED_COUNTRIES, |text| {
        AllowedCountries::parse(text)
            .map_err(|part| format!("`{part}` is not an ISO 3166 code such as IR"))
    })
}

/// Reads `OTP_KEY`.
pub(super) fn read_keys(reader: &mut Reader<'_>) -> Read<Option<KeyRing>> {
    reader.parsed_if_set(&OTP_KEY, KeyRing::parse)
}

//! A challenge as a row.

use domain::challenge::{Challenge, ChallengeId, Locale, Salt};
use domain::otp::Purpose;
use domain::phone::PhoneNumber;

use crate::hot_state::HotStateError;

#[derive(sqlx::FromRow)]
pub(super) struct ChallengeRow {
    pub(super) id: Vec<u8>,
    pub(super) nonce: Vec<u8>,
    pub(super) phone: String,
    pub(super) purpose: String,
    pub(super) locale: String,
    pub(super) kid: String,
    pub(super) salt: Vec<u8>,
    pub(super) digits: u8,
    pub(super) created_at: i64,
    pub(super) expires_at: i64,
    pub(super) last_send_at: i64,
    pub(super) sends: u32,
    pub(super) session_attempts: u32,
    pub(super) phone_attempts: u32,
    pub(super) consumed: bool,
    pub(super) trace: Option<String>,
}

impl TryFrom<ChallengeRow> for Challenge {
    type Error = HotStateError;

    fn try_from(row: ChallengeRow) -> Result<Self, Self::Error> {
        let id = row
            .id
            .try_into()
            .map_err(|_| HotStateError::Corrupt("the id of a challenge"))?;
        let salt = row
            .salt
            .try_into()
            .map_err(|_| HotStateError::Corrupt("a salt"))?;
        Ok(Self {
            id: ChallengeId::from_bytes(id),
            phone: PhoneNumber::from_e164(&row.phone)
                .ok_or(HotStateError::Corrupt("the phone of a challenge"))?,
            purpose: Purpose::from_name(&row.purpose)
                .ok_or(HotStateError::Corrupt("the purpose of a challenge"))?,
            kid: row.kid,
            salt: Salt::from_bytes(salt),
            digits: row.digits,
            locale: Locale::from_name(&row.locale)
                .ok_or(HotStateError::Corrupt("the locale of a challenge"))?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_send_at: row.last_send_at,
            sends: row.sends,
            session_attempts: row.session_attempts,
            phone_attempts: row.phone_attempts,
            consumed: row.consumed,
            trace: row.trace,
        })
    }
}

//! Challenges and roots as rows.

use domain::challenge::{Challenge, ChallengeId, Locale};
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::{Honoured, Root, RootId, Salt};

use crate::hot_state::HotStateError;

/// What [`Honoured::Phone`] and [`Honoured::Nobody`] are in the file, as in Redis.
pub(super) const CLOSED_BY_PHONE: &str = "phone";
pub(super) const CLOSED_BY_NOBODY: &str = "-";

#[derive(sqlx::FromRow)]
pub(super) struct RootRow {
    id: Vec<u8>,
    phone: String,
    purpose: String,
    kid: String,
    salt: Vec<u8>,
    digits: u8,
    created_at: i64,
    ends_at: i64,
    last_send_at: i64,
    channel: String,
    sends: u32,
    phone_attempts: u32,
    closed_by: Option<String>,
    trace: Option<String>,
}

impl RootRow {
    /// The root, with the channel of its last message.
    pub(super) fn with_channel(mut self) -> Result<(Root, String), HotStateError> {
        let channel = std::mem::take(&mut self.channel);
        Ok((Root::try_from(self)?, channel))
    }
}

impl TryFrom<RootRow> for Root {
    type Error = HotStateError;

    fn try_from(row: RootRow) -> Result<Self, Self::Error> {
        let salt = row.salt.try_into();
        Ok(Self {
            id: root_id(row.id)?,
            phone: PhoneNumber::from_e164(&row.phone)
                .ok_or(HotStateError::Corrupt("the phone of a root"))?,
            purpose: Purpose::from_name(&row.purpose)
                .ok_or(HotStateError::Corrupt("the purpose of a root"))?,
            kid: row.kid,
            salt: Salt::from_bytes(salt.map_err(|_| HotStateError::Corrupt("a salt"))?),
            digits: row.digits,
            created_at: row.created_at,
            ends_at: row.ends_at,
            last_send_at: row.last_send_at,
            sends: row.sends,
            phone_attempts: row.phone_attempts,
            closed: match row.closed_by.as_deref() {
                None => None,
                Some(CLOSED_BY_PHONE) => Some(Honoured::Phone),
                Some(CLOSED_BY_NOBODY) => Some(Honoured::Nobody),
                Some(session) => Some(Honoured::Session(
                    session
                        .parse()
                        .map_err(|_| HotStateError::Corrupt("who closed a root"))?,
                )),
            },
            trace: row.trace,
        })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct ChallengeRow {
    id: Vec<u8>,
    pub(super) nonce: Vec<u8>,
    locale: String,
    created_at: i64,
    expires_at: i64,
    last_asked_at: i64,
    session_attempts: u32,
    trace: Option<String>,
}

impl ChallengeRow {
    /// The challenge on its root.
    pub(super) fn on(self, root: Root) -> Result<Challenge, HotStateError> {
        let id = self
            .id
            .try_into()
            .map_err(|_| HotStateError::Corrupt("the id of a challenge"))?;
        Ok(Challenge {
            id: ChallengeId::from_bytes(id),
            root,
            locale: Locale::from_name(&self.locale)
                .ok_or(HotStateError::Corrupt("the locale of a challenge"))?,
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_asked_at: self.last_asked_at,
            session_attempts: self.session_attempts,
            trace: self.trace,
        })
    }
}

fn root_id(bytes: Vec<u8>) -> Result<RootId, HotStateError> {
    let bytes = bytes
        .try_into()
        .map_err(|_| HotStateError::Corrupt("the id of a root"))?;
    Ok(RootId::from_bytes(bytes))
}

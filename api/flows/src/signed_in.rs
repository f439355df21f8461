//! What somebody has who signed in: the tokens of a new session.

use domain::challenge::SessionId;
use domain::tokens::{DeviceToken, KnownDevice, OriginSalt, RefreshToken, SessionTokens};
use shared::records::{Device, NewSession, User};
use uuid::Uuid;

use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};

/// Somebody signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who it is.
    pub user: User,
    /// Whether this sign-in created the user.
    pub is_new: bool,
    /// The tokens of the new session.
    pub tokens: SessionTokens,
    /// By which the device is known from now on; nothing for a user without a number.
    pub device: Option<DeviceToken>,
}

impl SignedIn {
    /// What the owner of a session gets.
    pub(crate) fn to(
        flows: &Flows,
        user: User,
        is_new: bool,
        session: Uuid,
        refresh: RefreshToken,
    ) -> Result<Self, Refusal> {
        let tokens = issue_tokens(flows, user.id, session, refresh)?;
        let known = KnownDevice {
            session,
            user: user.id,
            issued_at: flows.clock.now_millis(),
        };
        let phone = user.phone.as_ref();
        Ok(Self {
            device: phone.map(|phone| DeviceToken::issue(&flows.otp_keys, phone, known)),
            user,
            is_new,
            tokens,
        })
    }
}

/// A session on its way into the records, with the one copy of its refresh token.
pub(crate) struct Opening {
    /// What the records store of it.
    pub(crate) session: NewSession,
    refresh_token: RefreshToken,
}

impl Opening {
    /// A session that begins now on this device.
    pub(crate) fn new(flows: &Flows, device: Device) -> Self {
        let refresh_token = RefreshToken::new(&flows.random);
        Self::with(flows, device, refresh_token, None)
    }

    /// The same for anyone who holds the session id of a challenge, who can be given the same refresh token
    /// once more where this answer is lost.
    pub(crate) fn of_challenge(flows: &Flows, device: Device, session: SessionId) -> Self {
        let salt = flows.random.bytes();
        let refresh_token = RefreshToken::first(session, &salt);
        Self::with(flows, device, refresh_token, Some(salt))
    }

    fn with(
        flows: &Flows,
        device: Device,
        refresh_token: RefreshToken,
        origin_salt: Option<OriginSalt>,
    ) -> Self {
        let now = flows.clock.now();
        let session = NewSession {
            id: flows.random.uuid_v7(flows.clock.now_millis()),
            refresh_token_hash: refresh_token.hash(),
            origin_salt,
            device,
            opened_at: now,
            idle_expires_at: now + flows.tokens.refresh_idle_lifetime,
            expires_at: now + flows.tokens.refresh_lifetime,
        };
        Self {
            session,
            refresh_token,
        }
    }

    /// What its owner gets, once the records hold the session.
    pub(crate) fn signed_in(
        self,
        flows: &Flows,
        user: User,
        is_new: bool,
    ) -> Result<SignedIn, Refusal> {
        SignedIn::to(flows, user, is_new, self.session.id, self.refresh_token)
    }
}

/// Signs an access token to go with the refresh token of a session.
pub(crate) fn issue_tokens(
    flows: &Flows,
    user: Uuid,
    session: Uuid,
    refresh: RefreshToken,
) -> Result<SessionTokens, Refusal> {
    let now = flows.clock.now_millis();
    let issued = flows.access_tokens.issue(user, session, now, &flows.random);
    let access = issued.map_err(|error| {
        tracing::error!(%error, "an access token cannot be signed");
        RefusalCode::Internal
    })?;
    Ok(SessionTokens {
        access,
        access_lifetime: flows.access_tokens.lifetime(),
        refresh,
        refresh_idle_lifetime: flows.tokens.refresh_idle_lifetime,
    })
}

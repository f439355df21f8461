//! Opening sessions: what every effect of a code or a password that ends in a session shares.
//!
//! The macros are for the inside of `in_transaction!`, so that the effect, the mark that its code
//! was used and the session are one transaction on either database.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::tokens::OriginSalt;
use domain::typed::visible_line;
use uuid::Uuid;

pub(super) const USE_CODE: &str = "INSERT INTO challenge_uses (challenge_id, purpose, used_at) \
     VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
pub(super) const OPEN_SESSION: &str = "INSERT INTO sessions (id, user_id, challenge_id, \
     device_name, user_agent, address, created_at, last_used_at, idle_expires_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9)";
pub(super) const ISSUE_FIRST_TOKEN: &str = "INSERT INTO refresh_tokens (token_hash, session_id, \
     generation, issued_at, origin_salt) VALUES ($1, $2, 0, $3, $4)";
pub(super) const ISSUE_TOKEN: &str = "INSERT INTO refresh_tokens (token_hash, session_id, generation, \
     issued_at) VALUES ($1, $2, $3, $4)";

/// No more of what a client says about itself is kept.
const MAX_DEVICE_TEXT: usize = 256;

/// A session that is to be opened, with its first refresh token.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: Uuid,
    /// SHA-256 of its first refresh token.
    pub refresh_token_hash: [u8; 32],
    /// What that token was made with, where it comes from the session id of a challenge.
    pub origin_salt: Option<OriginSalt>,
    /// Where it happens.
    pub device: Device,
    /// The present.
    pub opened_at: DateTime<Utc>,
    /// When it ends if it is not used.
    pub idle_expires_at: DateTime<Utc>,
    /// When it ends in any case.
    pub expires_at: DateTime<Utc>,
}

/// What is known of a client; control characters and excess are cut off before it is stored.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// The name that the client gives the device.
    pub name: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The client's address.
    pub address: Option<IpAddr>,
}

/// What a client says about itself, fit for a page, a log and a TEXT column (which takes no NUL): without
/// marks that turn what stands beside it around.
pub(super) fn presentable(text: &str) -> String {
    visible_line(text)
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_DEVICE_TEXT)
        .collect()
}

/// Binds the parameters of [`USE_CODE`].
macro_rules! bind_code {
    ($to:expr, $root:expr, $purpose:expr, $now:expr) => {
        $to.bind($root.as_bytes().as_slice())
            .bind($purpose.as_str())
            .bind($crate::records::micros($now))
    };
}

/// Binds the parameters of [`OPEN_SESSION`].
macro_rules! bind_session {
    ($to:expr, $user:expr, $root:expr, $session:expr) => {{
        use $crate::records::micros;
        use $crate::records::session_opening::presentable;
        $to.bind($session.id)
            .bind($user)
            .bind($root.as_ref().map(|id| id.as_bytes().as_slice()))
            .bind($session.device.name.as_deref().map(presentable))
            .bind($session.device.user_agent.as_deref().map(presentable))
            .bind($session.device.address.map(|address| address.to_string()))
            .bind(micros($session.opened_at))
            .bind(micros($session.idle_expires_at))
            .bind(micros($session.expires_at))
    }};
}

/// Binds the parameters of [`ISSUE_FIRST_TOKEN`].
macro_rules! bind_first_token {
    ($to:expr, $session:expr) => {
        $to.bind($session.refresh_token_hash.as_slice())
            .bind($session.id)
            .bind($crate::records::micros($session.opened_at))
            .bind($session.origin_salt.as_ref().map(|salt| salt.as_slice()))
    };
}

/// Marks the code of a root as used, in `challenge_id`, which held that of the challenge when each had
/// a code of its own; `false` when it had its effect before. To come first in
/// its transaction, so that of several at once all but one wait here and then find it used.
macro_rules! use_code {
    ($transaction:ident, $root:expr, $purpose:expr, $now:expr) => {{
        use $crate::records::session_opening::{USE_CODE, bind_code};
        bind_code!(sqlx::query(USE_CODE), $root, $purpose, $now)
            .execute(&mut *$transaction)
            .await?
            .rows_affected()
            == 1
    }};
}

/// Opens a session with its first refresh token: `$root` is that of the code that opens it, if one
/// does.
macro_rules! open_session {
    ($transaction:ident, $user:expr, $root:expr, $session:expr) => {{
        use $crate::records::session_opening::{
            ISSUE_FIRST_TOKEN, NewSession, OPEN_SESSION, bind_first_token, bind_session,
        };
        let root: Option<::domain::root::RootId> = $root;
        let session: &NewSession = $session;
        bind_session!(sqlx::query(OPEN_SESSION), $user, root, session)
            .execute(&mut *$transaction)
            .await?;
        bind_first_token!(sqlx::query(ISSUE_FIRST_TOKEN), session)
            .execute(&mut *$transaction)
            .await?;
    }};
}

pub(super) use {bind_code, bind_first_token, bind_session, open_session, use_code};

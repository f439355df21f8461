//! Signing in: the one moment at which a code has its effect.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::dispatch::{in_transaction, on_connection};
use super::users::{User, UserRow, user_columns};
use super::{Records, RecordsError, micros};
use crate::challenge::ChallengeId;
use crate::otp::Purpose;
use crate::phone::PhoneNumber;

const USE_CODE: &str = "INSERT INTO challenge_uses (challenge_id, purpose, used_at) \
     VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const CODE_USED: &str = "SELECT COUNT(*) FROM challenge_uses WHERE challenge_id = $1";
/// Locks the row, so that a block and a sign-in at the same moment see each other.
const ADMIT: &str = concat!(
    "UPDATE users SET last_sign_in_at = $2, updated_at = $2, ",
    "phone_verified_at = COALESCE(phone_verified_at, $2) ",
    "WHERE phone = $1 AND blocked_at IS NULL RETURNING ",
    user_columns!()
);
/// The user name is the number's digits, unless an imported account has chosen just these: that
/// must not keep the owner of the number out.
const CREATE: &str = concat!(
    "INSERT INTO users (id, phone, username, phone_verified_at, last_sign_in_at, created_at, updated_at) ",
    "SELECT $1, $2, CASE WHEN EXISTS (SELECT 1 FROM users WHERE username = $3) THEN $4 ELSE $3 END, ",
    "$5, $5, $5, $5 WHERE TRUE ON CONFLICT DO NOTHING RETURNING ",
    user_columns!()
);
const OPEN_SESSION: &str = "INSERT INTO sessions (id, user_id, challenge_id, device_name, \
     user_agent, address, created_at, last_used_at, idle_expires_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9)";
const ISSUE_TOKEN: &str = "INSERT INTO refresh_tokens (token_hash, session_id, generation, \
     issued_at) VALUES ($1, $2, 0, $3)";

/// No more of what a client says about itself is kept.
const MAX_DEVICE_TEXT: usize = 256;

/// A right code, and what it shall open.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The challenge of the code.
    pub challenge: ChallengeId,
    /// What the code was for.
    pub purpose: Purpose,
    /// The number that the code proved.
    pub phone: PhoneNumber,
    /// The id of the user if this is their first time.
    pub new_user_id: Uuid,
    /// The id of the session to open.
    pub session_id: Uuid,
    /// SHA-256 of the session's first refresh token.
    pub refresh_token_hash: [u8; 32],
    /// Where it happens.
    pub device: Device,
    /// The present.
    pub now: DateTime<Utc>,
    /// When the session ends if it is not used.
    pub idle_expires_at: DateTime<Utc>,
    /// When the session ends in any case.
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

/// What became of a sign-in. Nothing is written except by the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInOutcome {
    /// The session is open.
    SignedIn {
        /// The user, as of now.
        user: User,
        /// Whether this sign-in created them.
        is_new: bool,
    },
    /// The code had its effect before.
    CodeUsed,
    /// The user is kept out.
    Blocked,
}

impl Records {
    /// Lets a code act, once: uses it up, finds or creates the user of the number, and opens a
    /// session with its first refresh token, all or nothing.
    pub async fn sign_in(&self, sign_in: &SignIn) -> Result<SignInOutcome, RecordsError> {
        let now = micros(sign_in.now);
        let challenge = sign_in.challenge.as_bytes().as_slice();
        in_transaction!(self, transaction => {
            // First, so that of several at once all but one wait here and then find the code used.
            let first_uses = sqlx::query(USE_CODE)
                .bind(challenge)
                .bind(sign_in.purpose.as_str())
                .bind(now)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
            if first_uses == 0 {
                return Ok(SignInOutcome::CodeUsed);
            }

            let mut user: Option<UserRow> = sqlx::query_as(ADMIT)
                .bind(sign_in.phone.as_e164())
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            let mut is_new = false;
            if user.is_none() {
                user = sqlx::query_as(CREATE)
                    .bind(sign_in.new_user_id)
                    .bind(sign_in.phone.as_e164())
                    .bind(sign_in.phone.digits())
                    .bind(sign_in.new_user_id.to_string())
                    .bind(now)
                    .fetch_optional(&mut *transaction)
                    .await?;
                is_new = user.is_some();
            }
            if user.is_none() {
                // The number has a user after all: one who is blocked, or one whom another
                // sign-in has created since.
                user = sqlx::query_as(ADMIT)
                    .bind(sign_in.phone.as_e164())
                    .bind(now)
                    .fetch_optional(&mut *transaction)
                    .await?;
            }
            let Some(user) = user else {
                return Ok(SignInOutcome::Blocked);
            };
            let user = User::try_from(user)?;

            sqlx::query(OPEN_SESSION)
                .bind(sign_in.session_id)
                .bind(user.id)
                .bind(challenge)
                .bind(sign_in.device.name.as_deref().map(presentable))
                .bind(sign_in.device.user_agent.as_deref().map(presentable))
                .bind(sign_in.device.address.map(|address| address.to_string()))
                .bind(now)
                .bind(micros(sign_in.idle_expires_at))
                .bind(micros(sign_in.expires_at))
                .execute(&mut *transaction)
                .await?;
            sqlx::query(ISSUE_TOKEN)
                .bind(sign_in.refresh_token_hash.as_slice())
                .bind(sign_in.session_id)
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(SignInOutcome::SignedIn { user, is_new })
        })
    }

    /// Whether the code of this challenge had its effect.
    pub async fn challenge_used(&self, challenge: ChallengeId) -> Result<bool, RecordsError> {
        on_connection!(self, readers, connection => {
            let uses: i64 = sqlx::query_scalar(CODE_USED)
                .bind(challenge.as_bytes().as_slice())
                .fetch_one(connection)
                .await?;
            Ok(uses > 0)
        })
    }
}

/// What a client says about itself, fit for a page, a log and a TEXT column (which takes no NUL).
fn presentable(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(MAX_DEVICE_TEXT)
        .collect()
}

//! Ending sessions: one, the others, or all of a user.
//!
//! An ended session's tokens are dead at once wherever the records are asked; access tokens that
//! others check by themselves die with their own few minutes.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::dispatch::{in_transaction, on_connection};
use super::places::{Place, Row, Work};
use super::sessions::live_session;
use super::{Records, RecordsError, micros};

const END_ONE: &str = concat!(
    "UPDATE sessions SET revoked_at = $3, revoked_reason = $4 WHERE id = $2 AND user_id = $1 AND ",
    live_session!("$3")
);
/// Of either kind, the admin console's too: "everywhere" leaves none.
const END_OTHERS: &str = "UPDATE sessions SET revoked_at = $3, revoked_reason = $4 \
     WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL";
/// On every device: those that are logged out already are known no longer either.
const FORGET_DEVICES: &str = "UPDATE users SET devices_valid_from = $2 WHERE id = $1";
const FORGET_DEVICES_OF_TOKEN: &str = concat!(
    "UPDATE users SET devices_valid_from = $2 WHERE id = (SELECT user_id FROM sessions ",
    "WHERE id = (SELECT session_id FROM refresh_tokens WHERE token_hash = $1) AND ",
    live_session!("$2"),
    ")"
);
const END_ALL: &str = "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 \
     WHERE user_id = $1 AND revoked_at IS NULL";
/// A retired token names its session too: anyone who holds it could end that by using it.
const END_OF_TOKEN: &str = concat!(
    "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 ",
    "WHERE id = (SELECT session_id FROM refresh_tokens WHERE token_hash = $1) AND ",
    live_session!("$2")
);
const END_ALL_OF_TOKEN: &str = concat!(
    "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 ",
    "WHERE revoked_at IS NULL AND user_id = (SELECT user_id FROM sessions ",
    "WHERE id = (SELECT session_id FROM refresh_tokens WHERE token_hash = $1) AND ",
    live_session!("$2"),
    ")"
);

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SessionEnd {
    /// Its user logged out on this device.
    LogOut,
    /// Its user logged out on all devices at once.
    LogOutEverywhere,
    /// Its user ended it in the list of their devices.
    FromList,
    /// One of its tokens, or the code that opened it, was used a second time.
    Reuse,
    /// The client that it was opened for gave it back.
    Revoked,
}

impl SessionEnd {
    /// The word that the records keep.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Records {
    /// Ends a session of a user; `false` when they have no such session that still holds.
    pub async fn end_session(
        &self,
        user: Uuid,
        session: Uuid,
        reason: SessionEnd,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        on_connection!(self, Place::of_row(Work::Other, Row::User(user)), writer, connection => {
            let ended = sqlx::query(END_ONE)
                .bind(user)
                .bind(session)
                .bind(micros(now))
                .bind(reason.as_str())
                .execute(connection)
                .await?;
            Ok(ended.rows_affected() > 0)
        })
    }

    /// Ends every session of a user but one; tells how many that were.
    pub async fn end_other_sessions(
        &self,
        user: Uuid,
        keep: Uuid,
        reason: SessionEnd,
        now: DateTime<Utc>,
    ) -> Result<u64, RecordsError> {
        on_connection!(self, Place::of_row(Work::Other, Row::User(user)), writer, connection => {
            let ended = sqlx::query(END_OTHERS)
                .bind(user)
                .bind(keep)
                .bind(micros(now))
                .bind(reason.as_str())
                .execute(connection)
                .await?;
            Ok(ended.rows_affected())
        })
    }

    /// Ends every session of a user, whose devices are known no longer; tells how many that were.
    pub async fn end_all_sessions(
        &self,
        user: Uuid,
        reason: SessionEnd,
        now: DateTime<Utc>,
    ) -> Result<u64, RecordsError> {
        in_transaction!(self, Place::of_row(Work::Other, Row::User(user)), transaction => {
            // First: it locks the row of the user, and so meets whoever signs in.
            sqlx::query(FORGET_DEVICES)
                .bind(user)
                .bind(micros(now))
                .execute(&mut *transaction)
                .await?;
            let ended = sqlx::query(END_ALL)
                .bind(user)
                .bind(micros(now))
                .bind(reason.as_str())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(ended.rows_affected())
        })
    }

    /// Ends the session that a refresh token belongs to, and with `everywhere` all others of its
    /// user; `false` when the token is unknown or its session did not hold any more, and then
    /// nothing was done.
    pub async fn end_session_of_token(
        &self,
        token_hash: [u8; 32],
        everywhere: bool,
        reason: SessionEnd,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        if everywhere {
            return self
                .end_all_sessions_of_token(token_hash, reason, now)
                .await;
        }
        on_connection!(self, Place::of_row(Work::Other, Row::Token(token_hash)), writer, connection => {
            let ended = sqlx::query(END_OF_TOKEN)
                .bind(token_hash.as_slice())
                .bind(micros(now))
                .bind(reason.as_str())
                .execute(connection)
                .await?;
            Ok(ended.rows_affected() > 0)
        })
    }

    async fn end_all_sessions_of_token(
        &self,
        token_hash: [u8; 32],
        reason: SessionEnd,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        in_transaction!(self, Place::of_row(Work::Other, Row::Token(token_hash)), transaction => {
            sqlx::query(FORGET_DEVICES_OF_TOKEN)
                .bind(token_hash.as_slice())
                .bind(micros(now))
                .execute(&mut *transaction)
                .await?;
            let ended = sqlx::query(END_ALL_OF_TOKEN)
                .bind(token_hash.as_slice())
                .bind(micros(now))
                .bind(reason.as_str())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(ended.rows_affected() > 0)
        })
    }
}

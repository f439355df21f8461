//! Passwords: found for a log-in, set, reset by a code, and replaced by a better hash.

use chrono::{DateTime, TimeDelta, Utc};
use domain::otp::Purpose;
use domain::password::PasswordHash;
use domain::phone::PhoneNumber;
use domain::root::RootId;
use uuid::Uuid;

use super::dispatch::{in_transaction, on_connection};
use super::notices::{NewNotice, insert_notice};
use super::places::{Place, Row, Work};
use super::session_opening::{NewSession, open_session, use_code};
use super::sessions::session_holds;
use super::sign_in::{SignInOutcome, admit_or_create};
use super::users::{User, UserRow, user_columns};
use super::{Records, RecordsError, micros};

const HOLDER: &str = "SELECT id, password_hash, blocked_at IS NOT NULL AS blocked \
     FROM users WHERE phone = $1";
const OF_USER: &str = "SELECT password_hash FROM users WHERE id = $1 AND deleted_at IS NULL";
/// Locks the row of the user: of two changes at once the second sees the sessions that the first
/// has ended.
pub(super) const SET: &str = "UPDATE users SET password_hash = $2, password_changed_at = $3, updated_at = $3 \
     WHERE id = $1 AND blocked_at IS NULL AND deleted_at IS NULL";
pub(super) const END_OTHERS: &str = "UPDATE sessions SET revoked_at = $3, \
     revoked_reason = 'password_changed' WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL";
/// The time of the notice behind which so many newer ones were written.
const TOLD_BEFORE: &str = "SELECT created_at FROM notices \
     WHERE phone = $1 AND kind = $2 AND created_at > $3 \
     ORDER BY created_at DESC LIMIT 1 OFFSET $4";
/// Each change sends a message, and no code is needed that would limit them.
const TOLD_A_DAY: i64 = 5;
const DAY: TimeDelta = TimeDelta::hours(24);
/// Not a change of the password: nobody is told, and no session ends.
const UPGRADE: &str = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
/// Only while the hash is still the one that the password was compared with.
pub(super) const ADMIT_BY_PASSWORD: &str = concat!(
    "UPDATE users SET last_sign_in_at = $3, updated_at = $3 ",
    "WHERE id = $1 AND password_hash = $2 AND blocked_at IS NULL AND deleted_at IS NULL RETURNING ",
    user_columns!()
);

/// Whose password a number has.
#[derive(Clone, Debug)]
pub struct PasswordHolder {
    /// The user.
    pub user: Uuid,
    /// What is stored of the password, if they have one.
    pub hash: Option<PasswordHash>,
    /// Whether they are kept out.
    pub blocked: bool,
}

/// A new password of a user.
#[derive(Clone, Debug)]
pub struct PasswordChange {
    /// The user.
    pub user: Uuid,
    /// The hash of the new password.
    pub hash: PasswordHash,
    /// The one session that stays: that of the one who changes it.
    pub keep_session: Option<Uuid>,
    /// The present.
    pub now: DateTime<Utc>,
}

/// What became of a change. Nothing is written unless it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordChangeOutcome {
    /// It is the password now, and the other sessions have ended.
    Set,
    /// The user is kept out or gone, or the session to keep was ended meanwhile.
    NotAllowed,
    /// The owner was told of as many changes in the last 24 hours as a day may have.
    TooOften {
        /// From then on the next change is possible.
        until: DateTime<Utc>,
    },
}

/// A right password, and the session that it opens.
#[derive(Clone, Debug)]
pub struct PasswordLogIn {
    /// The user.
    pub user: Uuid,
    /// The hash that the password was compared with.
    pub hash: PasswordHash,
    /// The session to open, at the present.
    pub session: NewSession,
}

/// A right code for a new password, and the session that it opens.
#[derive(Clone, Debug)]
pub struct PasswordReset {
    /// The challenge of the code.
    pub root: RootId,
    /// The number that the code proved.
    pub phone: PhoneNumber,
    /// The id of the user if the number has none yet.
    pub new_user_id: Uuid,
    /// The hash of the new password.
    pub hash: PasswordHash,
    /// The session to open, at the present.
    pub session: NewSession,
    /// Tells the owner; written if they had a password before.
    pub notice: NewNotice,
}

#[derive(sqlx::FromRow)]
struct HolderRow {
    id: Uuid,
    password_hash: Option<String>,
    blocked: bool,
}

fn stored_hash(text: Option<String>) -> Result<Option<PasswordHash>, RecordsError> {
    text.map(|text| {
        PasswordHash::from_stored(&text).map_err(|_| RecordsError::Corrupt {
            table: "users",
            problem: "password_hash has no known format, or costs too much",
        })
    })
    .transpose()
}

/// Stores a new password; `false` for a user who is kept out or gone. The row of the user is
/// locked from here on.
macro_rules! store_password {
    ($transaction:ident, $user:expr, $hash:expr, $now:expr) => {
        sqlx::query(SET)
            .bind($user)
            .bind($hash.expose())
            .bind($now)
            .execute(&mut *$transaction)
            .await?
            .rows_affected()
            == 1
    };
}

/// Ends all sessions of a user but one; the nil id spares none.
macro_rules! end_other_sessions {
    ($transaction:ident, $user:expr, $kept:expr, $now:expr) => {
        sqlx::query(END_OTHERS)
            .bind($user)
            .bind($kept)
            .bind($now)
            .execute(&mut *$transaction)
            .await?
    };
}

impl Records {
    /// Whose password this number has.
    pub async fn password_of_phone(
        &self,
        phone: &PhoneNumber,
    ) -> Result<Option<PasswordHolder>, RecordsError> {
        on_connection!(self, Place::of(Work::Verifying), readers, connection => {
            let row: Option<HolderRow> = sqlx::query_as(HOLDER)
                .bind(phone.as_e164())
                .fetch_optional(connection)
                .await?;
            row.map(|row| {
                Ok(PasswordHolder {
                    user: row.id,
                    hash: stored_hash(row.password_hash)?,
                    blocked: row.blocked,
                })
            })
            .transpose()
        })
    }

    /// What is stored of a user's password, if they have one.
    pub async fn password_of_user(&self, user: Uuid) -> Result<Option<PasswordHash>, RecordsError> {
        on_connection!(self, readers, connection => {
            let hash: Option<Option<String>> = sqlx::query_scalar(OF_USER)
                .bind(user)
                .fetch_optional(connection)
                .await?;
            stored_hash(hash.flatten())
        })
    }

    /// Sets a password and ends the other sessions of the user. `false`, with nothing done, for a
    /// user who is kept out or gone, and where the session to keep was ended meanwhile.
    pub async fn set_password(&self, change: &PasswordChange) -> Result<bool, RecordsError> {
        let outcome = self.change_password(change, None).await?;
        Ok(outcome == PasswordChangeOutcome::Set)
    }

    /// The same, with a notice that tells the owner of it. There are at most five such notices to a
    /// number in 24 hours, those of resets included.
    pub async fn change_password(
        &self,
        change: &PasswordChange,
        notice: Option<&NewNotice>,
    ) -> Result<PasswordChangeOutcome, RecordsError> {
        let now = micros(change.now);
        in_transaction!(self, Place::of_row(Work::Other, Row::User(change.user)), transaction => {
            if !store_password!(transaction, change.user, change.hash, now) {
                return Ok(PasswordChangeOutcome::NotAllowed);
            }
            if let Some(session) = change.keep_session
                && !session_holds!(transaction, session, change.user)
            {
                return Ok(PasswordChangeOutcome::NotAllowed);
            }
            let kept = change.keep_session.unwrap_or_default();
            end_other_sessions!(transaction, change.user, kept, now);
            if let Some(notice) = notice {
                let told: Option<DateTime<Utc>> = sqlx::query_scalar(TOLD_BEFORE)
                    .bind(notice.phone.as_e164())
                    .bind(notice.kind.as_str())
                    .bind(now - DAY)
                    .bind(TOLD_A_DAY - 1)
                    .fetch_optional(&mut *transaction)
                    .await?;
                if let Some(told) = told {
                    return Ok(PasswordChangeOutcome::TooOften { until: told + DAY });
                }
                insert_notice!(transaction, notice);
            }
            transaction.commit().await?;
            Ok(PasswordChangeOutcome::Set)
        })
    }

    /// Replaces the hash of an unchanged password by a better one. `false` when the stored hash is
    /// no longer the old one.
    pub async fn upgrade_password(
        &self,
        user: Uuid,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, RecordsError> {
        on_connection!(self, Place::of_row(Work::Other, Row::User(user)), writer, connection => {
            let updated = sqlx::query(UPGRADE)
                .bind(user)
                .bind(old.expose())
                .bind(new.expose())
                .execute(connection)
                .await?
                .rows_affected();
            Ok(updated == 1)
        })
    }

    /// Opens a session for a right password. `None` when the user was blocked, or the password
    /// changed, since it was compared.
    pub async fn log_in(&self, log_in: &PasswordLogIn) -> Result<Option<User>, RecordsError> {
        let now = micros(log_in.session.opened_at);
        in_transaction!(self, Place::of_row(Work::Verifying, Row::User(log_in.user)), transaction => {
            let row: Option<UserRow> = sqlx::query_as(ADMIT_BY_PASSWORD)
                .bind(log_in.user)
                .bind(log_in.hash.expose())
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(row) = row else {
                return Ok(None);
            };
            let user = User::try_from(row)?;
            open_session!(transaction, user.id, None, &log_in.session);
            transaction.commit().await?;
            Ok(Some(user))
        })
    }

    /// Lets a code for a new password act, once: uses it up, finds or creates the user of the
    /// number, sets the password, ends all their sessions and opens one, all or nothing. The user is
    /// shown as they were before: `has_password` says whether the password is their first.
    pub async fn reset_password(
        &self,
        reset: &PasswordReset,
    ) -> Result<SignInOutcome, RecordsError> {
        let now = micros(reset.session.opened_at);
        in_transaction!(self, Place::of_row(Work::Verifying, Row::Phone(reset.phone.clone())), transaction => {
            if !use_code!(transaction, reset.root, Purpose::ResetPassword, now) {
                return Ok(SignInOutcome::CodeUsed);
            }
            let admitted = admit_or_create!(transaction, &reset.phone, reset.new_user_id, now);
            let Some((user, is_new)) = admitted else {
                return Ok(SignInOutcome::Blocked);
            };
            if !store_password!(transaction, user.id, reset.hash, now) {
                return Ok(SignInOutcome::Blocked);
            }
            end_other_sessions!(transaction, user.id, Uuid::nil(), now);
            open_session!(transaction, user.id, Some(reset.root), &reset.session);
            if user.has_password {
                insert_notice!(transaction, &reset.notice);
            }
            transaction.commit().await?;
            Ok(SignInOutcome::SignedIn { user, is_new })
        })
    }
}

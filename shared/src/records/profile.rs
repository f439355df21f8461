//! What people change of their own account, and its end.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::audit::{AuditEntry, write_audit};
use super::dispatch::{in_transaction, on_connection};
use super::notices::DELETE_NOTICES;
use super::phone_moves::STOP;
use super::places::{Place, Row, Work};
use super::sessions::hold_user;
use super::users::{User, UserRow, user_columns};
use super::{Records, RecordsError, micros};

const UPDATE: &str = concat!(
    "UPDATE users SET first_name = COALESCE($2, first_name), last_name = COALESCE($3, last_name), ",
    "email = CASE WHEN $4 THEN $5 ELSE email END, updated_at = $6 ",
    "WHERE id = $1 AND blocked_at IS NULL AND deleted_at IS NULL RETURNING ",
    user_columns!()
);
/// The row stays, for the log of who did what, with nothing of the person in it. The table checks
/// that.
const ERASE: &str = "UPDATE users SET phone = NULL, username = $2, email = NULL, first_name = '', \
     last_name = '', password_hash = NULL, password_changed_at = NULL, phone_verified_at = NULL, \
     last_sign_in_at = NULL, devices_valid_from = NULL, is_staff = FALSE, is_superuser = FALSE, \
     deleted_at = $3 WHERE id = $1";
/// With their refresh tokens, and with the challenges that opened them.
/// So that clients are told: what ends sessions by removing them is seen by nobody.
const HOLD_ANYBODY: &str =
    "UPDATE users SET updated_at = $2 WHERE id = $1 AND deleted_at IS NULL RETURNING phone";
const END_SESSIONS: &str = "UPDATE sessions SET revoked_at = $2, revoked_reason = 'deleted' \
     WHERE user_id = $1 AND revoked_at IS NULL";
const DELETE_SESSIONS: &str = "DELETE FROM sessions WHERE user_id = $1";
const DELETE_TOTP: &str = "DELETE FROM totp_credentials WHERE user_id = $1";
const DELETE_ROLE: &str = "DELETE FROM staff WHERE user_id = $1";
const DELETE_RECOVERY: &str = "DELETE FROM staff_recovery_codes WHERE user_id = $1";
const DELETE_LINKS: &str = "DELETE FROM staff_links WHERE user_id = $1";
const DELETE_STEPS: &str = "DELETE FROM step_sessions WHERE user_id = $1 OR phone = $2";
/// The ledger keeps what was sent and what it cost, not to whom.
const FORGET_SENDS: &str = "UPDATE sends SET phone = NULL WHERE phone = $1";

/// The changes to a profile; what is not named stays.
#[derive(Clone, Debug, Default)]
pub struct ProfileChange {
    /// The first name, perhaps empty.
    pub first_name: Option<String>,
    /// The last name, perhaps empty.
    pub last_name: Option<String>,
    /// The e-mail address.
    pub email: EmailChange,
}

/// What becomes of an e-mail address.
#[derive(Clone, Debug, Default)]
pub enum EmailChange {
    /// It stays.
    #[default]
    Keep,
    /// There is none any more.
    Remove,
    /// It is this one.
    Set(String),
}

/// Who ends an account.
#[derive(Clone, Copy, Debug)]
pub enum DeletedBy<'a> {
    /// Its user, in this session.
    Owner(Uuid),
    /// Somebody of the staff, which is written down. A user who is kept out can be deleted so too.
    Staff(&'a AuditEntry),
}

impl Records {
    /// Changes a profile and returns the user as of now; nobody, when they are blocked or gone.
    pub async fn update_profile(
        &self,
        user: Uuid,
        change: &ProfileChange,
        now: DateTime<Utc>,
    ) -> Result<Option<User>, RecordsError> {
        let (changes_email, email) = match &change.email {
            EmailChange::Keep => (false, None),
            EmailChange::Remove => (true, None),
            EmailChange::Set(email) => (true, Some(email.as_str())),
        };
        on_connection!(self, Place::of_row(Work::Other, Row::User(user)), writer, connection => {
            let row: Option<UserRow> = sqlx::query_as(UPDATE)
                .bind(user)
                .bind(change.first_name.as_deref())
                .bind(change.last_name.as_deref())
                .bind(changes_email)
                .bind(email)
                .bind(micros(now))
                .fetch_optional(connection)
                .await?;
            row.map(User::try_from).transpose()
        })
    }

    /// Ends an account and erases everything personal of it, all or nothing: number, names,
    /// address, password, second factor, sessions, steps, what waits to be sent to the number, and
    /// the number in the ledger. The number is free for its next owner. `false` when the user is
    /// gone, and by themselves also when they are blocked or the session that asks was ended.
    ///
    /// That codes were used stays: a code must not act again because its account is gone.
    pub async fn delete_account(
        &self,
        user: Uuid,
        by: DeletedBy<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        let now = micros(now);
        in_transaction!(self, Place::of_row(Work::Other, Row::User(user)), transaction => {
            // A sign-in at the same moment is either deleted too or creates a new user.
            let held: Option<(Option<String>,)> = match by {
                DeletedBy::Owner(session) => hold_user!(transaction, user, session, now),
                DeletedBy::Staff(_) => {
                    sqlx::query_as(HOLD_ANYBODY)
                        .bind(user)
                        .bind(now)
                        .fetch_optional(&mut *transaction)
                        .await?
                }
            };
            let Some((phone,)) = held else {
                return Ok(false);
            };
            sqlx::query(END_SESSIONS).bind(user).bind(now).execute(&mut *transaction).await?;
            sqlx::query(DELETE_SESSIONS).bind(user).execute(&mut *transaction).await?;
            sqlx::query(STOP).bind(user).execute(&mut *transaction).await?;
            sqlx::query(DELETE_TOTP).bind(user).execute(&mut *transaction).await?;
            sqlx::query(DELETE_ROLE).bind(user).execute(&mut *transaction).await?;
            sqlx::query(DELETE_RECOVERY).bind(user).execute(&mut *transaction).await?;
            sqlx::query(DELETE_LINKS).bind(user).execute(&mut *transaction).await?;
            sqlx::query(DELETE_STEPS)
                .bind(user)
                .bind(phone.as_deref())
                .execute(&mut *transaction)
                .await?;
            sqlx::query(DELETE_NOTICES)
                .bind(phone.as_deref())
                .execute(&mut *transaction)
                .await?;
            sqlx::query(FORGET_SENDS)
                .bind(phone.as_deref())
                .execute(&mut *transaction)
                .await?;
            sqlx::query(ERASE)
                .bind(user)
                .bind(format!("deleted-{user}"))
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            if let DeletedBy::Staff(entry) = by {
                write_audit!(transaction, entry, now);
            }
            transaction.commit().await?;
            Ok(true)
        })
    }
}

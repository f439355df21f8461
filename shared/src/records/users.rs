//! People: found by number or id, blocked and unblocked.

use std::fmt;

use chrono::{DateTime, Utc};
use domain::phone::PhoneNumber;
use uuid::Uuid;

use super::dispatch::{in_transaction, on_connection};
use super::places::{Place, Row, Work};
use super::{Records, RecordsError, micros};

/// The columns of a [`UserRow`].
macro_rules! user_columns {
    () => {
        "id, phone, username, email, first_name, last_name, \
         password_hash IS NOT NULL AS has_password, is_staff, is_superuser, phone_verified_at, \
         last_sign_in_at, blocked_at, created_at"
    };
}
pub(super) use user_columns;

const BY_PHONE: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE phone = $1");
const BY_ID: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users WHERE id = $1 AND deleted_at IS NULL"
);
const SET_BLOCKED: &str = "UPDATE users SET blocked_at = $2, updated_at = $3 \
     WHERE id = $1 AND deleted_at IS NULL";
const END_SESSIONS: &str = "UPDATE sessions SET revoked_at = $2, revoked_reason = 'blocked' \
     WHERE user_id = $1 AND revoked_at IS NULL";

/// Somebody with an account. Debug output shows the id only.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The id, which is also the `sub` of their tokens.
    pub id: Uuid,
    /// The number; some accounts that were imported have none.
    pub phone: Option<PhoneNumber>,
    /// The digits of the number unless it was chosen otherwise.
    pub username: String,
    /// An e-mail address that was never proven.
    pub email: Option<String>,
    /// First name, or empty.
    pub first_name: String,
    /// Last name, or empty.
    pub last_name: String,
    /// Whether a password was set.
    pub has_password: bool,
    /// May see the admin console.
    pub is_staff: bool,
    /// May do everything there.
    pub is_superuser: bool,
    /// When a code first proved that the number is theirs.
    pub phone_verified_at: Option<DateTime<Utc>>,
    /// When they last signed in.
    pub last_sign_in_at: Option<DateTime<Utc>>,
    /// Since when they are kept out.
    pub blocked_at: Option<DateTime<Utc>>,
    /// Since when they have an account.
    pub created_at: DateTime<Utc>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A user as stored.
#[derive(sqlx::FromRow)]
pub(super) struct UserRow {
    id: Uuid,
    phone: Option<String>,
    username: String,
    email: Option<String>,
    first_name: String,
    last_name: String,
    has_password: bool,
    is_staff: bool,
    is_superuser: bool,
    phone_verified_at: Option<DateTime<Utc>>,
    last_sign_in_at: Option<DateTime<Utc>>,
    blocked_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl TryFrom<UserRow> for User {
    type Error = RecordsError;

    fn try_from(row: UserRow) -> Result<Self, Self::Error> {
        Ok(Self {
            id: row.id,
            phone: stored_phone("users", row.phone)?,
            username: row.username,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            has_password: row.has_password,
            is_staff: row.is_staff,
            is_superuser: row.is_superuser,
            phone_verified_at: row.phone_verified_at,
            last_sign_in_at: row.last_sign_in_at,
            blocked_at: row.blocked_at,
            created_at: row.created_at,
        })
    }
}

/// Takes a number back from a column.
pub(super) fn stored_phone(
    table: &'static str,
    text: Option<String>,
) -> Result<Option<PhoneNumber>, RecordsError> {
    text.map(|text| {
        PhoneNumber::from_e164(&text).ok_or(RecordsError::Corrupt {
            table,
            problem: "phone is not an E.164 number",
        })
    })
    .transpose()
}

impl Records {
    /// The user of this number.
    pub async fn find_user_by_phone(
        &self,
        phone: &PhoneNumber,
    ) -> Result<Option<User>, RecordsError> {
        on_connection!(self, Place::of(Work::Asking), readers, connection => {
            let row: Option<UserRow> = sqlx::query_as(BY_PHONE)
                .bind(phone.as_e164())
                .fetch_optional(connection)
                .await?;
            row.map(User::try_from).transpose()
        })
    }

    /// The user of this id, unless the account was deleted.
    pub async fn find_user(&self, id: Uuid) -> Result<Option<User>, RecordsError> {
        on_connection!(self, readers, connection => {
            let row: Option<UserRow> =
                sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?;
            row.map(User::try_from).transpose()
        })
    }

    /// Keeps a user out from `now` on, which ends all their sessions, or lets them in again.
    /// `false` when there is no such user.
    pub async fn set_blocked(
        &self,
        user: Uuid,
        blocked: bool,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        let now = micros(now);
        in_transaction!(self, Place::of_row(Work::Other, Row::User(user)), transaction => {
            // Before the sessions: a sign-in that is under way holds the row of its user.
            let found = sqlx::query(SET_BLOCKED)
                .bind(user)
                .bind(blocked.then_some(now))
                .bind(now)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
            if blocked {
                sqlx::query(END_SESSIONS)
                    .bind(user)
                    .bind(now)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            Ok(found > 0)
        })
    }
}

//! What the staff sees of people and does for them: each change with its entry in the audit log.

use std::fmt;

use chrono::{DateTime, Utc};
use domain::phone::PhoneNumber;
use uuid::Uuid;

use crate::records::audit::write_audit;
use crate::records::dispatch::{in_transaction, on_connection};
use crate::records::places::{Place, Row, Work};
use crate::records::users::stored_phone;
use crate::records::{AuditEntry, Records, RecordsError, micros};

/// No hash of a password among them: the role of the console may not read that column.
macro_rules! columns {
    () => {
        "SELECT id, phone, username, email, first_name, last_name, is_staff, is_superuser, \
         phone_verified_at, last_sign_in_at, blocked_at, created_at FROM users \
         WHERE deleted_at IS NULL AND "
    };
}

const BY_ID: &str = concat!(columns!(), "id = $1");
const BY_PHONE: &str = concat!(columns!(), "phone = $1");
/// The index is on the last four.
const BY_LAST_DIGITS: &str = concat!(
    columns!(),
    "substr(phone, length(phone) - 3) = $1 AND phone LIKE $2 ORDER BY created_at DESC, id LIMIT $3"
);
const BY_EMAIL: &str = concat!(
    columns!(),
    "lower(email) = $1 ORDER BY created_at DESC, id LIMIT $2"
);
const BY_NAME: &str = concat!(
    columns!(),
    "(lower(first_name) = $1 OR lower(last_name) = $1 OR username = $1 \
     OR (lower(first_name) = $2 AND lower(last_name) = $3)) ORDER BY created_at DESC, id LIMIT $4"
);
const NEWEST: &str = concat!(columns!(), "1 = 1 ORDER BY created_at DESC LIMIT $1");
const UNBLOCK: &str = "UPDATE users SET blocked_at = NULL, updated_at = $2 \
     WHERE id = $1 AND deleted_at IS NULL AND blocked_at IS NOT NULL";
const BLOCK: &str = "UPDATE users SET blocked_at = $2, updated_at = $2 \
     WHERE id = $1 AND deleted_at IS NULL AND blocked_at IS NULL";
const VERIFY: &str = "UPDATE users SET phone_verified_at = $2, updated_at = $2 \
     WHERE id = $1 AND deleted_at IS NULL AND phone IS NOT NULL AND phone_verified_at IS NULL";
const END_ALL: &str = "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 \
     WHERE user_id = $1 AND revoked_at IS NULL";
const END_ONE: &str = "UPDATE sessions SET revoked_at = $3, revoked_reason = 'staff' \
     WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL";

/// Somebody with an account, as the staff sees them. Debug output shows the id only.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// The id.
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
    /// A flag of the project that they were imported from; roles are apart from it.
    pub is_staff: bool,
    /// Whether a command made them one, or the project that they were imported from.
    pub is_superuser: bool,
    /// When a code, or somebody of the staff, first proved that the number is theirs.
    pub phone_verified_at: Option<DateTime<Utc>>,
    /// When they last signed in.
    pub last_sign_in_at: Option<DateTime<Utc>>,
    /// Since when they are kept out.
    pub blocked_at: Option<DateTime<Utc>>,
    /// Since when they have an account.
    pub created_at: DateTime<Utc>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// By what somebody is looked for.
#[derive(Clone, PartialEq, Eq)]
pub enum PeopleSearch {
    /// The newest accounts.
    Newest,
    /// This number.
    Phone(PhoneNumber),
    /// The end of the number: four digits at least.
    LastDigits(String),
    /// This e-mail address, whatever its case.
    Email(String),
    /// First, last or both names as they stand, whatever their case, or the user name.
    Name(String),
    /// This id.
    Id(Uuid),
}

#[derive(sqlx::FromRow)]
struct PersonRow {
    id: Uuid,
    phone: Option<String>,
    username: String,
    email: Option<String>,
    first_name: String,
    last_name: String,
    is_staff: bool,
    is_superuser: bool,
    phone_verified_at: Option<DateTime<Utc>>,
    last_sign_in_at: Option<DateTime<Utc>>,
    blocked_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl TryFrom<PersonRow> for Person {
    type Error = RecordsError;

    fn try_from(row: PersonRow) -> Result<Self, RecordsError> {
        Ok(Self {
            id: row.id,
            phone: stored_phone("users", row.phone)?,
            username: row.username,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            is_staff: row.is_staff,
            is_superuser: row.is_superuser,
            phone_verified_at: row.phone_verified_at,
            last_sign_in_at: row.last_sign_in_at,
            blocked_at: row.blocked_at,
            created_at: row.created_at,
        })
    }
}

impl Records {
    /// The people who are found, the newest first, `limit` of them at most.
    pub async fn search_people(
        &self,
        search: &PeopleSearch,
        limit: u32,
    ) -> Result<Vec<Person>, RecordsError> {
        let limit = i64::from(limit);
        on_connection!(self, readers, connection => {
            let query = match search {
                PeopleSearch::Newest => sqlx::query_as(NEWEST).bind(limit),
                PeopleSearch::Phone(phone) => sqlx::query_as(BY_PHONE).bind(phone.as_e164()),
                PeopleSearch::LastDigits(digits) => {
                    let Some(last) = digits.len().checked_sub(4).and_then(|at| digits.get(at..)) else {
                        return Ok(Vec::new());
                    };
                    sqlx::query_as(BY_LAST_DIGITS)
                        .bind(last)
                        .bind(format!("%{digits}"))
                        .bind(limit)
                }
                PeopleSearch::Email(email) => {
                    sqlx::query_as(BY_EMAIL).bind(email.to_lowercase()).bind(limit)
                }
                PeopleSearch::Name(name) => {
                    let name = name.to_lowercase();
                    let (first, last) = name.split_once(' ').unwrap_or((&name, &name));
                    let (first, last) = (first.to_owned(), last.trim().to_owned());
                    sqlx::query_as(BY_NAME).bind(name.clone()).bind(first).bind(last).bind(limit)
                }
                PeopleSearch::Id(id) => sqlx::query_as(BY_ID).bind(*id),
            };
            let rows: Vec<PersonRow> = query.fetch_all(connection).await?;
            rows.into_iter().map(Person::try_from).collect()
        })
    }

    /// Somebody by their id.
    pub async fn person(&self, id: Uuid) -> Result<Option<Person>, RecordsError> {
        let mut found = self.search_people(&PeopleSearch::Id(id), 1).await?;
        Ok(found.pop())
    }

    /// Keeps a user out, which ends all their sessions, or lets them in again, and writes it down. `false`, with
    /// nothing done, where that is so already or there is no such user.
    pub async fn set_blocked_by_staff(
        &self,
        user: Uuid,
        blocked: bool,
        entry: &AuditEntry,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        let now = micros(now);
        let statement = if blocked { BLOCK } else { UNBLOCK };
        in_transaction!(self, Place::of_row(Work::Other, Row::User(user)), transaction => {
            // Before the sessions: a sign-in that is under way holds the row of its user.
            let changed =
                sqlx::query(statement).bind(user).bind(now).execute(&mut *transaction).await?;
            if changed.rows_affected() == 0 {
                return Ok(false);
            }
            if blocked {
                sqlx::query(END_ALL)
                    .bind(user)
                    .bind(now)
                    .bind("blocked")
                    .execute(&mut *transaction)
                    .await?;
            }
            write_audit!(transaction, entry, now);
            transaction.commit().await?;
            Ok(true)
        })
    }

    /// Takes a number as proven, and writes it down; `false` where it is already, or there is none.
    pub async fn verify_phone_by_staff(
        &self,
        user: Uuid,
        entry: &AuditEntry,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        let now = micros(now);
        in_transaction!(self, Place::of_row(Work::Other, Row::User(user)), transaction => {
            let changed =
                sqlx::query(VERIFY).bind(user).bind(now).execute(&mut *transaction).await?;
            if changed.rows_affected() == 0 {
                return Ok(false);
            }
            write_audit!(transaction, entry, now);
            transaction.commit().await?;
            Ok(true)
        })
    }

    /// Ends one session of a user, or all of them, and writes it down; tells how many that were.
    pub async fn end_sessions_by_staff(
        &self,
        user: Uuid,
        session: Option<Uuid>,
        entry: &AuditEntry,
        now: DateTime<Utc>,
    ) -> Result<u64, RecordsError> {
        let now = micros(now);
        in_transaction!(self, Place::of_row(Work::Other, Row::User(user)), transaction => {
            let ended = match session {
                Some(session) => {
                    sqlx::query(END_ONE)
                        .bind(user)
                        .bind(session)
                        .bind(now)
                        .execute(&mut *transaction)
                        .await?
                }
                None => {
                    sqlx::query(END_ALL)
                        .bind(user)
                        .bind(now)
                        .bind("staff")
                        .execute(&mut *transaction)
                        .await?
                }
            };
            if ended.rows_affected() > 0 {
                write_audit!(transaction, entry, now);
            }
            transaction.commit().await?;
            Ok(ended.rows_affected())
        })
    }
}

//! Sessions in the console.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Utc};
use domain::phone::PhoneNumber;
use domain::staff::Role;
use uuid::Uuid;

use super::role_of;
use crate::records::audit::write_audit;
use crate::records::dispatch::{in_transaction, on_connection};
use crate::records::users::stored_phone;
use crate::records::{AuditEntry, Device, Records, RecordsError, micros};

pub(super) const OPEN: &str = "INSERT INTO sessions (id, user_id, kind, user_agent, address, created_at, \
     last_used_at, idle_expires_at, expires_at) VALUES ($1, $2, 'admin', $3, $4, $5, $5, $6, $7)";
pub(super) const OPEN_BESIDE: &str = "INSERT INTO staff_sessions (session_id, token_hash, factor_at) \
     VALUES ($1, $2, $3)";
/// Session, person and role in one look; nothing where one of them no longer holds.
const IN_USE: &str = "SELECT sessions.id AS session_id, sessions.user_id, sessions.created_at, \
     sessions.last_used_at, sessions.expires_at, staff_sessions.factor_at, users.phone, \
     users.first_name, users.last_name, users.is_superuser, users.is_staff, staff.role FROM staff_sessions \
     JOIN sessions ON sessions.id = staff_sessions.session_id \
     JOIN users ON users.id = sessions.user_id \
     LEFT JOIN staff ON staff.user_id = users.id \
     WHERE staff_sessions.token_hash = $1 AND sessions.kind = 'admin' \
     AND sessions.revoked_at IS NULL AND sessions.idle_expires_at > $2 AND sessions.expires_at > $2 \
     AND users.blocked_at IS NULL AND users.deleted_at IS NULL";
/// People who use the console are not away for long: their number is still theirs.
pub(super) const SIGNED_IN: &str =
    "UPDATE users SET last_sign_in_at = $2, updated_at = $2 WHERE id = $1";
const TOUCH: &str = "UPDATE sessions SET last_used_at = $2, idle_expires_at = $3 \
     WHERE id = $1 AND revoked_at IS NULL AND last_used_at < $2";
pub(super) const PROVEN_AGAIN: &str =
    "UPDATE staff_sessions SET factor_at = $2 WHERE session_id = $1";
const END: &str = "UPDATE sessions SET revoked_at = $2, revoked_reason = 'log_out' \
     WHERE id = $1 AND kind = 'admin' AND revoked_at IS NULL";
/// Finds nothing, and is refused to a role that may not serve the console.
const MAY_SERVE: &str = "SELECT token_hash FROM staff_sessions WHERE 1 = 0";
const UNMASKED: &str = "SELECT number_hash FROM staff_unmasked WHERE session_id = $1 AND until > $2 \
     ORDER BY until DESC LIMIT 200";
const UNMASK: &str = "INSERT INTO staff_unmasked (session_id, number_hash, until) VALUES ($1, $2, $3) \
     ON CONFLICT (session_id, number_hash) DO UPDATE SET until = excluded.until";

/// A session in the console that is to be opened.
#[derive(Clone, Debug)]
pub struct NewStaffSession {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub user: Uuid,
    /// SHA-256 of the token that the browser keeps.
    pub token_hash: [u8; 32],
    /// Where it happens.
    pub device: Device,
    /// The present, when a factor was given.
    pub opened_at: DateTime<Utc>,
    /// When it ends if it is not used.
    pub idle_expires_at: DateTime<Utc>,
    /// When it ends in any case.
    pub expires_at: DateTime<Utc>,
}

/// A session in the console that holds, and who it is. Debug output shows ids only.
#[derive(Clone, PartialEq, Eq)]
pub struct StaffSession {
    /// Its id.
    pub id: Uuid,
    /// Who is signed in.
    pub user: Uuid,
    /// What they may do now.
    pub role: Role,
    /// Their number.
    pub phone: Option<PhoneNumber>,
    /// First name, or empty.
    pub first_name: String,
    /// Last name, or empty.
    pub last_name: String,
    /// When they signed in.
    pub opened_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: DateTime<Utc>,
    /// When they last gave a second factor.
    pub factor_at: DateTime<Utc>,
    /// When it ends in any case.
    pub expires_at: DateTime<Utc>,
}

impl fmt::Debug for StaffSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaffSession")
            .field("id", &self.id)
            .field("user", &self.user)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

#[derive(sqlx::FromRow)]
struct SessionRow {
    session_id: Uuid,
    user_id: Uuid,
    created_at: DateTime<Utc>,
    last_used_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    factor_at: DateTime<Utc>,
    phone: Option<String>,
    first_name: String,
    last_name: String,
    is_superuser: bool,
    is_staff: bool,
    role: Option<String>,
}

/// Opens a session inside `in_transaction!`.
macro_rules! open_staff_session {
    ($transaction:ident, $session:expr) => {{
        use $crate::records::staff::sessions::{OPEN, OPEN_BESIDE, SIGNED_IN};
        let session: &$crate::records::NewStaffSession = $session;
        let opened_at = $crate::records::micros(session.opened_at);
        sqlx::query(SIGNED_IN)
            .bind(session.user)
            .bind(opened_at)
            .execute(&mut *$transaction)
            .await?;
        sqlx::query(OPEN)
            .bind(session.id)
            .bind(session.user)
            .bind(
                session
                    .device
                    .user_agent
                    .as_deref()
                    .map($crate::records::session_opening::presentable),
            )
            .bind(session.device.address.map(|address| address.to_string()))
            .bind(opened_at)
            .bind($crate::records::micros(session.idle_expires_at))
            .bind($crate::records::micros(session.expires_at))
            .execute(&mut *$transaction)
            .await?;
        sqlx::query(OPEN_BESIDE)
            .bind(session.id)
            .bind(session.token_hash.as_slice())
            .bind(opened_at)
            .execute(&mut *$transaction)
            .await?;
    }};
}

pub(super) use open_staff_session;

impl Records {
    /// Whether the role that these records are asked under may do what the console does. In a file, everybody may.
    pub async fn may_serve_the_console(&self) -> Result<bool, RecordsError> {
        let asked = on_connection!(self, readers, connection => {
            sqlx::query(MAY_SERVE).fetch_optional(connection).await?;
            Ok(())
        });
        match asked {
            Ok(()) => Ok(true),
            Err(error) if error.is_not_allowed() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a session in the console and writes it down.
    pub async fn open_staff_session(
        &self,
        session: &NewStaffSession,
        entry: &AuditEntry,
    ) -> Result<(), RecordsError> {
        in_transaction!(self, transaction => {
            open_staff_session!(transaction, session);
            write_audit!(transaction, entry, micros(session.opened_at));
            transaction.commit().await?;
            Ok(())
        })
    }

    /// The session of a token, if it holds at `now` and its user has a role.
    pub async fn staff_session(
        &self,
        token_hash: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Option<StaffSession>, RecordsError> {
        on_connection!(self, readers, connection => {
            let row: Option<SessionRow> = sqlx::query_as(IN_USE)
                .bind(token_hash.as_slice())
                .bind(micros(now))
                .fetch_optional(connection)
                .await?;
            let Some(row) = row else { return Ok(None) };
            let Some(role) = role_of(row.is_superuser, row.is_staff, row.role)? else {
                return Ok(None);
            };
            Ok(Some(StaffSession {
                id: row.session_id,
                user: row.user_id,
                role,
                phone: stored_phone("users", row.phone)?,
                first_name: row.first_name,
                last_name: row.last_name,
                opened_at: row.created_at,
                last_used_at: row.last_used_at,
                factor_at: row.factor_at,
                expires_at: row.expires_at,
            }))
        })
    }

    /// Notes that a session was used, which puts off its end.
    pub async fn touch_staff_session(
        &self,
        session: Uuid,
        now: DateTime<Utc>,
        idle_expires_at: DateTime<Utc>,
    ) -> Result<(), RecordsError> {
        on_connection!(self, writer, connection => {
            sqlx::query(TOUCH)
                .bind(session)
                .bind(micros(now))
                .bind(micros(idle_expires_at))
                .execute(connection)
                .await?;
            Ok(())
        })
    }

    /// Ends a session in the console and writes it down.
    pub async fn end_staff_session(
        &self,
        session: Uuid,
        entry: &AuditEntry,
        now: DateTime<Utc>,
    ) -> Result<(), RecordsError> {
        let now = micros(now);
        in_transaction!(self, transaction => {
            let ended = sqlx::query(END).bind(session).bind(now).execute(&mut *transaction).await?;
            if ended.rows_affected() > 0 {
                write_audit!(transaction, entry, now);
            }
            transaction.commit().await?;
            Ok(())
        })
    }

    /// The hashes of the numbers that somebody sees whole in a session.
    pub async fn unmasked_numbers(
        &self,
        session: Uuid,
        now: DateTime<Utc>,
    ) -> Result<BTreeSet<Vec<u8>>, RecordsError> {
        on_connection!(self, readers, connection => {
            let hashes: Vec<Vec<u8>> = sqlx::query_scalar(UNMASKED)
                .bind(session)
                .bind(micros(now))
                .fetch_all(connection)
                .await?;
            Ok(hashes.into_iter().collect())
        })
    }

    /// Lets somebody see a number whole in a session until then, and writes it down.
    pub async fn unmask_number(
        &self,
        session: Uuid,
        number_hash: [u8; 32],
        until: DateTime<Utc>,
        entry: &AuditEntry,
        now: DateTime<Utc>,
    ) -> Result<(), RecordsError> {
        let now = micros(now);
        in_transaction!(self, transaction => {
            sqlx::query(UNMASK)
                .bind(session)
                .bind(number_hash.as_slice())
                .bind(micros(until))
                .execute(&mut *transaction)
                .await?;
            write_audit!(transaction, entry, now);
            transaction.commit().await?;
            Ok(())
        })
    }
}

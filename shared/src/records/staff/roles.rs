//! Who has which role.

use chrono::{DateTime, Utc};
use domain::phone::PhoneNumber;
use domain::staff::Role;
use uuid::Uuid;

use super::role_of;
use crate::records::audit::write_audit;
use crate::records::connection::Store;
use crate::records::dispatch::{in_transaction, on_connection};
use crate::records::users::stored_phone;
use crate::records::{AuditEntry, Records, RecordsError, micros};

const ROLE: &str = "SELECT users.is_superuser, users.is_staff, staff.role FROM users \
     LEFT JOIN staff ON staff.user_id = users.id \
     WHERE users.id = $1 AND users.blocked_at IS NULL AND users.deleted_at IS NULL";
/// Of somebody who is kept out too: nobody may touch them who may not touch staff.
const ANY_ROLE: &str = "SELECT users.is_superuser, users.is_staff, staff.role FROM users \
     LEFT JOIN staff ON staff.user_id = users.id WHERE users.id = $1 AND users.deleted_at IS NULL";
const LIST: &str = "SELECT users.id, users.phone, users.first_name, users.last_name, \
     users.is_superuser, users.is_staff, users.blocked_at, staff.role, staff.given_at, \
     (SELECT COUNT(*) FROM totp_credentials WHERE user_id = users.id AND confirmed_at IS NOT NULL) AS factors, \
     (SELECT MAX(last_used_at) FROM sessions WHERE user_id = users.id AND kind = 'admin') AS last_used_at \
     FROM (SELECT id FROM users WHERE is_superuser UNION SELECT user_id FROM staff) AS candidates \
     JOIN users ON users.id = candidates.id LEFT JOIN staff ON staff.user_id = users.id \
     WHERE users.deleted_at IS NULL AND (users.is_superuser OR (users.is_staff AND staff.role IS NOT NULL)) \
     ORDER BY users.created_at, users.id LIMIT 500";
const GIVE: &str = "INSERT INTO staff (user_id, role, given_by, given_at) SELECT $1, $2, $3, $4 \
     WHERE EXISTS (SELECT 1 FROM users WHERE id = $1 AND deleted_at IS NULL) \
     ON CONFLICT (user_id) DO UPDATE SET role = excluded.role, given_by = excluded.given_by, \
     given_at = excluded.given_at";
/// Not from a superuser, who would be an admin without it.
const TAKE: &str = "DELETE FROM staff WHERE user_id = $1 \
     AND NOT EXISTS (SELECT 1 FROM users WHERE id = $1 AND is_superuser)";
/// What takes the powers of staff from somebody takes this flag, and with it the role.
const FLAG: &str = "UPDATE users SET is_staff = $2, updated_at = $3 WHERE id = $1";
const END_SESSIONS: &str = "UPDATE sessions SET revoked_at = $2, revoked_reason = 'role_taken' \
     WHERE user_id = $1 AND kind = 'admin' AND revoked_at IS NULL";

/// Somebody of the staff, for the list of all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffMember {
    /// Who it is.
    pub user: Uuid,
    /// Their number.
    pub phone: Option<PhoneNumber>,
    /// First and last name, each perhaps empty.
    pub names: (String, String),
    /// Their role.
    pub role: Role,
    /// Whether they have it because they are a superuser.
    pub by_superuser: bool,
    /// Whether they are kept out.
    pub blocked: bool,
    /// Whether they have a second factor.
    pub has_factor: bool,
    /// When they last used the console.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// What became of the wish to change a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleChange {
    /// It is changed.
    Changed,
    /// The one who wants it is no admin any more.
    NotAdmin,
    /// There is no such user, or no such role to take.
    NoSuchUser,
}

#[derive(sqlx::FromRow)]
struct RoleRow {
    is_superuser: bool,
    is_staff: bool,
    role: Option<String>,
}

#[derive(sqlx::FromRow)]
struct MemberRow {
    id: Uuid,
    phone: Option<String>,
    first_name: String,
    last_name: String,
    is_superuser: bool,
    is_staff: bool,
    blocked_at: Option<DateTime<Utc>>,
    role: Option<String>,
    factors: i64,
    last_used_at: Option<DateTime<Utc>>,
}

impl Records {
    /// The role of a user who is not kept out.
    pub async fn staff_role(&self, user: Uuid) -> Result<Option<Role>, RecordsError> {
        on_connection!(self, readers, connection => {
            let row: Option<RoleRow> =
                sqlx::query_as(ROLE).bind(user).fetch_optional(connection).await?;
            row.map_or(Ok(None), |row| role_of(row.is_superuser, row.is_staff, row.role))
        })
    }

    /// The role of a user, also of one who is kept out.
    pub async fn staff_role_of_anybody(&self, user: Uuid) -> Result<Option<Role>, RecordsError> {
        on_connection!(self, readers, connection => {
            let row: Option<RoleRow> =
                sqlx::query_as(ANY_ROLE).bind(user).fetch_optional(connection).await?;
            row.map_or(Ok(None), |row| role_of(row.is_superuser, row.is_staff, row.role))
        })
    }

    /// Everybody who may use the console; 500 at most.
    pub async fn staff_members(&self) -> Result<Vec<StaffMember>, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<MemberRow> = sqlx::query_as(LIST).fetch_all(connection).await?;
            rows.into_iter()
                .map(|row| {
                    Ok(StaffMember {
                        user: row.id,
                        phone: stored_phone("users", row.phone)?,
                        names: (row.first_name, row.last_name),
                        by_superuser: row.role.is_none(),
                        // The query gives nobody without one.
                        role: role_of(row.is_superuser, row.is_staff, row.role)?.unwrap_or(Role::Read),
                        blocked: row.blocked_at.is_some(),
                        has_factor: row.factors > 0,
                        last_used_at: row.last_used_at,
                    })
                })
                .collect()
        })
    }

    /// Gives a user a role, or takes theirs away, and writes it down. The person who loses it is signed out of the console.
    ///
    /// Only somebody who is still an admin at that moment can do it, and not to themselves: so there is always one
    /// left.
    pub async fn change_staff_role(
        &self,
        actor: Uuid,
        user: Uuid,
        role: Option<Role>,
        entry: &AuditEntry,
        now: DateTime<Utc>,
    ) -> Result<RoleChange, RecordsError> {
        let now = micros(now);
        // Two admins who take it from each other at the same moment would both be gone.
        let one_at_a_time = match self.store() {
            Store::Postgres(_) => "LOCK TABLE staff IN SHARE ROW EXCLUSIVE MODE",
            // Its writer is one already.
            Store::Sqlite(_) => "SELECT 1",
        };
        in_transaction!(self, transaction => {
            sqlx::query(one_at_a_time).execute(&mut *transaction).await?;
            let row: Option<RoleRow> =
                sqlx::query_as(ROLE).bind(actor).fetch_optional(&mut *transaction).await?;
            let acts_as = row.map_or(Ok(None), |row| role_of(row.is_superuser, row.is_staff, row.role))?;
            if actor == user || acts_as != Some(Role::Admin) {
                return Ok(RoleChange::NotAdmin);
            }
            let changed = match role {
                Some(role) => {
                    sqlx::query(GIVE)
                        .bind(user)
                        .bind(role.as_str())
                        .bind(actor)
                        .bind(now)
                        .execute(&mut *transaction)
                        .await?
                }
                None => sqlx::query(TAKE).bind(user).execute(&mut *transaction).await?,
            };
            if changed.rows_affected() == 0 {
                return Ok(RoleChange::NoSuchUser);
            }
            sqlx::query(FLAG)
                .bind(user)
                .bind(role.is_some())
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            if role.is_none() {
                sqlx::query(END_SESSIONS).bind(user).bind(now).execute(&mut *transaction).await?;
            }
            write_audit!(transaction, entry, now);
            transaction.commit().await?;
            Ok(RoleChange::Changed)
        })
    }
}

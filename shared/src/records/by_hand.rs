//! What an operator changes of an account by hand: each change with its entry in the audit log.

use chrono::{DateTime, Utc};
use domain::password::PasswordHash;
use domain::phone::PhoneNumber;
use serde_json::json;
use uuid::Uuid;

use super::audit::write_audit;
use super::dispatch::in_transaction;
use super::notices::{NewNotice, insert_notice};
use super::passwords::{END_OTHERS, PasswordChange, SET};
use super::{AuditEntry, AuditSource, Records, RecordsError, micros};

/// The user name is the number's digits unless somebody has chosen just these.
const CREATE: &str = "INSERT INTO users (id, phone, username, password_hash, password_changed_at, \
     is_staff, is_superuser, created_at, updated_at) \
     SELECT $1, $2, CASE WHEN EXISTS (SELECT 1 FROM users WHERE username = $3) THEN $4 ELSE $3 END, \
     $5, $6, TRUE, TRUE, $6, $6 WHERE TRUE ON CONFLICT DO NOTHING RETURNING id";
const PROMOTE: &str = "UPDATE users SET is_staff = TRUE, is_superuser = TRUE, password_hash = $2, \
     password_changed_at = $3, updated_at = $3 \
     WHERE phone = $1 AND blocked_at IS NULL RETURNING id";

const FORGET_ROLE: &str = "DELETE FROM staff WHERE user_id = $1";

/// A superuser as an operator wants one.
#[derive(Clone, Debug)]
pub struct MakeSuperuser {
    /// The number.
    pub phone: PhoneNumber,
    /// The id of the user if the number has none yet.
    pub new_user_id: Uuid,
    /// The hash of the password that they get.
    pub hash: PasswordHash,
    /// Whether a user of this number may be promoted.
    pub may_promote: bool,
    /// What a user who is promoted is told: that their password was changed.
    pub notice: NewNotice,
    /// The id of the entry in the audit log.
    pub audit_id: Uuid,
    /// The present.
    pub now: DateTime<Utc>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeSuperuser {
    /// There is a new user.
    Created(Uuid),
    /// The user of the number is a superuser with the new password; their sessions have ended.
    Promoted(Uuid),
    /// The number has a user, who may not be promoted; nothing was done.
    Exists,
    /// The user of the number is kept out; nothing was done.
    Blocked,
}

impl Records {
    /// Creates a superuser, or promotes the user of the number, and writes it down.
    pub async fn make_superuser(
        &self,
        wanted: &MakeSuperuser,
    ) -> Result<MadeSuperuser, RecordsError> {
        let now = micros(wanted.now);
        in_transaction!(self, transaction => {
            let created: Option<Uuid> = sqlx::query_scalar(CREATE)
                .bind(wanted.new_user_id)
                .bind(wanted.phone.as_e164())
                .bind(wanted.phone.digits())
                .bind(wanted.new_user_id.to_string())
                .bind(wanted.hash.expose())
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            let made = if let Some(id) = created {
                MadeSuperuser::Created(id)
            } else if wanted.may_promote {
                let promoted: Option<Uuid> = sqlx::query_scalar(PROMOTE)
                    .bind(wanted.phone.as_e164())
                    .bind(wanted.hash.expose())
                    .bind(now)
                    .fetch_optional(&mut *transaction)
                    .await?;
                promoted.map_or(MadeSuperuser::Blocked, MadeSuperuser::Promoted)
            } else {
                MadeSuperuser::Exists
            };
            let (user, action) = match made {
                MadeSuperuser::Created(user) => (user, "superuser_created"),
                MadeSuperuser::Promoted(user) => (user, "superuser_promoted"),
                MadeSuperuser::Exists | MadeSuperuser::Blocked => return Ok(made),
            };
            sqlx::query(END_OTHERS)
                .bind(user)
                .bind(Uuid::nil())
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            if matches!(made, MadeSuperuser::Promoted(_)) {
                // Somebody with a lesser role has them all now.
                sqlx::query(FORGET_ROLE).bind(user).execute(&mut *transaction).await?;
                insert_notice!(transaction, &wanted.notice);
            }
            let entry = by_command(wanted.audit_id, action, user);
            write_audit!(transaction, &entry, now);
            transaction.commit().await?;
            Ok(made)
        })
    }

    /// Sets a password by hand, ends all sessions of the user, tells them and writes it down.
    /// `false`, with nothing done, for a user who is kept out or gone.
    pub async fn set_password_by_hand(
        &self,
        change: &PasswordChange,
        notice: &NewNotice,
        audit_id: Uuid,
    ) -> Result<bool, RecordsError> {
        let now = micros(change.now);
        in_transaction!(self, transaction => {
            let set = sqlx::query(SET)
                .bind(change.user)
                .bind(change.hash.expose())
                .bind(now)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
            if set == 0 {
                return Ok(false);
            }
            sqlx::query(END_OTHERS)
                .bind(change.user)
                .bind(change.keep_session.unwrap_or_default())
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            insert_notice!(transaction, notice);
            let entry = by_command(audit_id, "password_set", change.user);
            write_audit!(transaction, &entry, now);
            transaction.commit().await?;
            Ok(true)
        })
    }
}

fn by_command(id: Uuid, action: &'static str, user: Uuid) -> AuditEntry {
    AuditEntry {
        id,
        source: AuditSource::CommandLine,
        actor: None,
        action,
        subject: Some(user),
        object: None,
        details: json!({}),
        in_console: None,
    }
}

//! Links that take the place of number and password, for the day when those do not work.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::records::audit::write_audit;
use crate::records::dispatch::in_transaction;
use crate::records::{AuditEntry, Records, RecordsError, micros};

const FORGET_OLD: &str = "DELETE FROM staff_links WHERE user_id = $1";
const MAKE: &str = "INSERT INTO staff_links (token_hash, user_id, created_at, expires_at) \
     SELECT $1, $2, $3, $4 WHERE EXISTS (SELECT 1 FROM users WHERE id = $2 AND blocked_at IS NULL \
     AND deleted_at IS NULL AND (is_superuser OR (is_staff AND EXISTS (SELECT 1 FROM staff WHERE user_id = $2))))";
const FORGET_FACTOR: &str = "DELETE FROM totp_credentials WHERE user_id = $1";
const FORGET_RECOVERY: &str = "DELETE FROM staff_recovery_codes WHERE user_id = $1";
const END_SESSIONS: &str = "UPDATE sessions SET revoked_at = $2, revoked_reason = 'factor_reset' \
     WHERE user_id = $1 AND kind = 'admin' AND revoked_at IS NULL";
const TAKE: &str = "UPDATE staff_links SET used_at = $2 \
     WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING user_id";

/// A link that is to be made.
#[derive(Clone, Debug)]
pub struct NewStaffLink {
    /// Whom it lets in.
    pub user: Uuid,
    /// The hash of its token.
    pub token_hash: [u8; 32],
    /// Whether the second factor is taken away, so that another one is set up.
    pub resets_factor: bool,
    /// The present.
    pub now: DateTime<Utc>,
    /// Until when it works.
    pub expires_at: DateTime<Utc>,
}

impl Records {
    /// Makes a link, in the place of any before, and writes it down. `false`, with nothing done, for a user who may not
    /// use the console.
    pub async fn make_staff_link(
        &self,
        link: &NewStaffLink,
        entry: &AuditEntry,
    ) -> Result<bool, RecordsError> {
        let now = micros(link.now);
        in_transaction!(self, transaction => {
            sqlx::query(FORGET_OLD).bind(link.user).execute(&mut *transaction).await?;
            let made = sqlx::query(MAKE)
                .bind(link.token_hash.as_slice())
                .bind(link.user)
                .bind(now)
                .bind(micros(link.expires_at))
                .execute(&mut *transaction)
                .await?;
            if made.rows_affected() == 0 {
                return Ok(false);
            }
            if link.resets_factor {
                sqlx::query(FORGET_FACTOR).bind(link.user).execute(&mut *transaction).await?;
                sqlx::query(FORGET_RECOVERY).bind(link.user).execute(&mut *transaction).await?;
                sqlx::query(END_SESSIONS)
                    .bind(link.user)
                    .bind(now)
                    .execute(&mut *transaction)
                    .await?;
            }
            write_audit!(transaction, entry, now);
            transaction.commit().await?;
            Ok(true)
        })
    }

    /// Uses a link up and gives whom it lets in; nobody where it is unknown, used or over. `entry` gets its actor and
    /// subject here.
    pub async fn take_staff_link(
        &self,
        token_hash: [u8; 32],
        entry: &AuditEntry,
        now: DateTime<Utc>,
    ) -> Result<Option<Uuid>, RecordsError> {
        let now = micros(now);
        in_transaction!(self, transaction => {
            let user: Option<Uuid> = sqlx::query_scalar(TAKE)
                .bind(token_hash.as_slice())
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            if let Some(user) = user {
                let entry = AuditEntry {
                    actor: Some(user),
                    subject: Some(user),
                    ..entry.clone()
                };
                write_audit!(transaction, &entry, now);
                transaction.commit().await?;
            }
            Ok(user)
        })
    }
}

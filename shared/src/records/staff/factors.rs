//! The second factor of the staff: an app, or a recovery code for the day when it is lost.
//!
//! A try is counted before it is compared, in the step that gives out what it is compared with, so that of many at
//! once no more are compared than are allowed.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::sessions::{PROVEN_AGAIN, open_staff_session};
use crate::records::audit::write_audit;
use crate::records::dispatch::{in_transaction, on_connection};
use crate::records::{AuditEntry, NewStaffSession, Records, RecordsError, micros};

/// So many wrong factors may be given before there is a lock.
const BEFORE_LOCK: i64 = 5;
/// The first lock, which each further wrong factor doubles.
const FIRST_LOCK: TimeDelta = TimeDelta::seconds(60);
/// No lock is longer: an hour for each guess at a code of a million.
const LONGEST_LOCK: TimeDelta = TimeDelta::hours(1);

const IS_ENROLLED: &str =
    "SELECT COUNT(*) FROM totp_credentials WHERE user_id = $1 AND confirmed_at IS NOT NULL";
const COUNT: &str = "UPDATE totp_credentials SET failures = failures + 1 \
     WHERE user_id = $1 AND confirmed_at IS NOT NULL AND (locked_until IS NULL OR locked_until <= $2) \
     RETURNING failures, secret_sealed, kid";
const LOCK: &str = "UPDATE totp_credentials SET locked_until = $2 WHERE user_id = $1";
const LOCKED_UNTIL: &str = "SELECT locked_until FROM totp_credentials WHERE user_id = $1";
const ACCEPT_STEP: &str = "UPDATE totp_credentials SET last_step = $2, failures = 0, locked_until = NULL \
     WHERE user_id = $1 AND (last_step IS NULL OR last_step < $2)";
const RESEAL: &str = "UPDATE totp_credentials SET secret_sealed = $2, kid = $3 WHERE user_id = $1";
const USE_RECOVERY: &str = "UPDATE staff_recovery_codes SET used_at = $3 \
     WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL";
const CLEAR: &str =
    "UPDATE totp_credentials SET failures = 0, locked_until = NULL WHERE user_id = $1";
const RECOVERY_LEFT: &str =
    "SELECT COUNT(*) FROM staff_recovery_codes WHERE user_id = $1 AND used_at IS NULL";
/// One that was never proven gives way; a proven one stays.
const ENROLL: &str = "INSERT INTO totp_credentials (user_id, secret_sealed, kid, confirmed_at, last_step, \
     created_at) VALUES ($1, $2, $3, $4, $5, $4) ON CONFLICT (user_id) DO UPDATE SET \
     secret_sealed = excluded.secret_sealed, kid = excluded.kid, confirmed_at = excluded.confirmed_at, \
     last_step = excluded.last_step, created_at = excluded.created_at, failures = 0, locked_until = NULL \
     WHERE totp_credentials.confirmed_at IS NULL";
const FORGET_RECOVERY: &str = "DELETE FROM staff_recovery_codes WHERE user_id = $1";
const ADD_RECOVERY: &str = "INSERT INTO staff_recovery_codes (user_id, code_hash) VALUES ($1, $2)";

/// A secret of an app, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedFactor {
    /// What the seal gave.
    pub sealed: Vec<u8>,
    /// The name of the key that it was sealed under.
    pub kid: String,
}

/// What became of the wish to try a factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactorTry {
    /// It is counted as wrong until it is accepted; `locks` where nothing more is looked at for a while then.
    Counted {
        /// What it is to be compared with.
        factor: SealedFactor,
        /// Until when nothing is looked at, unless this one is right.
        locks: Option<DateTime<Utc>>,
    },
    /// Nothing is looked at until then.
    Locked(DateTime<Utc>),
    /// There is no factor yet.
    NotEnrolled,
}

/// A factor that was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RightFactor {
    /// A code of an app, with its time step, and the secret sealed again if its key is not the newest.
    Step(i64, Option<SealedFactor>),
    /// The hash of a recovery code.
    Recovery([u8; 32]),
}

/// What a right factor is given for.
#[derive(Clone, Debug)]
pub enum FactorOpens {
    /// A new session.
    Session(NewStaffSession),
    /// This session counts as proven once more.
    Freshness(Uuid),
}

/// A new second factor.
#[derive(Clone, Debug)]
pub struct NewFactor {
    /// Whose it is.
    pub user: Uuid,
    /// The secret.
    pub factor: SealedFactor,
    /// The time step of the code that proved it.
    pub step: i64,
    /// The hashes of the recovery codes.
    pub recovery: Vec<[u8; 32]>,
    /// The session that it opens, at the present.
    pub session: NewStaffSession,
}

#[derive(sqlx::FromRow)]
struct CountedRow {
    failures: i64,
    secret_sealed: Vec<u8>,
    kid: String,
}

/// How long nothing is looked at after so many wrong factors.
fn lock_after(failures: i64) -> Option<TimeDelta> {
    if failures < BEFORE_LOCK {
        return None;
    }
    // Sixteen of them are more than the longest lock.
    let doublings = (failures - BEFORE_LOCK).min(16);
    Some((FIRST_LOCK * (1 << doublings)).min(LONGEST_LOCK))
}

impl Records {
    /// Whether somebody has a second factor.
    pub async fn has_factor(&self, user: Uuid) -> Result<bool, RecordsError> {
        on_connection!(self, readers, connection => {
            let count: i64 =
                sqlx::query_scalar(IS_ENROLLED).bind(user).fetch_one(connection).await?;
            Ok(count > 0)
        })
    }

    /// Counts a try as wrong and gives what it is to be compared with.
    pub async fn count_factor_try(
        &self,
        user: Uuid,
        now: DateTime<Utc>,
    ) -> Result<FactorTry, RecordsError> {
        let now = micros(now);
        in_transaction!(self, transaction => {
            let counted: Option<CountedRow> = sqlx::query_as(COUNT)
                .bind(user)
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(counted) = counted else {
                let locked: Option<Option<DateTime<Utc>>> = sqlx::query_scalar(LOCKED_UNTIL)
                    .bind(user)
                    .fetch_optional(&mut *transaction)
                    .await?;
                return Ok(match locked.flatten() {
                    Some(until) if until > now => FactorTry::Locked(until),
                    _ => FactorTry::NotEnrolled,
                });
            };
            let locks = lock_after(counted.failures).map(|wait| micros(now + wait));
            if let Some(until) = locks {
                sqlx::query(LOCK).bind(user).bind(until).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            Ok(FactorTry::Counted {
                factor: SealedFactor {
                    sealed: counted.secret_sealed,
                    kid: counted.kid,
                },
                locks,
            })
        })
    }

    /// Takes a right factor, which then is used up, and opens what it is given for; `false` where it was used
    /// before: then nothing happens and the try stays counted.
    pub async fn accept_factor(
        &self,
        user: Uuid,
        factor: &RightFactor,
        opens: &FactorOpens,
        entry: &AuditEntry,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        let now = micros(now);
        in_transaction!(self, transaction => {
            let accepted = match factor {
                RightFactor::Step(step, _) => {
                    sqlx::query(ACCEPT_STEP)
                        .bind(user)
                        .bind(step)
                        .execute(&mut *transaction)
                        .await?
                        .rows_affected()
                }
                RightFactor::Recovery(hash) => {
                    sqlx::query(USE_RECOVERY)
                        .bind(user)
                        .bind(hash.as_slice())
                        .bind(now)
                        .execute(&mut *transaction)
                        .await?
                        .rows_affected()
                }
            };
            if accepted == 0 {
                return Ok(false);
            }
            match factor {
                RightFactor::Recovery(_) => {
                    sqlx::query(CLEAR).bind(user).execute(&mut *transaction).await?;
                }
                RightFactor::Step(_, Some(sealed)) => {
                    sqlx::query(RESEAL)
                        .bind(user)
                        .bind(sealed.sealed.as_slice())
                        .bind(sealed.kid.as_str())
                        .execute(&mut *transaction)
                        .await?;
                }
                RightFactor::Step(_, None) => {}
            }
            match opens {
                FactorOpens::Session(session) => open_staff_session!(transaction, session),
                FactorOpens::Freshness(session) => {
                    sqlx::query(PROVEN_AGAIN)
                        .bind(session)
                        .bind(now)
                        .execute(&mut *transaction)
                        .await?;
                }
            }
            write_audit!(transaction, entry, now);
            transaction.commit().await?;
            Ok(true)
        })
    }

    /// Gives somebody their second factor and opens their session; `false`, with nothing done, where they have one.
    pub async fn enroll_factor(
        &self,
        new: &NewFactor,
        entry: &AuditEntry,
    ) -> Result<bool, RecordsError> {
        let now = micros(new.session.opened_at);
        in_transaction!(self, transaction => {
            let enrolled = sqlx::query(ENROLL)
                .bind(new.user)
                .bind(new.factor.sealed.as_slice())
                .bind(new.factor.kid.as_str())
                .bind(now)
                .bind(new.step)
                .execute(&mut *transaction)
                .await?;
            if enrolled.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query(FORGET_RECOVERY).bind(new.user).execute(&mut *transaction).await?;
            for hash in &new.recovery {
                sqlx::query(ADD_RECOVERY)
                    .bind(new.user)
                    .bind(hash.as_slice())
                    .execute(&mut *transaction)
                    .await?;
            }
            open_staff_session!(transaction, &new.session);
            write_audit!(transaction, entry, now);
            transaction.commit().await?;
            Ok(true)
        })
    }

    /// How many recovery codes somebody has left.
    pub async fn recovery_codes_left(&self, user: Uuid) -> Result<i64, RecordsError> {
        on_connection!(self, readers, connection => {
            Ok(sqlx::query_scalar(RECOVERY_LEFT).bind(user).fetch_one(connection).await?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_grow_and_stay_within_an_hour() {
        let seconds = |failures| lock_after(failures).map(|wait| wait.num_seconds());
        assert_eq!((seconds(1), seconds(4)), (None, None));
        assert_eq!(
            [5, 6, 7, 10, 11, 12, 100, i64::MAX].map(seconds),
            [60, 120, 240, 1_920, 3_600, 3_600, 3_600, 3_600].map(Some)
        );
    }
}

//! The step flow: from a number, by way of a code, a password and a name, to a session.
//!
//! A place in the flow is a row. Whoever takes a step removes its row first, in the transaction
//! that does the rest and adds the row of the next step: so no step is skipped, none is taken
//! twice, and one that fails half-way was not taken.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::dispatch::{in_transaction, on_connection};
use super::passwords::{ADMIT_BY_PASSWORD, END_OTHERS, PasswordLogIn};
use super::session_opening::{NewSession, open_session, use_code};
use super::sign_in::admit_or_create;
use super::users::{User, UserRow, stored_phone, user_columns};
use super::{Records, RecordsError, micros};
use crate::challenge::{ChallengeId, SessionId};
use crate::otp::Purpose;
use crate::password::PasswordHash;
use crate::phone::PhoneNumber;

/// How long a step may be taken.
pub const STEP_LIFE: TimeDelta = TimeDelta::minutes(15);

const BEGIN_WITH_PASSWORD: &str = "INSERT INTO step_sessions (id_hash, phone, next_step, user_id, \
     created_at, expires_at) SELECT $1, phone, 'password', id, $3, $4 FROM users \
     WHERE phone = $2 AND password_hash IS NOT NULL AND blocked_at IS NULL";
const BEGIN_AFTER_CODE: &str = "INSERT INTO step_sessions (id_hash, phone, next_step, \
     created_at, expires_at) SELECT $1, $2, 'set_password', $3, $4 \
     WHERE NOT EXISTS (SELECT 1 FROM users WHERE phone = $2 AND blocked_at IS NOT NULL)";
const BEGIN_AFTER_PASSWORD: &str = "INSERT INTO step_sessions (id_hash, phone, next_step, user_id, \
     created_at, expires_at) VALUES ($1, $2, 'user_info', $3, $4, $5)";
const FIND: &str = "SELECT phone, user_id, created_at FROM step_sessions \
     WHERE id_hash = $1 AND next_step = $2 AND expires_at > $3";
/// Of several at once one removes the row; the others wait here and then find none.
const TAKE: &str = "DELETE FROM step_sessions \
     WHERE id_hash = $1 AND next_step = $2 AND expires_at > $3 \
     RETURNING phone, user_id, created_at";
/// Not where the password was set since the number was proven: whoever did that has ended this
/// flow.
const SET_PASSWORD: &str = "UPDATE users SET password_hash = $2, password_changed_at = $3, \
     phone_verified_at = COALESCE(phone_verified_at, $3), updated_at = $3 \
     WHERE phone = $1 AND blocked_at IS NULL \
     AND (password_changed_at IS NULL OR password_changed_at <= $4) RETURNING id";
/// Neither where another password was set since, nor where the number has another owner by now.
const SET_USER_INFO: &str = concat!(
    "UPDATE users SET email = COALESCE($5, email), first_name = $6, last_name = $7, ",
    "last_sign_in_at = $4, updated_at = $4 ",
    "WHERE id = $1 AND phone = $2 AND blocked_at IS NULL AND password_changed_at <= $3 RETURNING ",
    user_columns!()
);
const SWEEP: &str = "DELETE FROM step_sessions WHERE id_hash IN \
     (SELECT id_hash FROM step_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";

/// What a place in the flow waits for, besides a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The password that was set before.
    Password,
    /// A new password.
    SetPassword,
    /// Names, and an e-mail address perhaps.
    UserInfo,
}

impl Step {
    /// The name in the table and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::SetPassword => "set_password",
            Self::UserInfo => "user_info",
        }
    }
}

/// A right code that leads to a new password.
#[derive(Clone, Debug)]
pub struct NumberStep {
    /// The challenge of the code.
    pub challenge: ChallengeId,
    /// What the code was for.
    pub purpose: Purpose,
    /// The number that the code proved.
    pub phone: PhoneNumber,
    /// The handle of the next step.
    pub next: SessionId,
    /// The present.
    pub now: DateTime<Utc>,
}

/// What became of a code. Nothing is written except by the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberStepOutcome {
    /// The next step may be taken.
    Taken,
    /// The code had its effect before.
    CodeUsed,
    /// The user of the number is kept out.
    Blocked,
}

/// A new password.
#[derive(Clone, Debug)]
pub struct PasswordStep {
    /// The handle of this step.
    pub session: SessionId,
    /// The hash of the password.
    pub hash: PasswordHash,
    /// The id of the user if the number has none.
    pub new_user_id: Uuid,
    /// The handle of the next step.
    pub next: SessionId,
    /// The present.
    pub now: DateTime<Utc>,
}

/// What people tell of themselves. Debug output hides it.
#[derive(Clone)]
pub struct UserInfo {
    /// An address, which nobody has proven; an earlier one stays where there is none.
    pub email: Option<String>,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
}

impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserInfo(••••)")
    }
}

/// The last step, which opens a session.
#[derive(Clone, Debug)]
pub struct UserInfoStep {
    /// The handle of this step.
    pub session: SessionId,
    /// What it brings.
    pub info: UserInfo,
    /// The session to open, at the present.
    pub opening: NewSession,
}

/// What became of a log-in by a step. Nothing is written unless it succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepLogInOutcome {
    /// The session is open.
    LoggedIn(User),
    /// There is no such step, or it is that of another user.
    NoStep,
    /// The user was blocked, or the password changed, since it was compared.
    Refused,
}

#[derive(sqlx::FromRow)]
struct StepRow {
    phone: String,
    user_id: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl Records {
    /// Begins the flow of somebody who has a password. `false` for anyone else, and for those who
    /// are kept out.
    pub async fn begin_password_step(
        &self,
        phone: &PhoneNumber,
        session: SessionId,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        on_connection!(self, writer, connection => {
            let begun = sqlx::query(BEGIN_WITH_PASSWORD)
                .bind(session.step_hash().as_slice())
                .bind(phone.as_e164())
                .bind(micros(now))
                .bind(micros(now + STEP_LIFE))
                .execute(connection)
                .await?;
            Ok(begun.rows_affected() == 1)
        })
    }

    /// Lets a code act, once: uses it up and begins the step that sets a password.
    pub async fn take_number_step(
        &self,
        step: &NumberStep,
    ) -> Result<NumberStepOutcome, RecordsError> {
        in_transaction!(self, transaction => {
            if !use_code!(transaction, step.challenge, step.purpose, step.now) {
                return Ok(NumberStepOutcome::CodeUsed);
            }
            let begun = sqlx::query(BEGIN_AFTER_CODE)
                .bind(step.next.step_hash().as_slice())
                .bind(step.phone.as_e164())
                .bind(micros(step.now))
                .bind(micros(step.now + STEP_LIFE))
                .execute(&mut *transaction)
                .await?;
            if begun.rows_affected() == 0 {
                return Ok(NumberStepOutcome::Blocked);
            }
            transaction.commit().await?;
            Ok(NumberStepOutcome::Taken)
        })
    }

    /// The number of this step, if it can be taken at `now`.
    pub async fn step_phone(
        &self,
        session: SessionId,
        step: Step,
        now: DateTime<Utc>,
    ) -> Result<Option<PhoneNumber>, RecordsError> {
        on_connection!(self, readers, connection => {
            let row: Option<StepRow> = sqlx::query_as(FIND)
                .bind(session.step_hash().as_slice())
                .bind(step.as_str())
                .bind(micros(now))
                .fetch_optional(connection)
                .await?;
            stored_phone("step_sessions", row.map(|row| row.phone))
        })
    }

    /// Sets the password of the number's user, who is created where there is none, ends the
    /// sessions that they had, and begins the step that asks for names. `false`, and nothing is
    /// changed, when there is no such step, when the user is kept out, or when their password was
    /// set since the number was proven.
    pub async fn take_password_step(&self, step: &PasswordStep) -> Result<bool, RecordsError> {
        let now = micros(step.now);
        in_transaction!(self, transaction => {
            let row: Option<StepRow> = sqlx::query_as(TAKE)
                .bind(step.session.step_hash().as_slice())
                .bind(Step::SetPassword.as_str())
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            let created_at = row.as_ref().map(|row| row.created_at);
            let phone = stored_phone("step_sessions", row.map(|row| row.phone))?;
            let Some((phone, proven_at)) = phone.zip(created_at) else {
                return Ok(false);
            };

            let mut user: Option<Uuid> = None;
            // First as the user who is there, then as one who is created, by us or by another
            // since.
            for create in [false, true] {
                if create {
                    let admitted = admit_or_create!(transaction, &phone, step.new_user_id, now);
                    if admitted.is_none() {
                        return Ok(false);
                    }
                }
                user = sqlx::query_scalar(SET_PASSWORD)
                    .bind(phone.as_e164())
                    .bind(step.hash.expose())
                    .bind(now)
                    .bind(proven_at)
                    .fetch_optional(&mut *transaction)
                    .await?;
                if user.is_some() {
                    break;
                }
            }
            let Some(user) = user else {
                return Ok(false);
            };
            sqlx::query(END_OTHERS)
                .bind(user)
                .bind(Uuid::nil())
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(BEGIN_AFTER_PASSWORD)
                .bind(step.next.step_hash().as_slice())
                .bind(phone.as_e164())
                .bind(user)
                .bind(now)
                .bind(micros(step.now + STEP_LIFE))
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(true)
        })
    }

    /// Writes down the names and opens a session: the user, and whether this flow created them.
    /// `None`, and nothing is changed, when there is no such step, when the user is kept out, has
    /// another number by now, or when their password was set once more.
    pub async fn take_user_info_step(
        &self,
        step: &UserInfoStep,
    ) -> Result<Option<(User, bool)>, RecordsError> {
        let now = micros(step.opening.opened_at);
        in_transaction!(self, transaction => {
            let row: Option<StepRow> = sqlx::query_as(TAKE)
                .bind(step.session.step_hash().as_slice())
                .bind(Step::UserInfo.as_str())
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(row) = row else {
                return Ok(None);
            };
            let user: Option<UserRow> = sqlx::query_as(SET_USER_INFO)
                .bind(row.user_id)
                .bind(row.phone)
                .bind(row.created_at)
                .bind(now)
                .bind(step.info.email.as_deref())
                .bind(&step.info.first_name)
                .bind(&step.info.last_name)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(user) = user.map(User::try_from).transpose()? else {
                return Ok(None);
            };
            open_session!(transaction, user.id, None, &step.opening);
            transaction.commit().await?;
            // The step before this one created the user at the moment at which it began this one.
            let is_new = user.created_at == row.created_at;
            Ok(Some((user, is_new)))
        })
    }

    /// Opens a session for a right password that came with a step, which is used up by that only.
    pub async fn log_in_by_step(
        &self,
        session: SessionId,
        log_in: &PasswordLogIn,
    ) -> Result<StepLogInOutcome, RecordsError> {
        let now = micros(log_in.session.opened_at);
        in_transaction!(self, transaction => {
            let row: Option<StepRow> = sqlx::query_as(TAKE)
                .bind(session.step_hash().as_slice())
                .bind(Step::Password.as_str())
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            if row.and_then(|row| row.user_id) != Some(log_in.user) {
                return Ok(StepLogInOutcome::NoStep);
            }
            let user: Option<UserRow> = sqlx::query_as(ADMIT_BY_PASSWORD)
                .bind(log_in.user)
                .bind(log_in.hash.expose())
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(user) = user.map(User::try_from).transpose()? else {
                return Ok(StepLogInOutcome::Refused);
            };
            open_session!(transaction, user.id, None, &log_in.session);
            transaction.commit().await?;
            Ok(StepLogInOutcome::LoggedIn(user))
        })
    }

    /// Removes at most so many steps that are over at `now`; how many it were.
    pub async fn sweep_steps(&self, now: DateTime<Utc>, most: u32) -> Result<u64, RecordsError> {
        on_connection!(self, writer, connection => {
            let swept = sqlx::query(SWEEP)
                .bind(micros(now))
                .bind(i64::from(most))
                .execute(connection)
                .await?;
            Ok(swept.rows_affected())
        })
    }
}

//! Taking a step: one transaction each, which begins by removing the row of the step, or by using up
//! the code.

use domain::challenge::SessionId;
use uuid::Uuid;

use super::{
    NumberStep, NumberStepOutcome, PasswordStep, STEP_LIFE, Step, StepLogInOutcome, StepRow,
    UserInfoStep,
};
use crate::records::dispatch::in_transaction;
use crate::records::passwords::{ADMIT_BY_PASSWORD, END_OTHERS, PasswordLogIn};
use crate::records::places::{Place, Row, Work};
use crate::records::session_opening::{open_session, use_code};
use crate::records::sign_in::{RECYCLED_AFTER, admit_or_create, powers_kept};
use crate::records::users::{User, UserRow, stored_phone, user_columns};
use crate::records::{Records, RecordsError, micros};

const BEGIN_AFTER_CODE: &str = "INSERT INTO step_sessions (id_hash, phone, next_step, \
     created_at, expires_at) SELECT $1, $2, 'set_password', $3, $4 \
     WHERE NOT EXISTS (SELECT 1 FROM users WHERE phone = $2 AND blocked_at IS NOT NULL)";
const BEGIN_AFTER_PASSWORD: &str = "INSERT INTO step_sessions (id_hash, phone, next_step, user_id, \
     new_user, created_at, expires_at) VALUES ($1, $2, 'user_info', $3, $4, $5, $6)";
/// Of several at once one removes the row; the others wait here and then find none.
const TAKE: &str = "DELETE FROM step_sessions \
     WHERE id_hash = $1 AND next_step = $2 AND expires_at > $3 \
     RETURNING phone, user_id, new_user, created_at";
/// The first password only: anyone who has one logs in with it or resets it, and is told of that.
const SET_PASSWORD: &str = concat!(
    "UPDATE users SET password_hash = $2, password_changed_at = $3, ",
    powers_kept!("$4"),
    "phone_verified_at = COALESCE(phone_verified_at, $3), updated_at = $3 ",
    "WHERE phone = $1 AND blocked_at IS NULL AND password_hash IS NULL RETURNING id"
);
/// Neither where another password was set since, nor where the number has another owner by now.
const SET_USER_INFO: &str = concat!(
    "UPDATE users SET email = COALESCE($5, email), first_name = $6, last_name = $7, ",
    "last_sign_in_at = $4, updated_at = $4 ",
    "WHERE id = $1 AND phone = $2 AND blocked_at IS NULL AND password_changed_at <= $3 RETURNING ",
    user_columns!()
);

impl Records {
    /// Lets a code act, once: uses it up and begins the step that sets a password.
    pub async fn take_number_step(
        &self,
        step: &NumberStep,
    ) -> Result<NumberStepOutcome, RecordsError> {
        in_transaction!(self, Place::of_row(Work::Verifying, Row::Phone(step.phone.clone())), transaction => {
            if !use_code!(transaction, step.root, step.purpose, step.now) {
                return Ok(NumberStepOutcome::CodeUsed);
            }
            let begun = sqlx::query(BEGIN_AFTER_CODE)
                .bind(step.session.step_hash().as_slice())
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

    /// Sets the first password of the number's user, who is created if there is none, ends the
    /// sessions that they had, and begins the step that asks for names. `false`, and nothing is
    /// changed, when there is no such step, when the user is kept out, or when they have a password
    /// by now.
    pub async fn take_password_step(&self, step: &PasswordStep) -> Result<bool, RecordsError> {
        let now = micros(step.now);
        in_transaction!(self, Place::of_row(Work::Verifying, Row::Steps(step.session.step_hash())), transaction => {
            let row: Option<StepRow> = sqlx::query_as(TAKE)
                .bind(step.session.step_hash().as_slice())
                .bind(Step::SetPassword.as_str())
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            let phone = stored_phone("step_sessions", row.map(|row| row.phone))?;
            let Some(phone) = phone else {
                return Ok(false);
            };

            let (mut user, mut is_new) = (None::<Uuid>, false);
            // First as the user who is there, then as one who is created, by us or by another
            // since.
            for create in [false, true] {
                if create {
                    let admitted = admit_or_create!(transaction, &phone, step.new_user_id, now);
                    let Some((_, created)) = admitted else {
                        return Ok(false);
                    };
                    is_new = created;
                }
                user = sqlx::query_scalar(SET_PASSWORD)
                    .bind(phone.as_e164())
                    .bind(step.hash.expose())
                    .bind(now)
                    .bind(now - RECYCLED_AFTER)
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
                .bind(step.session.step_hash().as_slice())
                .bind(phone.as_e164())
                .bind(user)
                .bind(is_new)
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
        in_transaction!(self, Place::of_row(Work::Verifying, Row::Steps(step.session.step_hash())), transaction => {
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
            Ok(Some((user, row.new_user)))
        })
    }

    /// Opens a session for a right password that came with a step, which is used up by that only.
    pub async fn log_in_by_step(
        &self,
        session: SessionId,
        log_in: &PasswordLogIn,
    ) -> Result<StepLogInOutcome, RecordsError> {
        let now = micros(log_in.session.opened_at);
        in_transaction!(self, Place::of_row(Work::Verifying, Row::User(log_in.user)), transaction => {
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
}

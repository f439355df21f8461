//! The number of an account becomes another one.

use chrono::{DateTime, Utc};
use domain::challenge::Locale;
use domain::notice::NoticeKind;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::random::Random;
use domain::root::RootId;
use uuid::Uuid;

use super::dispatch::in_transaction;
use super::notices::{NewNotice, WaitingNotice, insert_notice};
use super::phone_moves::STOP;
use super::places::{Place, Row, Work};
use super::session_opening::use_code;
use super::sessions::hold_user;
use super::users::{User, UserRow, stored_phone, user_columns};
use super::{Records, RecordsError, micros};

/// A user name that is the old number becomes the new one: the old number may get another owner,
/// whom it must not name. Where an imported account has chosen just these digits, it becomes the id.
const CHANGE: &str = concat!(
    "UPDATE users SET phone = $2, phone_verified_at = $6, devices_valid_from = $6, ",
    "username = CASE WHEN username <> $3 THEN username ",
    "WHEN EXISTS (SELECT 1 FROM users WHERE username = $4) THEN $5 ELSE $4 END ",
    "WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM users WHERE phone = $2) RETURNING ",
    user_columns!()
);
pub(super) const END_OTHER_SESSIONS: &str = "UPDATE sessions SET revoked_at = $3, revoked_reason = 'phone_changed' \
     WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL";
pub(super) const END_STEPS: &str = "DELETE FROM step_sessions WHERE user_id = $1 OR phone = $2";

/// Two who want the same number at once meet in the unique index; the next look tells the loser.
const TRIES: u32 = 3;

/// A right code for a new number, and whose number it becomes.
#[derive(Clone, Debug)]
pub struct PhoneChange {
    /// The challenge of the code, which proved the new number.
    pub root: RootId,
    /// Whose number changes.
    pub user: Uuid,
    /// The session that asks; it is the only one that stays.
    pub session: Uuid,
    /// The new number.
    pub phone: PhoneNumber,
    /// The language of the notice to the old number.
    pub locale: Locale,
    /// The present.
    pub now: DateTime<Utc>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PhoneChangeOutcome {
    /// The number is theirs.
    Changed {
        /// The user, as of now.
        user: Box<User>,
        /// The notice to the old number, if there was one.
        notice: Option<WaitingNotice>,
    },
    /// The number is another account's. The code is used up all the same, so that nobody watches
    /// numbers with one code.
    Taken,
    /// The code had its effect before. Nothing was written.
    CodeUsed,
    /// The user is blocked or gone, or the session was ended. Nothing was written.
    NotAllowed,
}

impl Records {
    /// Lets a code change the number of a user, once: the account gets the number, all its other
    /// sessions and all known devices end, and the old number is told, all or nothing.
    pub async fn change_phone(
        &self,
        change: &PhoneChange,
        random: &Random,
    ) -> Result<PhoneChangeOutcome, RecordsError> {
        let mut tries = 1;
        loop {
            match self.change_phone_once(change, random).await {
                Err(RecordsError::Conflict) if tries < TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    async fn change_phone_once(
        &self,
        change: &PhoneChange,
        random: &Random,
    ) -> Result<PhoneChangeOutcome, RecordsError> {
        let now = micros(change.now);
        in_transaction!(self, Place::of_row(Work::Other, Row::User(change.user)), transaction => {
            if !use_code!(transaction, change.root, Purpose::ChangePhone, now) {
                return Ok(PhoneChangeOutcome::CodeUsed);
            }
            let Some((old,)) = hold_user!(transaction, change.user, change.session, now) else {
                return Ok(PhoneChangeOutcome::NotAllowed);
            };
            let old = stored_phone("users", old)?;
            let old_digits = old.as_ref().map_or("", PhoneNumber::digits);
            let changed: Option<UserRow> = sqlx::query_as(CHANGE)
                .bind(change.user)
                .bind(change.phone.as_e164())
                .bind(old_digits)
                .bind(change.phone.digits())
                .bind(change.user.to_string())
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(changed) = changed else {
                transaction.commit().await?;
                return Ok(PhoneChangeOutcome::Taken);
            };
            sqlx::query(END_OTHER_SESSIONS)
                .bind(change.user)
                .bind(change.session)
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            // The present number was not lost, or is no longer lost.
            sqlx::query(STOP).bind(change.user).execute(&mut *transaction).await?;
            sqlx::query(END_STEPS)
                .bind(change.user)
                .bind(old.as_ref().map(PhoneNumber::as_e164))
                .execute(&mut *transaction)
                .await?;
            let notice = old.map(|old| {
                NewNotice::new(random, old, NoticeKind::PhoneChanged, change.locale, now)
            });
            if let Some(notice) = &notice {
                insert_notice!(transaction, notice);
            }
            let user = Box::new(User::try_from(changed)?);
            transaction.commit().await?;
            let notice = notice.map(|notice| notice.waiting());
            Ok(PhoneChangeOutcome::Changed { user, notice })
        })
    }
}

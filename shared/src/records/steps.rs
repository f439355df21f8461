//! The step flow: from a number, by way of a code, a password and a name, to a session.
//!
//! A place in the flow is a row, found by the one handle of the flow and the step that it waits for.
//! Anyone who takes a step removes its row first, in the transaction that does the rest and adds the row
//! of the next step: so no step is skipped, none is taken twice, and one that fails half-way was not
//! taken.

mod taking;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::SessionId;
use domain::otp::Purpose;
use domain::password::PasswordHash;
use domain::phone::PhoneNumber;
use domain::root::RootId;
use uuid::Uuid;

use super::dispatch::on_connection;
use super::places::{Place, Work};
use super::session_opening::NewSession;
use super::users::{User, stored_phone};
use super::{Records, RecordsError, micros};

/// How long a step may be taken.
pub const STEP_LIFE: TimeDelta = TimeDelta::minutes(15);

/// A flow of the same number that waits for something else goes on with the password.
const BEGIN_WITH_PASSWORD: &str = "INSERT INTO step_sessions (id_hash, phone, next_step, user_id, \
     created_at, expires_at) SELECT $1, phone, 'password', id, $3, $4 FROM users \
     WHERE phone = $2 AND password_hash IS NOT NULL AND blocked_at IS NULL \
     ON CONFLICT (id_hash) DO UPDATE SET next_step = excluded.next_step, user_id = excluded.user_id, \
     new_user = FALSE, created_at = excluded.created_at, expires_at = excluded.expires_at \
     WHERE step_sessions.phone = excluded.phone";
const FIND: &str = "SELECT phone, user_id, new_user, created_at FROM step_sessions \
     WHERE id_hash = $1 AND next_step = $2 AND expires_at > $3";
const SWEEP: &str = "DELETE FROM step_sessions WHERE id_hash IN \
     (SELECT id_hash FROM step_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";

/// What a place in the flow waits for, besides a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
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
        self.into()
    }
}

/// A right code that leads to a new password.
#[derive(Clone, Debug)]
pub struct NumberStep {
    /// The challenge of the code.
    pub root: RootId,
    /// What the code was for.
    pub purpose: Purpose,
    /// The number that the code proved.
    pub phone: PhoneNumber,
    /// The handle of the flow: that of the code.
    pub session: SessionId,
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
    /// The handle of the flow.
    pub session: SessionId,
    /// The hash of the password.
    pub hash: PasswordHash,
    /// The id of the user if the number has none.
    pub new_user_id: Uuid,
    /// The present.
    pub now: DateTime<Utc>,
}

/// What people tell of themselves. Debug output hides it.
#[derive(Clone)]
pub struct UserInfo {
    /// An address, which nobody has proven; an earlier one stays if there is none.
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
    /// The handle of the flow.
    pub session: SessionId,
    /// What the step brings.
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
    new_user: bool,
    created_at: DateTime<Utc>,
}

impl Records {
    /// Begins the flow of somebody who has a password, or lets the one of this handle and number wait for
    /// it. `false` for anyone else, and for those who are kept out.
    pub async fn begin_password_step(
        &self,
        phone: &PhoneNumber,
        session: SessionId,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        on_connection!(self, Place::of(Work::Asking), writer, connection => {
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

    /// The number of the flow, if it waits for this step at `now`.
    pub async fn step_phone(
        &self,
        session: SessionId,
        step: Step,
        now: DateTime<Utc>,
    ) -> Result<Option<PhoneNumber>, RecordsError> {
        on_connection!(self, Place::of(Work::Verifying), readers, connection => {
            let row: Option<StepRow> = sqlx::query_as(FIND)
                .bind(session.step_hash().as_slice())
                .bind(step.as_str())
                .bind(micros(now))
                .fetch_optional(connection)
                .await?;
            stored_phone("step_sessions", row.map(|row| row.phone))
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

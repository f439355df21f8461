//! Signing in: the one moment at which a code has its effect.

use chrono::TimeDelta;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::RootId;
use uuid::Uuid;

use super::connection::Store;
use super::dispatch::{in_transaction, on_connection};
use super::places::{Place, Row, Work};
use super::session_opening::{NewSession, open_session, use_code};
use super::users::User;
use super::{Records, RecordsError, micros};

const ROOT_USED: &str = "SELECT COUNT(*) FROM challenge_uses WHERE challenge_id = $1";
/// So long nobody used an account whose number may have another owner since: operators give a number that
/// is not used to the next customer after half a year.
pub(super) const RECYCLED_AFTER: TimeDelta = TimeDelta::days(180);

/// What an account keeps of the powers of staff when a code alone opens it, in a `SET`; `$since` is the
/// present less [`RECYCLED_AFTER`]. A code proves who holds the number today. It gives no powers that were
/// given to somebody else: not where number and password were never proven here (an import), nor after
/// a long absence.
macro_rules! powers_kept {
    ($since:literal) => {
        $crate::records::sign_in::powers_kept!(
            @set concat!(
                "COALESCE(password_changed_at > ", $since, ", FALSE) OR (",
                "(phone_verified_at IS NOT NULL OR password_changed_at IS NOT NULL) AND ",
                "COALESCE(last_sign_in_at > ", $since, ", FALSE))"
            )
        )
    };
    (@set $kept:expr) => {
        concat!(
            "is_staff = is_staff AND (", $kept, "), ",
            "is_superuser = is_superuser AND (", $kept, "), "
        )
    };
}
pub(super) use powers_kept;

/// Finds the user of a number, in a statement whose parameters have these names, with what else it needs.
/// Locks the row, so that a block and a sign-in at the same moment see each other.
macro_rules! admit {
    ($phone:literal, $now:literal, $since:literal, $from:literal) => {
        concat!(
            "UPDATE users SET last_sign_in_at = ",
            $now,
            ", updated_at = ",
            $now,
            ", ",
            $crate::records::sign_in::powers_kept!($since),
            "phone_verified_at = COALESCE(phone_verified_at, ",
            $now,
            ")",
            $from,
            " WHERE phone = ",
            $phone,
            " AND blocked_at IS NULL RETURNING ",
            $crate::records::users::user_columns!()
        )
    };
}
pub(super) use admit;
/// Creates the user of a number, in such a statement. The user name is the number's digits, unless an imported
/// account has chosen just these: that must not keep the owner of the number out.
macro_rules! create {
    ($id:literal, $phone:literal, $digits:literal, $other_name:literal, $now:literal, $from:literal) => {
        concat!(
            "INSERT INTO users (id, phone, username, phone_verified_at, last_sign_in_at, created_at, updated_at) ",
            "SELECT ", $id, ", ", $phone, ", CASE WHEN EXISTS (SELECT 1 FROM users WHERE username = ",
            $digits, ") THEN ", $other_name, " ELSE ", $digits, " END, ",
            $now, ", ", $now, ", ", $now, ", ", $now, $from,
            " ON CONFLICT DO NOTHING RETURNING ",
            $crate::records::users::user_columns!()
        )
    };
}
pub(super) use create;

pub(super) const ADMIT: &str = admit!("$1", "$2", "$3", "");
pub(super) const CREATE: &str = create!("$1", "$2", "$3", "$4", "$5", " WHERE TRUE");

/// Binds the parameters of [`ADMIT`].
macro_rules! bind_admit {
    ($to:expr, $phone:expr, $now:expr) => {
        $to.bind($phone.as_e164())
            .bind($now)
            .bind($now - $crate::records::sign_in::RECYCLED_AFTER)
    };
}
pub(super) use bind_admit;

/// Binds the parameters of [`CREATE`].
macro_rules! bind_create {
    ($to:expr, $phone:expr, $new_user_id:expr, $now:expr) => {
        $to.bind($new_user_id)
            .bind($phone.as_e164())
            .bind($phone.digits())
            .bind($new_user_id.to_string())
            .bind($now)
    };
}
pub(super) use bind_create;

/// Finds or creates the user of a number that a code has proven, with whether it was created;
/// `None` for one who is kept out. Their row stays locked until the end of the transaction.
macro_rules! admit_or_create {
    ($transaction:ident, $phone:expr, $new_user_id:expr, $now:expr) => {{
        use $crate::records::sign_in::{ADMIT, CREATE};
        use $crate::records::users::{User, UserRow};
        let phone: &::domain::phone::PhoneNumber = $phone;
        let new_user_id: uuid::Uuid = $new_user_id;
        let mut user: Option<UserRow> =
            $crate::records::sign_in::bind_admit!(sqlx::query_as(ADMIT), phone, $now)
                .fetch_optional(&mut *$transaction)
                .await?;
        let mut is_new = false;
        if user.is_none() {
            user = $crate::records::sign_in::bind_create!(
                sqlx::query_as(CREATE),
                phone,
                new_user_id,
                $now
            )
            .fetch_optional(&mut *$transaction)
            .await?;
            is_new = user.is_some();
        }
        if user.is_none() {
            // The number has a user after all: one who is blocked, or one whom another sign-in has
            // created since.
            user = $crate::records::sign_in::bind_admit!(sqlx::query_as(ADMIT), phone, $now)
                .fetch_optional(&mut *$transaction)
                .await?;
        }
        match user {
            Some(user) => Some((User::try_from(user)?, is_new)),
            None => None,
        }
    }};
}
pub(super) use admit_or_create;

/// A right code, and the session that it opens.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The root of the code.
    pub root: RootId,
    /// What the code was for.
    pub purpose: Purpose,
    /// The number that the code proved.
    pub phone: PhoneNumber,
    /// The id of the user if this is their first time.
    pub new_user_id: Uuid,
    /// The session to open, at the present.
    pub session: NewSession,
}

/// What became of a sign-in. Nothing is written except by the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInOutcome {
    /// The session is open.
    SignedIn {
        /// The user, as of now.
        user: User,
        /// Whether this sign-in created them.
        is_new: bool,
    },
    /// The code had its effect before.
    CodeUsed,
    /// The user is kept out.
    Blocked,
}

impl Records {
    /// Lets a code act, once: uses it up, finds or creates the user of the number, and opens a
    /// session with its first refresh token, all or nothing.
    pub async fn sign_in(&self, sign_in: &SignIn) -> Result<SignInOutcome, RecordsError> {
        match self.store() {
            Store::Postgres(server) => {
                self.sign_in_in_rounds(server.sign_in_rounds(), sign_in)
                    .await
            }
            Store::Sqlite(file) => Box::pin(self.sign_in_on_file(file, sign_in)).await,
        }
    }

    pub(super) async fn sign_in_step_by_step(
        &self,
        sign_in: &SignIn,
    ) -> Result<SignInOutcome, RecordsError> {
        let now = micros(sign_in.session.opened_at);
        in_transaction!(self, Place::of_row(Work::Verifying, Row::Phone(sign_in.phone.clone())), transaction => {
            if !use_code!(transaction, sign_in.root, sign_in.purpose, now) {
                return Ok(SignInOutcome::CodeUsed);
            }

            let admitted = admit_or_create!(transaction, &sign_in.phone, sign_in.new_user_id, now);
            let Some((user, is_new)) = admitted else {
                return Ok(SignInOutcome::Blocked);
            };

            open_session!(transaction, user.id, Some(sign_in.root), &sign_in.session);
            transaction.commit().await?;
            Ok(SignInOutcome::SignedIn { user, is_new })
        })
    }

    /// Whether the code of this root had its effect.
    pub async fn root_used(&self, root: RootId) -> Result<bool, RecordsError> {
        on_connection!(self, Place::of(Work::Verifying), readers, connection => {
            let uses: i64 = sqlx::query_scalar(ROOT_USED)
                .bind(root.as_bytes().as_slice())
                .fetch_one(connection)
                .await?;
            Ok(uses > 0)
        })
    }
}

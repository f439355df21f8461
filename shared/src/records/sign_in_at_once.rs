//! Signing in by one statement, where each round trip to the database counts.
//!
//! The transaction of [`Records::sign_in_step_by_step`] takes six or seven round trips to PostgreSQL, in all of which it
//! keeps a connection and locks. This does the same in one, where nothing comes in between: the code is used,
//! its user is found or created, session and token are written. Where nobody could be let in although the code is
//! used by it, the statement fails by its own expression and leaves nothing behind; then the transaction decides. So it
//! does where something that must be unique was taken by another commit at the same moment. SQLite knows no such
//! statement: here and where several sign in together the text is not the same for both (ADR 4, ADR 24).

use sqlx::{FromRow as _, Row as _};
use tokio::time::Instant;

use super::dispatch::on_connection;
use super::places::{Place, Row, Work};
use super::session_opening::presentable;
use super::sign_in::{RECYCLED_AFTER, SignIn, SignInOutcome, admit, create};
use super::users::{User, UserRow};
use super::{Records, RecordsError, micros};

/// `division_by_zero`: the code is used, and nobody was let in.
const NOBODY_WAS_LET_IN: &str = "22012";

/// The parts run one after the other because each reads from the one before. `found` joins `used`, instead of asking
/// whether there is one: where its row was changed meanwhile, the condition is looked at again with the
/// joined row as it was.
const SIGN_IN: &str = concat!(
    "WITH used AS (INSERT INTO challenge_uses (challenge_id, purpose, used_at) VALUES ($1, $2, $3) \
     ON CONFLICT DO NOTHING RETURNING challenge_id AS root), \
     found AS (",
    admit!("$4", "$3", "$5", " FROM used"),
    "), created AS (",
    create!(
        "$6",
        "$4",
        "$7",
        "$8",
        "$3",
        " FROM used WHERE NOT EXISTS (SELECT 1 FROM found)"
    ),
    "), admitted AS (SELECT *, FALSE AS is_new FROM found UNION ALL SELECT *, TRUE FROM created), \
     opened AS (INSERT INTO sessions (id, user_id, challenge_id, device_name, user_agent, address, \
         created_at, last_used_at, idle_expires_at, expires_at) \
         SELECT $9, id, $1, $10, $11, $12, $3, $3, $13, $14 FROM admitted), \
     issued AS (INSERT INTO refresh_tokens (token_hash, session_id, generation, issued_at, origin_salt) \
         SELECT $15, $9, 0, $3, $16 FROM admitted) \
     SELECT CASE WHEN EXISTS (SELECT 1 FROM used) \
         THEN 1 / (SELECT CAST(COUNT(*) AS INTEGER) FROM admitted) ELSE 0 END AS uses, admitted.* \
     FROM (SELECT 1) AS one LEFT JOIN admitted ON TRUE",
);

impl Records {
    /// [`Records::sign_in`] in one round trip, where nothing comes in between.
    pub(super) async fn sign_in_at_once(
        &self,
        sign_in: &SignIn,
    ) -> Result<SignInOutcome, RecordsError> {
        let began = Instant::now();
        match self.try_sign_in(sign_in).await {
            Err(RecordsError::Conflict) => {}
            Err(RecordsError::Refused(code)) if *code == *NOBODY_WAS_LET_IN => {}
            outcome => return outcome,
        }
        let left = self.time_limit().saturating_sub(began.elapsed());
        let rest = self.clone().with_time_limit(left);
        Box::pin(rest.sign_in_step_by_step(sign_in)).await
    }

    async fn try_sign_in(&self, sign_in: &SignIn) -> Result<SignInOutcome, RecordsError> {
        let SignIn {
            root,
            purpose,
            phone,
            new_user_id,
            session,
        } = sign_in;
        let now = micros(session.opened_at);
        let place = Place::of_row(Work::Verifying, Row::Phone(phone.clone()));
        on_connection!(self, place, writer, connection => {
            let row = sqlx::query(SIGN_IN)
                .bind(root.as_bytes().as_slice())
                .bind(purpose.as_str())
                .bind(now)
                .bind(phone.as_e164())
                .bind(now - RECYCLED_AFTER)
                .bind(*new_user_id)
                .bind(phone.digits())
                .bind(new_user_id.to_string())
                .bind(session.id)
                .bind(session.device.name.as_deref().map(presentable))
                .bind(session.device.user_agent.as_deref().map(presentable))
                .bind(session.device.address.map(|address| address.to_string()))
                .bind(micros(session.idle_expires_at))
                .bind(micros(session.expires_at))
                .bind(session.refresh_token_hash.as_slice())
                .bind(session.origin_salt.as_ref().map(<[u8; 16]>::as_slice))
                .fetch_one(connection)
                .await?;
            let uses: i32 = row.try_get("uses")?;
            if uses == 0 {
                return Ok(SignInOutcome::CodeUsed);
            }
            let is_new = row.try_get("is_new")?;
            let user = User::try_from(UserRow::from_row(&row)?)?;
            Ok(SignInOutcome::SignedIn { user, is_new })
        })
    }
}

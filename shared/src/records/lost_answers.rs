//! A sign-in whose answer was lost on its way: the same session id and code, given once more a moment
//! later, get the same session again. Nothing is opened here, and nothing is given that was not given
//! before.

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::SessionId;
use domain::root::RootId;
use domain::tokens::RefreshToken;
use uuid::Uuid;

use super::dispatch::on_connection;
use super::places::{Place, Work};
use super::sessions::live_session;
use super::users::{User, UserRow, user_columns};
use super::{Records, RecordsError, micros};

/// A client that heard nothing asks again within this time.
const ANSWERED_AGAIN_FOR: TimeDelta = TimeDelta::seconds(60);

/// The session that the code of a root opened, while its first token was not presented.
const OPENED_BY: &str = concat!(
    "SELECT sessions.id, user_id, created_at, token_hash, origin_salt FROM sessions ",
    "JOIN refresh_tokens ON session_id = sessions.id ",
    "WHERE challenge_id = $1 AND created_at >= $2 AND generation = 0 AND retired_at IS NULL ",
    "AND origin_salt IS NOT NULL AND ",
    live_session!("$3"),
);
const USER: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users WHERE id = $1 AND blocked_at IS NULL AND deleted_at IS NULL"
);

/// A sign-in that was answered before.
#[derive(Clone, Debug)]
pub struct LostAnswer {
    /// Who signed in.
    pub user: User,
    /// Whether that sign-in created them.
    pub is_new: bool,
    /// The session that is open.
    pub session: Uuid,
    /// Its first refresh token, once more.
    pub token: RefreshToken,
}

#[derive(sqlx::FromRow)]
struct OpenedRow {
    id: Uuid,
    user_id: Uuid,
    created_at: DateTime<Utc>,
    token_hash: Vec<u8>,
    origin_salt: Vec<u8>,
}

impl Records {
    /// What the code of this root opened a moment ago for anyone who holds this session id, as long as
    /// the refresh token was not used. To be asked after the code was right once more and turned out
    /// to be used.
    pub async fn lost_answer(
        &self,
        root: RootId,
        session: SessionId,
        now: DateTime<Utc>,
    ) -> Result<Option<LostAnswer>, RecordsError> {
        let now = micros(now);
        on_connection!(self, Place::of(Work::Verifying), readers, connection => {
            let opened: Option<OpenedRow> = sqlx::query_as(OPENED_BY)
                .bind(root.as_bytes().as_slice())
                .bind(micros(now - ANSWERED_AGAIN_FOR))
                .bind(now)
                .fetch_optional(&mut *connection)
                .await?;
            let Some(opened) = opened else { return Ok(None) };
            let salt = opened.origin_salt.try_into().map_err(|_| RecordsError::Corrupt {
                table: "refresh_tokens",
                problem: "origin_salt is not 16 bytes",
            })?;
            let token = RefreshToken::first(session, &salt);
            // Anyone who shares the root has another session id, which leads to another token.
            if token.hash().as_slice() != opened.token_hash {
                return Ok(None);
            }
            let user: Option<UserRow> = sqlx::query_as(USER)
                .bind(opened.user_id)
                .fetch_optional(connection)
                .await?;
            let Some(user) = user else { return Ok(None) };
            let user = User::try_from(user)?;
            Ok(Some(LostAnswer {
                is_new: user.created_at == opened.created_at,
                user,
                session: opened.id,
                token,
            }))
        })
    }
}

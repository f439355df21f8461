//! Sessions of clients: what somebody has allowed a site or app by signing in to it through us.
//!
//! A grant is a row of `sessions` that names its client. The hashes of its refresh tokens are made in
//! another way than those of our own sessions, so that neither finds the other.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::dispatch::on_connection;
use super::places::{Place, Row, Work};
use super::refreshing::sign_on_holds;
use super::session_ending::SessionEnd;
use super::sessions::live_session;
use super::users::{User, UserRow, user_columns};
use super::{Records, RecordsError, micros};

/// The grant and its user in one look; neither, when one of them no longer holds.
const IN_USE: &str = concat!(
    "SELECT holder.*, granted.scope, granted.parent_id, granted.auth_time, granted.auth_by_code ",
    "FROM (SELECT ",
    user_columns!(),
    " FROM users WHERE id = $1 AND blocked_at IS NULL AND deleted_at IS NULL) AS holder ",
    "JOIN (SELECT scope, parent_id, auth_time, auth_by_code FROM sessions ",
    "WHERE id = $2 AND user_id = $1 AND client_id = $3 AND ",
    sign_on_holds!("$4"),
    " AND ",
    live_session!("$4"),
    ") AS granted ON TRUE"
);
const SCOPE_OF_TOKEN: &str = "SELECT scope FROM sessions WHERE client_id = $2 \
     AND id = (SELECT session_id FROM refresh_tokens WHERE token_hash = $1)";
const END_OF_TOKEN: &str = concat!(
    "UPDATE sessions SET revoked_at = $3, revoked_reason = $4 WHERE client_id = $2 ",
    "AND id = (SELECT session_id FROM refresh_tokens WHERE token_hash = $1) AND ",
    live_session!("$3")
);

/// What a client has of somebody.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Who signed in.
    pub user: User,
    /// The session of the client.
    pub session: Uuid,
    /// What it may, separated by spaces.
    pub scope: String,
    /// The sign-on in the browser that it came from.
    pub sso_session: Uuid,
    /// When the user proved who they are.
    pub auth_time: DateTime<Utc>,
    /// Whether a code did that; a password otherwise.
    pub by_code: bool,
}

#[derive(sqlx::FromRow)]
struct GrantRow {
    #[sqlx(flatten)]
    holder: UserRow,
    scope: Option<String>,
    parent_id: Option<Uuid>,
    auth_time: Option<DateTime<Utc>>,
    auth_by_code: Option<bool>,
}

impl Records {
    /// What a client has of a user by this session, if it holds at `now` and the user is neither blocked
    /// nor deleted.
    pub async fn grant_in_use(
        &self,
        user: Uuid,
        session: Uuid,
        client: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Grant>, RecordsError> {
        on_connection!(self, Place::of(Work::Refreshing), readers, connection => {
            let row: Option<GrantRow> = sqlx::query_as(IN_USE)
                .bind(user)
                .bind(session)
                .bind(client)
                .bind(micros(now))
                .fetch_optional(connection)
                .await?;
            let Some(row) = row else { return Ok(None) };
            let parts = row.scope.zip(row.parent_id).zip(row.auth_time).zip(row.auth_by_code);
            let Some((((scope, sso_session), auth_time), by_code)) = parts else {
                return Err(RecordsError::Corrupt {
                    table: "sessions",
                    problem: "a session of a client lacks its scope or its proof",
                });
            };
            Ok(Some(Grant {
                user: User::try_from(row.holder)?,
                session,
                scope,
                sso_session,
                auth_time,
                by_code,
            }))
        })
    }

    /// What the grant of a refresh token of a client may, dead or alive; `token_hash` is that of a token
    /// of a client.
    pub async fn scope_of_token(
        &self,
        token_hash: [u8; 32],
        client: &str,
    ) -> Result<Option<String>, RecordsError> {
        on_connection!(self, Place::of(Work::Refreshing), readers, connection => {
            let scope: Option<Option<String>> = sqlx::query_scalar(SCOPE_OF_TOKEN)
                .bind(token_hash.as_slice())
                .bind(client)
                .fetch_optional(connection)
                .await?;
            Ok(scope.flatten())
        })
    }

    /// Ends the grant that a refresh token of a client belongs to; `false` when there is none that holds.
    pub async fn end_grant_of_token(
        &self,
        token_hash: [u8; 32],
        client: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        on_connection!(self, Place::of_row(Work::Other, Row::Token(token_hash)), writer, connection => {
            let ended = sqlx::query(END_OF_TOKEN)
                .bind(token_hash.as_slice())
                .bind(client)
                .bind(micros(now))
                .bind(SessionEnd::Revoked.as_str())
                .execute(connection)
                .await?;
            Ok(ended.rows_affected() > 0)
        })
    }
}

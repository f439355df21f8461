//! Who is signed in in a browser, by its refresh token, which stays as it is.
//!
//! A site that sends people to us asks for this at every visit, and a token that were replaced each time
//! would be lost with every answer that is. The token counts as presented all the same: the one before it
//! is not answered once more after that, and one that was replaced too long ago ends its session.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::tokens::RefreshToken;
use uuid::Uuid;

use super::dispatch::in_transaction;
use super::places::{Place, Row, Work};
use super::refreshing::{END_FAMILY, HOLDS_TOKEN, RETIRED, RetiredRow, admitted_user};
use super::session_ending::SessionEnd;
use super::sessions::live_session;
use super::{Records, RecordsError, micros};

const LIVE: &str = concat!(
    "SELECT sessions.id, user_id, generation FROM refresh_tokens ",
    "JOIN sessions ON session_id = sessions.id ",
    "WHERE token_hash = $1 AND retired_at IS NULL AND client_id IS NULL AND ",
    live_session!("$2"),
    " AND ",
    admitted_user!()
);
/// The answer that brought a token has arrived: nobody is given it once more.
const ARRIVED: &str = "UPDATE refresh_tokens SET successor_salt = NULL \
     WHERE session_id = $1 AND generation = $2 AND successor_salt IS NOT NULL";
const FIRST_ARRIVED: &str = "UPDATE refresh_tokens SET origin_salt = NULL \
     WHERE token_hash = $1 AND origin_salt IS NOT NULL";

/// What a refresh token of a browser says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignOn {
    /// Somebody is signed in.
    Holds {
        /// Who.
        user: Uuid,
        /// By which session.
        session: Uuid,
    },
    /// It was replaced before, so somebody else may hold it too: its session is over.
    Reused {
        /// The user who was signed in.
        user: Uuid,
        /// The session that ended.
        session: Uuid,
    },
    /// Nobody is signed in.
    Nobody,
}

impl Records {
    /// Who is signed in by a refresh token of our own. One that was replaced counts for as long as its
    /// successor would be given once more.
    pub async fn present_sign_on(
        &self,
        token: &RefreshToken,
        grace: Duration,
        now: DateTime<Utc>,
    ) -> Result<SignOn, RecordsError> {
        let (now, hash) = (micros(now), token.hash());
        in_transaction!(self, Place::of_row(Work::Refreshing, Row::Token(hash)), transaction => {
            let live: Option<(Uuid, Uuid, i64)> = sqlx::query_as(LIVE)
                .bind(hash.as_slice())
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            if let Some((session, user, generation)) = live {
                sqlx::query(ARRIVED)
                    .bind(session)
                    .bind(generation - 1)
                    .execute(&mut *transaction)
                    .await?;
                sqlx::query(FIRST_ARRIVED)
                    .bind(hash.as_slice())
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
                return Ok(SignOn::Holds { user, session });
            }
            let retired: Option<RetiredRow> = sqlx::query_as(RETIRED)
                .bind(hash.as_slice())
                .bind("")
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(retired) = retired else { return Ok(SignOn::Nobody) };
            let session = retired.session_id;
            if let Some(successor) = retired.successor(token, grace, now)? {
                let user: Option<Uuid> = sqlx::query_scalar(HOLDS_TOKEN)
                    .bind(session)
                    .bind(now)
                    .bind(successor.hash().as_slice())
                    .fetch_optional(&mut *transaction)
                    .await?;
                if let Some(user) = user {
                    return Ok(SignOn::Holds { user, session });
                }
            }
            let user: Option<Uuid> = sqlx::query_scalar(END_FAMILY)
                .bind(session)
                .bind(now)
                .bind(SessionEnd::Reuse.as_str())
                .fetch_optional(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(user.map_or(SignOn::Nobody, |user| SignOn::Reused { user, session }))
        })
    }
}

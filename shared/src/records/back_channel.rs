//! Clients that have to be told that somebody logged out: an outbox.
//!
//! The rows are written by the database itself with whatever ends a session (migration 0024), so that no way
//! of ending one forgets them. Here they are taken, by one program at a time, and put off or removed.

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::dispatch::on_connection;
use super::{Records, RecordsError, micros};

const TOLD: &str = "DELETE FROM back_channel_logouts WHERE client_id = $1 AND sid = $2";
const AGAIN: &str = "UPDATE back_channel_logouts SET due_at = $3 WHERE client_id = $1 AND sid = $2";

/// A client that has to be told of a log-out.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct BackChannelLogout {
    /// The client.
    #[sqlx(rename = "client_id")]
    pub client: String,
    /// The sign-on in the browser that is over, or from which the client's own session came.
    pub sid: Uuid,
    /// Whose it was.
    #[sqlx(rename = "user_id")]
    pub user: Uuid,
    /// Since when it is over.
    pub created_at: DateTime<Utc>,
    /// How often it was tried, this time counted.
    pub attempts: i64,
}

impl Records {
    /// Takes some that are due, those that have waited longest first: nobody else gets them before
    /// `again_at`.
    pub async fn take_back_channel_logouts(
        &self,
        now: DateTime<Utc>,
        again_at: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<BackChannelLogout>, RecordsError> {
        let statement = format!(
            "UPDATE back_channel_logouts SET due_at = $2, attempts = attempts + 1 \
             WHERE (client_id, sid) IN (SELECT client_id, sid FROM back_channel_logouts \
             WHERE due_at <= $1 ORDER BY due_at, client_id, sid LIMIT $3{}) \
             RETURNING client_id, sid, user_id, created_at, attempts",
            self.skip_locked()
        );
        on_connection!(self, writer, connection => {
            let taken: Vec<BackChannelLogout> = sqlx::query_as(AssertSqlSafe(&*statement))
                .bind(micros(now))
                .bind(micros(again_at))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
            Ok(taken)
        })
    }

    /// The client knows, or never will: it is not told again.
    pub async fn end_back_channel_logout(
        &self,
        client: &str,
        sid: Uuid,
    ) -> Result<(), RecordsError> {
        on_connection!(self, writer, connection => {
            sqlx::query(TOLD).bind(client).bind(sid).execute(connection).await?;
            Ok(())
        })
    }

    /// The client could not be told; it is tried again then.
    pub async fn delay_back_channel_logout(
        &self,
        client: &str,
        sid: Uuid,
        until: DateTime<Utc>,
    ) -> Result<(), RecordsError> {
        on_connection!(self, writer, connection => {
            sqlx::query(AGAIN).bind(client).bind(sid).bind(micros(until)).execute(connection).await?;
            Ok(())
        })
    }
}

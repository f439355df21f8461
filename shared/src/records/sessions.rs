//! Sessions: families of refresh tokens, one a device.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::dispatch::on_connection;
use super::{Records, RecordsError, micros};

const LIVE_OF_USER: &str = "SELECT id, user_id, device_name, user_agent, address, created_at, \
     last_used_at, idle_expires_at, expires_at FROM sessions \
     WHERE user_id = $1 AND kind = 'user' AND revoked_at IS NULL \
     AND idle_expires_at > $2 AND expires_at > $2 \
     ORDER BY last_used_at DESC, id";

/// A sign-in on one device that still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id; public, unlike its tokens.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// The name that the client gave the device.
    pub device_name: Option<String>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// Where it was last used from.
    pub address: Option<IpAddr>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When its token was last renewed.
    pub last_used_at: DateTime<Utc>,
    /// When it ends if it is not used.
    pub idle_expires_at: DateTime<Utc>,
    /// When it ends in any case.
    pub expires_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct SessionRow {
    id: Uuid,
    user_id: Uuid,
    device_name: Option<String>,
    user_agent: Option<String>,
    address: Option<String>,
    created_at: DateTime<Utc>,
    last_used_at: DateTime<Utc>,
    idle_expires_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl TryFrom<SessionRow> for Session {
    type Error = RecordsError;

    fn try_from(row: SessionRow) -> Result<Self, Self::Error> {
        let address = row.address.map(|text| text.parse()).transpose();
        Ok(Self {
            id: row.id,
            user_id: row.user_id,
            device_name: row.device_name,
            user_agent: row.user_agent,
            address: address.map_err(|_| RecordsError::Corrupt {
                table: "sessions",
                problem: "address is not an IP address",
            })?,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            idle_expires_at: row.idle_expires_at,
            expires_at: row.expires_at,
        })
    }
}

impl Records {
    /// The sessions of a user that hold at `now`, the one last used first.
    pub async fn live_sessions(
        &self,
        user: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Vec<Session>, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<SessionRow> = sqlx::query_as(LIVE_OF_USER)
                .bind(user)
                .bind(micros(now))
                .fetch_all(connection)
                .await?;
            rows.into_iter().map(Session::try_from).collect()
        })
    }
}

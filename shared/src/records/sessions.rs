//! Sessions: families of refresh tokens, one a device.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::dispatch::on_connection;
use super::places::{Place, Work};
use super::users::{User, UserRow, user_columns};
use super::{Records, RecordsError, micros};

/// A row of `sessions` that holds at the time of the placeholder.
macro_rules! live_session {
    ($now:literal) => {
        concat!(
            "kind = 'user' AND revoked_at IS NULL AND idle_expires_at > ",
            $now,
            " AND expires_at > ",
            $now
        )
    };
}
pub(super) use live_session;

pub(super) const HOLD_USER: &str = "UPDATE users SET updated_at = $2 \
     WHERE id = $1 AND blocked_at IS NULL AND deleted_at IS NULL RETURNING phone";
pub(super) const HOLDS: &str = "SELECT COUNT(*) FROM sessions \
     WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL";

/// Whether a session of this user was not ended, inside `in_transaction!`. To come in a statement of
/// its own behind the one that locks the user: one that waited for that lock sees other tables as
/// they were before it waited.
macro_rules! session_holds {
    ($transaction:ident, $session:expr, $user:expr) => {
        sqlx::query_scalar::<_, i64>($crate::records::sessions::HOLDS)
            .bind($session)
            .bind($user)
            .fetch_one(&mut *$transaction)
            .await?
            > 0
    };
}
pub(super) use session_holds;

/// Locks the row of a user who is not kept out and reads their number, inside `in_transaction!`;
/// `None` also if the session that asks was ended, even a moment ago.
macro_rules! hold_user {
    ($transaction:ident, $user:expr, $session:expr, $now:expr) => {{
        use $crate::records::sessions::{HOLD_USER, session_holds};
        let held: Option<(Option<String>,)> = sqlx::query_as(HOLD_USER)
            .bind($user)
            .bind($now)
            .fetch_optional(&mut *$transaction)
            .await?;
        if held.is_some() && session_holds!($transaction, $session, $user) {
            held
        } else {
            None
        }
    }};
}
pub(super) use hold_user;

const LIVE_OF_USER: &str = concat!(
    "SELECT id, user_id, device_name, user_agent, address, created_at, ",
    "last_used_at, idle_expires_at, expires_at FROM sessions WHERE user_id = $1 ",
    // Of clients those that outlive the sign-on which they came from.
    "AND (client_id IS NULL OR scope LIKE '%offline_access%') AND ",
    live_session!("$2"),
    " ORDER BY last_used_at DESC, id LIMIT $3"
);

/// More is no list of devices: a program has signed in over and over.
const LISTED: i64 = 100;

/// The session and its user in one look; neither, when one of them no longer holds.
const IN_USE: &str = concat!(
    "SELECT holder.*, session.opened_at, session.by_code FROM (SELECT ",
    user_columns!(),
    " FROM users WHERE id = $1 AND blocked_at IS NULL AND deleted_at IS NULL) AS holder ",
    "JOIN (SELECT created_at AS opened_at, challenge_id IS NOT NULL AS by_code FROM sessions ",
    "WHERE id = $2 AND user_id = $1 AND client_id IS NULL AND ",
    live_session!("$3"),
    ") AS session ON TRUE"
);

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

/// The session under which a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInUse {
    /// Its id.
    pub id: Uuid,
    /// When its user proved who they are.
    pub opened_at: DateTime<Utc>,
    /// Whether a code did that; a password otherwise.
    pub by_code: bool,
}

#[derive(sqlx::FromRow)]
struct InUseRow {
    #[sqlx(flatten)]
    holder: UserRow,
    opened_at: DateTime<Utc>,
    by_code: bool,
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
    /// The sessions of a user that hold at `now`, the one last used first; 100 at most.
    pub async fn live_sessions(
        &self,
        user: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Vec<Session>, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<SessionRow> = sqlx::query_as(LIVE_OF_USER)
                .bind(user)
                .bind(micros(now))
                .bind(LISTED)
                .fetch_all(connection)
                .await?;
            rows.into_iter().map(Session::try_from).collect()
        })
    }

    /// The user of a session, if both hold at `now`: the session was not ended and has not
    /// expired, the user is neither blocked nor deleted.
    pub async fn session_in_use(
        &self,
        user: Uuid,
        session: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Option<(User, SessionInUse)>, RecordsError> {
        // Of the same kind as renewing: neither locks a row of others, and both keep people signed in.
        on_connection!(self, Place::of(Work::Refreshing), readers, connection => {
            let row: Option<InUseRow> = sqlx::query_as(IN_USE)
                .bind(user)
                .bind(session)
                .bind(micros(now))
                .fetch_optional(connection)
                .await?;
            row.map(|row| {
                let in_use = SessionInUse {
                    id: session,
                    opened_at: row.opened_at,
                    by_code: row.by_code,
                };
                Ok((User::try_from(row.holder)?, in_use))
            })
            .transpose()
        })
    }
}

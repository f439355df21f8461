//! Authorization codes: rows that are used once.
//!
//! Using one opens the session of its client in the same transaction, so a code can neither be used twice
//! nor be lost with an answer of a store. One that comes back with everything else right was copied, and
//! ends what it opened (RFC 6749, section 4.1.2).

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::dispatch::{in_transaction, on_connection};
use super::grants::Grant;
use super::places::{Place, Row, Work};
use super::session_ending::SessionEnd;
use super::session_opening::{ISSUE_FIRST_TOKEN, NewSession, presentable};
use super::sessions::{hold_user, live_session};
use super::users::{User, UserRow, user_columns};
use super::{Records, RecordsError, micros};

/// A used code is known again for so long.
const KEPT: TimeDelta = TimeDelta::days(1);
/// So many of those before are removed with each new one, so that none of them removes thousands.
const SWEPT_AT_ONCE: i64 = 10;
const SWEEP: &str = "DELETE FROM authorization_codes WHERE code_hash IN \
     (SELECT code_hash FROM authorization_codes WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";

/// Nothing where the sign-on does not hold any more.
const KEEP: &str = concat!(
    "INSERT INTO authorization_codes (code_hash, client_id, redirect_uri, challenge, nonce, scope, ",
    "user_id, sso_session_id, auth_time, auth_by_code, expires_at) ",
    "SELECT $1, $2, $3, $4, $5, $6, user_id, id, created_at, challenge_id IS NOT NULL, $7 ",
    "FROM sessions WHERE id = $8 AND user_id = $9 AND client_id IS NULL AND ",
    live_session!("$10")
);
const USE: &str = "UPDATE authorization_codes SET used_at = $2, session_id = $3 \
     WHERE code_hash = $1 AND used_at IS NULL AND client_id = $4 AND redirect_uri = $5 \
     AND COALESCE(challenge, '') = $6 AND expires_at > $2 \
     RETURNING nonce, scope, user_id, sso_session_id, auth_time, auth_by_code";
const LOOK: &str = "SELECT client_id, redirect_uri, challenge, expires_at, session_id \
     FROM authorization_codes WHERE code_hash = $1";
const SIGN_ON: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users WHERE id = $1 AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = $2 AND ",
    live_session!("$3"),
    ")"
);
const OPEN_GRANT: &str = "INSERT INTO sessions (id, user_id, device_name, user_agent, address, created_at, \
     last_used_at, idle_expires_at, expires_at, client_id, scope, parent_id, auth_time, auth_by_code) \
     VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11, $12, $13)";
const END_GRANT: &str = concat!(
    "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 WHERE id = $1 AND ",
    live_session!("$2"),
    " RETURNING user_id"
);

/// A code that a client is to get.
#[derive(Clone, Debug)]
pub struct NewCode {
    /// SHA-256 of the code.
    pub hash: [u8; 32],
    /// Who gets it.
    pub client: String,
    /// Where it is sent.
    pub redirect_uri: String,
    /// The PKCE challenge (S256).
    pub challenge: Option<String>,
    /// What the client sent along for the ID token.
    pub nonce: Option<String>,
    /// What it may, separated by spaces.
    pub scope: String,
    /// Who signed in.
    pub user: Uuid,
    /// By which session.
    pub sso_session: Uuid,
    /// The present.
    pub now: DateTime<Utc>,
    /// When it dies.
    pub expires_at: DateTime<Utc>,
}

/// A code that a client gives back.
#[derive(Clone, Debug)]
pub struct Redeem {
    /// SHA-256 of the code.
    pub code: [u8; 32],
    /// Who gives it back.
    pub client: String,
    /// Where the client says that it was sent.
    pub redirect_uri: String,
    /// The challenge that belongs to the verifier which came along.
    pub challenge: Option<String>,
    /// The session to open, at the present, with the hash of a token of a client.
    pub session: NewSession,
}

/// What became of a code.
#[derive(Clone, Debug)]
pub enum RedeemOutcome {
    /// It opened a session of the client.
    Opened {
        /// What the client has now.
        grant: Box<Grant>,
        /// What it sent along for the ID token.
        nonce: Option<String>,
    },
    /// It had opened a session before, which was ended.
    Replayed {
        /// The user whose session it was; nothing where it was over.
        user: Option<Uuid>,
        /// The session.
        session: Uuid,
    },
    /// Nothing was opened, and the code is as it was.
    Refused(CodeFault),
}

/// Why a code is refused, for the developer of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeFault {
    /// There is no such code.
    Unknown,
    /// It is another client's.
    OtherClient,
    /// Its time is over.
    Expired,
    /// The verifier is not that of its challenge, or there is one too many or too few.
    WrongVerifier,
    /// It was sent to another address.
    OtherAddress,
    /// The sign-on that it came from is over, or its user is kept out.
    SignOnOver,
}

#[derive(sqlx::FromRow)]
struct UsedRow {
    nonce: Option<String>,
    scope: String,
    user_id: Uuid,
    sso_session_id: Uuid,
    auth_time: DateTime<Utc>,
    auth_by_code: bool,
}

#[derive(sqlx::FromRow)]
struct CodeRow {
    client_id: String,
    redirect_uri: String,
    challenge: Option<String>,
    expires_at: DateTime<Utc>,
    session_id: Option<Uuid>,
}

impl CodeRow {
    fn fault(&self, redeem: &Redeem, now: DateTime<Utc>) -> Option<CodeFault> {
        if self.client_id != redeem.client {
            return Some(CodeFault::OtherClient);
        }
        // Anyone who comes late with a used code had it from somewhere all the same.
        if self.session_id.is_none() && self.expires_at <= now {
            return Some(CodeFault::Expired);
        }
        if self.challenge != redeem.challenge {
            return Some(CodeFault::WrongVerifier);
        }
        (self.redirect_uri != redeem.redirect_uri).then_some(CodeFault::OtherAddress)
    }
}

impl Records {
    /// Keeps a code for a client, of a sign-on that holds; `false` where that is over.
    pub async fn keep_code(&self, code: &NewCode) -> Result<bool, RecordsError> {
        let now = micros(code.now);
        in_transaction!(self, Place::of_row(Work::Verifying, Row::Token(code.hash)), transaction => {
            let kept = sqlx::query(KEEP)
                .bind(code.hash.as_slice())
                .bind(&code.client)
                .bind(&code.redirect_uri)
                .bind(code.challenge.as_deref())
                .bind(code.nonce.as_deref())
                .bind(&code.scope)
                .bind(micros(code.expires_at))
                .bind(code.sso_session)
                .bind(code.user)
                .bind(now)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
            sqlx::query(SWEEP)
                .bind(now - KEPT)
                .bind(SWEPT_AT_ONCE)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(kept > 0)
        })
    }

    /// Lets a code act, once: uses it up and opens the session of its client, all or nothing.
    pub async fn redeem_code(&self, redeem: &Redeem) -> Result<RedeemOutcome, RecordsError> {
        let session = &redeem.session;
        let now = micros(session.opened_at);
        in_transaction!(self, Place::of_row(Work::Verifying, Row::Token(redeem.code)), transaction => {
            let used: Option<UsedRow> = sqlx::query_as(USE)
                .bind(redeem.code.as_slice())
                .bind(now)
                .bind(session.id)
                .bind(&redeem.client)
                .bind(&redeem.redirect_uri)
                .bind(redeem.challenge.as_deref().unwrap_or_default())
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(used) = used else {
                let found: Option<CodeRow> = sqlx::query_as(LOOK)
                    .bind(redeem.code.as_slice())
                    .fetch_optional(&mut *transaction)
                    .await?;
                let Some(found) = found else {
                    return Ok(RedeemOutcome::Refused(CodeFault::Unknown));
                };
                if let Some(fault) = found.fault(redeem, now) {
                    return Ok(RedeemOutcome::Refused(fault));
                }
                let Some(opened) = found.session_id else {
                    return Ok(RedeemOutcome::Refused(CodeFault::Expired));
                };
                let user: Option<Uuid> = sqlx::query_scalar(END_GRANT)
                    .bind(opened)
                    .bind(now)
                    .bind(SessionEnd::Reuse.as_str())
                    .fetch_optional(&mut *transaction)
                    .await?;
                transaction.commit().await?;
                return Ok(RedeemOutcome::Replayed { user, session: opened });
            };
            let (user, sso_session) = (used.user_id, used.sso_session_id);
            // So that a block or a log-out at the same moment and this one see each other.
            let held = hold_user!(transaction, user, sso_session, now);
            let user: Option<UserRow> = sqlx::query_as(SIGN_ON)
                .bind(user)
                .bind(sso_session)
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(user) = user.filter(|_| held.is_some()) else {
                return Ok(RedeemOutcome::Refused(CodeFault::SignOnOver));
            };
            let user = User::try_from(user)?;
            sqlx::query(OPEN_GRANT)
                .bind(session.id)
                .bind(user.id)
                .bind(session.device.name.as_deref().map(presentable))
                .bind(session.device.user_agent.as_deref().map(presentable))
                .bind(session.device.address.map(|address| address.to_string()))
                .bind(now)
                .bind(micros(session.idle_expires_at))
                .bind(micros(session.expires_at))
                .bind(&redeem.client)
                .bind(&used.scope)
                .bind(sso_session)
                .bind(used.auth_time)
                .bind(used.auth_by_code)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(ISSUE_FIRST_TOKEN)
                .bind(session.refresh_token_hash.as_slice())
                .bind(session.id)
                .bind(now)
                .bind(None::<&[u8]>)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            let grant = Box::new(Grant {
                user,
                session: session.id,
                scope: used.scope,
                sso_session,
                auth_time: used.auth_time,
                by_code: used.auth_by_code,
            });
            Ok(RedeemOutcome::Opened { grant, nonce: used.nonce })
        })
    }

    /// Removes at most so many codes that were over a day ago; how many it were.
    pub async fn sweep_codes(&self, now: DateTime<Utc>, most: u32) -> Result<u64, RecordsError> {
        on_connection!(self, writer, connection => {
            let swept = sqlx::query(SWEEP)
                .bind(micros(now - KEPT))
                .bind(i64::from(most))
                .execute(connection)
                .await?;
            Ok(swept.rows_affected())
        })
    }
}

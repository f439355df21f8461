//! Renewing a session: a refresh token works once and is followed by the next of its family.
//!
//! A token that comes back after it was replaced was copied, or its answer was lost (RFC 9700,
//! section 4.14). For some minutes it gets the successor that it already has, as long as nobody has
//! presented that: until then the thief, if there is one, has gained nothing that the owner has not.
//! In every other case the whole family ends, because thief and owner cannot be told apart. It ends
//! too when a third generation in a row comes back late: no network loses every answer. Successors are
//! derived, so nothing that is stored here gives one.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::tokens::{RefreshToken, SuccessorSalt};
use uuid::Uuid;

use super::dispatch::in_transaction;
use super::places::{Place, Row, Work};
use super::session_ending::SessionEnd;
use super::session_opening::{ISSUE_TOKEN, presentable};
use super::sessions::live_session;
use super::{Records, RecordsError, micros};

/// A client that heard nothing asks again within this time; later repeats are counted.
const LATE_AFTER: TimeDelta = TimeDelta::seconds(10);
/// So many generations in a row may come back late.
const LATE_GENERATIONS: i64 = 2;
const MINUTE: TimeDelta = TimeDelta::minutes(1);
const DAY: TimeDelta = TimeDelta::days(1);

/// A session's user who may use it.
macro_rules! admitted_user {
    () => {
        "EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id \
         AND users.blocked_at IS NULL AND users.deleted_at IS NULL)"
    };
}

/// The sign-on that a session of a client came from holds, unless it may outlive that.
macro_rules! sign_on_holds {
    ($now:literal) => {
        concat!(
            "(parent_id IS NULL OR scope LIKE '%offline_access%' OR EXISTS (",
            "SELECT 1 FROM sessions AS sign_on WHERE sign_on.id = sessions.parent_id ",
            "AND sign_on.revoked_at IS NULL AND sign_on.idle_expires_at > ",
            $now,
            " AND sign_on.expires_at > ",
            $now,
            "))"
        )
    };
}
pub(super) use {admitted_user, sign_on_holds};

/// So often a session is renewed in a minute and in a day: each time leaves a row. A client that renews in time
/// does so every few minutes, one with many windows some times at once.
const PER_MINUTE: i64 = 30;
const PER_DAY: i64 = 2_000;

/// So many generations of a session are kept, which is a week at a refresh every five minutes and more than the
/// limits look at. An older token that comes back is refused as an unknown one is, and no longer ends its session.
const KEPT_GENERATIONS: i64 = PER_DAY + 100;
/// So many of those before are removed by each refresh, so that none of them removes thousands.
const FORGOTTEN_AT_ONCE: i64 = 10;
const FORGET_OLD: &str =
    "DELETE FROM refresh_tokens WHERE session_id = $1 AND generation > $2 AND generation <= $3";

/// What the limits of a live token look at, by its hash `$1`: when those before it were issued that would be
/// the first of too many in a minute (before it by `$minute`) or in a day (by `$day`), if they are not older
/// than that.
macro_rules! too_many_before {
    ($minute:literal, $minute_ago:literal, $day:literal, $day_ago:literal) => {
        concat!(
            "FROM refresh_tokens AS present JOIN refresh_tokens AS before ",
            "ON before.session_id = present.session_id AND before.generation > 0 ",
            "AND before.generation IN (present.generation - ",
            $minute,
            ", present.generation - ",
            $day,
            ") ",
            "WHERE present.token_hash = $1 AND present.retired_at IS NULL ",
            "AND before.issued_at > CASE WHEN before.generation = present.generation - ",
            $minute,
            " THEN ",
            $minute_ago,
            " ELSE ",
            $day_ago,
            " END"
        )
    };
}

/// When a token may be replaced again that was replaced too often; of a session that is over nothing is told.
const TOO_OFTEN: &str = concat!(
    "SELECT present.generation - before.generation, before.issued_at ",
    too_many_before!("$2", "$3", "$4", "$5"),
    " AND EXISTS (SELECT 1 FROM sessions WHERE id = present.session_id AND ",
    live_session!("$6"),
    " AND ",
    admitted_user!(),
    ")"
);

/// Locks the family of a live token, so that everything else here sees it at rest. Sessions are
/// locked before their tokens wherever both are.
const USE_SESSION: &str = concat!(
    "UPDATE sessions SET last_used_at = $2, ",
    "idle_expires_at = CASE WHEN expires_at < $3 THEN expires_at ELSE $3 END, ",
    "address = COALESCE($4, address), user_agent = COALESCE($5, user_agent) ",
    "WHERE id = (SELECT session_id FROM refresh_tokens ",
    "WHERE token_hash = $1 AND retired_at IS NULL) ",
    "AND NOT EXISTS (SELECT 1 ",
    too_many_before!("$6", "$7", "$8", "$9"),
    ") AND COALESCE(client_id, '') = $10 AND ",
    sign_on_holds!("$2"),
    " AND ",
    live_session!("$2"),
    " AND ",
    admitted_user!(),
    " RETURNING id, user_id"
);
/// Finds nothing when another request has retired the token while this one waited.
const RETIRE: &str = "UPDATE refresh_tokens SET retired_at = $2, successor_salt = $3 \
     WHERE token_hash = $1 AND retired_at IS NULL RETURNING generation";
/// `$2` is the client that presents it, empty for a token of our own.
pub(super) const RETIRED: &str = "SELECT session_id, generation, retired_at, successor_salt, repeated_late_at \
     FROM refresh_tokens WHERE token_hash = $1 AND retired_at IS NOT NULL \
     AND EXISTS (SELECT 1 FROM sessions WHERE id = session_id AND COALESCE(client_id, '') = $2)";
/// The generations right before one that came back late themselves.
const LATE_BEFORE: &str = "SELECT COUNT(*) FROM refresh_tokens WHERE session_id = $1 \
     AND generation >= $2 AND generation < $3 AND repeated_late_at IS NOT NULL";
const NOTE_LATE: &str = "UPDATE refresh_tokens SET repeated_late_at = $2 \
     WHERE token_hash = $1 AND repeated_late_at IS NULL";
/// The owner of a session whose live token is the given one.
pub(super) const HOLDS_TOKEN: &str = concat!(
    "SELECT user_id FROM sessions WHERE id = $1 AND ",
    sign_on_holds!("$2"),
    " AND ",
    live_session!("$2"),
    " AND ",
    admitted_user!(),
    " AND EXISTS (SELECT 1 FROM refresh_tokens WHERE token_hash = $3 ",
    "AND session_id = sessions.id AND retired_at IS NULL)"
);
pub(super) const END_FAMILY: &str = concat!(
    "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 WHERE id = $1 AND ",
    live_session!("$2"),
    " RETURNING user_id"
);

/// Until when the live token of this hash must wait, if it was replaced too often, inside `in_transaction!`.
macro_rules! too_often_until {
    ($transaction:ident, $hash:expr, $now:expr) => {{
        let too_often: Vec<(i64, DateTime<Utc>)> = sqlx::query_as(TOO_OFTEN)
            .bind($hash.as_slice())
            .bind(PER_MINUTE - 1)
            .bind($now - MINUTE)
            .bind(PER_DAY - 1)
            .bind($now - DAY)
            .bind($now)
            .fetch_all(&mut *$transaction)
            .await?;
        too_often
            .into_iter()
            .map(|(before, issued)| issued + if before < PER_MINUTE { MINUTE } else { DAY })
            .max()
    }};
}

/// Removes what a session has had too many of by this generation, inside `in_transaction!`.
macro_rules! forget_generations {
    ($transaction:ident, $session:expr, $generation:expr) => {
        let kept_from = $generation - KEPT_GENERATIONS;
        if kept_from >= 0 {
            sqlx::query(FORGET_OLD)
                .bind($session)
                .bind(kept_from - FORGOTTEN_AT_ONCE)
                .bind(kept_from)
                .execute(&mut *$transaction)
                .await?;
        }
    };
}

/// A refresh token that a client presents, and what replaces it.
#[derive(Clone, Debug)]
pub struct Refresh {
    /// The token.
    pub token: RefreshToken,
    /// The client that presents it, where it is not one of our own.
    pub client: Option<String>,
    /// Random; goes into the successor if this call makes it.
    pub salt: SuccessorSalt,
    /// Where the client is now.
    pub address: Option<IpAddr>,
    /// What it calls itself now.
    pub user_agent: Option<String>,
    /// The present.
    pub now: DateTime<Utc>,
    /// How long the session lives from here on if it is not used, within its whole life.
    pub idle_lifetime: Duration,
    /// How long after its retirement a token still gets its successor.
    pub grace: Duration,
}

impl Refresh {
    /// The form in which the records keep a token of this family.
    fn hash(&self, token: &RefreshToken) -> [u8; 32] {
        match self.client {
            None => token.hash(),
            Some(_) => token.hash_of_client(),
        }
    }
}

/// What became of a refresh token.
#[derive(Clone, Debug)]
pub enum RefreshOutcome {
    /// It was replaced.
    Rotated(Renewed),
    /// It was replaced a moment ago, and this is the same successor again.
    Repeated(Renewed),
    /// The same later than a client that heard nothing would ask.
    RepeatedLate(Renewed),
    /// It was replaced before, so somebody else may hold it too: its session is over.
    Reused {
        /// The user who was signed in.
        user: Uuid,
        /// The session that ended.
        session: Uuid,
    },
    /// It was replaced so often that it stays as it is until then.
    TooOften {
        /// The moment.
        until: DateTime<Utc>,
    },
    /// There is no such token, or its session is over already, or its user is kept out.
    Refused,
}

/// A session that goes on.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// Whose it is.
    pub user: Uuid,
    /// Its id.
    pub session: Uuid,
    /// The token that works from now on.
    pub token: RefreshToken,
}

#[derive(sqlx::FromRow)]
pub(super) struct RetiredRow {
    pub(super) session_id: Uuid,
    generation: i64,
    retired_at: DateTime<Utc>,
    successor_salt: Option<Vec<u8>>,
    repeated_late_at: Option<DateTime<Utc>>,
}

impl RetiredRow {
    /// The successor of the token, where it may still be given out again.
    pub(super) fn successor(
        &self,
        token: &RefreshToken,
        grace: Duration,
        now: DateTime<Utc>,
    ) -> Result<Option<RefreshToken>, RecordsError> {
        if now - self.retired_at > TimeDelta::from_std(grace).unwrap_or(TimeDelta::MAX) {
            return Ok(None);
        }
        let salt = self.successor_salt.as_deref().map(SuccessorSalt::try_from);
        let salt = salt.transpose().map_err(|_| RecordsError::Corrupt {
            table: "refresh_tokens",
            problem: "successor_salt is not 16 bytes",
        })?;
        Ok(salt.map(|salt| token.successor(&salt)))
    }
}

impl Records {
    /// Replaces a refresh token by its successor, all or nothing: where this fails, the token
    /// works as before, and where only the answer was lost, the same call gives the same successor
    /// within the grace. A session never has two tokens that work.
    pub async fn refresh(&self, refresh: &Refresh) -> Result<RefreshOutcome, RecordsError> {
        let now = micros(refresh.now);
        let idle_expires_at = micros(refresh.now + refresh.idle_lifetime);
        let hash = refresh.hash(&refresh.token);
        let client = refresh.client.as_deref().unwrap_or_default();
        in_transaction!(self, Place::of_row(Work::Refreshing, Row::Token(hash)), transaction => {
            let used: Option<(Uuid, Uuid)> = sqlx::query_as(USE_SESSION)
                .bind(hash.as_slice())
                .bind(now)
                .bind(idle_expires_at)
                .bind(refresh.address.map(|address| address.to_string()))
                .bind(refresh.user_agent.as_deref().map(presentable))
                .bind(PER_MINUTE - 1)
                .bind(now - MINUTE)
                .bind(PER_DAY - 1)
                .bind(now - DAY)
                .bind(client)
                .fetch_optional(&mut *transaction)
                .await?;
            if let Some((session, user)) = used {
                let generation: Option<i64> = sqlx::query_scalar(RETIRE)
                    .bind(hash.as_slice())
                    .bind(now)
                    .bind(refresh.salt.as_slice())
                    .fetch_optional(&mut *transaction)
                    .await?;
                if let Some(generation) = generation {
                    let token = refresh.token.successor(&refresh.salt);
                    sqlx::query(ISSUE_TOKEN)
                        .bind(refresh.hash(&token).as_slice())
                        .bind(session)
                        .bind(generation + 1)
                        .bind(now)
                        .execute(&mut *transaction)
                        .await?;
                    forget_generations!(transaction, session, generation);
                    transaction.commit().await?;
                    return Ok(RefreshOutcome::Rotated(Renewed { user, session, token }));
                }
            }

            let retired: Option<RetiredRow> = sqlx::query_as(RETIRED)
                .bind(hash.as_slice())
                .bind(client)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(retired) = retired else {
                let until = too_often_until!(transaction, hash, now);
                return Ok(match until {
                    Some(until) => RefreshOutcome::TooOften { until },
                    None => RefreshOutcome::Refused,
                });
            };
            let session = retired.session_id;
            if let Some(token) = retired.successor(&refresh.token, refresh.grace, now)? {
                let user: Option<Uuid> = sqlx::query_scalar(HOLDS_TOKEN)
                    .bind(session)
                    .bind(now)
                    .bind(refresh.hash(&token).as_slice())
                    .fetch_optional(&mut *transaction)
                    .await?;
                let renewed = user.map(|user| Renewed { user, session, token });
                match renewed {
                    Some(renewed) if now - retired.retired_at <= LATE_AFTER => {
                        return Ok(RefreshOutcome::Repeated(renewed));
                    }
                    Some(renewed) if retired.repeated_late_at.is_some() => {
                        return Ok(RefreshOutcome::RepeatedLate(renewed));
                    }
                    Some(renewed) => {
                        let late: i64 = sqlx::query_scalar(LATE_BEFORE)
                            .bind(session)
                            .bind(retired.generation - LATE_GENERATIONS)
                            .bind(retired.generation)
                            .fetch_one(&mut *transaction)
                            .await?;
                        if late < LATE_GENERATIONS {
                            sqlx::query(NOTE_LATE)
                                .bind(hash.as_slice())
                                .bind(now)
                                .execute(&mut *transaction)
                                .await?;
                            transaction.commit().await?;
                            return Ok(RefreshOutcome::RepeatedLate(renewed));
                        }
                    }
                    None => {}
                }
            }

            let user: Option<Uuid> = sqlx::query_scalar(END_FAMILY)
                .bind(session)
                .bind(now)
                .bind(SessionEnd::Reuse.as_str())
                .fetch_optional(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(user.map_or(RefreshOutcome::Refused, |user| {
                RefreshOutcome::Reused { user, session }
            }))
        })
    }
}

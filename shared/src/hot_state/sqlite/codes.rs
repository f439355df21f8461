//! Challenges and roots in the file: reading them, counting attempts at their codes, closing roots; the
//! twin of `redis/challenge.lua`, `redis/phone_roots.lua`, the two counting scripts and
//! `redis/close_root.lua`.

use domain::challenge::{Challenge, ChallengeId};
use domain::client_address::ClientAddress;
use domain::clock::Clock;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::{Honoured, MAX_ROOT_MILLIS, Root, RootId};
use sqlx::SqliteConnection;

use super::limits::{self, prove};
use super::row::{CLOSED_BY_NOBODY, CLOSED_BY_PHONE, ChallengeRow, RootRow};
use super::{SqliteHotState, unavailable};
use crate::hot_state::model::{Guess, HotStateError, Verdict};
use crate::hot_state::{LivingRoot, PHONE_ROOTS, REPEATED_FOR_MILLIS};

const FIND_CHALLENGE: &str = "SELECT * FROM hot_challenges WHERE id = $1";
const FIND_ROOT: &str = "SELECT * FROM hot_roots WHERE id = $1";
/// The challenge that began a root has its id.
const ATTEMPTS_OF_FIRST: &str =
    "SELECT session_attempts FROM hot_challenges WHERE id = $1 AND root_id = $1";
const ROOTS_OF_PHONE: &str = "SELECT * FROM (SELECT * FROM hot_roots \
     WHERE phone = $1 AND purpose = $2 AND (closed_by IS NULL OR closed_by = $3) \
     ORDER BY created_at DESC LIMIT $4) ORDER BY created_at";
const COUNT_BY_SESSION: &str =
    "UPDATE hot_challenges SET session_attempts = session_attempts + 1 WHERE id = $1";
const COUNT_BY_PHONE: &str =
    "UPDATE hot_roots SET phone_attempts = phone_attempts + 1 WHERE id = $1";
const KEEP_OPEN: &str = "UPDATE hot_challenges SET expires_at = MAX(expires_at, $2) WHERE id = $1";
const END_CHALLENGE: &str = "UPDATE hot_challenges SET expires_at = 0 WHERE id = $1";
const END_ROOT: &str = "UPDATE hot_roots SET ends_at = 0 WHERE id = $1";
const CLOSE: &str = "UPDATE hot_roots SET closed_by = $2 WHERE id = $1";
/// A session that gave the code back may repeat it: that its answer was lost is for the records.
const CLOSE_FOR_ALL: &str = "UPDATE hot_roots SET closed_by = \
     CASE WHEN closed_by IS NULL OR closed_by = $2 THEN $3 ELSE closed_by END WHERE id = $1";
/// A code whose effect the records have refused stays as it was.
const REOPEN: &str = "UPDATE hot_roots SET closed_by = NULL WHERE id = $1 AND closed_by <> $2";

/// A challenge as it is stored, with its root: the one that it is on, unless another is asked for.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    id: ChallengeId,
    root: Option<RootId>,
) -> Result<Option<(ChallengeRow, Root)>, HotStateError> {
    let row: Option<ChallengeRow> = sqlx::query_as(FIND_CHALLENGE)
        .bind(&id.as_bytes()[..])
        .fetch_optional(&mut *connection)
        .await
        .map_err(unavailable)?;
    let Some(row) = row else { return Ok(None) };
    let root = match root {
        Some(root) => root,
        None => row.root_id()?,
    };
    let root = find_root(connection, root).await?;
    Ok(root.map(|(root, _)| (row, root)))
}

/// A root, with the channel of its last message.
pub(super) async fn find_root(
    connection: &mut SqliteConnection,
    id: RootId,
) -> Result<Option<(Root, String)>, HotStateError> {
    let row: Option<RootRow> = sqlx::query_as(FIND_ROOT)
        .bind(&id.as_bytes()[..])
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    row.map(|mut row| {
        let channel = std::mem::take(&mut row.channel);
        Ok((Root::try_from(row)?, channel))
    })
    .transpose()
}

impl SqliteHotState {
    pub(in crate::hot_state) async fn challenge(
        &self,
        id: ChallengeId,
        root: Option<RootId>,
    ) -> Result<Option<Challenge>, HotStateError> {
        let mut reader = self.file.readers().acquire().await.map_err(unavailable)?;
        let found = find(&mut reader, id, root).await?;
        found.map(|(row, root)| row.on(root)).transpose()
    }

    pub(in crate::hot_state) async fn root(
        &self,
        id: RootId,
    ) -> Result<Option<Root>, HotStateError> {
        let mut reader = self.file.readers().acquire().await.map_err(unavailable)?;
        let found = find_root(&mut reader, id).await?;
        Ok(found.map(|(root, _)| root))
    }

    pub(in crate::hot_state) async fn living_roots(
        &self,
        ids: &[RootId],
    ) -> Result<Vec<LivingRoot>, HotStateError> {
        let mut reader = self.file.readers().acquire().await.map_err(unavailable)?;
        let mut living = Vec::new();
        for id in ids {
            if let Some((root, _)) = find_root(&mut reader, *id).await? {
                let session_attempts = sqlx::query_scalar(ATTEMPTS_OF_FIRST)
                    .bind(&id.as_bytes()[..])
                    .fetch_optional(&mut *reader)
                    .await
                    .map_err(unavailable)?;
                living.push(LivingRoot {
                    root,
                    session_attempts,
                });
            }
        }
        Ok(living)
    }

    pub(in crate::hot_state) async fn phone_roots(
        &self,
        phone: &PhoneNumber,
    ) -> Result<Vec<Root>, HotStateError> {
        let rows: Vec<RootRow> = sqlx::query_as(ROOTS_OF_PHONE)
            .bind(phone.as_e164())
            .bind(Purpose::SignIn.as_str())
            .bind(CLOSED_BY_PHONE)
            .bind(i64::try_from(PHONE_ROOTS).unwrap_or(i64::MAX))
            .fetch_all(self.file.readers())
            .await
            .map_err(unavailable)?;
        rows.into_iter().map(Root::try_from).collect()
    }

    pub(in crate::hot_state) async fn count_by_session(
        &self,
        clock: &Clock,
        allowed: u32,
        read: &Challenge,
        right: bool,
        caller: Option<ClientAddress>,
    ) -> Result<Verdict, HotStateError> {
        let mut transaction = self.begin().await?;
        // Read with the file in hand: a code may die while the writer is waited for.
        let now = clock.now_millis();
        let Some((row, root)) = find(&mut transaction, read.id, None).await? else {
            transaction.commit().await.map_err(unavailable)?;
            return Ok(Verdict::Gone);
        };
        let present = row.on(root)?;
        if present.root.id != read.root.id || present.root.salt != read.root.salt {
            transaction.commit().await.map_err(unavailable)?;
            return Ok(Verdict::Gone);
        }
        if now >= present.expires_at {
            // For good, whatever becomes of the clock.
            sqlx::query(END_CHALLENGE)
                .bind(&present.id.as_bytes()[..])
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
            transaction.commit().await.map_err(unavailable)?;
            return Ok(Verdict::Expired);
        }
        // Anyone who closed it may come again, because the answer may have been lost: only the records know
        // whether the code had its effect. That costs a look at them, so it has an end too.
        let again = right && present.is_honoured();
        if present.session_attempts >= if again { 2 * allowed } else { allowed } {
            transaction.commit().await.map_err(unavailable)?;
            return Ok(Verdict::Exhausted);
        }
        // A root that is over has no right code: its own end is not told, because others share it.
        let right = right && (again || now < present.root.created_at + MAX_ROOT_MILLIS);
        sqlx::query(COUNT_BY_SESSION)
            .bind(&present.id.as_bytes()[..])
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let root = present.root.id;
        let verdict = match present.root.closed {
            _ if !right => Verdict::Wrong {
                attempts_left: allowed.saturating_sub(present.session_attempts + 1),
            },
            None => {
                close(&mut transaction, root, &present.id.to_string()).await?;
                sqlx::query(KEEP_OPEN)
                    .bind(&present.id.as_bytes()[..])
                    .bind(now + REPEATED_FOR_MILLIS)
                    .execute(&mut *transaction)
                    .await
                    .map_err(unavailable)?;
                if let Some(caller) = caller {
                    prove(&mut transaction, caller, now).await?;
                }
                Verdict::Right { root }
            }
            Some(_) if again => Verdict::Right { root },
            Some(_) => Verdict::Used,
        };
        transaction.commit().await.map_err(unavailable)?;
        Ok(verdict)
    }

    pub(in crate::hot_state) async fn count_by_phone(
        &self,
        clock: &Clock,
        allowed: u32,
        guesses: &[Guess<'_>],
    ) -> Result<Verdict, HotStateError> {
        let mut transaction = self.begin().await?;
        let now = clock.now_millis();
        let (mut verdict, mut left) = (Verdict::Gone, 0);
        // One look and one write for each root that there can be: how long a wrong code takes tells nobody
        // whether the number has a live one.
        for place in 0..guesses.len().max(PHONE_ROOTS) {
            let guess = guesses.get(place);
            let id = guess.map_or(RootId::from_bytes([0; 16]), |guess| guess.root.id);
            let found = find_root(&mut transaction, id).await?;
            let Some((guess, (present, _))) = guess
                .zip(found)
                .filter(|(guess, (root, _))| root.salt == guess.root.salt)
            else {
                limits::count_nowhere(&mut transaction, now).await?;
                continue;
            };
            let honoured = matches!(verdict, Verdict::Right { .. });
            if now >= present.ends_at {
                sqlx::query(END_ROOT)
                    .bind(&present.id.as_bytes()[..])
                    .execute(&mut *transaction)
                    .await
                    .map_err(unavailable)?;
                if verdict == Verdict::Gone {
                    verdict = Verdict::Expired;
                }
            } else if present.phone_attempts >= allowed {
                if !honoured && !matches!(verdict, Verdict::Wrong { .. }) {
                    verdict = Verdict::Exhausted;
                }
                limits::count_nowhere(&mut transaction, now).await?;
            } else if matches!(present.closed, None | Some(Honoured::Phone)) {
                sqlx::query(COUNT_BY_PHONE)
                    .bind(&present.id.as_bytes()[..])
                    .execute(&mut *transaction)
                    .await
                    .map_err(unavailable)?;
                left = left.max(allowed - present.phone_attempts - 1);
                if guess.right && !honoured {
                    close(&mut transaction, present.id, CLOSED_BY_PHONE).await?;
                    verdict = Verdict::Right { root: present.id };
                } else if !honoured {
                    verdict = Verdict::Wrong { attempts_left: 0 };
                }
            } else {
                limits::count_nowhere(&mut transaction, now).await?;
            }
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(match verdict {
            Verdict::Wrong { .. } => Verdict::Wrong {
                attempts_left: left,
            },
            verdict => verdict,
        })
    }

    pub(in crate::hot_state) async fn reopen_root(&self, id: RootId) -> Result<(), HotStateError> {
        let mut transaction = self.begin().await?;
        sqlx::query(REOPEN)
            .bind(&id.as_bytes()[..])
            .bind(CLOSED_BY_NOBODY)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    pub(in crate::hot_state) async fn close_root(&self, id: RootId) -> Result<bool, HotStateError> {
        let mut transaction = self.begin().await?;
        let updated = sqlx::query(CLOSE_FOR_ALL)
            .bind(&id.as_bytes()[..])
            .bind(CLOSED_BY_PHONE)
            .bind(CLOSED_BY_NOBODY)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(updated.rows_affected() == 1)
    }
}

async fn close(
    connection: &mut SqliteConnection,
    root: RootId,
    by: &str,
) -> Result<(), HotStateError> {
    sqlx::query(CLOSE)
        .bind(&root.as_bytes()[..])
        .bind(by)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

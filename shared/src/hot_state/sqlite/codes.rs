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

use super::limits::{self, ProvenFrom};
use super::row::{CLOSED_BY_NOBODY, CLOSED_BY_PHONE, ChallengeRow, RootRow};
use super::{SqliteHotState, unavailable};
use crate::hot_state::model::{Guess, HotStateError, Verdict};
use crate::hot_state::{LivingRoot, PHONE_ROOTS, REPEATED_FOR_MILLIS};
use crate::sqlite_file::{Answers, Question, Script};

const FIND_CHALLENGE: &str = "SELECT * FROM hot_challenges WHERE id = $1";
const FIND_ROOT: &str = "SELECT * FROM hot_roots WHERE id = $1";
const FIND_ROOT_OF: &str = "SELECT * FROM hot_roots \
     WHERE id = COALESCE($2, (SELECT root_id FROM hot_challenges WHERE id = $1))";
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

/// A challenge that was asked for, with its root: the one that it is on, unless another is named.
pub(super) struct SoughtChallenge {
    challenge: Question,
    root: Question,
}

/// A challenge as it is stored.
pub(super) struct Found {
    pub(super) row: ChallengeRow,
    pub(super) root: Root,
    /// That of the last message of the root.
    pub(super) channel: String,
}

pub(super) fn ask(script: &mut Script, id: ChallengeId, root: Option<RootId>) -> SoughtChallenge {
    let id = &id.as_bytes()[..];
    SoughtChallenge {
        challenge: script.add(FIND_CHALLENGE).bind(id).question(),
        root: script
            .add(FIND_ROOT_OF)
            .bind(id)
            .bind(root.as_ref().map(|root| &root.as_bytes()[..]))
            .question(),
    }
}

impl SoughtChallenge {
    pub(super) fn read(self, answers: &Answers) -> Result<Option<Found>, HotStateError> {
        let row: Option<ChallengeRow> = answers.first(self.challenge).map_err(unavailable)?;
        let root: Option<RootRow> = answers.first(self.root).map_err(unavailable)?;
        let (Some(row), Some(root)) = (row, root) else {
            return Ok(None);
        };
        let (root, channel) = root.with_channel()?;
        Ok(Some(Found { row, root, channel }))
    }
}

pub(super) async fn find(
    connection: &mut SqliteConnection,
    id: ChallengeId,
    root: Option<RootId>,
) -> Result<Option<Found>, HotStateError> {
    let mut script = Script::default();
    let found = ask(&mut script, id, root);
    let answers = script.run(connection).await.map_err(unavailable)?;
    found.read(&answers)
}

async fn find_root(
    connection: &mut SqliteConnection,
    id: RootId,
) -> Result<Option<Root>, HotStateError> {
    let row: Option<RootRow> = sqlx::query_as(FIND_ROOT)
        .bind(&id.as_bytes()[..])
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    row.map(Root::try_from).transpose()
}

impl SqliteHotState {
    pub(in crate::hot_state) async fn challenge(
        &self,
        id: ChallengeId,
        root: Option<RootId>,
    ) -> Result<Option<Challenge>, HotStateError> {
        let mut reader = self.file.readers().acquire().await.map_err(unavailable)?;
        let found = find(&mut reader, id, root).await?;
        found.map(|found| found.row.on(found.root)).transpose()
    }

    pub(in crate::hot_state) async fn root(
        &self,
        id: RootId,
    ) -> Result<Option<Root>, HotStateError> {
        let mut reader = self.file.readers().acquire().await.map_err(unavailable)?;
        find_root(&mut reader, id).await
    }

    pub(in crate::hot_state) async fn living_roots(
        &self,
        ids: &[RootId],
    ) -> Result<Vec<LivingRoot>, HotStateError> {
        let mut reader = self.file.readers().acquire().await.map_err(unavailable)?;
        let mut living = Vec::new();
        for id in ids {
            if let Some(root) = find_root(&mut reader, *id).await? {
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
        let mut script = Script::default();
        let found = ask(&mut script, read.id, None);
        let proven = caller.filter(|_| right);
        let proven = proven.map(|caller| ProvenFrom::ask(&mut script, caller));
        let answers = script.run(&mut transaction).await.map_err(unavailable)?;
        let Some(found) = found.read(&answers)? else {
            transaction.commit().await.map_err(unavailable)?;
            return Ok(Verdict::Gone);
        };
        let present = found.row.on(found.root)?;
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
        let mut script = Script::default();
        let id = &present.id.as_bytes()[..];
        script.add(COUNT_BY_SESSION).bind(id);
        let root = present.root.id;
        let verdict = match present.root.closed {
            _ if !right => Verdict::Wrong {
                attempts_left: allowed.saturating_sub(present.session_attempts + 1),
            },
            None => {
                close(&mut script, root, &present.id.to_string());
                script
                    .add(KEEP_OPEN)
                    .bind(id)
                    .bind(now + REPEATED_FOR_MILLIS);
                if let Some(proven) = proven {
                    proven.count(&answers, now, &mut script)?;
                }
                Verdict::Right { root }
            }
            Some(_) if again => Verdict::Right { root },
            Some(_) => Verdict::Used,
        };
        script.run(&mut transaction).await.map_err(unavailable)?;
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
            let Some((guess, present)) = guess
                .zip(found)
                .filter(|(guess, root)| root.salt == guess.root.salt)
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
                let mut script = Script::default();
                script.add(COUNT_BY_PHONE).bind(&present.id.as_bytes()[..]);
                left = left.max(allowed - present.phone_attempts - 1);
                if guess.right && !honoured {
                    close(&mut script, present.id, CLOSED_BY_PHONE);
                    verdict = Verdict::Right { root: present.id };
                } else if !honoured {
                    verdict = Verdict::Wrong { attempts_left: 0 };
                }
                script.run(&mut transaction).await.map_err(unavailable)?;
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

fn close(script: &mut Script, root: RootId, by: &str) {
    script.add(CLOSE).bind(&root.as_bytes()[..]).bind(by);
}

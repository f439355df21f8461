//! Hot state in the SQLite file: one `BEGIN IMMEDIATE` transaction where Redis has one script.
//!
//! The steps are those of the scripts in `redis/`, in the same order; the contract suite holds the
//! two together.

mod accept;
mod gate;
mod group_commit;
mod owned_accept;
mod phone_state;
mod row;
mod tries;

use domain::challenge::{Challenge, ChallengeId, MAX_CHALLENGE_MILLIS, Way};
use domain::clock::{Clock, UnixMillis};
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use sqlx::{Sqlite, Transaction};
use uuid::Uuid;

use super::model::{Accept, AcceptPolicy, Accepted, Attempt, HotStateError, Verdict};
use crate::queue::Job;
use crate::sqlite_file::SqliteFile;
use gate::AdmitCall;
use group_commit::GroupCommit;
use owned_accept::OwnedAccept;
use row::ChallengeRow;

const FIND: &str = "SELECT * FROM hot_challenges WHERE id = $1";
const FIND_OF_PHONE: &str = "SELECT * FROM (SELECT * FROM hot_challenges \
     WHERE phone = $1 AND purpose = $2 AND NOT consumed ORDER BY created_at DESC LIMIT $3) \
     ORDER BY created_at";
const COUNT_BY_SESSION: &str =
    "UPDATE hot_challenges SET session_attempts = session_attempts + 1 WHERE id = $1";
const COUNT_BY_PHONE: &str =
    "UPDATE hot_challenges SET phone_attempts = phone_attempts + 1 WHERE id = $1";
const MARK_NOTICE: &str =
    "INSERT INTO hot_notices (id, forget_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const CONSUME: &str = "UPDATE hot_challenges SET consumed = TRUE WHERE id = $1";

#[derive(Clone, Debug)]
pub(super) struct SqliteHotState {
    file: SqliteFile,
    accepts: GroupCommit<OwnedAccept>,
    admissions: GroupCommit<AdmitCall>,
}

impl SqliteHotState {
    pub(super) fn new(file: SqliteFile) -> Self {
        let accepts = GroupCommit::new(file.clone());
        let admissions = GroupCommit::new(file.clone());
        Self {
            file,
            accepts,
            admissions,
        }
    }

    pub(super) async fn accept(
        &self,
        clock: &Clock,
        accept: &Accept<'_>,
        policy: &AcceptPolicy,
    ) -> Result<Accepted, HotStateError> {
        let step = OwnedAccept::of(clock, accept, policy);
        self.accepts.take(step).await
    }

    pub(super) async fn count_request(
        &self,
        clock: &Clock,
        address: &str,
        policy: &AcceptPolicy,
    ) -> Result<Option<i64>, HotStateError> {
        let mut transaction = self.begin().await?;
        let now = clock.now_millis();
        let wait = accept::address_wait(&mut transaction, address, now, policy).await?;
        if wait.is_none() {
            accept::count_address(&mut transaction, address, now, policy).await?;
            transaction.commit().await.map_err(unavailable)?;
        }
        Ok(wait)
    }

    pub(super) async fn challenge(
        &self,
        id: ChallengeId,
    ) -> Result<Option<Challenge>, HotStateError> {
        let row: Option<ChallengeRow> = sqlx::query_as(FIND)
            .bind(&id.as_bytes()[..])
            .fetch_optional(self.file.readers())
            .await
            .map_err(unavailable)?;
        row.map(Challenge::try_from).transpose()
    }

    pub(super) async fn phone_challenges(
        &self,
        phone: &PhoneNumber,
    ) -> Result<Vec<Challenge>, HotStateError> {
        let rows: Vec<ChallengeRow> = sqlx::query_as(FIND_OF_PHONE)
            .bind(phone.as_e164())
            .bind(Purpose::SignIn.as_str())
            .bind(i64::try_from(super::PHONE_CHALLENGES).unwrap_or(i64::MAX))
            .fetch_all(self.file.readers())
            .await
            .map_err(unavailable)?;
        rows.into_iter().map(Challenge::try_from).collect()
    }

    pub(super) async fn count_attempt(
        &self,
        clock: &Clock,
        way: Way,
        allowed: u32,
        attempts: &[Attempt<'_>],
    ) -> Result<Verdict, HotStateError> {
        let mut transaction = self.begin().await?;
        // Read with the file in hand: a code may die while the writer is waited for.
        let now = clock.now_millis();
        let (mut verdict, mut left) = (Verdict::Gone, 0);
        for attempt in attempts {
            let row: Option<ChallengeRow> = sqlx::query_as(FIND)
                .bind(&attempt.challenge.id.as_bytes()[..])
                .fetch_optional(&mut *transaction)
                .await
                .map_err(unavailable)?;
            let Some(present) = row.map(Challenge::try_from).transpose()? else {
                continue;
            };
            if present.salt != attempt.challenge.salt {
                continue;
            }
            let honoured = matches!(verdict, Verdict::Right { .. } | Verdict::Used);
            if now >= present.expires_at {
                if verdict == Verdict::Gone {
                    verdict = Verdict::Expired;
                }
            } else if present.attempts(way) >= allowed {
                if !honoured && !matches!(verdict, Verdict::Wrong { .. }) {
                    verdict = Verdict::Exhausted;
                }
            } else if !present.consumed || way == Way::Session {
                let count = match way {
                    Way::Session => COUNT_BY_SESSION,
                    Way::Phone => COUNT_BY_PHONE,
                };
                sqlx::query(count)
                    .bind(&present.id.as_bytes()[..])
                    .execute(&mut *transaction)
                    .await
                    .map_err(unavailable)?;
                left = left.max(allowed - present.attempts(way) - 1);
                if attempt.right && !honoured {
                    verdict = if present.consumed {
                        Verdict::Used
                    } else {
                        Verdict::Right { id: present.id }
                    };
                } else if !honoured {
                    verdict = Verdict::Wrong { attempts_left: 0 };
                }
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

    pub(super) async fn consume(&self, id: ChallengeId) -> Result<bool, HotStateError> {
        let updated = sqlx::query(CONSUME)
            .bind(&id.as_bytes()[..])
            .execute(self.file.writer())
            .await
            .map_err(unavailable)?;
        Ok(updated.rows_affected() == 1)
    }

    pub(super) async fn enqueue_notice(
        &self,
        clock: &Clock,
        notice: Uuid,
        deadline: UnixMillis,
        trace: Option<&str>,
        request: Option<Uuid>,
    ) -> Result<bool, HotStateError> {
        let mut transaction = self.begin().await?;
        let now = clock.now_millis();
        let marked = sqlx::query(MARK_NOTICE)
            .bind(notice)
            .bind(now + super::NOTICE_MARK_MILLIS)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if marked.rows_affected() == 0 {
            return Ok(false);
        }
        let job = Job::notice(notice, now, deadline, trace.map(str::to_owned)).of_request(request);
        sqlx::query(accept::ENQUEUE)
            .bind(job.encode())
            .bind(now)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        self.file.wake_workers();
        Ok(true)
    }

    pub(super) async fn sweep(&self, clock: &Clock) -> Result<u64, HotStateError> {
        let now = clock.now_millis();
        let mut transaction = self.begin().await?;
        let mut removed = 0;
        for (statement, before) in [
            ("DELETE FROM hot_challenges WHERE forget_at < $1", now),
            ("DELETE FROM hot_notices WHERE forget_at < $1", now),
            (
                "DELETE FROM hot_phone_sends WHERE at < $1",
                now - accept::LOG_LIFE_MILLIS,
            ),
            (
                "DELETE FROM hot_addresses WHERE arrival < $1",
                now - MAX_CHALLENGE_MILLIS,
            ),
            ("DELETE FROM hot_failed_tries WHERE forget_at < $1", now),
            ("DELETE FROM hot_phone_refusals WHERE forget_at < $1", now),
        ] {
            removed += sqlx::query(statement)
                .bind(before)
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?
                .rows_affected();
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(removed)
    }

    /// There is no server.
    #[expect(
        clippy::unused_async,
        reason = "the Redis back end has work to do here"
    )]
    pub(super) async fn server_version(&self) -> Result<Option<String>, HotStateError> {
        Ok(None)
    }

    pub(super) async fn ping(&self) -> Result<(), HotStateError> {
        let transaction = self.begin().await?;
        transaction.rollback().await.map_err(unavailable)
    }

    async fn begin(&self) -> Result<Transaction<'_, Sqlite>, HotStateError> {
        self.file.begin_writing().await.map_err(unavailable)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is used with map_err")]
fn unavailable(error: sqlx::Error) -> HotStateError {
    HotStateError::Unavailable(error.to_string().into())
}

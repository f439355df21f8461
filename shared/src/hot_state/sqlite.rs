//! Hot state in the SQLite file: one `BEGIN IMMEDIATE` transaction where Redis has one script.
//!
//! The steps are those of the scripts in `redis/`, in the same order; the contract suite holds the
//! two together.

mod accept;
mod authorization;
mod cancel;
mod codes;
mod erasing;
mod exemptions;
mod following;
mod gate;
mod group_commit;
mod guards;
mod limits;
mod locks;
mod number_logs;
mod owned_accept;
mod phone_state;
mod refusals;
mod row;

use domain::clock::{Clock, UnixMillis};
use domain::root::MAX_ROOT_MILLIS;
use uuid::Uuid;

use super::memory::Memory;
use super::model::{Accept, AcceptPolicy, Accepted, HotStateError};
use super::refusals::LIFE_MILLIS;
use super::room::Fill;
use crate::queue::Job;
use crate::sqlite_file::{SqliteFile, Turn};
use gate::AdmitCall;
use group_commit::GroupCommit;
use owned_accept::OwnedAccept;

const MARK_NOTICE: &str =
    "INSERT INTO hot_notices (id, forget_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";

#[derive(Clone, Debug)]
pub(super) struct SqliteHotState {
    file: SqliteFile,
    accepts: GroupCommit<OwnedAccept>,
    admissions: GroupCommit<AdmitCall>,
    memory: Memory,
}

impl SqliteHotState {
    pub(super) fn new(file: SqliteFile) -> Self {
        let accepts = GroupCommit::new(file.clone());
        let admissions = GroupCommit::new(file.clone());
        Self {
            file,
            accepts,
            admissions,
            memory: Memory::default(),
        }
    }

    pub(super) fn remember_by(&mut self, memory: Memory) {
        self.memory = memory;
    }

    pub(super) async fn accept(
        &self,
        clock: &Clock,
        accept: &Accept<'_>,
        policy: &AcceptPolicy,
        exempt: bool,
    ) -> Result<Accepted, HotStateError> {
        let step = OwnedAccept::of(clock, accept, policy, exempt, &self.memory);
        self.accepts.take(step).await
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
            transaction.commit().await.map_err(unavailable)?;
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

    /// That of the machine: there is no server.
    #[expect(
        clippy::unused_async,
        reason = "the Redis back end has work to do here"
    )]
    pub(super) async fn now(&self, clock: &Clock) -> Result<UnixMillis, HotStateError> {
        Ok(clock.now_millis())
    }

    pub(super) async fn sweep(&self, clock: &Clock) -> Result<u64, HotStateError> {
        let now = clock.now_millis();
        let mut transaction = self.begin().await?;
        let mut removed = 0;
        for (statement, before) in [
            ("DELETE FROM hot_challenges WHERE forget_at < $1", now),
            ("DELETE FROM hot_roots WHERE forget_at < $1", now),
            ("DELETE FROM hot_notices WHERE forget_at < $1", now),
            (
                "DELETE FROM hot_authorization_requests WHERE expires_at < $1",
                now,
            ),
            (
                "DELETE FROM hot_phone_sends WHERE at < $1",
                now - limits::LOG_LIFE_MILLIS,
            ),
            (
                "DELETE FROM hot_addresses WHERE arrival < $1",
                now - MAX_ROOT_MILLIS,
            ),
            ("DELETE FROM hot_failed_tries WHERE forget_at < $1", now),
            ("DELETE FROM hot_phone_refusals WHERE forget_at < $1", now),
            ("DELETE FROM hot_counters WHERE forget_at < $1", now),
            (
                "DELETE FROM hot_last_refusals WHERE at < $1",
                now - LIFE_MILLIS,
            ),
            ("DELETE FROM hot_exemptions WHERE until < $1", now),
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

    /// How much of the disk under the file is used.
    pub(super) async fn fill(&self) -> Result<Option<Fill>, HotStateError> {
        let file = self.file.clone();
        let space = tokio::task::spawn_blocking(move || file.disk_space());
        match space.await {
            Ok(Ok(space)) => Ok(Some(Fill::of_disk(space))),
            Ok(Err(error)) => Err(HotStateError::Unavailable(error.to_string().into())),
            Err(error) => Err(HotStateError::Unavailable(error.to_string().into())),
        }
    }

    pub(super) async fn ping(&self) -> Result<(), HotStateError> {
        self.begin().await.map(drop)
    }

    /// A turn at writing. It ends by `commit` or `undo`, also where it has written nothing: what it has read may
    /// not be on the disk yet.
    async fn begin(&self) -> Result<Turn, HotStateError> {
        self.file.begin_writing().await.map_err(unavailable)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is used with map_err")]
fn unavailable(error: sqlx::Error) -> HotStateError {
    HotStateError::Unavailable(error.to_string().into())
}

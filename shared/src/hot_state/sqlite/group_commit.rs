//! Steps that are taken at the same time share one commit: each commit waits for the disk, and one
//! wait is enough for all of them. Nobody is answered before it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use sqlx::SqliteConnection;

use super::unavailable;
use crate::hot_state::model::HotStateError;
use crate::hot_state::together::{Answer, Service, Together, Waiting};
use crate::sqlite_file::SqliteFile;

/// A step of hot state that many take at the same time.
pub(super) trait GroupedStep: fmt::Debug + Send + Sync + 'static {
    /// What comes of it.
    type Output: fmt::Debug + Send + 'static;

    /// Takes it after those before it in the same transaction. After
    /// [`Unavailable`](HotStateError::Unavailable) everything is undone, theirs too; any other
    /// error is found before anything is written.
    fn take(
        &self,
        connection: &mut SqliteConnection,
    ) -> impl Future<Output = Result<Self::Output, HotStateError>> + Send;

    /// Whether there is something to commit.
    fn wrote(output: &Self::Output) -> bool;

    /// Whether a worker has something to do now.
    fn enqueued(_output: &Self::Output) -> bool {
        false
    }
}

/// The callers' end; clones share what waits.
#[derive(Debug)]
pub(super) struct GroupCommit<S: GroupedStep>(Together<Commits<S>>);

impl<S: GroupedStep> Clone for GroupCommit<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: GroupedStep> GroupCommit<S> {
    pub(super) fn new(file: SqliteFile) -> Self {
        let step = PhantomData;
        Self(Together::new(Commits { file, step }))
    }

    /// Takes a step and waits until it is on the disk. A step whose caller stops waiting before its turn is
    /// not taken.
    pub(super) async fn take(&self, step: S) -> Result<S::Output, HotStateError> {
        self.0.take(step).await
    }
}

/// Takes steps, all of a round in one transaction.
struct Commits<S> {
    file: SqliteFile,
    step: PhantomData<fn(S)>,
}

impl<S: GroupedStep> Service for Commits<S> {
    type Input = S;
    type Output = S::Output;

    /// Anyone who else wants to write waits as long as they take.
    const MOST: usize = 64;
    /// There is one writer.
    const UNDER_WAY: usize = 1;

    async fn serve(&self, steps: &[Waiting<Self>]) -> Result<Vec<Answer<Self>>, HotStateError> {
        let mut transaction = self.file.begin_writing().await.map_err(unavailable)?;
        let mut answers = Vec::with_capacity(steps.len());
        for one in steps {
            if one.is_gone() {
                answers.push(Err(HotStateError::Unavailable("nobody waits".into())));
                continue;
            }
            match one.input.take(&mut transaction).await {
                Err(HotStateError::Unavailable(why)) => {
                    return Err(HotStateError::Unavailable(why));
                }
                answer => answers.push(answer),
            }
        }
        if answers.iter().flatten().any(S::wrote) {
            transaction.commit().await.map_err(unavailable)?;
        } else {
            transaction.undo().await.map_err(unavailable)?;
        }
        if answers.iter().flatten().any(S::enqueued) {
            self.file.wake_workers();
        }
        Ok(answers)
    }
}

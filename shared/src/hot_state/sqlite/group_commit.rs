//! Steps that are taken at the same time share one commit: each commit waits for the disk, and one
//! wait is enough for all of them. Nobody is answered before it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use sqlx::SqliteConnection;

use super::unavailable;
use crate::hot_state::model::HotStateError;
use crate::sqlite_file::SqliteFile;
use crate::together::{Answer, Service, Together, Waiting};

/// A step of hot state that many take at the same time.
pub(super) trait GroupedStep: fmt::Debug + Sized + Send + Sync + 'static {
    /// What comes of it.
    type Output: fmt::Debug + Send + 'static;

    /// Takes those of a round in one transaction, each after those before it, and tells what came of each. The outer
    /// error undoes everything; any other is found before anything of its step is written.
    fn take_all(
        steps: &[&Self],
        connection: &mut SqliteConnection,
    ) -> impl Future<Output = Result<Vec<Answer<Commits<Self>>>, HotStateError>> + Send;

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
pub(super) struct Commits<S> {
    file: SqliteFile,
    step: PhantomData<fn(S)>,
}

impl<S: GroupedStep> Service for Commits<S> {
    type Input = S;
    type Output = S::Output;
    type Error = HotStateError;

    /// Anyone who else wants to write waits as long as they take.
    const MOST: usize = 64;
    /// There is one writer.
    const UNDER_WAY: usize = 1;

    async fn serve(&self, steps: &[Waiting<Self>]) -> Result<Vec<Answer<Self>>, HotStateError> {
        let mut transaction = self.file.begin_writing().await.map_err(unavailable)?;
        let waits: Vec<bool> = steps.iter().map(|one| !one.is_gone()).collect();
        let living = steps.iter().zip(&waits).filter(|(_, waits)| **waits);
        let living: Vec<&S> = living.map(|(one, _)| &one.input).collect();
        let mut answered = S::take_all(&living, &mut transaction).await?.into_iter();
        let answer = |waits: bool| waits.then(|| answered.next()).flatten();
        let nobody = || Err(HotStateError::Unavailable("nobody waits".into()));
        let answers: Vec<_> = waits
            .into_iter()
            .map(answer)
            .map(|answer| answer.unwrap_or_else(nobody))
            .collect();
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

//! Steps that are taken at the same time share one commit: each commit waits for the disk, and one
//! wait is enough for all of them. Nobody is answered before it.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use super::unavailable;
use crate::hot_state::model::HotStateError;
use crate::sqlite_file::SqliteFile;

/// Steps of one commit. Anyone who else wants to write waits as long as they take.
const MOST: usize = 64;

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
pub(super) struct GroupCommit<S: GroupedStep>(Arc<Inner<S>>);

impl<S: GroupedStep> Clone for GroupCommit<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Inner<S: GroupedStep> {
    file: SqliteFile,
    waiting: Mutex<Waiting<S>>,
}

#[derive(Debug)]
struct Waiting<S: GroupedStep> {
    entries: Vec<WaitingStep<S>>,
    /// Whether a task is there that takes them.
    served: bool,
}

type Answer<S> = Result<<S as GroupedStep>::Output, HotStateError>;

#[derive(Debug)]
struct WaitingStep<S: GroupedStep> {
    step: S,
    reply: oneshot::Sender<Answer<S>>,
}

impl<S: GroupedStep> GroupCommit<S> {
    pub(super) fn new(file: SqliteFile) -> Self {
        let waiting = Mutex::new(Waiting {
            entries: Vec::new(),
            served: false,
        });
        Self(Arc::new(Inner { file, waiting }))
    }

    /// Takes a step and waits until it is on the disk. A step whose caller stops waiting before its turn is
    /// not taken.
    pub(super) async fn take(&self, step: S) -> Answer<S> {
        let (reply, answer) = oneshot::channel();
        if self.0.add(WaitingStep { step, reply }) {
            tokio::spawn(Server::of(&self.0).serve());
        }
        let ended = |_| HotStateError::Unavailable("the step was interrupted".into());
        answer.await.map_err(ended)?
    }
}

impl<S: GroupedStep> Inner<S> {
    /// Adds one, and tells whether it needs a task that takes it.
    fn add(&self, entry: WaitingStep<S>) -> bool {
        let mut waiting = self.lock();
        waiting.entries.push(entry);
        !std::mem::replace(&mut waiting.served, true)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<S>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all in one transaction. An error is everybody's: nothing was written.
    async fn take_all(&self, entries: &[WaitingStep<S>]) -> Result<Vec<Answer<S>>, HotStateError> {
        let mut transaction = self.file.begin_writing().await.map_err(unavailable)?;
        let mut answers = Vec::with_capacity(entries.len());
        for WaitingStep { step, reply } in entries {
            if reply.is_closed() {
                answers.push(Err(HotStateError::Unavailable("nobody waits".into())));
                continue;
            }
            match step.take(&mut transaction).await {
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

/// The task that takes what waits, until nothing does.
struct Server<S: GroupedStep> {
    inner: Arc<Inner<S>>,
    done: bool,
}

impl<S: GroupedStep> Server<S> {
    fn of(inner: &Arc<Inner<S>>) -> Self {
        let inner = Arc::clone(inner);
        Self { inner, done: false }
    }

    async fn serve(mut self) {
        while let Some(entries) = self.next() {
            let answers = self.inner.take_all(&entries).await;
            let replies = entries.into_iter().map(|entry| entry.reply);
            // Anyone who has gone away meanwhile does not want to know.
            match answers {
                Ok(answers) => replies.zip(answers).for_each(|(reply, answer)| {
                    drop(reply.send(answer));
                }),
                Err(error) => replies.for_each(|reply| drop(reply.send(Err(error.clone())))),
            }
        }
    }

    fn next(&mut self) -> Option<Vec<WaitingStep<S>>> {
        let mut waiting = self.inner.lock();
        let count = waiting.entries.len().min(MOST);
        self.done = count == 0;
        waiting.served = !self.done;
        (!self.done).then(|| waiting.entries.drain(..count).collect())
    }
}

impl<S: GroupedStep> Drop for Server<S> {
    /// After a panic the next step finds that nobody serves it.
    fn drop(&mut self) {
        if !self.done {
            self.inner.lock().served = false;
        }
    }
}

//! Writes at the same time share one commit: each commit waits for the disk, and one wait is enough
//! for all of them. Nobody is told before it.
//!
//! There is one transaction. Each takes a [`Turn`] in it, in the order in which they came, and their part is a
//! savepoint: one that goes wrong leaves nothing behind, and the others keep theirs. Each writer, when done, passes the
//! transaction on while others wait for their turn; the last one, or the one after so many, has it committed, by
//! a task that no caller can interrupt. Nobody waits for company.
//!
//! The one who holds the transaction, or waits for it, makes sure that those before are told. So there is always
//! somebody: a caller that goes away leaves a task in their place.
//!
//! What a part reads may be what another has written a moment ago, and is not on the disk. So a part that writes
//! nothing waits too, by [`Turn::undo`] or by [`Others`], before it tells what it has seen.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::time::timeout;

/// Parts of one commit. A part that comes later waits as long as they take.
const MOST: usize = 64;

const BEGIN: &str = "BEGIN IMMEDIATE";
const BEGIN_PART: &str = "SAVEPOINT part";
const BEGIN_NEXT_PART: &str = "RELEASE part; SAVEPOINT part";
/// It stands open after that, for the next.
const UNDO_PART: &str = "ROLLBACK TO part";
/// What SQLite says where none is open.
const NO_PART: &str = "no such savepoint";
const UNDONE: &str =
    "the file is full, or the disk is in trouble: what was written beside others was undone";
const HELD: &str = "a turn holds the transaction until it is committed or dropped";

/// Those who want to write to one file.
#[derive(Debug)]
pub(super) struct Turns {
    writer: SqlitePool,
    patience: Duration,
    shared: Arc<Mutex<Option<Shared>>>,
    waiting: AtomicUsize,
    undone: Arc<AtomicU64>,
}

type Held = OwnedMutexGuard<Option<Shared>>;
/// How a transaction ended, once it has: kept, or why not.
type Ended = Option<Result<(), Arc<str>>>;

/// The transaction that is under way.
#[derive(Debug)]
struct Shared {
    transaction: Transaction<'static, Sqlite>,
    /// How many parts are to be kept.
    members: usize,
    ended: watch::Sender<Ended>,
    /// What [`Turns::undone`] was when it began: SQLite undoes a transaction by itself when the disk is full.
    undone_before: u64,
    last: Last,
}

/// What is left of the last part. Nobody comes to the connection for that alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    /// No savepoint.
    Nothing,
    /// A savepoint, or none where somebody went away while theirs was opened. What was written in it is to be kept, which
    /// the commit does too.
    Kept,
    /// A savepoint. What was written in it has still to be undone.
    Undone,
}

impl Turns {
    /// `undone` is told of every transaction of the writer that was undone as a whole.
    pub(super) fn new(writer: SqlitePool, patience: Duration, undone: Arc<AtomicU64>) -> Arc<Self> {
        Arc::new(Self {
            writer,
            patience,
            shared: Arc::default(),
            waiting: AtomicUsize::new(0),
            undone,
        })
    }

    /// Waits until it is this caller's turn to write.
    pub(super) async fn begin(self: &Arc<Self>) -> sqlx::Result<Turn> {
        let waits = Waits::new(self);
        let held = timeout(self.patience, Arc::clone(&self.shared).lock_owned());
        let held = held.await.map_err(|_| sqlx::Error::PoolTimedOut)?;
        waits.end();
        let mut turn = Turn {
            turns: Arc::clone(self),
            held: Some(held),
            part: Part::None,
        };
        turn.enter().await?;
        Ok(turn)
    }

    /// Gives the transaction to the next who waits for it; to a task that ends it where nobody does or where it is
    /// `full`.
    fn pass_on(self: &Arc<Self>, held: Held, full: bool) {
        let nobody_waits = self.waiting.load(Ordering::SeqCst) == 0;
        if held.is_some() && (full || nobody_waits) {
            let turns = Arc::clone(self);
            spawn(async move { turns.end(held).await });
        }
    }

    async fn end(&self, mut held: Held) {
        let Some(shared) = held.take() else {
            return;
        };
        if shared.members == 0 {
            return; // Dropping it undoes what is left.
        }
        let told = shared.ended.clone();
        tell(&told, shared.commit(self).await);
    }

    fn undone(&self) -> u64 {
        self.undone.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Opens a savepoint for the next. It fails where those before are not in it any more.
    async fn let_in(&mut self, turns: &Turns) -> sqlx::Result<()> {
        self.is_whole(turns)?;
        match self.last {
            Last::Undone => self.undo_last().await,
            Last::Nothing => {
                self.last = Last::Kept;
                execute(&mut self.transaction, BEGIN_PART).await
            }
            Last::Kept => match execute(&mut self.transaction, BEGIN_NEXT_PART).await {
                Err(sqlx::Error::Database(refusal)) if refusal.message().starts_with(NO_PART) => {
                    execute(&mut self.transaction, BEGIN_PART).await
                }
                begun => begun,
            },
        }
    }

    /// Undoes what the last one left; its savepoint stands open after that.
    async fn undo_last(&mut self) -> sqlx::Result<()> {
        execute(&mut self.transaction, UNDO_PART).await?;
        self.last = Last::Kept;
        Ok(())
    }

    /// SQLite has not undone it by itself.
    fn is_whole(&self, turns: &Turns) -> sqlx::Result<()> {
        if self.undone_before == turns.undone() {
            Ok(())
        } else {
            Err(sqlx::Error::Io(io::Error::other(UNDONE)))
        }
    }

    async fn commit(mut self, turns: &Turns) -> sqlx::Result<()> {
        if self.last == Last::Undone {
            self.undo_last().await?;
        }
        self.is_whole(turns)?;
        self.transaction.commit().await
    }
}

async fn execute(connection: &mut SqliteConnection, statement: &'static str) -> sqlx::Result<()> {
    sqlx::query(statement).execute(connection).await.map(|_| ())
}

/// Tells all what became of the transaction.
fn tell(told: &watch::Sender<Ended>, ended: sqlx::Result<()>) {
    let ended = ended.map_err(|error| error.to_string().into());
    told.send_replace(Some(ended));
}

/// Without a runtime the process ends, and with it what nobody was told.
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(task);
    }
}

/// Somebody who waits for their turn.
struct Waits {
    turns: Arc<Turns>,
    has_turn: bool,
}

impl Waits {
    fn new(turns: &Arc<Turns>) -> Self {
        turns.waiting.fetch_add(1, Ordering::SeqCst);
        Self {
            turns: Arc::clone(turns),
            has_turn: false,
        }
    }

    fn end(mut self) {
        self.has_turn = true;
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.turns.waiting.fetch_sub(1, Ordering::SeqCst);
        if !self.has_turn {
            // The one before may have relied on this one.
            let turns = Arc::clone(&self.turns);
            spawn(async move {
                let held = Arc::clone(&turns.shared).lock_owned().await;
                turns.pass_on(held, false);
            });
        }
    }
}

/// What of the transaction is a caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Nothing.
    None,
    /// All: nobody has written before.
    Whole,
    /// What was written since the savepoint.
    Savepoint,
}

/// Those who share a transaction.
#[derive(Debug)]
pub(crate) struct Others(watch::Receiver<Ended>);

impl Others {
    /// Waits until what they wrote is on the disk; to be called without a turn in the transaction. Nothing is
    /// waited for where nobody keeps anything.
    pub(crate) async fn are_kept(self) -> sqlx::Result<()> {
        self.end().await.unwrap_or(Ok(()))
    }

    /// How the transaction ended; nothing where it did without a word, since nobody has kept anything.
    async fn end(mut self) -> Option<sqlx::Result<()>> {
        let ended = self.0.wait_for(Option::is_some).await.ok()?;
        let ended = ended.as_ref()?.clone();
        Some(ended.map_err(|why| sqlx::Error::Io(io::Error::other(why.to_string()))))
    }
}

/// A turn at writing. Dropping it undoes what it wrote.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    held: Option<Held>,
    part: Part,
}

impl Turn {
    async fn enter(&mut self) -> sqlx::Result<()> {
        let slot = &mut **self.held.as_mut().expect(HELD);
        if let Some(shared) = slot
            && let Err(error) = shared.let_in(&self.turns).await
            && let Some(lost) = slot.take()
        {
            tell(&lost.ended, Err(error));
        }
        if slot.is_some() {
            self.part = Part::Savepoint;
            return Ok(());
        }
        let transaction = self.turns.writer.begin_with(BEGIN).await?;
        *slot = Some(Shared {
            transaction,
            members: 0,
            ended: watch::Sender::new(None),
            undone_before: self.turns.undone(),
            last: Last::Nothing,
        });
        self.part = Part::Whole;
        Ok(())
    }

    /// Keeps what was written, and waits until it is on the disk.
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        let shared = self.held.as_mut().and_then(|held| held.as_mut());
        let shared = shared.expect(HELD);
        shared.members += 1;
        let others = Others(shared.ended.subscribe());
        let full = shared.members >= MOST;
        self.part = Part::None;
        if let Some(held) = self.held.take() {
            self.turns.pass_on(held, full);
        }
        others
            .end()
            .await
            .unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// Undoes what was written, and waits until what was read is on the disk.
    pub(crate) async fn undo(self) -> sqlx::Result<()> {
        let others = self.others();
        drop(self);
        others.are_kept().await
    }

    /// The others of the same transaction, for a part that writes nothing but tells what it has read.
    pub(crate) fn others(&self) -> Others {
        let shared = self.held.as_ref().and_then(|held| held.as_ref());
        Others(shared.expect(HELD).ended.subscribe())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut held) = self.held.take() else {
            return;
        };
        match (self.part, held.as_mut()) {
            (Part::Whole, _) => drop(held.take()),
            (Part::Savepoint, Some(shared)) => shared.last = Last::Undone,
            _ => {}
        }
        self.turns.pass_on(held, false);
    }
}

impl Deref for Turn {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        let shared = self.held.as_ref().and_then(|held| held.as_ref());
        &shared.expect(HELD).transaction
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        let shared = self.held.as_mut().and_then(|held| held.as_mut());
        &mut shared.expect(HELD).transaction
    }
}

#[cfg(test)]
mod tests;

//! Connections that did their work a moment ago and are used again before the pool has them back.
//!
//! The pool asks each connection that it gets back whether it answers: one more round trip for each statement, in which
//! the connection is used by nobody and both sides work. A connection that has just answered need not be
//! asked. So those that ended well stay here for a moment, and what comes next takes the one that was used last.
//! Every second, and when nothing comes, they go back to the pool, which asks them and looks at their age.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

/// One that nobody used for so long is the pool's; less than it trusts one of its own.
const FRESH_FOR: Duration = Duration::from_millis(200);
/// So long one is kept from the pool at most.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// A connection out of the pool.
#[derive(Debug)]
pub(super) struct Taken {
    connection: PoolConnection<Postgres>,
    /// When the pool gave it.
    since: Instant,
}

impl Taken {
    /// One that the pool gave just now.
    pub(super) fn new(connection: PoolConnection<Postgres>) -> Self {
        Self {
            connection,
            since: Instant::now(),
        }
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Gives it back to the pool, which asks it first.
    pub(super) fn give_back(self) {
        drop(self.connection);
    }

    /// Throws it away.
    pub(super) fn throw_away(self) {
        drop(self.connection.detach());
    }
}

/// The connections that are kept from one pool. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptConnections(Arc<Kept>);

#[derive(Debug, Default)]
struct Kept(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    /// The one that was used last stands last.
    connections: Vec<(Taken, Instant)>,
    /// Whether a task gives back those that nobody uses.
    is_watched: bool,
}

impl KeptConnections {
    /// How many are kept, which the pool counts as used.
    pub(super) fn count(&self) -> usize {
        self.0.lock().connections.len()
    }

    /// The one that was used last, a moment ago.
    pub(super) fn take(&self) -> Option<Taken> {
        let mut shelf = self.0.lock();
        let (taken, used) = shelf.connections.pop()?;
        if used.elapsed() < FRESH_FOR {
            return Some(taken);
        }
        // So are those before it.
        let stale = std::mem::take(&mut shelf.connections);
        drop(shelf);
        taken.give_back();
        for (taken, _) in stale {
            taken.give_back();
        }
        None
    }

    /// Keeps one that has answered, and on which nothing is under way.
    pub(super) fn keep(&self, taken: Taken) {
        if taken.since.elapsed() >= KEPT_FOR {
            return taken.give_back();
        }
        let mut shelf = self.0.lock();
        shelf.connections.push((taken, Instant::now()));
        if !std::mem::replace(&mut shelf.is_watched, true) {
            tokio::spawn(watch(Arc::downgrade(&self.0)));
        }
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out those that nobody has used for a while; with none left it is not watched any more.
    fn stale(&self) -> (Vec<(Taken, Instant)>, bool) {
        let mut shelf = self.lock();
        let is_stale = |(_, used): &(Taken, Instant)| used.elapsed() >= FRESH_FOR;
        let count = shelf
            .connections
            .iter()
            .take_while(|one| is_stale(one))
            .count();
        let stale = shelf.connections.drain(..count).collect();
        shelf.is_watched = !shelf.connections.is_empty();
        (stale, shelf.is_watched)
    }
}

impl Drop for Kept {
    /// The pool needs a runtime to take them back.
    fn drop(&mut self) {
        if Handle::try_current().is_err() {
            let connections = std::mem::take(&mut self.lock().connections);
            for (taken, _) in connections {
                taken.throw_away();
            }
        }
    }
}

async fn watch(kept: Weak<Kept>) {
    loop {
        sleep(FRESH_FOR).await;
        let Some(kept) = kept.upgrade() else { return };
        let (stale, is_watched) = kept.stale();
        for (taken, _) in stale {
            taken.give_back();
        }
        if !is_watched {
            return;
        }
    }
}

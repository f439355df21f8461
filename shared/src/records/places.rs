//! Who may hold how many connections to PostgreSQL at once.
//!
//! A row that somebody keeps locked makes every call wait that wants to change it, and each that waits for it
//! holds a connection. So that one row does not stop all others,
//!
//! * calls that change the same row stand in line here, before they take a connection: [`Row`] names it;
//! * each kind of work has connections of its own, which no other kind takes: [`Work`];
//! * and a lock is waited for only so long (`lock_timeout`, set for each connection).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::phone::PhoneNumber;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// The kinds of work that do not stop one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// What asking for a code needs.
    Asking,
    /// Giving a code or a password back.
    Verifying,
    /// Renewing tokens.
    Refreshing,
    /// All else.
    Other,
}

impl Work {
    const KINDS: usize = 4;
}

/// A row that a call will lock, by what the call knows it by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Row {
    /// A user, by id.
    User(Uuid),
    /// A user, by number.
    Phone(PhoneNumber),
    /// A session, by the hash of a refresh token.
    Token([u8; 32]),
    /// A flow of steps, by the hash of its id.
    Steps([u8; 32]),
}

/// What a call says of itself before it gets a connection.
#[derive(Clone)]
pub(super) struct Place {
    work: Work,
    row: Option<Row>,
}

impl Place {
    /// For a call that locks no row, or rows that nobody else changes.
    pub(super) fn of(work: Work) -> Self {
        Self { work, row: None }
    }

    /// For one that locks this row.
    pub(super) fn of_row(work: Work, row: Row) -> Self {
        Self {
            work,
            row: Some(row),
        }
    }
}

/// The places of one pool. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Places {
    rows: Rows,
    own: [Arc<Semaphore>; Work::KINDS],
    shared: Arc<Semaphore>,
}

/// Held while a connection is used.
#[derive(Debug)]
pub(super) struct Placed {
    _turn: Option<Turn>,
    _permit: OwnedSemaphorePermit,
}

/// One of so many connections is kept for each kind; a small pool is for everybody.
const OWN_OF: usize = 8;

impl Places {
    /// For a pool of so many connections.
    pub(super) fn new(connections: u32) -> Self {
        let connections = usize::try_from(connections).unwrap_or(usize::MAX);
        let own = connections / OWN_OF;
        Self {
            rows: Rows::default(),
            own: std::array::from_fn(|_| Arc::new(Semaphore::new(own))),
            shared: Arc::new(Semaphore::new(connections - own * Work::KINDS)),
        }
    }

    /// Waits for the turn at the row, and then for a connection that this work may take.
    pub(super) async fn take(&self, place: &Place) -> Placed {
        let turn = match &place.row {
            Some(row) => Some(self.rows.turn(row.clone()).await),
            None => None,
        };
        let own = &self.own[place.work as usize];
        let permit = tokio::select! {
            biased;
            permit = Arc::clone(own).acquire_owned() => permit,
            permit = Arc::clone(&self.shared).acquire_owned() => permit,
        };
        Placed {
            _turn: turn,
            _permit: permit.expect("the semaphores are never closed"),
        }
    }
}

/// The rows that are being changed. Only those have an entry.
#[derive(Clone, Default)]
struct Rows(Arc<Mutex<HashMap<Row, Arc<Semaphore>>>>);

impl std::fmt::Debug for Rows {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rows").finish_non_exhaustive()
    }
}

/// Stands in line for a row, and then has it, until it is dropped.
struct Turn {
    rows: Rows,
    row: Row,
    line: Option<Arc<Semaphore>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Turn").finish_non_exhaustive()
    }
}

impl Rows {
    async fn turn(&self, row: Row) -> Turn {
        let line = {
            let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let line = rows
                .entry(row.clone())
                .or_insert_with(|| Arc::new(Semaphore::new(1)));
            Arc::clone(line)
        };
        // Made before the wait, so that anyone who gives up leaves nothing behind either.
        let mut turn = Turn {
            rows: self.clone(),
            row,
            line: Some(Arc::clone(&line)),
            permit: None,
        };
        let permit = line.acquire_owned().await;
        turn.permit = Some(permit.expect("the semaphore is never closed"));
        turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut rows = self.rows.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop((self.permit.take(), self.line.take()));
        // Anyone who stands in line holds it too, and comes to the line under this lock only.
        let nobody = |line: &mut Arc<Semaphore>| Arc::strong_count(line) == 1;
        if rows.get_mut(&self.row).is_some_and(nobody) {
            rows.remove(&self.row);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn user(number: u128) -> Place {
        Place::of_row(Work::Other, Row::User(Uuid::from_u128(number)))
    }

    #[tokio::test]
    async fn calls_on_one_row_stand_in_line_and_take_one_connection() {
        let places = Places::new(10);
        let wanted = user(1);
        let first = places.take(&wanted).await;
        let mut second = Box::pin(places.take(&wanted));
        assert!(futures::poll!(&mut second).is_pending());
        let mut given_up = Box::pin(places.take(&wanted));
        assert!(futures::poll!(&mut given_up).is_pending());
        assert_eq!(free(&places), 9);
        let other = places.take(&user(2)).now_or_never();
        assert!(other.is_some(), "another row");
        drop((first, given_up, other));
        drop(second.await);
        assert_eq!(free(&places), 10);
        let rows = places.rows.0.lock().expect("not poisoned");
        assert!(rows.is_empty(), "nothing stays behind");
    }

    #[tokio::test]
    async fn each_kind_of_work_has_connections_that_no_other_takes() {
        let kinds = [Work::Asking, Work::Verifying, Work::Refreshing, Work::Other];
        for greedy in kinds {
            let places = Places::new(10);
            let mut taken = Vec::new();
            while let Some(placed) = places.take(&Place::of(greedy)).now_or_never() {
                taken.push(placed);
            }
            assert_eq!(taken.len(), 7, "{greedy:?}");
            for kind in kinds {
                let place = places.take(&Place::of(kind)).now_or_never();
                assert_eq!(place.is_some(), kind != greedy, "{kind:?}");
                taken.extend(place);
            }
        }
    }

    #[tokio::test]
    async fn a_small_pool_is_for_everybody() {
        for connections in 1..8 {
            let places = Places::new(connections);
            let mut taken = Vec::new();
            while let Some(placed) = places.take(&Place::of(Work::Other)).now_or_never() {
                taken.push(placed);
            }
            assert_eq!(taken.len(), usize::try_from(connections).expect("few"));
        }
    }

    fn free(places: &Places) -> usize {
        let own: usize = places.own.iter().map(|own| own.available_permits()).sum();
        own + places.shared.available_permits()
    }
}

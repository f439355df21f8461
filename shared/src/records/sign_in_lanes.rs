//! Who signs in alone, and who together with others.
//!
//! There are a few lanes. Anyone who finds one free takes it and goes at once, alone, as if there were nobody else.
//! Those who come while all are taken wait, and whoever leaves a lane gives it to all of them together
//! ([`Records::sign_in_together`]). So nobody waits for company, and under load a statement signs in as many as came
//! during the one before. Two of one number or of one code never go together.
//!
//! Nobody keeps a lane for long: one who waits in it for a row that is locked leaves it to the others and goes on
//! outside, as all did before there were lanes. Who goes together is the work of a task of its own, so that
//! anyone who hangs up leaves the others in peace.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::connection::within;
use super::sign_in::{SignIn, SignInOutcome};
use super::{Records, RecordsError};

/// Statements that are on their way at once while others wait for company.
const LANES: usize = 2;
/// So many people at most are signed in by one statement.
const MAX_ROWS: usize = 32;
/// So long one keeps a lane, which is longer than any statement takes that waits for nobody.
const LANE_FOR: Duration = Duration::from_millis(50);

/// The lanes of one pool. Clones share them.
#[derive(Clone, Default)]
pub(super) struct SignInLanes(Arc<Mutex<Lanes>>);

impl std::fmt::Debug for SignInLanes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SignInLanes")
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Lanes {
    taken: usize,
    waiting: VecDeque<Waiting>,
}

/// One who waits.
struct Waiting {
    sign_in: SignIn,
    deadline: Instant,
    reply: oneshot::Sender<Turn>,
}

/// What one who waited is told.
enum Turn {
    /// It is done.
    Ended(Result<SignInOutcome, RecordsError>),
    /// To go alone, in a lane or outside.
    Alone(Option<Lane>),
}

impl Records {
    /// [`Records::sign_in`] on PostgreSQL, together with those who come at the same moment.
    pub(super) async fn sign_in_in_lane(
        &self,
        lanes: &SignInLanes,
        sign_in: &SignIn,
    ) -> Result<SignInOutcome, RecordsError> {
        let deadline = self.deadline();
        let turn = match lanes.enter(self, sign_in, deadline) {
            Ok(lane) => return lane.during(Box::pin(self.sign_in_at_once(sign_in))).await,
            Err(turn) => turn,
        };
        let told = async { turn.await.map_err(|_| RecordsError::closed()) };
        let lane = match within(deadline, told).await? {
            Turn::Ended(outcome) => return outcome,
            Turn::Alone(lane) => lane,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let rest = self.clone().with_time_limit(left);
        let alone = Box::pin(rest.sign_in_at_once(sign_in));
        match lane {
            Some(lane) => lane.during(alone).await,
            None => alone.await,
        }
    }
}

impl SignInLanes {
    /// A lane that is free, or what one is told who has to wait.
    fn enter(
        &self,
        records: &Records,
        sign_in: &SignIn,
        deadline: Instant,
    ) -> Result<Lane, oneshot::Receiver<Turn>> {
        let mut lanes = self.lock();
        if lanes.taken < LANES {
            lanes.taken += 1;
            drop(lanes);
            return Ok(Lane {
                lanes: self.clone(),
                records: records.clone(),
            });
        }
        let (reply, turn) = oneshot::channel();
        lanes.waiting.push_back(Waiting {
            sign_in: sign_in.clone(),
            deadline,
            reply,
        });
        Err(turn)
    }

    /// Those who go together in the lane that has become free, and those who have to go alone outside. With nobody
    /// waiting the lane stays free.
    fn next(&self) -> (Vec<Waiting>, Vec<Waiting>) {
        let mut lanes = self.lock();
        let next = divide(&mut lanes.waiting);
        if next.0.is_empty() {
            lanes.taken -= 1;
        }
        next
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes those who have not gone away: no two of one number or one root among the first.
fn divide(waiting: &mut VecDeque<Waiting>) -> (Vec<Waiting>, Vec<Waiting>) {
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    let (mut phones, mut roots) = (HashSet::new(), HashSet::new());
    while together.len() < MAX_ROWS
        && let Some(one) = waiting.pop_front()
    {
        if one.reply.is_closed() {
            continue;
        }
        let is_other_number = phones.insert(one.sign_in.phone.clone());
        let is_other_root = roots.insert(one.sign_in.root);
        if is_other_number && is_other_root {
            together.push(one);
        } else {
            alone.push(one);
        }
    }
    (together, alone)
}

/// Held while somebody goes in it; whoever waits gets it then.
struct Lane {
    lanes: SignInLanes,
    records: Records,
}

impl Lane {
    /// Does this in the lane, or, where it takes longer, its rest outside.
    async fn during<T>(self, mut work: impl Future<Output = T> + Unpin) -> T {
        tokio::select! {
            biased;
            result = &mut work => return result,
            () = sleep(LANE_FOR) => {}
        }
        drop(self);
        work.await
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let (mut together, alone) = self.lanes.next();
        for one in alone {
            one.tell(Turn::Alone(None));
        }
        let Some(first) = together.pop() else { return };
        let lane = Self {
            lanes: self.lanes.clone(),
            records: self.records.clone(),
        };
        if together.is_empty() {
            return first.tell(Turn::Alone(Some(lane)));
        }
        together.push(first);
        // Without a runtime nobody waits for an answer any more.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(go_together(lane, together));
        }
    }
}

impl Waiting {
    fn tell(self, turn: Turn) {
        // One who has gone away does not want to know; a lane then goes to the next.
        drop(self.reply.send(turn));
    }
}

async fn go_together(lane: Lane, waiting: Vec<Waiting>) {
    let records = lane.records.clone();
    // Each gives up at their own time; the last of them decides for how long it is worth while.
    let now = Instant::now();
    let deadline = waiting.iter().fold(now, |last, one| last.max(one.deadline));
    let (sign_ins, replies): (Vec<SignIn>, Vec<_>) = waiting
        .into_iter()
        .map(|one| (one.sign_in, one.reply))
        .unzip();
    let work = Box::pin(records.sign_in_together_until(deadline, &sign_ins));
    let turns: Vec<Turn> = match lane.during(work).await {
        Ok(outcomes) => outcomes
            .into_iter()
            .map(|outcome| outcome.map_or(Turn::Alone(None), Turn::Ended))
            .collect(),
        // It may be the fault of one of them.
        Err(error) if error.is_of_one_row() => replies.iter().map(|_| Turn::Alone(None)).collect(),
        Err(error) => replies
            .iter()
            .map(|_| Turn::Ended(Err(error.clone())))
            .collect(),
    };
    for (reply, turn) in replies.into_iter().zip(turns) {
        drop(reply.send(turn));
    }
}

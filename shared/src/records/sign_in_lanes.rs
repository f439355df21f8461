//! Who signs in alone, and who together with others.
//!
//! There is a lane. Anyone who finds it free takes it and goes at once, alone, as if there were nobody else.
//! Those who come while it is taken wait, and when it becomes free it goes to all of them together
//! ([`Records::sign_in_together`]). So nobody waits for company, and under load a statement signs in as many as came
//! during the one before. Two of one number or of one code never go together.
//!
//! Nobody keeps a lane for long: one who waits in it for a row that is locked leaves it to the others and goes on
//! outside, as all did before there were lanes. Grouping is the work of a task of its own, so that
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

/// Statements that are on their way at once while others wait for company. A second one would halve the company, and
/// with it what a statement saves.
const LANES: usize = 1;
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

/// Held while somebody goes in it; then it goes to those who wait.
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

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use domain::otp::Purpose;
    use domain::phone::PhoneNumber;
    use domain::root::RootId;
    use uuid::Uuid;

    use super::super::{Device, NewSession, PoolSettings};
    use super::*;

    fn sign_in(number: u32, root: u8) -> SignIn {
        let now = DateTime::from_timestamp(1_763_700_000, 0).expect("a time");
        SignIn {
            root: RootId::from_bytes([root; 16]),
            purpose: Purpose::SignIn,
            phone: PhoneNumber::from_e164(&format!("+98912{number:07}")).expect("canonical"),
            new_user_id: Uuid::from_u128(number.into()),
            session: NewSession {
                id: Uuid::from_u128(root.into()),
                refresh_token_hash: [root; 32],
                origin_salt: None,
                device: Device::default(),
                opened_at: now,
                idle_expires_at: now + TimeDelta::days(1),
                expires_at: now + TimeDelta::days(30),
            },
        }
    }

    fn waiting(sign_in: SignIn) -> (Waiting, oneshot::Receiver<Turn>) {
        let (reply, turn) = oneshot::channel();
        let deadline = Instant::now();
        let one = Waiting {
            sign_in,
            deadline,
            reply,
        };
        (one, turn)
    }

    fn roots(waiting: &[Waiting]) -> Vec<u8> {
        let root = |one: &Waiting| one.sign_in.root.as_bytes()[0];
        waiting.iter().map(root).collect()
    }

    #[test]
    fn two_of_one_number_or_one_code_never_go_together() {
        let line = [(1, 1), (2, 2), (1, 3), (3, 2), (4, 4), (4, 4), (5, 5)];
        let (mut line, _turns): (VecDeque<_>, Vec<_>) = line
            .into_iter()
            .map(|(number, root)| waiting(sign_in(number, root)))
            .unzip();
        let (together, alone) = divide(&mut line);
        assert_eq!(roots(&together), [1, 2, 4, 5]);
        assert_eq!(roots(&alone), [3, 2, 4]);
        assert!(line.is_empty());
    }

    #[test]
    fn so_many_go_together_and_those_who_have_gone_away_do_not() {
        let (mut line, mut turns): (VecDeque<_>, Vec<_>) = (1..=40)
            .map(|number| waiting(sign_in(number.into(), number)))
            .unzip();
        turns.remove(2);
        turns.remove(0);
        let (together, alone) = divide(&mut line);
        assert_eq!(together.len(), MAX_ROWS);
        assert_eq!(roots(&together)[..3], [2, 4, 5]);
        assert!(alone.is_empty());
        assert_eq!(line.len(), 6);
    }

    async fn records() -> Records {
        let nobody = "postgres://nobody@127.0.0.1:1/nothing";
        let records = Records::connect(nobody, PoolSettings::default()).await;
        records.expect("nothing is connected yet")
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_a_lane_gives_it_to_one_who_waits_and_nobody_else_gets_it() {
        let (records, lanes) = (records().await, SignInLanes::default());
        let deadline = Instant::now() + Duration::from_secs(1);
        let enter = |number: u8| lanes.enter(&records, &sign_in(number.into(), number), deadline);
        let first = enter(1).ok().expect("free");
        let gone = enter(2).err().expect("taken");
        let second = enter(3).err().expect("taken");
        drop(gone);
        drop(first);
        let Ok(Turn::Alone(Some(lane))) = second.await else {
            panic!("no lane");
        };
        let third = enter(4).err().expect("taken");
        // One who does not come for it does not keep it.
        drop(lane);
        drop(third);
        let fourth = enter(5).ok().expect("free");
        drop(fourth);
        assert_eq!(lanes.lock().taken, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_keeps_a_lane_for_long() {
        let (records, lanes) = (records().await, SignInLanes::default());
        let deadline = Instant::now() + Duration::from_secs(1);
        for number in 1..=5_u8 {
            let lane = lanes.enter(&records, &sign_in(number.into(), number), deadline);
            let lane = lane.ok().expect("free");
            let stuck = Box::pin(std::future::pending::<()>());
            tokio::spawn(lane.during(stuck));
            sleep(LANE_FOR + Duration::from_millis(1)).await;
            assert_eq!(lanes.lock().taken, 0);
        }
    }
}

//! Those who come at the same time are served together: what costs the same for one and for many, a call, a statement
//! or a commit, is paid once.
//!
//! One who comes when few rounds are under way goes at once. While as many are under way as may be, those who come
//! gather, and go together as soon as one has ended, or a moment later where the service says so
//! ([`Service::COMPANY`]). A round belongs to a task, not to
//! those who wait for it: one of them who goes away takes nobody along, and one who is gone before the round is not
//! served any more.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// What is done for many at once.
pub(crate) trait Service: Sized + Send + Sync + 'static {
    /// What one of them brings.
    type Input: Send + Sync + 'static;
    /// What one of them gets.
    type Output: Send + 'static;
    /// Why one of them gets nothing.
    type Error: Clone + From<Interrupted> + Send + 'static;

    /// So many at most are served in a round.
    const MOST: usize;
    /// So many rounds at most are under way at once.
    const UNDER_WAY: usize;
    /// A round that takes longer counts as under way no more, so that nobody waits for it.
    const PLACE_FOR: Option<Duration> = None;
    /// After a round of several, the next one waits for so long, so that more go with it.
    const COMPANY: Duration = Duration::ZERO;

    /// Whether one may go with those who came before; else they go with a later round, and others go past them.
    fn may_join(_input: &Self::Input, _others: &[Waiting<Self>]) -> bool {
        true
    }

    /// Serves all, and tells what came of each, in order. The outer error is everybody's.
    fn serve(
        &self,
        together: &[Waiting<Self>],
    ) -> impl Future<Output = Result<Vec<Answer<Self>>, Self::Error>> + Send;
}

/// What came of one of them.
pub(crate) type Answer<S> = Result<<S as Service>::Output, <S as Service>::Error>;

/// Why there is no answer: the round came to a sudden end.
pub(crate) struct Interrupted;

/// One who waits.
pub(crate) struct Waiting<S: Service> {
    pub(crate) input: S::Input,
    reply: oneshot::Sender<Answer<S>>,
}

impl<S: Service> Waiting<S> {
    pub(crate) fn of(input: S::Input) -> (Self, oneshot::Receiver<Answer<S>>) {
        let (reply, answer) = oneshot::channel();
        (Self { input, reply }, answer)
    }

    /// Whether nobody wants to know any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.reply.is_closed()
    }
}

/// The callers' end; clones share what waits.
pub(crate) struct Together<S: Service>(Arc<Inner<S>>);

struct Inner<S: Service> {
    service: S,
    line: Mutex<Line<S>>,
}

struct Line<S: Service> {
    waiting: VecDeque<Waiting<S>>,
    under_way: usize,
}

impl<S: Service> Clone for Together<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Service> fmt::Debug for Together<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Together").finish_non_exhaustive()
    }
}

impl<S: Service> Together<S> {
    pub(crate) fn new(service: S) -> Self {
        let line = Mutex::new(Line {
            waiting: VecDeque::new(),
            under_way: 0,
        });
        Self(Arc::new(Inner { service, line }))
    }

    /// Waits for what comes of this. One who stops waiting before their turn is not served.
    pub(crate) async fn take(&self, input: S::Input) -> Answer<S> {
        let (waiting, answer) = Waiting::of(input);
        if self.0.add(waiting) {
            tokio::spawn(serve(Place(Arc::clone(&self.0))));
        }
        answer.await.map_err(|_| Interrupted)?
    }
}

impl<S: Service> Inner<S> {
    fn lock(&self) -> MutexGuard<'_, Line<S>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one, and tells whether a task is needed that serves.
    fn add(&self, waiting: Waiting<S>) -> bool {
        let mut line = self.lock();
        line.waiting.push_back(waiting);
        let free = line.under_way < S::UNDER_WAY;
        line.under_way += usize::from(free);
        free
    }

    /// The first who wait and may go together; nobody where nobody waits.
    fn next(&self) -> Vec<Waiting<S>> {
        let mut line = self.lock();
        let (mut together, mut later) = (Vec::new(), Vec::new());
        while together.len() < S::MOST
            && let Some(next) = line.waiting.pop_front()
        {
            if next.is_gone() {
                continue;
            }
            if S::may_join(&next.input, &together) {
                together.push(next);
            } else {
                later.push(next);
            }
        }
        for one in later.into_iter().rev() {
            line.waiting.push_front(one);
        }
        together
    }
}

/// Serves until nobody waits, or a round has lost its place.
async fn serve<S: Service>(place: Place<S>) {
    let inner = Arc::clone(&place.0);
    let mut place = Some(place);
    while place.is_some() {
        let together = inner.next();
        if together.is_empty() {
            return;
        }
        let answers = {
            let mut serving = pin!(inner.service.serve(&together));
            tokio::select! {
                biased;
                answers = &mut serving => answers,
                () = after(S::PLACE_FOR) => {
                    place = None;
                    serving.await
                }
            }
        };
        let are_several = together.len() > 1;
        let replies = together.into_iter().map(|one| one.reply);
        // Anyone who has gone away meanwhile does not want to know.
        match answers {
            Ok(answers) => replies.zip(answers).for_each(|(reply, answer)| {
                drop(reply.send(answer));
            }),
            Err(error) => replies.for_each(|reply| drop(reply.send(Err(error.clone())))),
        }
        if are_several && !S::COMPANY.is_zero() && place.is_some() {
            sleep(S::COMPANY).await;
        }
    }
}

async fn after(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => pending().await,
    }
}

/// One of those that may be under way.
struct Place<S: Service>(Arc<Inner<S>>);

impl<S: Service> Drop for Place<S> {
    /// It is free, also after a panic. One who came between the last look and this finds it
    /// taken, so it is passed on where somebody waits.
    fn drop(&mut self) {
        let mut line = self.0.lock();
        if line.waiting.is_empty() {
            line.under_way -= 1;
            return;
        }
        drop(line);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(serve(Self(Arc::clone(&self.0))))),
            Err(_) => self.0.lock().under_way -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::future::join_all;
    use tokio::sync::Semaphore;
    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    /// Serves a round for each permit, and remembers whom.
    struct Rounds {
        permits: Semaphore,
        served: Mutex<Vec<Vec<u32>>>,
    }

    const POISON: u32 = 99;

    #[derive(Clone, Debug)]
    struct Failed;

    impl From<Interrupted> for Failed {
        fn from(_: Interrupted) -> Self {
            Self
        }
    }

    impl Service for Arc<Rounds> {
        type Input = u32;
        type Output = u32;
        type Error = Failed;

        const MOST: usize = 4;
        const UNDER_WAY: usize = 2;
        const PLACE_FOR: Option<Duration> = Some(Duration::from_secs(1));

        fn may_join(input: &u32, others: &[Waiting<Self>]) -> bool {
            others.iter().all(|other| other.input != *input)
        }

        async fn serve(&self, together: &[Waiting<Self>]) -> Result<Vec<Answer<Self>>, Failed> {
            let round: Vec<u32> = together.iter().map(|one| one.input).collect();
            self.served.lock().expect("no panic").push(round.clone());
            let permit = self.permits.acquire().await.expect("open");
            permit.forget();
            assert!(!round.contains(&POISON), "as asked for");
            Ok(round.into_iter().map(|input| Ok(input * 10)).collect())
        }
    }

    fn rounds() -> (Arc<Rounds>, Together<Arc<Rounds>>) {
        let rounds = Arc::new(Rounds {
            permits: Semaphore::new(0),
            served: Mutex::default(),
        });
        (Arc::clone(&rounds), Together::new(rounds))
    }

    /// One who waits in a task of their own.
    fn taking(together: &Together<Arc<Rounds>>, input: u32) -> JoinHandle<Result<u32, Failed>> {
        let together = together.clone();
        tokio::spawn(async move { together.take(input).await })
    }

    async fn settle() {
        for _ in 0..50 {
            yield_now().await;
        }
    }

    impl Rounds {
        fn served(&self) -> Vec<Vec<u32>> {
            self.served.lock().expect("no panic").clone()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_alone_goes_at_once_and_who_comes_meanwhile_goes_together() {
        let (rounds, together) = rounds();
        let take = |input| taking(&together, input);
        let mut callers = vec![take(1)];
        settle().await;
        callers.push(take(2));
        settle().await;
        assert_eq!(rounds.served(), [vec![1], vec![2]]);
        callers.extend([3, 4, 5, 5, 6, 7].map(take));
        settle().await;
        // No third round is under way.
        assert_eq!(rounds.served().len(), 2);
        rounds.permits.add_permits(10);
        let answers = join_all(callers).await;
        let answers: Vec<u32> = answers
            .into_iter()
            .map(|answer| answer.expect("no panic").expect("served"))
            .collect();
        assert_eq!(answers, [10, 20, 30, 40, 50, 50, 60, 70]);
        // The second 5 may not go with the first, and keeps nobody behind it waiting.
        assert_eq!(rounds.served()[2..], [vec![3, 4, 5, 6], vec![5, 7]]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_takes_nobody_along_and_is_not_served_any_more() {
        let (rounds, together) = rounds();
        let mut first = Box::pin(together.take(1));
        assert!((&mut first).now_or_never().is_none());
        settle().await;
        let mut second = Box::pin(together.take(2));
        assert!((&mut second).now_or_never().is_none());
        settle().await;
        let mut gone = Box::pin(together.take(3));
        let mut stays = Box::pin(together.take(4));
        assert!((&mut gone).now_or_never().is_none());
        assert!((&mut stays).now_or_never().is_none());
        drop((first, gone));
        rounds.permits.add_permits(10);
        assert_eq!(second.await.expect("served"), 20);
        assert_eq!(stays.await.expect("served"), 40);
        assert_eq!(rounds.served(), [vec![1], vec![2], vec![4]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_told_and_those_who_wait_go_on() {
        let (rounds, together) = rounds();
        let mut bad = Box::pin(together.take(POISON));
        assert!((&mut bad).now_or_never().is_none());
        settle().await;
        let mut good = Box::pin(together.take(1));
        assert!((&mut good).now_or_never().is_none());
        settle().await;
        let mut next = Box::pin(together.take(2));
        assert!((&mut next).now_or_never().is_none());
        rounds.permits.add_permits(10);
        assert!(bad.await.is_err());
        assert_eq!(good.await.expect("served"), 10);
        assert_eq!(next.await.expect("served"), 20);
        for input in 3..10 {
            assert_eq!(together.take(input).await.expect("served"), input * 10);
        }
        settle().await;
        assert_eq!(together.0.lock().under_way, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_that_takes_long_keeps_nobody_else_waiting() {
        let (rounds, together) = rounds();
        let take = |input| taking(&together, input);
        let mut callers = Vec::new();
        for input in 1..=6 {
            callers.push(take(input));
            settle().await;
        }
        assert_eq!(rounds.served(), [vec![1], vec![2]]);
        // All of them are stuck, and the next go on all the same.
        sleep(Duration::from_millis(1_100)).await;
        callers.push(take(7));
        settle().await;
        assert_eq!(rounds.served()[2..], [vec![3, 4, 5, 6], vec![7]]);
        rounds.permits.add_permits(10);
        let answers = join_all(callers).await;
        for (input, answer) in (1..).zip(answers) {
            assert_eq!(answer.expect("no panic").expect("served"), input * 10);
        }
        assert_eq!(together.0.lock().under_way, 0);
    }
}

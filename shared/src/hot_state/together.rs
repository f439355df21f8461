//! Those who come at the same time are served together: what costs the same for one and for many, a call or a
//! commit, is paid once.
//!
//! One who comes when few rounds are under way goes at once, and nobody waits for company. While as many are under way
//! as may be, those who come gather, and go together as soon as one has ended. A round belongs to a task, not to
//! those who wait for it: one of them who goes away takes nobody along, and one who is gone before the round is not
//! served any more.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::model::HotStateError;

/// What is done for many at once.
pub(super) trait Service: Sized + Send + Sync + 'static {
    /// What one of them brings.
    type Input: Send + Sync + 'static;
    /// What one of them gets.
    type Output: Send + 'static;

    /// So many at most are served in a round.
    const MOST: usize;
    /// So many rounds at most are under way at once.
    const UNDER_WAY: usize;

    /// Whether one may go with those who came before. Those who come later wait for the one who may not.
    fn may_join(_input: &Self::Input, _others: &[Waiting<Self>]) -> bool {
        true
    }

    /// Serves all, and tells what came of each, in order. The outer error is everybody's.
    fn serve(
        &self,
        together: &[Waiting<Self>],
    ) -> impl Future<Output = Result<Vec<Answer<Self>>, HotStateError>> + Send;
}

/// What came of one of them.
pub(super) type Answer<S> = Result<<S as Service>::Output, HotStateError>;

/// One who waits.
pub(super) struct Waiting<S: Service> {
    pub(super) input: S::Input,
    reply: oneshot::Sender<Answer<S>>,
}

impl<S: Service> Waiting<S> {
    /// Whether nobody wants to know any more.
    pub(super) fn is_gone(&self) -> bool {
        self.reply.is_closed()
    }
}

/// The callers' end; clones share what waits.
pub(super) struct Together<S: Service>(Arc<Inner<S>>);

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
    pub(super) fn new(service: S) -> Self {
        let line = Mutex::new(Line {
            waiting: VecDeque::new(),
            under_way: 0,
        });
        Self(Arc::new(Inner { service, line }))
    }

    /// Waits for what comes of this. One who stops waiting before their turn is not served.
    pub(super) async fn take(&self, input: S::Input) -> Answer<S> {
        let (reply, answer) = oneshot::channel();
        if self.0.add(Waiting { input, reply }) {
            tokio::spawn(Server(Arc::clone(&self.0)).serve());
        }
        let interrupted = |_| HotStateError::Unavailable("it was interrupted".into());
        answer.await.map_err(interrupted)?
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
        let mut together: Vec<Waiting<S>> = Vec::new();
        while together.len() < S::MOST
            && let Some(next) = line.waiting.pop_front()
        {
            if next.is_gone() {
                continue;
            }
            if !S::may_join(&next.input, &together) {
                line.waiting.push_front(next);
                break;
            }
            together.push(next);
        }
        together
    }
}

/// A task that serves until nobody waits.
struct Server<S: Service>(Arc<Inner<S>>);

impl<S: Service> Server<S> {
    async fn serve(self) {
        loop {
            let together = self.0.next();
            if together.is_empty() {
                return;
            }
            let answers = self.0.service.serve(&together).await;
            let replies = together.into_iter().map(|one| one.reply);
            // Anyone who has gone away meanwhile does not want to know.
            match answers {
                Ok(answers) => replies.zip(answers).for_each(|(reply, answer)| {
                    drop(reply.send(answer));
                }),
                Err(error) => replies.for_each(|reply| drop(reply.send(Err(error.clone())))),
            }
        }
    }
}

impl<S: Service> Drop for Server<S> {
    /// Its place is free, also after a panic. One who came between the last look and this finds it
    /// taken, so it is taken over where somebody waits.
    fn drop(&mut self) {
        let mut line = self.0.lock();
        if line.waiting.is_empty() {
            line.under_way -= 1;
            return;
        }
        drop(line);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(Self(Arc::clone(&self.0)).serve())),
            Err(_) => self.0.lock().under_way -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::future::join_all;
    use tokio::sync::Semaphore;
    use tokio::task::yield_now;

    use super::*;

    /// Serves a round for each permit, and remembers whom.
    struct Rounds {
        permits: Semaphore,
        served: Mutex<Vec<Vec<u32>>>,
    }

    const POISON: u32 = 99;

    impl Service for Arc<Rounds> {
        type Input = u32;
        type Output = u32;

        const MOST: usize = 4;
        const UNDER_WAY: usize = 2;

        fn may_join(input: &u32, others: &[Waiting<Self>]) -> bool {
            others.iter().all(|other| other.input != *input)
        }

        async fn serve(
            &self,
            together: &[Waiting<Self>],
        ) -> Result<Vec<Answer<Self>>, HotStateError> {
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

    #[tokio::test]
    async fn who_comes_alone_goes_at_once_and_who_comes_meanwhile_goes_together() {
        let (rounds, together) = rounds();
        let take = |input| {
            let together = together.clone();
            tokio::spawn(async move { together.take(input).await })
        };
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
        assert_eq!(rounds.served()[2..], [vec![3, 4, 5], vec![5, 6, 7]]);
    }

    #[tokio::test]
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

    #[tokio::test]
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
        assert!(matches!(bad.await, Err(HotStateError::Unavailable(_))));
        assert_eq!(good.await.expect("served"), 10);
        assert_eq!(next.await.expect("served"), 20);
        for input in 3..10 {
            assert_eq!(together.take(input).await.expect("served"), input * 10);
        }
        settle().await;
        assert_eq!(together.0.lock().under_way, 0);
    }
}

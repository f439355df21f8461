//! What is left in the queue.

use harness::eventually;
use shared::queue::QueueStats;

use super::{PATIENCE, Stage};

impl Stage {
    pub(crate) async fn queue(&self) -> QueueStats {
        self.stores.feed.stats().await.expect("an answer")
    }

    /// Waits until this many jobs are delayed and no other is left.
    pub(crate) async fn all_are_delayed(&self, jobs: u64) {
        eventually(PATIENCE, async || {
            let queue = self.queue().await;
            (queue.delayed == jobs && queue.waiting + queue.in_flight == 0).then_some(())
        })
        .await;
    }

    /// Waits until the breaker is closed and lets all jobs go that were put off because of it.
    pub(crate) async fn everything_goes_out(&self) {
        eventually(PATIENCE, async || {
            let breaker = self.stores.hot_state.breaker().await.expect("an answer");
            breaker.is_none().then_some(())
        })
        .await;
        eventually(PATIENCE, async || {
            let queue = self.queue().await;
            (queue.waiting + queue.in_flight == 0).then_some(())
        })
        .await;
        // Longer than a job waits for the outcome of a probe.
        self.clock.advance(3_000);
        self.everything_is_settled().await;
    }

    /// Waits until no job is left in any form.
    pub(crate) async fn everything_is_settled(&self) {
        eventually(PATIENCE, async || {
            let queue = self.queue().await;
            (queue.waiting + queue.in_flight + queue.delayed == 0).then_some(())
        })
        .await;
    }

    /// Waits until a job is delayed, then lets its time come. Full jitter may draw less than a millisecond,
    /// which is no delay: then the job goes on by itself, until it is delayed after all or done.
    pub(crate) async fn let_the_delay_pass(&self, millis: i64) {
        eventually(PATIENCE, async || {
            let queue = self.queue().await;
            (queue.delayed > 0 || queue.waiting + queue.in_flight == 0).then_some(())
        })
        .await;
        self.advance(millis);
    }
}

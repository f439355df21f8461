//! The loops that run beside requests and jobs for as long as a process lives.
//!
//! A panic ends a task, and nobody waits for the end of these: one would be gone unseen, with all that it
//! was for. So each runs under [`run`], which begins it again, says so and counts it.

use std::future::Future;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use prometheus::Registry;
use strum::VariantArray as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::telemetry::MetricSet as _;

/// The pause before the first new beginning; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// No pause is longer. One that ran for longer than this is as good as new.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A loop of a process.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::IntoStaticStr, strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Loop {
    /// Whether the stores answer.
    Stores,
    /// How full hot state is.
    Room,
    /// The figures of the queue.
    QueueFigures,
    /// Whether the clock was set.
    Clock,
    /// What is over is removed.
    Sweep,
    /// Logs of numbers are shortened.
    NumberLogs,
    /// Notices that were left over.
    Notices,
    /// Requests that were refused, and may have been granted, are taken back.
    TakingBack,
    /// What rules refused is written down, and who is exempt is looked up.
    Refusals,
    /// The breaker before the gateway, and its probes.
    Breaker,
    /// The account at the gateway.
    Account,
    /// What became of messages.
    Deliveries,
    /// Rows that are too old are removed.
    Retention,
    /// Jobs are taken.
    Reader,
    /// Jobs that are due are put back.
    Promote,
    /// Workers that are gone are forgotten.
    Tidy,
    /// The word that a worker lives.
    KeepAlive,
    /// Jobs are settled.
    Settle,
    /// Attempts are begun in the ledger.
    LedgerBegins,
    /// Attempts are ended in the ledger.
    LedgerEnds,
}

impl Loop {
    /// The name in metrics and in logs.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

crate::metrics! {
    struct LoopMetrics {
        /// Loops beside requests and jobs that broke down by a panic and were begun again.
        restarts: IntCounterVec("ramz_loop_restarts_total", ["loop"]) of Loop::VARIANTS;
    }
}

/// The counts of this process.
static METRICS: LazyLock<LoopMetrics> =
    LazyLock::new(|| LoopMetrics::make().expect("the name is valid"));

pub(crate) fn register(registry: &Registry) -> prometheus::Result<()> {
    METRICS.enter(registry)
}

/// Runs a loop until it ends by itself. If it panics it is made and started again, after a pause that
/// `stop` cuts short. Dropping this ends it.
pub async fn run<F>(which: Loop, stop: CancellationToken, mut make: impl FnMut() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let began = Instant::now();
        let mut task = Running(tokio::spawn(make().in_current_span()));
        match (&mut task.0).await {
            Err(ended) if ended.is_panic() => {}
            // It ended by itself, or the runtime is being torn down.
            _ => return,
        }
        METRICS.restarts.with_label_values(&[which]).inc();
        if began.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        let name = which.as_str();
        tracing::error!(
            name,
            ?pause,
            "a loop broke down by a panic and is begun again"
        );
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// A task that ends with this value.
struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    fn restarts(of: Loop) -> u64 {
        METRICS.restarts.with_label_values(&[of]).get()
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_panics_is_begun_again_told_and_counted() {
        let (before, begun) = (restarts(Loop::Clock), Arc::new(AtomicU32::new(0)));
        run(Loop::Clock, CancellationToken::new(), || {
            let turn = begun.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                assert!(turn >= 3, "a defect");
            }
        })
        .await;
        assert_eq!(begun.load(Ordering::Relaxed), 4);
        assert_eq!(restarts(Loop::Clock) - before, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_pauses_grow_and_are_cut_short_by_the_stop() {
        let (stop, begun) = (CancellationToken::new(), Arc::new(AtomicU32::new(0)));
        let (counted, stopped) = (Arc::clone(&begun), stop.clone());
        let running = tokio::spawn(run(Loop::Sweep, stop.clone(), move || {
            counted.fetch_add(1, Ordering::Relaxed);
            let stopped = stopped.is_cancelled();
            async move { assert!(stopped, "a defect") }
        }));
        tokio::time::sleep(Duration::from_mins(2)).await;
        let times = begun.load(Ordering::Relaxed);
        assert!((8..=14).contains(&times), "{times}");
        let told = tokio::time::Instant::now();
        stop.cancel();
        running.await.expect("no panic of its own");
        assert!(
            told.elapsed() < Duration::from_secs(1),
            "{:?}",
            told.elapsed()
        );
    }

    #[tokio::test]
    async fn a_loop_ends_with_the_task_that_runs_it() {
        struct Ends(Arc<Notify>);
        impl Drop for Ends {
            fn drop(&mut self) {
                self.0.notify_one();
            }
        }
        let (began, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begins, ends) = (Arc::clone(&began), Arc::clone(&ended));
        let running = tokio::spawn(run(Loop::Tidy, CancellationToken::new(), move || {
            let (begins, ends) = (Arc::clone(&begins), Ends(Arc::clone(&ends)));
            async move {
                let _ends = ends;
                begins.notify_one();
                std::future::pending::<()>().await;
            }
        }));
        began.notified().await;
        running.abort();
        ended.notified().await;
    }
}

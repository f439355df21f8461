//! What goes on beside the requests.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::AppState;
use crate::notices;

const QUEUE_STATS_EVERY: Duration = Duration::from_secs(5);
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// So few rows at a time that nobody waits for the sweep.
const SWEEP_ROWS: u32 = 500;
const NOTICES_EVERY: Duration = Duration::from_secs(3);

/// Runs until `shutdown` is cancelled.
pub(crate) async fn run(app: &AppState, shutdown: CancellationToken) {
    let tasks = async {
        tokio::join!(
            watch_queue(app),
            Box::pin(sweep_regularly(app)),
            Box::pin(enqueue_left_over_notices(app))
        )
    };
    let _ended = shutdown.run_until_cancelled(tasks).await;
}

async fn watch_queue(app: &AppState) {
    let mut ticks = unhurried(QUEUE_STATS_EVERY);
    loop {
        ticks.tick().await;
        refresh_queue_gauges(app).await;
    }
}

async fn sweep_regularly(app: &AppState) {
    let mut ticks = unhurried(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        sweep(app).await;
        sweep_steps(app).await;
        notices::forget_old(app).await;
    }
}

async fn enqueue_left_over_notices(app: &AppState) {
    let mut ticks = unhurried(NOTICES_EVERY);
    loop {
        ticks.tick().await;
        notices::enqueue_left_over(app).await;
    }
}

/// Ticks that are late are not made up for.
fn unhurried(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Where the queue does not answer, the gauges keep what they had.
async fn refresh_queue_gauges(app: &AppState) {
    match timeout(QUEUE_STATS_EVERY, app.queue.stats()).await {
        Ok(Ok(stats)) => app.metrics.queue(stats),
        Ok(Err(error)) => tracing::warn!(%error, "the queue cannot be looked at"),
        Err(_) => tracing::warn!("the queue cannot be looked at: no answer in time"),
    }
}

async fn sweep(app: &AppState) {
    match app.hot_state.sweep().await {
        Ok(removed) => tracing::debug!(removed, "hot state was swept"),
        Err(error) => tracing::warn!(%error, "hot state cannot be swept"),
    }
}

/// Removes the steps of the step flow that are over.
async fn sweep_steps(app: &AppState) {
    loop {
        match app.records.sweep_steps(app.clock.now(), SWEEP_ROWS).await {
            Ok(swept) if swept == u64::from(SWEEP_ROWS) => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "steps that are over cannot be swept");
                return;
            }
        }
    }
}

//! What goes on beside the requests.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::AppState;

const QUEUE_STATS_EVERY: Duration = Duration::from_secs(5);
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Runs until `shutdown` is cancelled.
pub(crate) async fn run(app: &AppState, shutdown: CancellationToken) {
    let tasks = async {
        tokio::join!(
            repeat(QUEUE_STATS_EVERY, async || refresh_queue_gauges(app).await),
            repeat(SWEEP_EVERY, async || sweep(app).await),
        )
    };
    let _ended = shutdown.run_until_cancelled(tasks).await;
}

async fn repeat(every: Duration, mut task: impl AsyncFnMut()) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        task().await;
    }
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

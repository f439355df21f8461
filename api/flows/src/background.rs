//! What goes on beside the requests.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use shared::loops::{self, Loop};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock_watch::ClockWatch;
use crate::flows::Flows;
use crate::notices;
use crate::number_logs;
use crate::profile;

const QUEUE_STATS_EVERY: Duration = Duration::from_secs(5);
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// So few rows at a time that nobody waits for the sweep.
const SWEEP_ROWS: u32 = 500;
const NUMBER_LOGS_EVERY: Duration = Duration::from_secs(10);
const CLOCK_EVERY: Duration = Duration::from_secs(5);
const REFUSALS_EVERY: Duration = Duration::from_secs(1);
const NOTICES_EVERY: Duration = Duration::from_secs(3);

/// Keeps the gauges of the queue fresh, the clock watched, the stores swept, logs of numbers short, notices moving,
/// moves of numbers made, refused requests taken back and refusals written down, until `shutdown` is cancelled.
pub async fn run(flows: &Arc<Flows>, shutdown: CancellationToken) {
    tokio::join!(
        keep(Loop::QueueFigures, flows, &shutdown, watch_queue),
        keep(Loop::Clock, flows, &shutdown, watch_clock),
        keep(Loop::Sweep, flows, &shutdown, sweep_regularly),
        keep(Loop::NumberLogs, flows, &shutdown, shorten_number_logs),
        keep(Loop::Notices, flows, &shutdown, enqueue_left_over_notices),
        keep(Loop::TakingBack, flows, &shutdown, take_unanswered_back),
        keep(Loop::Refusals, flows, &shutdown, keep_refusals)
    );
}

/// Runs a loop that has no end until `shutdown`.
async fn keep<F>(
    which: Loop,
    flows: &Arc<Flows>,
    shutdown: &CancellationToken,
    task: impl Fn(Arc<Flows>) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loops::run(which, shutdown.clone(), || {
        let (task, shutdown) = (Box::pin(task(Arc::clone(flows))), shutdown.clone());
        async move {
            let _stopped = shutdown.run_until_cancelled(task).await;
        }
    })
    .await;
}

async fn watch_queue(flows: Arc<Flows>) {
    let mut ticks = unhurried(QUEUE_STATS_EVERY);
    loop {
        ticks.tick().await;
        refresh_queue_gauges(&flows).await;
    }
}

async fn watch_clock(flows: Arc<Flows>) {
    let mut watch = ClockWatch::new();
    let mut ticks = unhurried(CLOCK_EVERY);
    loop {
        ticks.tick().await;
        watch.look(&flows).await;
    }
}

async fn sweep_regularly(flows: Arc<Flows>) {
    let mut ticks = unhurried(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        sweep(&flows).await;
        sweep_steps(&flows).await;
        notices::forget_old(&flows).await;
        profile::finish_erasures(&flows).await;
        profile::forget_erasures(&flows).await;
        profile::make_due_moves(&flows).await;
    }
}

async fn shorten_number_logs(flows: Arc<Flows>) {
    if !flows.hot_state.has_long_logs() {
        return pending().await;
    }
    let mut ticks = unhurried(NUMBER_LOGS_EVERY);
    let mut is_away = false;
    loop {
        ticks.tick().await;
        match number_logs::shorten(&flows).await {
            Ok(()) => is_away = false,
            // Once, until it goes on.
            Err(error) if !is_away => {
                is_away = true;
                tracing::warn!(%error, "logs of numbers cannot be shortened");
            }
            Err(_) => {}
        }
    }
}

async fn enqueue_left_over_notices(flows: Arc<Flows>) {
    let mut ticks = unhurried(NOTICES_EVERY);
    loop {
        ticks.tick().await;
        notices::enqueue_left_over(&flows).await;
    }
}

async fn take_unanswered_back(flows: Arc<Flows>) {
    let told = |ended| flows.metrics.taken_back(ended);
    flows.hot_state.cancel_unanswered(told).await;
}

async fn keep_refusals(flows: Arc<Flows>) {
    let mut ticks = unhurried(REFUSALS_EVERY);
    let mut is_away = false;
    loop {
        ticks.tick().await;
        let written = flows.hot_state.write_refusals().await;
        let looked_up = flows.hot_state.refresh_exemptions().await;
        match written.and(looked_up) {
            Ok(()) => is_away = false,
            // Once: the watch over the stores tells the rest.
            Err(error) if !is_away => {
                is_away = true;
                tracing::warn!(%error, "refusals cannot be written down, or exemptions not looked up");
            }
            Err(_) => {}
        }
    }
}

/// Ticks that are late are not made up for.
fn unhurried(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Where the queue does not answer, the gauges keep what they had.
async fn refresh_queue_gauges(flows: &Flows) {
    match timeout(QUEUE_STATS_EVERY, flows.queue.stats()).await {
        Ok(Ok(stats)) => flows.metrics.queue(stats),
        Ok(Err(error)) => tracing::warn!(%error, "the queue cannot be looked at"),
        Err(_) => tracing::warn!("the queue cannot be looked at: no answer in time"),
    }
}

async fn sweep(flows: &Flows) {
    match flows.hot_state.sweep().await {
        Ok(removed) => tracing::debug!(removed, "hot state was swept"),
        Err(error) => tracing::warn!(%error, "hot state cannot be swept"),
    }
}

/// Removes the steps of the step flow that are over.
async fn sweep_steps(flows: &Flows) {
    loop {
        match flows
            .records
            .sweep_steps(flows.clock.now(), SWEEP_ROWS)
            .await
        {
            Ok(swept) if swept == u64::from(SWEEP_ROWS) => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "steps that are over cannot be swept");
                return;
            }
        }
    }
}

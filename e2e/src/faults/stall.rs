//! A worker that stands still for longer than its jobs are waited for, and wakes up again while
//! another has them; then a Redis that stands still.

use std::time::Duration;

use tokio::sync::watch;

use super::{
    CONNECTIONS, Draw, RunReport, Setup, Struck, Trouble, WORKERS, add_workers, judge_settled,
    start, traffic,
};

/// Longer than the 12 s after which a silent job is taken for orphaned.
const WORKER_STALL: Duration = Duration::from_secs(20);
const REDIS_STALL: Duration = Duration::from_secs(3);

/// One run. Half of the requests are made around each stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StallPlan {
    /// Requests that are made.
    pub requests: usize,
    /// The worker that is stopped (SIGSTOP).
    pub worker: usize,
    /// When the worker is stopped: as soon as so many requests have ended.
    pub worker_at: usize,
    /// When Redis is stopped, counted in the second half.
    pub redis_at: usize,
}

impl StallPlan {
    /// Draws worker and moments.
    pub fn draw(seed: u64, run: u32, requests: usize) -> Self {
        let draw = Draw::new(seed, run);
        let half = requests / 2;
        Self {
            requests,
            worker: draw.number(0..WORKERS),
            worker_at: draw.number(half / 20..half * 4 / 5),
            redis_at: draw.number(half / 20..half * 4 / 5),
        }
    }
}

/// Carries the plan out. Times are measured from the moment at which Redis goes on.
pub async fn run_stall(plan: &StallPlan, setup: &Setup) -> Result<RunReport, Trouble> {
    let mut production = start(setup).await;
    add_workers(&mut production).await;
    let half = plan.requests / 2;

    let (done, mut progress) = watch::channel(0);
    let client = production.client();
    let clients = tokio::spawn(traffic::closed_loop(client, 0..half, CONNECTIONS, done));
    progress.wait_for(|done| *done >= plan.worker_at).await?;
    production.workers[plan.worker].pause();
    tokio::time::sleep(WORKER_STALL).await;
    let mut requests = clients.await?;
    production.workers[plan.worker].resume();

    let (done, mut progress) = watch::channel(0);
    let client = production.client();
    let rest = half..plan.requests;
    let clients = tokio::spawn(traffic::closed_loop(client, rest, CONNECTIONS, done));
    progress.wait_for(|done| *done >= plan.redis_at).await?;
    production.redis.pause();
    tokio::time::sleep(REDIS_STALL).await;
    production.redis.resume();
    let struck = Struck::now();
    requests.extend(clients.await?);

    let fault = format!(
        "worker stopped for {} s, redis for {} s",
        WORKER_STALL.as_secs(),
        REDIS_STALL.as_secs()
    );
    let (report, _) =
        judge_settled(production, fault, plan.worker_at, &requests, &struck, setup).await?;
    Ok(report)
}

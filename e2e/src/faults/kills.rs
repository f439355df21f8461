//! `kill -9` of a worker, of the API or of Redis in the middle of the work.

use tokio::sync::watch;

use super::{
    CONNECTIONS, Draw, RunReport, Setup, Struck, Trouble, Victim, WORKERS, add_workers,
    judge_settled, start, traffic,
};
use crate::Production;

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KillPlan {
    /// Requests that are made.
    pub requests: usize,
    /// What is killed.
    pub victim: Victim,
    /// When: as soon as so many requests have ended.
    pub at_request: usize,
}

impl KillPlan {
    /// Draws victim and moment. There is work before the moment and after it.
    pub fn draw(seed: u64, run: u32, requests: usize) -> Self {
        let draw = Draw::new(seed, run);
        Self {
            requests,
            victim: draw.victim(WORKERS),
            at_request: draw.number(requests / 20..requests * 4 / 5),
        }
    }
}

/// Carries the plan out.
pub async fn run_kill(plan: &KillPlan, setup: &Setup) -> Result<RunReport, Trouble> {
    let mut production = start(setup).await;
    add_workers(&mut production).await;
    let (done, mut progress) = watch::channel(0);
    let client = production.client();
    let clients = tokio::spawn(traffic::closed_loop(
        client,
        0..plan.requests,
        CONNECTIONS,
        done,
    ));
    progress.wait_for(|done| *done >= plan.at_request).await?;
    let struck = Struck::now();
    kill(&mut production, plan.victim).await;
    let requests = clients.await?;

    let fault = format!("{} killed", plan.victim.kind());
    let (report, _) = judge_settled(
        production,
        fault,
        plan.at_request,
        &requests,
        &struck,
        setup,
    )
    .await?;
    Ok(report)
}

async fn kill(production: &mut Production, victim: Victim) {
    match victim {
        Victim::Worker(index) => production.kill_and_replace_worker(index),
        Victim::Api => production.kill_and_restart_api(),
        Victim::Redis => production.kill_and_restart_redis().await,
    }
}

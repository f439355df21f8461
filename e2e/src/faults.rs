//! Fault runs: real binaries under load, something is killed, stopped or cut off, and then every
//! request is looked up in the ledger and in the gateway's journal.
//!
//! | file | what it is for |
//! |---|---|
//! | `draw.rs` | what a seed decides |
//! | `traffic.rs` | the clients |
//! | `kills.rs`, `stall.rs`, `outage.rs`, `failover.rs` | the scenarios |
//! | `evidence.rs` | what is left when all is settled |
//! | `conservation.rs`, `order.rs` | what it is judged by |
//! | `report.rs` | the figures of a run |

mod conservation;
mod draw;
mod evidence;
mod failover;
mod kills;
mod order;
mod outage;
mod report;
mod stall;
mod traffic;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

pub use conservation::{Breach, Case, End, RowState, Tally, judge};
pub use draw::{Draw, Victim};
pub use evidence::Trouble;
pub use failover::{FailoverPlan, FailoverStore, OldPrimary, run_failover};
pub use kills::{KillPlan, run_kill};
pub use order::Order;
pub use outage::{OutageKind, OutagePlan, run_outage};
pub use report::{Calls, RunReport, Violation};
pub use stall::{StallPlan, run_stall};

use crate::Production;
use evidence::{Evidence, wait_for_empty_queue};
use report::{next_accepted, seconds_between};
use traffic::Request;

/// Connections of the closed loop.
const CONNECTIONS: usize = 64;
const WORKERS: usize = 2;
/// One address asks for everything here.
const NO_ADDRESS_LIMITS: [(&str, &str); 2] = [
    ("LIMIT_ADDRESS_PER_MINUTE", "100000"),
    ("LIMIT_GROUP_PER_MINUTE", "off"),
];
/// Longer than any code lives, so that whatever waits has expired by then.
const SETTLED_WITHIN: Duration = Duration::from_mins(3);

/// What all runs have in common.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How long the gateway takes for a call: longer ones are interrupted more often.
    pub gateway_delay: Duration,
    /// More settings of api and workers.
    pub settings: Vec<(String, String)>,
    /// Where the logs of a run go that broke the promise.
    pub logs: Option<PathBuf>,
    /// Whether the logs of other runs go there too.
    pub all_logs: bool,
}

/// A fault on a running system: when it was over, by both clocks.
struct Struck {
    instant: tokio::time::Instant,
    wall: i64,
}

impl Struck {
    fn now() -> Self {
        Self {
            instant: tokio::time::Instant::now(),
            wall: domain::clock::Clock::system().now_millis(),
        }
    }
}

/// Starts a system without workers; see [`add_workers`].
async fn start(setup: &Setup) -> Production {
    let settings = setup.settings.iter();
    let mut settings: Vec<(&str, &str)> = settings
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    settings.splice(0..0, NO_ADDRESS_LIMITS);
    let mut production = Production::start(0, &settings).await;
    slow_gateway(&mut production, setup).await;
    production
}

async fn slow_gateway(production: &mut Production, setup: &Setup) {
    let delay = u64::try_from(setup.gateway_delay.as_millis()).unwrap_or(u64::MAX);
    production
        .simulator
        .change_account(json!({ "gateway_delay_ms": delay }))
        .await;
}

async fn add_workers(production: &mut Production) {
    for _ in 0..WORKERS {
        production.add_worker();
    }
    for metrics in &production.worker_metrics {
        harness::wait_for_http(metrics, crate::PATIENCE).await;
    }
}

/// Waits until everything is settled, ends the system in order, and judges every request. Times
/// are measured from `struck`.
async fn judge_settled(
    mut production: Production,
    fault: String,
    at_request: usize,
    requests: &[Request],
    struck: &Struck,
    setup: &Setup,
) -> Result<(RunReport, Evidence), Trouble> {
    let settled = wait_for_empty_queue(&production, SETTLED_WITHIN).await;
    // What a worker still did after the last job was settled would be seen after its end.
    production.stop().await;
    let evidence = Evidence::gather(&production).await?;
    let mut report = RunReport::judge(fault, at_request, requests, &evidence);
    if let Err(jobs) = settled {
        report.never_settled(jobs, SETTLED_WITHIN);
    }
    report.next_202_seconds = next_accepted(requests, struck.instant);
    report.backlog_seconds = evidence
        .last_end_of_accepted_before(struck.wall)
        .map(|end| seconds_between(struck.wall, end));
    if let Some(folder) = &setup.logs
        && (setup.all_logs || !report.violations.is_empty())
    {
        keep_logs(&production, folder)?;
    }
    Ok((report, evidence))
}

fn keep_logs(production: &Production, folder: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (number, (name, log)) in production.logs().into_iter().enumerate() {
        std::fs::write(folder.join(format!("{number}-{name}.log")), log)?;
    }
    std::fs::write(
        folder.join("journal.jsonl"),
        production.simulator.journal_text(),
    )
}

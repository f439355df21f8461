//! `kill -9` in the middle of the work, one run for each victim. `scripts/faults` repeats many of
//! them from a seed.

use std::time::Duration;

use e2e::faults::{KillPlan, RunReport, Setup, Victim, run_kill};

/// Enough that some are left when the victim is back, on a machine that runs other tests as well.
const REQUESTS: usize = 900;
/// So few would mean that nothing was protected. How many of the 900 a kill costs is up to the
/// machine: those under way, and those made until the victim is back.
const ENOUGH: u64 = 30;

async fn kill(victim: Victim) -> RunReport {
    let plan = KillPlan {
        requests: REQUESTS,
        victim,
        at_request: REQUESTS / 3,
    };
    let setup = Setup {
        gateway_delay: Duration::from_millis(100),
        settings: Vec::new(),
        logs: None,
        all_logs: false,
    };
    let report = run_kill(&plan, &setup).await.expect("a run");
    assert!(report.violations.is_empty(), "{report:#?}");
    assert_eq!(report.requests, REQUESTS as u64);
    assert!(report.accepted > ENOUGH, "{report:#?}");
    let tally = report.tally;
    let ends = tally.sent + tally.unknown + tally.expired + tally.refused_by_gateway + tally.dead;
    assert_eq!(ends, report.accepted, "{tally:?}");
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_01_i_02_f_01_a_killed_worker_loses_and_doubles_nothing() {
    let report = kill(Victim::Worker(0)).await;
    assert_eq!(report.no_answer, 0, "the API was not touched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_01_i_02_f_02_a_killed_api_loses_and_doubles_nothing() {
    let report = kill(Victim::Api).await;
    assert!(report.next_202_seconds.is_some(), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_01_i_02_f_03_a_killed_redis_loses_and_doubles_nothing() {
    let report = kill(Victim::Redis).await;
    assert!(report.next_202_seconds.is_some(), "{report:#?}");
}

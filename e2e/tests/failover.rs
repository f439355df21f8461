//! Another Redis, another PostgreSQL takes over behind the same address, and the old one lives on.
//! `scripts/faults --scenario redis-failover` and `postgres-failover` repeat many of them.

use std::time::Duration;

use e2e::faults::{FailoverPlan, FailoverStore, OldPrimary, RunReport, Setup, run_failover};

/// From the choice of the new primary to the next 202, and to the next message.
const WITHIN_SECONDS: f64 = 10.0;

async fn fail_over(store: FailoverStore) -> RunReport {
    let plan = FailoverPlan {
        store,
        old: OldPrimary::Follows,
        per_second: 20,
    };
    let setup = Setup {
        gateway_delay: Duration::from_millis(20),
        settings: Vec::new(),
        logs: None,
        all_logs: false,
    };
    let report = run_failover(&plan, &setup).await.expect("a run");
    assert!(report.violations.is_empty(), "{report:#?}");
    for seconds in [report.next_202_seconds, report.next_message_seconds] {
        assert!(
            seconds.is_some_and(|seconds| seconds <= WITHIN_SECONDS),
            "{report:#?}"
        );
    }
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_a_redis_that_became_a_replica_is_left_within_seconds() {
    fail_over(FailoverStore::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_04_a_postgres_that_became_a_standby_is_left_within_seconds() {
    let report = fail_over(FailoverStore::Postgres).await;
    assert_eq!(report.tally.missing, 0, "{report:#?}");
}

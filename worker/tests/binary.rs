//! The binary `worker`, as far as it needs no stores.

use std::net::SocketAddr;
use std::time::Duration;

use harness::Process;
use serving::MetricsListener;
use shared::config::MetricsAddress;
use shared::telemetry::metrics_registry;
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_mins(1);

/// Whether `worker --healthcheck` finds the worker with these metrics well, and what it prints.
async fn healthcheck(metrics: SocketAddr) -> (bool, String) {
    let mut check = Process::program(env!("CARGO_BIN_EXE_worker"))
        .arg("--healthcheck")
        .env("METRICS_LISTEN", metrics.to_string())
        .start();
    let status = check.wait(LONG).await;
    (status.success(), check.log())
}

#[tokio::test]
async fn the_health_check_asks_the_listener_of_metrics_and_needs_no_other_setting() {
    let any_port = MetricsAddress::Exactly(SocketAddr::from(([127, 0, 0, 1], 0)));
    let registry = metrics_registry("worker", "1.2.3").expect("a registry");
    let listener = MetricsListener::bind(any_port, registry)
        .await
        .expect("bound");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let serving = tokio::spawn(listener.serve(stop.clone()));
    assert_eq!(healthcheck(address).await, (true, String::new()));

    stop.cancel();
    serving.await.expect("no panic");
    let (well, told) = healthcheck(address).await;
    assert!(!well, "nobody listens any more");
    assert!(
        told.starts_with(&format!("worker: http://{address}/livez does not answer")),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1, "{told}");
}

//! The binary `worker`: its start and its health check.

use std::net::SocketAddr;
use std::time::Duration;

use harness::{PostgresServer, Process, RedisServer};
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
async fn the_pool_is_as_large_as_the_settings_say() {
    let (redis, postgres) =
        tokio::join!(RedisServer::start(), PostgresServer::start_without_fsync());
    let url = postgres.create_database().await;
    let pool = sqlx::PgPool::connect(&url).await.expect("connected");
    migrate::run_postgres(&pool).await.expect("migrated");
    let mut worker = Process::program(env!("CARGO_BIN_EXE_worker"))
        .env("DATABASE_URL", &url)
        .env("DATABASE_POOL_SIZE", "7")
        .env("REDIS_URL", redis.url())
        .env("OTP_KEY", "k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=")
        .env("KAVENEGAR_API_KEY", "nobody")
        .env("KAVENEGAR_URL", "http://127.0.0.1:1/")
        .env("METRICS_LISTEN", "127.0.0.1:0")
        .env("LOG_FORMAT", "json")
        .start();
    worker.wait_for_log("\"message\":\"metrics\"", LONG).await;
    let log = worker.log();
    let line = log
        .lines()
        .find(|line| line.contains("\"message\":\"metrics\""));
    let line: serde_json::Value = serde_json::from_str(line.expect("a line")).expect("JSON");
    let url = format!(
        "http://{}/metrics",
        line["address"].as_str().expect("an address")
    );
    let metrics = reqwest::get(url).await.expect("an answer");
    let metrics = metrics.text().await.expect("text");
    assert!(
        metrics.contains("\nramz_database_connections_max 7\n"),
        "{metrics}"
    );
    worker.terminate();
    assert!(worker.wait(LONG).await.success());
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

//! The `worker` binary: reads the environment, opens the stores and works until it is told to
//! stop.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use serving::{Target, probe, run_on, stop_on_signals};
use shared::config::{Binary, Environment, HealthcheckConfig, WorkerConfig, help_text};
use shared::telemetry::init_logging;
use shared::traces::TraceExport;

/// Messages allocate much and briefly, on all threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Takes jobs from the queue and sends their messages through Kavenegar.
#[derive(Parser)]
#[command(version, after_long_help = help_text(Binary::Worker))]
struct Arguments {
    /// Start no worker; ask the one of this machine or container whether it lives (`METRICS_LISTEN`)
    #[arg(long)]
    healthcheck: bool,
}

fn main() -> ExitCode {
    let environment = Environment::from_process();
    let result = if Arguments::parse().healthcheck {
        check_health(&environment)
    } else {
        run(&environment)
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("worker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn check_health(environment: &Environment) -> Result<(), Box<dyn Error>> {
    let config = HealthcheckConfig::load_worker(environment)?;
    Ok(run_on(
        1,
        probe(Target::new(config.listener, config.path)),
    )??)
}

fn run(environment: &Environment) -> Result<(), Box<dyn Error>> {
    let config = WorkerConfig::load(environment)?;
    init_logging(config.log.format, &config.log.filter)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    run_on(config.threads, async {
        let stop = stop_on_signals()?;
        let traces =
            TraceExport::start(config.traces.as_ref(), "worker", env!("CARGO_PKG_VERSION"))?;
        let worked = Box::pin(worker::start(config, stop)).await;
        traces.stop().await;
        Ok(worked?)
    })?
}

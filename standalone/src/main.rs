//! Ramz in one process on one SQLite file, with nothing to install.
//!
//! API, worker and, unless a gateway key is given, the simulator with its inbox. It is a real mode
//! for a small site: each commit is synced, so a kill or a power cut loses no accepted request.

mod keys;
mod parts;
mod templates;
mod welcome;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use serving::{run_on, stop_on_signals};
use shared::config::{Binary, Environment, StandaloneConfig, help_text};
use shared::telemetry::init_logging;
use shared::traces::TraceExport;

/// Starts API, worker and simulator in one process. No setting is required.
#[derive(Parser)]
#[command(version, after_long_help = help_text(Binary::Standalone))]
struct Arguments {}

fn main() -> ExitCode {
    Arguments::parse();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("standalone: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let config = StandaloneConfig::load(&Environment::from_process())?;
    init_logging(config.log.format, &config.log.filter)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    run_on(config.threads, async {
        let stop = stop_on_signals()?;
        let version = env!("CARGO_PKG_VERSION");
        let traces = TraceExport::start(config.traces.as_ref(), "standalone", version)?;
        let ran = Box::pin(parts::run(config, stop)).await;
        traces.stop().await;
        Ok(ran?)
    })?
}

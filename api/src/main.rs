//! The binary `api`: reads the command line and the environment, and serves or carries out a
//! command.

mod commands;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serving::run_on;
use shared::config::{ApiConfig, Binary, Environment, help_text};
use shared::telemetry::init_logging;
use shared::traces::TraceExport;

/// Requests allocate much and briefly, on all threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The HTTP face of Ramz: sign-in by phone number with a one-time code.
///
/// Without a command it serves. Exit status: 0 when it was done, 1 when it was not, 2 when the
/// command line is wrong.
#[derive(Parser)]
#[command(name = "api", version, after_long_help = help_text(Binary::Api))]
struct Cli {
    #[command(subcommand)]
    command: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Serve the API (the default).
    Serve,
    #[command(flatten)]
    Command(commands::Command),
}

fn main() -> ExitCode {
    let environment = Environment::from_process();
    let result = match Cli::parse().command.unwrap_or(Task::Serve) {
        Task::Serve => serve(&environment),
        Task::Command(command) => carry_out(command, &environment),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("api: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(environment: &Environment) -> Result<(), Box<dyn Error>> {
    let config = ApiConfig::load(environment)?;
    init_logging(config.log.format, &config.log.filter)?;
    run_on(config.threads, async {
        let traces = TraceExport::start(config.traces.as_ref(), "api", env!("CARGO_PKG_VERSION"))?;
        let served = Box::pin(api::serve::serve(&config)).await;
        traces.stop().await;
        Ok(served?)
    })?
}

fn carry_out(command: commands::Command, environment: &Environment) -> Result<(), Box<dyn Error>> {
    run_on(1, commands::run(command, environment))?
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_its_help_lists_the_settings() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        let help = command.render_long_help().to_string();
        for name in [
            "DATABASE_URL",
            "REDIS_URL",
            "OTP_KEY",
            "JWT_PRIVATE_KEY",
            "LISTEN",
        ] {
            assert!(help.contains(name), "{name}");
        }
    }
}

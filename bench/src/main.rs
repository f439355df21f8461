//! Measures Ramz beside bare floors: `bench --help`.
//!
//! | part | what it is for |
//! |---|---|
//! | `arguments.rs` | the command line |
//! | `run.rs`, `figures/` | what is measured, and how |
//! | `load/` | the clients: closed and open loop |
//! | `people/` | people who sign in, and the gateway that brings their messages |
//! | `floor/` | what Ramz is compared with |
//! | `installation.rs`, `gateway.rs`, `usage.rs` | the processes that are measured |
//! | `grow.rs` | a database with a past |
//! | `clicks.rs` | somebody who goes through the console |
//! | `statistics.rs`, `results.rs` | figures over rounds |
//! | `table.rs`, `chart.rs`, `chart_of_steps.rs`, `document.rs`, `machine.rs` | what is written |

mod arguments;
mod chart;
mod chart_of_steps;
mod clicks;
mod document;
mod figures;
mod floor;
mod gateway;
mod grow;
mod installation;
mod load;
mod machine;
mod people;
mod results;
mod run;
mod statistics;
mod table;
mod usage;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};

/// Why something could not be measured or written.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match carry_out(Arguments::parse().command).await {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::from(2)
        }
    }
}

async fn carry_out(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(arguments) => run::run(&arguments).await,
        Command::Compare(arguments) => {
            figures::compare(&arguments).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Grow(arguments) => {
            grow::grow(&arguments.database_url, &arguments.size).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Console(arguments) => {
            clicks::measure(&arguments).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Chart(arguments) => {
            let results = results::Results::read(&arguments.results)?;
            chart::write(&results.curves, &arguments.output)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Report(arguments) => {
            document::report(&arguments.results, arguments.write.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Floor(arguments) => {
            floor::serve(&arguments).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::SignInFloor(part) => {
            floor::serve_sign_ins(&part).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

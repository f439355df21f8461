//! `migrate`: brings a database to the schema of this version, and ends.

mod database;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use migrate::Pending;

use database::{Access, Database, DatabaseUrl};

/// Brings the database of Ramz to the schema of this version and prints what was applied.
///
/// The database is named by `DATABASE_URL` (postgres://… or sqlite://…), or by
/// `DATABASE_URL_FILE`, the path of a file that holds the URL. Running it again, or several at once, does no harm.
///
/// Exit status: 0 when the schema is up to date, 1 when --check found something pending, 2 when
/// it could not be done.
#[derive(Parser)]
#[command(name = "migrate", version)]
struct Arguments {
    /// Change nothing; list what is pending and exit with 1 if there is something.
    #[arg(long)]
    check: bool,
    /// How long to wait for the database to answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    wait: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(code) => code,
        Err(message) => {
            eprintln!("migrate: {message}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let url = DatabaseUrl::from_environment()?;
    let access = if arguments.check {
        Access::Look
    } else {
        Access::Change
    };
    let database = Database::wait_for(&url, Duration::from_secs(arguments.wait), access).await?;
    let warning = database.warning().await;
    if let Some(warning) = warning.map_err(|error| error.to_string())? {
        eprintln!("migrate: warning: {warning}");
    }
    if arguments.check {
        let pending = database
            .pending()
            .await
            .map_err(|error| error.to_string())?;
        print_list("pending", &pending);
        return Ok(ExitCode::from(u8::from(!pending.is_empty())));
    }
    let applied = database
        .migrate()
        .await
        .map_err(|error| error.to_string())?;
    print_list("applied", &applied);
    Ok(ExitCode::SUCCESS)
}

fn print_list(what: &str, migrations: &[Pending]) {
    if migrations.is_empty() {
        println!("the schema is up to date");
    }
    for migration in migrations {
        println!("{what} {migration}");
    }
}

//! Prints what is made of the table of settings, for `.env.example` and `docs/configuration.md`:
//!
//! ```text
//! cargo run -p shared --example settings env > .env.example
//! cargo run -p shared --example settings table
//! ```

use std::process::ExitCode;

use shared::config::{env_example, reference_table};

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("env") => print!("{}", env_example()),
        Some("table") => print!("{}", reference_table()),
        _ => {
            eprintln!("say `env` or `table`");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

//! Prints what is made of the table of settings, for `.env.example`, `docs/configuration.md`
//! and `docs/limits.md`:
//!
//! ```text
//! cargo run -p shared --example settings env > .env.example
//! cargo run -p shared --example settings table
//! cargo run -p shared --example settings limits
//! ```

use std::process::ExitCode;

use shared::config::{env_example, limits_table, reference_table};

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("env") => print!("{}", env_example()),
        Some("table") => print!("{}", reference_table()),
        Some("limits") => print!("{}", limits_table()),
        _ => {
            eprintln!("say `env`, `table` or `limits`");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

//! What an operator does by hand. `api serve` is not among them: it is what the binary is for.

mod admin_link;
mod changepassword;
mod client;
mod createsuperuser;
mod healthcheck;
mod import_users;
mod move_number;
mod new_password;
mod records;
mod signing_key;
mod whole_file;
mod why;

use std::error::Error;

use clap::Subcommand;
use shared::config::Environment;

/// Why a command was not carried out; the text is for people and holds no secret.
type CommandResult = Result<(), Box<dyn Error>>;

/// The commands beside `serve`.
#[derive(Subcommand)]
pub(crate) enum Command {
    Createsuperuser(createsuperuser::Arguments),
    AdminLink(admin_link::Arguments),
    Changepassword(changepassword::Arguments),
    MoveNumber(move_number::Arguments),
    ImportUsers(import_users::Arguments),
    SigningKey(signing_key::Arguments),
    Client(client::Arguments),
    Why(why::Arguments),
    Healthcheck(healthcheck::Arguments),
}

/// Carries a command out.
pub(crate) async fn run(command: Command, environment: &Environment) -> CommandResult {
    match command {
        Command::Createsuperuser(arguments) => createsuperuser::run(arguments, environment).await,
        Command::AdminLink(arguments) => admin_link::run(arguments, environment).await,
        Command::Changepassword(arguments) => changepassword::run(arguments, environment).await,
        Command::MoveNumber(arguments) => move_number::run(arguments, environment).await,
        Command::ImportUsers(arguments) => import_users::run(arguments, environment).await,
        Command::SigningKey(arguments) => signing_key::run(&arguments, environment),
        Command::Client(arguments) => client::run(arguments, environment),
        Command::Why(arguments) => Box::pin(why::run(arguments, environment)).await,
        Command::Healthcheck(arguments) => healthcheck::run(arguments, environment).await,
    }
}

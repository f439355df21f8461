//! `api healthcheck`.

use clap::Args;
use serving::{Target, probe};
use shared::config::{Environment, HealthcheckConfig};

use super::CommandResult;

/// Ask the API of this machine or container whether it is ready (/readyz of LISTEN)
///
/// For the health check of a container. Exit status 0 means ready; else a line says why not.
#[derive(Args)]
pub(crate) struct Arguments {}

/// Asks once.
pub(crate) async fn run(_arguments: Arguments, environment: &Environment) -> CommandResult {
    let config = HealthcheckConfig::load_api(environment)?;
    Ok(probe(Target::new(config.listener, config.path)).await?)
}

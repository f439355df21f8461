//! Ramz as its users start it: real binaries, real stores, the simulator where the gateway would
//! stand. The tests of this package look at it from outside only.
//!
//! Build the binaries first (`cargo build --workspace --bins`); `scripts/test` does.

pub mod faults;

mod client;
mod exposition;
mod page;
mod production;
mod prometheus;
pub mod roles;
mod secrets;
mod simulator;
pub mod staff;
mod watching;

pub use client::{Asked, Client, ErrorAnswer, SignedIn};
pub use exposition::{Exposition, Family, Sample};
pub use page::run_block;
pub use production::{Production, Stores};
pub use prometheus::{Prometheus, start_prometheus};
pub use secrets::Secrets;
pub use simulator::{JournalLine, SimulatorProcess};
pub use watching::{Watching, start_alertmanager, start_machine_exporter};

use std::time::Duration;

/// Long enough for a machine under load; nothing waits for it when all is well.
pub const PATIENCE: Duration = Duration::from_mins(2);

//! The simulator over HTTP, as a client meets it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod account;
mod checks;
mod faults;
mod inbound;
mod inbox;
mod journal;
mod lookup;
mod reading;
mod reports;
mod sending;
mod server;

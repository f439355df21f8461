//! The worker: takes jobs from the queue and hands messages to the gateway.
//!
//! | file | what it is for |
//! |---|---|
//! | `start.rs` | opens what the configuration names and runs until the stop |
//! | `runner.rs` | the apalis Monitor and Worker on our backend; the only file with their types |
//! | `send/` | one run of a job: load, ledger, call, ledger, settle; its message, its attempts in the ledger |
//! | `gate.rs` | whether a call may be made: the rate and the breaker over all workers |
//! | `patience.rs` | waiting for the ledger when PostgreSQL is away |
//! | `reconcile.rs` | finding out what became of a send whose outcome is unknown |
//! | `delivery/` | asks what became of accepted messages |
//! | `consequence.rs` | what each outcome of the gateway means for ledger and job |
//! | `account.rs`, `account_watch.rs` | asks for credit, key and harmful settings of the account |
//! | `spending.rs` | what messages cost a day, which tells how long the credit lasts |
//! | `episode.rs` | states that the log tells of when they begin and when they end |
//! | `gateway_call.rs` | the limit and the spans of one call |
//! | `metrics.rs`, `metrics/` | what is counted |

mod account;
mod account_watch;
mod consequence;
mod delivery;
mod episode;
mod gate;
mod gateway_call;
mod metrics;
mod patience;
mod reconcile;
mod retention;
mod runner;
mod send;
mod spending;
mod start;

pub use metrics::WorkerMetrics;
pub use runner::{RunnerParts, WorkerError, run};
pub use send::SmsSender;
pub use start::{StartError, gateway_settings, start, work};

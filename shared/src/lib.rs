//! What the binaries of Ramz share beside the domain, the gateway and serving, which are crates of
//! their own: stores, queue, settings, logs and traces.
//!
//! [`hot_state`] holds what lives minutes (Redis or SQLite), [`records`] what lives long
//! (PostgreSQL or SQLite), and [`queue`] carries jobs from the API to the worker.
//! `docs/architecture.md` draws how they meet.

pub mod backoff;
pub mod config;
pub mod hot_state;
pub mod loops;
pub mod queue;
pub mod records;
mod redis_script;
pub mod redis_store;
pub mod sqlite_file;
pub mod stores;
pub mod telemetry;
mod together;
pub mod traces;

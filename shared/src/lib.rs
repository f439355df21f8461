//! The domain of Ramz and what its binaries share.
//!
//! A newcomer's order of reading: [`phone`], [`challenge`], [`otp`] and [`password`] are the domain;
//! [`hot_state`] holds what lives minutes (Redis or SQLite), [`records`] what lives long
//! (PostgreSQL or SQLite), [`queue`] carries jobs from the API to the worker, and [`kavenegar`]
//! speaks to the gateway. `docs/architecture.md` draws how they meet.

pub mod backoff;
pub mod challenge;
pub mod client_address;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod hot_state;
pub mod kavenegar;
pub mod notice;
pub mod otp;
pub mod password;
pub mod phone;
pub mod queue;
pub mod random;
pub mod records;
mod redis_script;
pub mod redis_store;
pub mod serving;
pub mod sqlite_file;
pub mod stores;
pub mod telemetry;
pub mod tokens;
pub mod trace_parent;
pub mod traces;

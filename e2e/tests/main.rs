//! Ramz from outside: the real binaries with their own Redis and PostgreSQL. One program, so that it is
//! linked once and tests that wait do so side by side. One part alone: `cargo test -p e2e --test all roles::`.

mod advice;
mod attacks;
mod backup;
mod boards;
mod checkout;
mod console;
mod crates;
mod credit;
mod failover;
mod guides;
mod kills;
mod log_lines;
mod metrics;
mod oidc;
mod openapi;
mod outages;
mod pages;
mod pooler;
mod production;
mod roles;
mod secrets;
mod security;
mod standalone;
mod traces;
mod why;

//! The HTTP face of Ramz: JSON API, OpenAPI and health.
//!
//! [`App`] is built from its parts and gives a router; the binary `api` serves it over PostgreSQL
//! and Redis, `standalone` over one SQLite file. A newcomer's order of reading: [`App`], then
//! `otp/` for the two calls that matter, `request_layer.rs` for what happens around each of them,
//! and `error.rs` for everything that can be refused.

mod app;
mod authentication;
mod background;
mod callbacks;
mod cross_site;
mod error;
mod health;
mod json_body;
mod jwks;
mod language;
mod metrics;
mod notices;
mod openapi;
mod otp;
mod password;
mod problem;
mod profile;
mod proxy_watch;
mod request_context;
mod request_layer;
pub mod serve;
mod sessions;
mod signed_in;
mod steps;
mod tries;

pub use app::{App, AppParts};
pub use error::ErrorCode;

//! The JSON face of Ramz, with OpenAPI and health, and what the binary `api` is made of.
//!
//! [`App`] is built from its parts and gives a router; the binary `api` serves it over PostgreSQL
//! and Redis, `standalone` over one SQLite file. Handlers are short: they read a body, call one use
//! case of the crate [`flows`], and write its answer. A newcomer's order of reading: [`App`], then
//! `otp/` for the two calls that matter, and `error.rs` for everything that can be answered instead.

mod app;
mod authentication;
mod callbacks;
mod caller;
mod console_listener;
mod error;
mod health;
mod json_body;
mod jwks;
mod openapi;
mod otp;
mod password;
mod problem;
mod profile;
pub mod serve;
mod sessions;
mod signed_in;
mod state;
mod steps;

pub use app::App;
pub use console_listener::ConsoleListener;
pub use error::{ErrorCode, RequestFault};
pub use flows::FlowsParts;
pub use oidc::{StartError as ApplicationsError, open as open_applications};

/// Where people sign in.
pub const SIGN_IN_PAGE: &str = pages::Pages::SIGN_IN;

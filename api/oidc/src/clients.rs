//! The clients of the provider: one TOML file, `OIDC_CLIENTS_FILE`, read at the start.
//!
//! ```toml
//! [[clients]]
//! id = "shop"
//! name = "The shop"
//! type = "web"
//! secret_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//! redirect_uris = ["https://shop.example.ir/callback"]
//! ```
//!
//! There is no table of clients: anyone who runs the service decides who may ask, and a file can be
//! reviewed, copied and rolled back.

mod addresses;
mod client;
mod entry;
mod file;
mod keys;
#[cfg(test)]
mod tests;

pub use addresses::{AddressProblem, check_origin, check_redirect};
pub use client::{Client, ClientType, KNOWN_SCOPES};
pub use domain::tokens::IdTokenAlg;
pub use entry::FIELDS;
pub use file::{ClientProblem, Clients, ClientsError};
pub use keys::{ClientKey, ClientKeys};

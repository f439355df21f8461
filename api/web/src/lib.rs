//! What all faces share over HTTP.

pub mod cookies;
pub mod forwarded;

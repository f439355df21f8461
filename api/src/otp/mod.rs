//! Codes over HTTP: asking for one, and giving it back.

mod request;
mod request_schema;
mod sign_in;
mod verify;

pub(crate) use request::{__path_request_code, request_code};
pub(crate) use verify::{__path_verify_code, verify_code};

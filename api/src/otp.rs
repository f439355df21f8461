//! The sign-in by a code: asking for one, and giving it back.

mod request;
mod request_schema;
mod verify;

pub(crate) use request::{__path_request_code, request_code};
pub(crate) use request_schema::{CodeRequest, CodeSent};
pub(crate) use verify::{__path_verify_code, verify_code};

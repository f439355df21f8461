//! Codes over HTTP: asking for one, and giving it back.
//!
//! `asking.rs` and `checking.rs` serve codes of every purpose; `request.rs` and `verify.rs` are the
//! two calls of the sign-in.

mod asking;
mod checking;
mod request;
mod request_schema;
mod sign_in;
mod verify;

pub(crate) use asking::{ASKING_ERRORS, Asking};
pub(crate) use checking::{CHECKING_ERRORS, Proven, Refused, by_session, by_session_of, counted};
pub(crate) use request::{__path_request_code, request_code};
pub(crate) use request_schema::{CodeRequest, CodeSent};
pub(crate) use verify::{__path_verify_code, verify_code};

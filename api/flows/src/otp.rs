//! Codes: asking for one, and giving it back.
//!
//! `asking.rs`, `checking.rs` and `proven.rs` serve codes of every purpose; `sign_in.rs` is what most people ask
//! for one for.

mod asking;
mod checking;
mod proven;
mod sign_in;

pub use asking::{ASKING_REFUSALS, CodeRequest, CodeSent};
pub use checking::CHECKING_REFUSALS;
pub use sign_in::{Verification, can_be_called, request_code, sign_in};

pub(crate) use asking::Asking;
pub(crate) use checking::{by_session, by_session_of, parse};
pub(crate) use proven::{Effect, Proven, RefusedVerification, counted};

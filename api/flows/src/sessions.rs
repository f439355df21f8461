//! Who is signed in: proving it, renewing it, the list of one's devices, and ending it.

mod authentication;
mod list;
mod log_out;
mod refresh;

pub use authentication::{Authenticated, FreshlyAuthenticated, authenticate};
pub use list::{end_other_sessions, end_session, live_sessions};
pub use log_out::{LogOutBy, log_out};
pub use refresh::refresh;
pub use shared::records::Session;

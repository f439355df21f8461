//! Serving HTTP on a listener: time limits, a cap on connections, and an orderly end.

mod connections;
mod shutdown;

pub use connections::{ServeLimits, serve, serve_counted};
pub use shutdown::{SECOND_SIGNAL_EXIT_CODE, stop_on_signals};

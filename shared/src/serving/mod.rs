//! Serving HTTP on a listener: time limits, a cap on connections, an orderly end, and asking from
//! outside how it does.

mod connections;
mod probe;
mod shutdown;

pub use connections::{ServeLimits, serve, serve_counted};
pub use probe::{ProbeError, Target, probe};
pub use shutdown::{SECOND_SIGNAL_EXIT_CODE, stop_on_signals};

//! Serving HTTP on a listener: time limits, a cap on connections, an orderly end, asking from outside
//! how it does, and the private listener of metrics that every binary has.

mod connections;
mod log_level;
mod metrics_listener;
mod private_listener;
mod probe;
mod shutdown;
mod threads;

pub use connections::{Front, serve, serve_front};
pub use metrics_listener::MetricsListener;
pub use private_listener::bind_private;
pub use probe::{ProbeError, Target, probe};
pub use shutdown::{SECOND_SIGNAL_EXIT_CODE, stop_on_signals};
pub use threads::run_on;

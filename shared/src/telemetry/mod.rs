//! Logs and metrics of all binaries.

mod log_level;
mod log_lines;
mod logging;
mod metrics;

pub use logging::{LogFilter, LogFormat, SPAN_TARGET, init_logging};
pub use metrics::{MetricsAddress, MetricsListener, metrics_registry};

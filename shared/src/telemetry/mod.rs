//! Logs and metrics of all binaries.

mod logging;
mod metrics;

pub use logging::{LogFilter, LogFormat, init_logging};
pub use metrics::{MetricsAddress, MetricsListener, metrics_registry};

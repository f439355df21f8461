//! Logs and metrics of all binaries.

mod log_level;
mod log_lines;
mod logging;
mod metric_set;
mod metrics_registry;

pub use log_level::LogLevel;
pub use logging::{LogFilter, LogFormat, SPAN_TARGET, init_logging, log_level};
pub use metric_set::{Metric, MetricSet};
pub use metrics_registry::{COMMIT, metrics_registry};

//! The registry that every binary begins with.

use prometheus::{IntGaugeVec, Opts, Registry};

use crate::loops;
use crate::traces::SPANS;

/// The commit that was built, where the build names it.
pub const COMMIT: &str = match option_env!("RAMZ_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// A registry that holds what every binary tells: its version, and the figures of its process.
///
/// # Errors
/// Never in practice: the names are valid and registered once.
pub fn metrics_registry(binary: &str, version: &str) -> prometheus::Result<Registry> {
    let registry = Registry::new();
    let opts = Opts::new("ramz_build_info", "Always 1; says which build runs.");
    let build_info = IntGaugeVec::new(opts, &["binary", "version", "commit"])?;
    build_info
        .with_label_values(&[binary, version, COMMIT])
        .set(1);
    registry.register(Box::new(build_info))?;
    SPANS.register(&registry)?;
    loops::register(&registry)?;
    #[cfg(target_os = "linux")]
    registry.register(Box::new(
        prometheus::process_collector::ProcessCollector::for_self(),
    ))?;
    Ok(registry)
}

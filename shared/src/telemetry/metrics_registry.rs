//! The registry that every binary begins with.

use prometheus::Registry;

use super::MetricSet as _;
use crate::loops;
use crate::traces::SPANS;

/// The commit that was built, where the build names it.
pub const COMMIT: &str = match option_env!("RAMZ_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

crate::metrics! {
    struct BuildMetrics {
        /// Always 1; says which build runs.
        info: IntGaugeVec("ramz_build_info", ["binary", "version", "commit"]);
    }
}

/// A registry that holds what every binary tells: its version, and the figures of its process.
///
/// # Errors
/// Never in practice: the names are valid and registered once.
pub fn metrics_registry(binary: &str, version: &str) -> prometheus::Result<Registry> {
    let registry = Registry::new();
    let build = BuildMetrics::register(&registry)?;
    build
        .info
        .with_label_values(&[binary, version, COMMIT])
        .set(1);
    SPANS.enter(&registry)?;
    loops::register(&registry)?;
    #[cfg(target_os = "linux")]
    registry.register(Box::new(
        prometheus::process_collector::ProcessCollector::for_self(),
    ))?;
    Ok(registry)
}

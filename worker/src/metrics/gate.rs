//! What is shown of the gate before the gateway.

use prometheus::{IntCounter, IntGauge, Registry};

/// Gauges of the breaker. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct GateMetrics {
    breaker_open: IntGauge,
    breaker_opened: IntCounter,
}

impl GateMetrics {
    /// Makes and registers them.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            breaker_open: IntGauge::new(
                "ramz_gateway_breaker_open",
                "1 while nothing is sent because the gateway refuses everything.",
            )?,
            breaker_opened: IntCounter::new(
                "ramz_gateway_breaker_opened_total",
                "How often this worker opened the breaker.",
            )?,
        };
        registry.register(Box::new(metrics.breaker_open.clone()))?;
        registry.register(Box::new(metrics.breaker_opened.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn breaker(&self, open: bool) {
        self.breaker_open.set(i64::from(open));
    }

    /// This worker opened the breaker.
    pub(crate) fn opened(&self) {
        self.breaker(true);
        self.breaker_opened.inc();
    }
}

//! What is shown of the account and of the gate before the gateway.

use prometheus::{IntCounter, IntGauge, IntGaugeVec, Opts, Registry};

/// Gauges of the account and of the breaker. Clones share them.
///
/// What was never learned has no value, instead of a zero that would look like "no credit".
#[derive(Clone, Debug)]
pub(crate) struct GateMetrics {
    credit: IntGaugeVec,
    debug_mode: IntGaugeVec,
    resend_failed: IntGaugeVec,
    breaker_open: IntGauge,
    breaker_opened: IntCounter,
}

impl GateMetrics {
    /// Makes and registers them.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let once_known = |name, help| IntGaugeVec::new(Opts::new(name, help), &[]);
        let metrics = Self {
            credit: once_known(
                "ramz_gateway_credit_rials",
                "Credit of the account, as it was last seen.",
            )?,
            debug_mode: once_known(
                "ramz_gateway_debugmode",
                "1 while the account accepts everything and sends nothing.",
            )?,
            resend_failed: once_known(
                "ramz_gateway_resendfailed",
                "1 while the gateway sends undelivered messages again by itself.",
            )?,
            breaker_open: IntGauge::new(
                "ramz_gateway_breaker_open",
                "1 while nothing is sent because the gateway refuses everything.",
            )?,
            breaker_opened: IntCounter::new(
                "ramz_gateway_breaker_opened_total",
                "How often this worker opened the breaker.",
            )?,
        };
        registry.register(Box::new(metrics.credit.clone()))?;
        registry.register(Box::new(metrics.debug_mode.clone()))?;
        registry.register(Box::new(metrics.resend_failed.clone()))?;
        registry.register(Box::new(metrics.breaker_open.clone()))?;
        registry.register(Box::new(metrics.breaker_opened.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn credit(&self, rials: i64) {
        set(&self.credit, rials);
    }

    pub(crate) fn settings(&self, debug_mode: bool, resend_failed: bool) {
        set(&self.debug_mode, i64::from(debug_mode));
        set(&self.resend_failed, i64::from(resend_failed));
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

fn set(gauge: &IntGaugeVec, value: i64) {
    let no_labels: &[&str] = &[];
    gauge.with_label_values(no_labels).set(value);
}

//! What is shown of the gate before the gateway.

shared::metrics! {
    /// Gauges of the breaker. Clones share them.
    #[derive(Clone, Debug)]
    pub(crate) struct GateMetrics {
        /// 1 while nothing is sent because the gateway refuses everything.
        breaker_open: IntGauge("ramz_gateway_breaker_open");
        /// How often this worker opened the breaker.
        breaker_opened: IntCounter("ramz_gateway_breaker_opened_total");
    }
}

impl GateMetrics {
    pub(crate) fn breaker(&self, open: bool) {
        self.breaker_open.set(i64::from(open));
    }

    /// This worker opened the breaker.
    pub(crate) fn opened(&self) {
        self.breaker(true);
        self.breaker_opened.inc();
    }
}

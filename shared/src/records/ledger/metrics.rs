//! How the writer of the ledger is used.

use prometheus::{Histogram, HistogramOpts, HistogramVec, Registry};

/// What is measured of a [`super::LedgerWriter`].
#[derive(Clone, Debug)]
pub struct LedgerMetrics {
    batch_rows: HistogramVec,
}

impl LedgerMetrics {
    /// Makes and registers it.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let options = HistogramOpts::new(
            "ramz_ledger_batch_rows",
            "Rows that one statement of the ledger has written, by step.",
        )
        .buckets(vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]);
        let metrics = Self {
            batch_rows: HistogramVec::new(options, &["step"])?,
        };
        let _ = (metrics.begins(), metrics.finishes());
        registry.register(Box::new(metrics.batch_rows.clone()))?;
        Ok(metrics)
    }

    pub(super) fn begins(&self) -> Histogram {
        self.batch_rows.with_label_values(&["begin"])
    }

    pub(super) fn finishes(&self) -> Histogram {
        self.batch_rows.with_label_values(&["finish"])
    }
}

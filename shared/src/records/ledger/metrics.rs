//! How the writer of the ledger is used.

use prometheus::Histogram;

const BEGIN: &str = "begin";
const FINISH: &str = "finish";

crate::metrics! {
    /// What is measured of a [`super::LedgerWriter`].
    #[derive(Clone, Debug)]
    pub struct LedgerMetrics {
        /// Rows that one statement of the ledger has written, by step.
        batch_rows: HistogramVec(
            "ramz_ledger_batch_rows", ["step"],
            buckets [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]
        ) of [BEGIN, FINISH];
    }
}

impl LedgerMetrics {
    pub(super) fn begins(&self) -> Histogram {
        self.batch_rows.with_label_values(&[BEGIN])
    }

    pub(super) fn finishes(&self) -> Histogram {
        self.batch_rows.with_label_values(&[FINISH])
    }
}

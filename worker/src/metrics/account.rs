//! What is shown of the account.

use chrono::{DateTime, Utc};
use prometheus::IntGaugeVec;

const NO_LABELS: &[&str] = &[];

shared::metrics! {
    /// Gauges of the account. Clones share them.
    ///
    /// What was never learned has no value, instead of a zero that would look like "no credit". So each
    /// is a family without labels, whose one member is there once it is known.
    #[derive(Clone, Debug)]
    pub(crate) struct AccountMetrics {
        /// Credit of the account, as it was last seen.
        credit: IntGaugeVec("ramz_gateway_credit_rials");
        /// Days that the credit lasts at the rate of the last day or week, whichever is higher.
        days_left: GaugeVec("ramz_gateway_credit_days_left");
        /// 1 while the gateway takes our key, 0 since it refused it.
        key_valid: IntGaugeVec("ramz_gateway_key_valid");
        /// Unix time at which the key expires, where the account says one.
        key_expires: IntGaugeVec("ramz_gateway_key_expires_seconds");
        /// Unix time of the last look at the account that succeeded.
        seen: IntGaugeVec("ramz_gateway_account_seen_seconds");
        /// 1 while the account accepts everything and sends nothing.
        debug_mode: IntGaugeVec("ramz_gateway_debugmode");
        /// 1 while the gateway sends undelivered messages again by itself.
        resend_failed: IntGaugeVec("ramz_gateway_resendfailed");
    }
}

impl AccountMetrics {
    pub(crate) fn seen(&self, now: DateTime<Utc>, credit_rials: i64) {
        set(&self.seen, Some(now.timestamp()));
        set(&self.credit, Some(credit_rials));
    }

    pub(crate) fn days_left(&self, days: Option<f64>) {
        if let Some(days) = days {
            self.days_left.with_label_values(NO_LABELS).set(days);
        } else {
            // An error means that there was no value.
            let _ = self.days_left.remove_label_values(NO_LABELS);
        }
    }

    pub(crate) fn key_valid(&self, valid: bool) {
        set(&self.key_valid, Some(valid.into()));
    }

    pub(crate) fn key_expires(&self, at: Option<DateTime<Utc>>) {
        set(&self.key_expires, at.map(|at| at.timestamp()));
    }

    pub(crate) fn settings(&self, debug_mode: bool, resend_failed: bool) {
        set(&self.debug_mode, Some(debug_mode.into()));
        set(&self.resend_failed, Some(resend_failed.into()));
    }
}

fn set(gauge: &IntGaugeVec, value: Option<i64>) {
    if let Some(value) = value {
        gauge.with_label_values(NO_LABELS).set(value);
    } else {
        // An error means that there was no value.
        let _ = gauge.remove_label_values(NO_LABELS);
    }
}

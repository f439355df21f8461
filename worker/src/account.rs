//! Asks the gateway about the account, and remembers the credit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use shared::kavenegar::{AccountConfig, AccountInfo, Gateway, Method, ReadError};
use tokio::time::Instant;

use crate::gate_metrics::GateMetrics;
use crate::metrics::WorkerMetrics;

/// No account has this credit: it was not asked for yet.
const NOT_KNOWN: i64 = i64::MIN;

/// The account at the gateway. Clones share everything.
#[derive(Clone)]
pub(crate) struct Account(Arc<Inner>);

struct Inner {
    gateway: Gateway,
    metrics: WorkerMetrics,
    gauges: GateMetrics,
    credit: AtomicI64,
    resend_failed: AtomicBool,
}

impl Account {
    pub(crate) fn new(gateway: Gateway, metrics: WorkerMetrics, gauges: GateMetrics) -> Self {
        Self(Arc::new(Inner {
            gateway,
            metrics,
            gauges,
            credit: AtomicI64::new(NOT_KNOWN),
            resend_failed: AtomicBool::new(true),
        }))
    }

    /// The credit in rials as it was last seen.
    pub(crate) fn last_credit(&self) -> Option<i64> {
        let credit = self.0.credit.load(Ordering::Relaxed);
        (credit != NOT_KNOWN).then_some(credit)
    }

    /// Whether the gateway repeats undelivered messages by itself; true as long as nobody knows.
    pub(crate) fn resends_undelivered(&self) -> bool {
        self.0.resend_failed.load(Ordering::Relaxed)
    }

    /// Asks for the credit.
    pub(crate) async fn info(&self) -> Result<AccountInfo, ReadError> {
        let info = self
            .counted(Method::AccountInfo, self.0.gateway.account_info())
            .await?;
        self.0
            .credit
            .store(info.remaining_credit, Ordering::Relaxed);
        self.0.gauges.credit(info.remaining_credit);
        Ok(info)
    }

    /// Asks for the settings.
    pub(crate) async fn config(&self) -> Result<AccountConfig, ReadError> {
        let config = self
            .counted(Method::AccountConfig, self.0.gateway.account_config())
            .await?;
        self.0
            .resend_failed
            .store(config.resend_failed, Ordering::Relaxed);
        self.0
            .gauges
            .settings(config.debug_mode, config.resend_failed);
        Ok(config)
    }

    async fn counted<T>(
        &self,
        method: Method,
        call: impl Future<Output = Result<T, ReadError>>,
    ) -> Result<T, ReadError> {
        let started = Instant::now();
        let answer = call.await;
        let seconds = started.elapsed().as_secs_f64();
        self.0.metrics.asked(method, seconds, answer.as_ref().err());
        answer
    }
}

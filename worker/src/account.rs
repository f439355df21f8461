//! Asks the gateway about the account, and remembers what it learned.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::clock::Clock;
use gateway::{AccountConfig, AccountInfo, Gateway, Method, ReadError};
use tokio::time::Instant;

use crate::episode::Episode;
use crate::metrics::AccountMetrics;
use crate::metrics::WorkerMetrics;

/// No account has this credit, or this rate: it was not asked for yet.
const NOT_KNOWN: i64 = i64::MIN;
/// The gateway's codes that say that the key is no good: account disabled, key not valid.
const KEY_REFUSED: [i32; 2] = [401, 403];

/// The account at the gateway. Clones share everything.
#[derive(Clone)]
pub(crate) struct Account(Arc<Inner>);

struct Inner {
    gateway: Gateway,
    metrics: WorkerMetrics,
    gauges: AccountMetrics,
    clock: Clock,
    credit: AtomicI64,
    resend_failed: AtomicBool,
    /// Rials a day.
    spending: AtomicI64,
    key_refused: Mutex<Episode>,
}

impl Account {
    pub(crate) fn new(
        gateway: Gateway,
        metrics: WorkerMetrics,
        gauges: AccountMetrics,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Inner {
            gateway,
            metrics,
            gauges,
            clock,
            credit: AtomicI64::new(NOT_KNOWN),
            resend_failed: AtomicBool::new(true),
            spending: AtomicI64::new(NOT_KNOWN),
            key_refused: Mutex::default(),
        }))
    }

    /// The credit in rials as it was last seen.
    pub(crate) fn last_credit(&self) -> Option<i64> {
        known(&self.0.credit)
    }

    /// What messages cost, in rials a day.
    pub(crate) fn spending(&self) -> Option<i64> {
        known(&self.0.spending)
    }

    /// How many days the credit lasts at the present rate. None while one of the two is not known,
    /// and while nothing is spent, for then it lasts for ever.
    pub(crate) fn days_left(&self) -> Option<f64> {
        days_left(self.last_credit()?, self.spending()?)
    }

    /// Messages cost so many rials a day.
    pub(crate) fn costs(&self, rials_a_day: i64) {
        self.0.spending.store(rials_a_day, Ordering::Relaxed);
        self.0.gauges.days_left(self.days_left());
    }

    /// Whether the gateway repeats undelivered messages by itself; true as long as nobody knows.
    pub(crate) fn resends_undelivered(&self) -> bool {
        self.0.resend_failed.load(Ordering::Relaxed)
    }

    /// Asks for the credit.
    pub(crate) async fn info(&self) -> Result<AccountInfo, ReadError> {
        let asked = self
            .counted(Method::AccountInfo, self.0.gateway.account_info())
            .await;
        // Only here and at sends: a key may lack the right to other questions and be good.
        if let Some(code) = asked.as_ref().err().and_then(ReadError::gateway_status) {
            self.refused(code);
        }
        let info = asked?;
        let gauges = &self.0.gauges;
        self.0
            .credit
            .store(info.remaining_credit, Ordering::Relaxed);
        gauges.seen(self.0.clock.now(), info.remaining_credit);
        gauges.days_left(self.days_left());
        gauges.key_expires(info.expires_at);
        self.key_is(true, None);
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

    /// The gateway refused a call for the whole account with this code.
    pub(crate) fn refused(&self, code: i32) {
        if KEY_REFUSED.contains(&code) {
            self.key_is(false, Some(code));
        }
    }

    fn key_is(&self, valid: bool, code: Option<i32>) {
        self.0.gauges.key_valid(valid);
        let turned = self
            .0
            .key_refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .turned(!valid);
        if turned && valid {
            tracing::info!("the gateway takes our key again");
        } else if turned {
            tracing::error!(
                code,
                "the gateway refuses our key: nothing is sent until KAVENEGAR_API_KEY is one that \
                 it takes, or the account is enabled again"
            );
        }
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

fn known(value: &AtomicI64) -> Option<i64> {
    let value = value.load(Ordering::Relaxed);
    (value != NOT_KNOWN).then_some(value)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an estimate of days; rials stay far below 2^52"
)]
fn days_left(credit_rials: i64, rials_a_day: i64) -> Option<f64> {
    (rials_a_day > 0).then(|| credit_rials.max(0) as f64 / rials_a_day as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_left_are_a_number_or_nothing() {
        let close = |days: Option<f64>, expected: f64| {
            days.is_some_and(|days| (days - expected).abs() < 1e-9)
        };
        assert!(close(days_left(700_000, 100_000), 7.0));
        assert!(close(days_left(0, 100_000), 0.0));
        assert!(close(days_left(-500, 100_000), 0.0), "a debt is no credit");
        assert_eq!(days_left(700_000, 0), None, "nothing is spent");
        assert_eq!(days_left(0, 0), None);
        for credit in [i64::MAX, i64::MIN + 1] {
            assert!(days_left(credit, 1).is_some_and(f64::is_finite));
        }
    }
}

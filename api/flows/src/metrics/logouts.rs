//! Clients that are told of a log-out.

use prometheus::{IntCounterVec, Opts, Registry};
use strum::VariantArray as _;

/// How an attempt to tell a client of a log-out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum LogoutResult {
    /// It has heard.
    Told,
    /// It did not answer, or cannot just now; it is tried again.
    Again,
    /// It says that it will never take this; it is told no more.
    Refused,
    /// It was not reached for a day; it is told no more.
    GivenUp,
}

/// Counts them.
#[derive(Debug)]
pub(super) struct Logouts(IntCounterVec);

impl Logouts {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let told = IntCounterVec::new(
            Opts::new(
                "ramz_oidc_logouts_total",
                "Attempts to tell a client of OpenID Connect of a log-out by the back channel, by how each ended",
            ),
            &["result"],
        )?;
        for &result in LogoutResult::VARIANTS {
            told.with_label_values(&[result]);
        }
        registry.register(Box::new(told.clone()))?;
        Ok(Self(told))
    }

    pub(super) fn ended(&self, result: LogoutResult) {
        self.0.with_label_values(&[result]).inc();
    }
}

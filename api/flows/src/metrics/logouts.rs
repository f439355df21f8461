//! Clients that are told of a log-out.

use prometheus::{IntCounterVec, Opts, Registry};

/// How an attempt to tell a client of a log-out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl LogoutResult {
    const ALL: [Self; 4] = [Self::Told, Self::Again, Self::Refused, Self::GivenUp];

    fn as_str(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Again => "again",
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
        }
    }
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
        for result in LogoutResult::ALL {
            told.with_label_values(&[result.as_str()]);
        }
        registry.register(Box::new(told.clone()))?;
        Ok(Self(told))
    }

    pub(super) fn ended(&self, result: LogoutResult) {
        self.0.with_label_values(&[result.as_str()]).inc();
    }
}

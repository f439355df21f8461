//! How refresh tokens fare.

use prometheus::{IntCounterVec, Opts, Registry};
use strum::VariantArray as _;

use crate::refusal::{Refusal, RefusalKind};
use crate::refused::CountedAs;

/// How a refresh ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum RefreshResult {
    Rotated,
    Repeated,
    RepeatedLate,
    Reused,
    Refused,
    Limited,
    Invalid,
    Unavailable,
    Failed,
}

impl CountedAs for RefreshResult {
    /// What a refresh counts as that was refused for another reason than reuse.
    fn as_refused(refusal: &Refusal) -> Self {
        match refusal.code.kind() {
            RefusalKind::Unauthenticated => Self::Refused,
            RefusalKind::Limited => Self::Limited,
            RefusalKind::Unavailable => Self::Unavailable,
            RefusalKind::Failed => Self::Failed,
            _ => Self::Invalid,
        }
    }
}

/// `ramz_token_refreshes_total`
#[derive(Debug)]
pub(crate) struct Refreshes(IntCounterVec);

impl Refreshes {
    /// Registers it, every result at zero.
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let options = Opts::new(
            "ramz_token_refreshes_total",
            "Refresh tokens presented, by what became of them.",
        );
        let counter = IntCounterVec::new(options, &["result"])?;
        registry.register(Box::new(counter.clone()))?;
        for &result in RefreshResult::VARIANTS {
            counter.with_label_values(&[result]);
        }
        Ok(Self(counter))
    }

    pub(crate) fn count(&self, result: RefreshResult) {
        self.0.with_label_values(&[result]).inc();
    }
}

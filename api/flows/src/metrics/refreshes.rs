//! What becomes of refresh tokens.

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

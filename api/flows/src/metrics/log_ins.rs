//! Log-ins with a password.

use crate::refusal::{Refusal, RefusalCode, RefusalKind};
use crate::refused::CountedAs;

/// How a log-in with a password ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum LogInResult {
    LoggedIn,
    Wrong,
    Blocked,
    Limited,
    Busy,
    Invalid,
    Unavailable,
    Failed,
}

impl CountedAs for LogInResult {
    fn as_refused(refusal: &Refusal) -> Self {
        match refusal.code.kind() {
            _ if refusal.code == RefusalCode::PasswordBusy => Self::Busy,
            RefusalKind::Forbidden => Self::Wrong,
            RefusalKind::Limited => Self::Limited,
            RefusalKind::Unavailable => Self::Unavailable,
            RefusalKind::Failed => Self::Failed,
            _ => Self::Invalid,
        }
    }
}

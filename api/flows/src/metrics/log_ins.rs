//! Log-ins with a password.

use crate::refusal::{Refusal, RefusalCode, RefusalKind};
use crate::refused::CountedAs;

/// How a log-in with a password ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl LogInResult {
    pub(super) const ALL: [Self; 8] = [
        Self::LoggedIn,
        Self::Wrong,
        Self::Blocked,
        Self::Limited,
        Self::Busy,
        Self::Invalid,
        Self::Unavailable,
        Self::Failed,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::LoggedIn => "logged_in",
            Self::Wrong => "wrong",
            Self::Blocked => "blocked",
            Self::Limited => "limited",
            Self::Busy => "busy",
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
        }
    }
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

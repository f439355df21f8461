//! Log-ins with a password.

use http::StatusCode;

use crate::error::{ApiError, ErrorCode};

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

    /// What a refused log-in counts as.
    pub(crate) fn of_error(error: &ApiError) -> Self {
        match error.code.status() {
            _ if error.code == ErrorCode::PasswordBusy => Self::Busy,
            StatusCode::FORBIDDEN => Self::Wrong,
            StatusCode::TOO_MANY_REQUESTS => Self::Limited,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            StatusCode::INTERNAL_SERVER_ERROR => Self::Failed,
            _ => Self::Invalid,
        }
    }
}

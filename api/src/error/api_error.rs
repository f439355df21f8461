//! An error on its way to the client: its code, and what is told beside it.

use axum::response::{IntoResponse, Response};
use domain::password::{Busy, NewPasswordError, Weakness};
use domain::phone::PhoneError;
use http::StatusCode;
use shared::hot_state::{HotStateError, Rule, TryRule};
use shared::records::RecordsError;

use super::ErrorCode;

/// A client may try again after this many seconds when a store is away.
const STORE_RETRY_SECONDS: u64 = 2;

/// An error on its way to the client. The request's own layer writes its body, because only that
/// knows the language and the request id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: ErrorCode,
    pub(crate) members: Members,
}

/// What an error tells beside its code, where it applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members {
    pub(crate) field: Option<Box<str>>,
    pub(crate) attempts_left: Option<u32>,
    pub(crate) code_length: Option<u8>,
    pub(crate) retry_after: Option<u64>,
    pub(crate) resend_in: Option<u64>,
}

impl ApiError {
    /// An error about one field of the body.
    pub(crate) fn field(code: ErrorCode, field: &str) -> Self {
        let mut error = Self::from(code);
        // A foreign name is shown, but not at any length.
        error.members.field = Some(field.chars().take(64).collect());
        error
    }

    pub(crate) fn code_wrong(attempts_left: Option<u32>) -> Self {
        let mut error = Self::from(ErrorCode::CodeWrong);
        error.members.attempts_left = attempts_left;
        error
    }

    pub(crate) fn code_malformed(code_length: u8) -> Self {
        let mut error = Self::from(ErrorCode::CodeMalformed);
        error.members.code_length = Some(code_length);
        error
    }

    /// The refusal of a limit, with the true wait, rounded up to seconds.
    pub(crate) fn refused(rule: Rule, retry_after_millis: i64) -> Self {
        let code = match rule {
            Rule::PhoneShort | Rule::PhoneDay => ErrorCode::TooManyRequestsPhone,
            Rule::Address => ErrorCode::TooManyRequestsAddress,
            Rule::BreakerOpen => ErrorCode::GatewayUnavailable,
            Rule::QueueFull | Rule::QueueSlow => ErrorCode::QueueFull,
        };
        let seconds = seconds_up(retry_after_millis).max(1);
        let mut error = Self::from(code);
        error.members.retry_after = Some(seconds);
        if code == ErrorCode::TooManyRequestsPhone {
            error.members.resend_in = Some(seconds);
        }
        error
    }

    /// The refusal of a try, with the true wait, rounded up to seconds.
    pub(crate) fn try_refused(rule: TryRule, retry_after_millis: i64) -> Self {
        let mut error = Self::from(match rule {
            TryRule::Phone => ErrorCode::TooManyFailuresPhone,
            TryRule::Address => ErrorCode::TooManyFailuresAddress,
        });
        error.members.retry_after = Some(seconds_up(retry_after_millis).max(1));
        error
    }

    /// The refusal of one more change of a password, with the true wait.
    pub(crate) fn too_many_password_changes(wait_millis: i64) -> Self {
        let mut error = Self::from(ErrorCode::TooManyPasswordChanges);
        error.members.retry_after = Some(seconds_up(wait_millis).max(1));
        error
    }

    /// The refusal of a new password, which stands in this field.
    pub(crate) fn new_password(error: NewPasswordError, field: &str) -> Self {
        match error {
            NewPasswordError::Weak(Weakness::TooShort) => {
                Self::field(ErrorCode::PasswordTooShort, field)
            }
            NewPasswordError::Weak(Weakness::Guessable) => {
                Self::field(ErrorCode::PasswordTooEasy, field)
            }
            NewPasswordError::Busy(busy) => busy.into(),
        }
    }
}

/// Milliseconds as whole seconds, never less than they are.
pub(crate) fn seconds_up(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or_default().div_ceil(1000)
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        let mut members = Members::default();
        if code.status() == StatusCode::SERVICE_UNAVAILABLE {
            members.retry_after = Some(STORE_RETRY_SECONDS);
        }
        Self { code, members }
    }
}

impl From<PhoneError> for ApiError {
    fn from(error: PhoneError) -> Self {
        let code = match error {
            PhoneError::Empty => ErrorCode::PhoneEmpty,
            PhoneError::Malformed => ErrorCode::PhoneMalformed,
            PhoneError::NotMobile => ErrorCode::PhoneNotMobile,
            PhoneError::CountryNotAllowed => ErrorCode::PhoneCountryNotAllowed,
        };
        Self::field(code, "phone_number")
    }
}

impl From<Busy> for ApiError {
    fn from(Busy: Busy) -> Self {
        ErrorCode::PasswordBusy.into()
    }
}

impl From<HotStateError> for ApiError {
    fn from(error: HotStateError) -> Self {
        match error {
            HotStateError::Unavailable(_) => {
                tracing::warn!(%error, "a request was refused");
                ErrorCode::StoreUnavailable.into()
            }
            HotStateError::Corrupt(_) => {
                tracing::error!(%error, "a request was refused");
                ErrorCode::Internal.into()
            }
        }
    }
}

impl From<RecordsError> for ApiError {
    fn from(error: RecordsError) -> Self {
        if let RecordsError::Unavailable(cause) = &error {
            tracing::warn!(%error, %cause, "a request was refused");
            return ErrorCode::StoreUnavailable.into();
        }
        tracing::error!(%error, "a request was refused");
        ErrorCode::Internal.into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

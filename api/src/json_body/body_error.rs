//! What serde says of a body, as an error of this face.

use std::fmt;

use serde::de;

use crate::error::{ApiError, ErrorCode, RequestFault};

/// Why a body was not read into its type. Nothing of what was sent is kept, but for the names of members.
#[derive(Debug)]
pub(super) struct BodyError(ApiError);

impl BodyError {
    /// A member has a value that it cannot have.
    pub(super) fn invalid(name: &str) -> Self {
        Self(ApiError::invalid(name))
    }

    /// A member must be a text, and is something else.
    pub(super) fn not_text(name: &str) -> Self {
        Self(ApiError::not_text(name))
    }

    /// The same error, about this member unless it names one.
    pub(super) fn about(self, name: &str) -> Self {
        Self(self.0.about(name))
    }
}

impl de::Error for BodyError {
    /// A type tells a code by its name (see [`refused`]); every other reason, those that serde finds by itself
    /// among them, is a value that cannot be taken.
    fn custom<T: fmt::Display>(reason: T) -> Self {
        let reason = reason.to_string();
        let code = ErrorCode::all().find(|code| code.as_str() == reason);
        Self(code.unwrap_or(RequestFault::FieldInvalid.into()).into())
    }

    fn missing_field(name: &'static str) -> Self {
        Self(ApiError::missing(name))
    }

    fn unknown_field(name: &str, _known: &'static [&'static str]) -> Self {
        Self(ApiError::field(RequestFault::FieldUnknown, name))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self(ApiError::field(RequestFault::FieldRepeated, name))
    }
}

/// Refuses the value of a member by this code; the member is named on the way out.
pub(crate) fn refused<E: de::Error>(code: impl Into<ErrorCode>) -> E {
    E::custom(code.into().as_str())
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code.as_str())
    }
}

impl std::error::Error for BodyError {}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        error.0
    }
}

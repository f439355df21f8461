//! An error on its way to the client: its code, and what is told beside it.

use axum::response::{IntoResponse, Response};
use flows::refusal::Input;
use flows::{Refusal, RefusalCode};
use web::{CrossSite, MissingFromRouter};

use super::{ErrorCode, RequestFault};

/// An error on its way to the client. The layer around requests has its body written, because only
/// there the language and the request id are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: ErrorCode,
    pub(crate) members: ProblemMembers,
}

/// What an error tells beside its code, where it applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProblemMembers {
    pub(crate) field: Option<Box<str>>,
    pub(crate) attempts_left: Option<u32>,
    pub(crate) code_length: Option<u8>,
    pub(crate) retry_after: Option<u64>,
    pub(crate) resend_in: Option<u64>,
    /// The form that the field must have.
    pub(crate) expected: Option<&'static str>,
    /// The `Content-Encoding` that is not taken.
    pub(crate) content_encoding: Option<Box<str>>,
}

/// What a field that is no text is told to be.
pub(crate) const TEXT: &str = "text";

impl ApiError {
    /// An error about one field of the body.
    pub(crate) fn field(code: impl Into<ErrorCode>, field: &str) -> Self {
        Self::from(code.into()).about(field)
    }

    /// The same error, about this field unless it names one.
    pub(crate) fn about(mut self, field: &str) -> Self {
        // A foreign name is shown, but not at any length.
        let shown = || field.chars().take(64).collect();
        self.members.field.get_or_insert_with(shown);
        self
    }

    /// A field has a value that cannot be taken.
    pub(crate) fn invalid(field: &str) -> Self {
        Self::field(RequestFault::FieldInvalid, field)
    }

    /// A field that is required is not there.
    pub(crate) fn missing(field: &str) -> Self {
        Self::field(RefusalCode::InputMissing, field)
    }

    /// A field must be a text, and is something else.
    pub(crate) fn not_text(field: &str) -> Self {
        let mut error = Self::invalid(field);
        error.members.expected = Some(TEXT);
        error
    }

    /// The body comes in an encoding that is not taken.
    pub(crate) fn encoded(encoding: &str) -> Self {
        let mut error = Self::from(RequestFault::ContentEncodingUnsupported);
        error.members.content_encoding = Some(encoding.chars().take(64).collect());
        error
    }

    /// A refusal, in a call whose fields have these names.
    pub(crate) fn refused(refusal: Refusal, field_of: impl Fn(Input) -> &'static str) -> Self {
        let details = refusal.details;
        Self {
            code: refusal.code.into(),
            members: ProblemMembers {
                field: details.input.map(|input| field_of(input).into()),
                attempts_left: details.attempts_left,
                code_length: details.code_length,
                retry_after: details.retry_after,
                resend_in: details.resend_in,
                ..ProblemMembers::default()
            },
        }
    }
}

/// What the fields of most calls are called.
fn field_of(input: Input) -> &'static str {
    match input {
        Input::PhoneNumber => "phone_number",
        Input::Session => "session_id",
        Input::NewPassword => "new_password",
        Input::CurrentPassword => "current_password",
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::refused(refusal, field_of)
    }
}

impl From<RefusalCode> for ApiError {
    fn from(code: RefusalCode) -> Self {
        Refusal::from(code).into()
    }
}

impl From<RequestFault> for ApiError {
    fn from(fault: RequestFault) -> Self {
        Self {
            code: fault.into(),
            members: ProblemMembers::default(),
        }
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Request(fault) => fault.into(),
            ErrorCode::Refusal(code) => code.into(),
        }
    }
}

impl From<CrossSite> for ApiError {
    fn from(CrossSite: CrossSite) -> Self {
        RequestFault::CrossSiteRequest.into()
    }
}

impl From<MissingFromRouter> for ApiError {
    fn from(MissingFromRouter: MissingFromRouter) -> Self {
        RefusalCode::Internal.into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

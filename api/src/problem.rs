//! The body of an error: `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use domain::challenge::Locale;
use flows::RefusalCode;
use flows::refusal::Case;
use http::header::{
    ACCEPT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use web::{AnsweredCode, RequestContext};

use crate::error::{ApiError, RequestFault, TEXT};

pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// An error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem<'a> {
    /// `urn:ramz:error:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:ramz:error:code_wrong")]
    kind: String,
    /// What happened, in the language of the request; Persian unless English is preferred.
    #[schema(example = "کد نادرست است")]
    title: &'a str,
    /// The HTTP status.
    #[schema(example = 403)]
    status: u16,
    /// What to do, in the language of the request.
    #[schema(example = "کد را دوباره ببینید و از نو بنویسید.")]
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
    /// The stable name of the error, for programs.
    #[schema(example = "code_wrong")]
    code: &'a str,
    /// Names this request in our logs; also in the header `X-Request-Id`.
    #[schema(example = "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11")]
    request_id: String,
    /// The field of the body that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// How often the code may still be tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts_left: Option<u32>,
    /// How many digits the code has.
    #[serde(skip_serializing_if = "Option::is_none")]
    code_length: Option<u8>,
    /// Seconds until the request may succeed; also in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// Seconds until a code can be sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    resend_in: Option<u64>,
    /// `text` where the field must be a text, in quotation marks.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    /// The encoding of the body that is not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_encoding: Option<&'a str>,
}

impl<'a> Problem<'a> {
    /// An error as it is shown to one request.
    pub(crate) fn new(error: &'a ApiError, locale: Locale, request_id: String) -> Self {
        let mut texts = error.code.texts(locale);
        if error.members.expected == Some(TEXT) {
            texts.detail = match locale {
                Locale::Fa => AS_TEXT.0,
                Locale::En => AS_TEXT.1,
            };
        }
        let case = Case {
            wait: error.members.retry_after,
            digits: error.members.code_length,
            field: error.members.field.as_deref(),
            request: &request_id,
        };
        Self {
            kind: format!("urn:ramz:error:{}", error.code.as_str()),
            title: texts.title,
            status: error.code.status().as_u16(),
            detail: texts.detail(&case),
            code: error.code.as_str(),
            request_id,
            field: error.members.field.as_deref(),
            attempts_left: error.members.attempts_left,
            code_length: error.members.code_length,
            retry_after: error.members.retry_after,
            resend_in: error.members.resend_in,
            expected: error.members.expected,
            content_encoding: error.members.content_encoding.as_deref(),
        }
    }
}

/// What to do about a field that is no text.
const AS_TEXT: (&str, &str) = (
    "فیلد {field} را به صورت متن، میان دو گیومه، بفرستید.",
    "Send the field {field} as a text, in quotation marks.",
);

/// Writes the body of an error; other responses stay as they are. An error status that did not
/// come from our own code, such as that of an unknown path, gets the error that fits.
pub(crate) fn write(mut response: Response, context: RequestContext) -> Response {
    let error = match response.extensions_mut().remove::<ApiError>() {
        Some(error) => error,
        None if is_foreign_error(&response) => match response.status() {
            StatusCode::NOT_FOUND => RequestFault::NotFound.into(),
            StatusCode::METHOD_NOT_ALLOWED => RequestFault::MethodNotAllowed.into(),
            _ => RefusalCode::Internal.into(),
        },
        None => return response,
    };
    let problem = Problem::new(&error, context.locale, context.id.to_string());
    // Strings and numbers always serialize.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    *response.status_mut() = error.code.status();
    *response.body_mut() = Body::from(body);
    let headers = response.headers_mut();
    headers.remove(http::header::CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    let language = HeaderValue::from_static(context.locale.as_str());
    headers.insert(CONTENT_LANGUAGE, language);
    headers.insert(VARY, HeaderValue::from_static("accept-language"));
    if error.code.status() == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if error.members.content_encoding.is_some() {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if let Some(seconds) = error.members.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    // For the log line of the request.
    let code = AnsweredCode(error.code.as_str());
    response.extensions_mut().insert(code);
    response
}

/// The body of readiness is JSON of its own, and another face says that it has written its error.
fn is_foreign_error(response: &Response) -> bool {
    let status = response.status();
    if response.extensions().get::<AnsweredCode>().is_some() {
        return false;
    }
    let is_json = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/"));
    (status.is_client_error() || status.is_server_error()) && !is_json
}

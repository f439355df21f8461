//! Answers to programs: JSON that nobody keeps, and errors in the form of OAuth (RFC 6749, section 5.2).

use axum::response::{IntoResponse as _, Response};
use flows::Refusal;
use flows::refusal::RefusalKind;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use web::AnsweredCode;

/// JSON that no cache keeps.
pub(crate) fn json_answer(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// Why a client does not get what it asks for.
#[derive(Clone, Debug)]
pub(crate) struct OAuthError {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
    basic: bool,
    retry_after: Option<u64>,
}

impl OAuthError {
    /// One that the client must mend. The description is ASCII without quotes and backslashes.
    pub(crate) fn new(error: &'static str, description: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description,
            basic: false,
            retry_after: None,
        }
    }

    /// A request that cannot be understood.
    pub(crate) fn request(description: &'static str) -> Self {
        Self::new("invalid_request", description)
    }

    /// A client that is not known, or did not prove itself; `basic` where it tried to by that header.
    pub(crate) fn client(description: &'static str, basic: bool) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            basic,
            ..Self::new("invalid_client", description)
        }
    }

    /// A refusal that has nothing to do with what the client sent.
    pub(crate) fn of_refusal(refusal: &Refusal) -> Self {
        let (status, error, description) = match refusal.code.kind() {
            RefusalKind::Limited => (
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                "Too many requests; wait as long as Retry-After says",
            ),
            RefusalKind::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "A part of the service is away; try again",
            ),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "The service has failed",
            ),
        };
        Self {
            status,
            error,
            description,
            basic: false,
            retry_after: refusal.details.retry_after,
        }
    }

    /// As an answer; what is wrong goes to the log, too, where the id of the request finds it.
    pub(crate) fn answer(&self, client: Option<&str>) -> Response {
        tracing::info!(
            client,
            error = self.error,
            "an application was refused: {}",
            self.description
        );
        let body = json!({ "error": self.error, "error_description": self.description });
        let mut response = json_answer(self.status, &body);
        response.extensions_mut().insert(AnsweredCode(self.error));
        let headers = response.headers_mut();
        if self.basic {
            let realm = HeaderValue::from_static("Basic realm=\"ramz\"");
            headers.insert(WWW_AUTHENTICATE, realm);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refusal> for OAuthError {
    fn from(refusal: Refusal) -> Self {
        Self::of_refusal(&refusal)
    }
}

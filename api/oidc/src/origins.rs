//! Scripts of clients on pages of their own origin (CORS): a client's origins may read what it gets, errors
//! too, and never with cookies.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::answers::OAuthError;
use crate::clients::Client;

/// Answers the question whether a script may ask: any may, since the answer to the question itself is
/// shown to the client's own origins only, and the question does not name the client.
pub(crate) async fn preflight(headers: HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Some(origin) = headers.get(ORIGIN) {
        let answer = response.headers_mut();
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(VARY, HeaderValue::from_static("Origin"));
        answer.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("POST"),
        );
        let allowed = HeaderValue::from_static("Authorization, Content-Type");
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    }
    response
}

/// The answer to a client, or what is wrong, as a page of the client may read it.
pub(crate) fn shown_to(
    client: Option<&Client>,
    headers: &HeaderMap,
    answered: Result<Response, OAuthError>,
) -> Response {
    let id = client.map(|client| client.id.as_str());
    let mut response = answered.unwrap_or_else(|error| error.answer(id));
    let answer = response.headers_mut();
    answer.append(VARY, HeaderValue::from_static("Origin"));
    let origin = headers.get(ORIGIN);
    let known = origin.filter(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        client.is_some_and(|client| client.has_origin(origin))
    });
    if let Some(origin) = known {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let exposed = HeaderValue::from_static("Retry-After, X-Request-Id");
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    response
}

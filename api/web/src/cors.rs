//! Pages of other origins: the answers by which a browser lets their scripts call us (the CORS
//! protocol of the Fetch standard).
//!
//! Only listed origins are let in (`ALLOWED_ORIGINS`), and never with credentials: their tokens
//! travel in bodies and in `Authorization`. So no answer to them makes a cookie, and no cookie that
//! comes with their requests counts. Origins that are not listed see what they would see without any
//! of this. What is public anyway is open to all ([`open_to_all`]).
//!
//! Not `CorsLayer` of `tower-http`: it takes every `OPTIONS` for a preflight, answers 200, and tells
//! methods and headers to origins that it lets nothing do.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    SET_COOKIE, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use shared::config::AllowedOrigins;

use crate::cross_site::is_own;

const ANYBODY: HeaderValue = HeaderValue::from_static("*");
/// What the faces use; `HEAD` needs no leave.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, DELETE");
/// What is read of requests, and the three headers of traces (W3C) that libraries add by themselves.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Accept-Language, traceparent, tracestate, baggage",
);
/// What scripts may read beside the headers that all answers show them.
const ANSWER_HEADERS: HeaderValue = HeaderValue::from_static("Retry-After, X-Request-Id");
/// Seconds that a browser may remember the answer; Chromium keeps none for longer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The origins that are let in.
#[derive(Debug)]
pub(crate) struct Cors {
    allowed: Vec<HeaderValue>,
    own_origin: String,
}

impl Cors {
    /// Our own origin needs no leave, and keeps its cookies where it is listed.
    pub(crate) fn new(allowed: &AllowedOrigins, own_origin: &str) -> Self {
        let others = allowed.iter().filter(|&origin| origin != own_origin);
        Self {
            // An origin is ASCII, so none is lost here.
            allowed: others.filter_map(|origin| origin.parse().ok()).collect(),
            own_origin: own_origin.to_owned(),
        }
    }

    /// The listed origin whose page made a request. A page that our own origin has served is none,
    /// by whatever name a proxy serves it.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<&HeaderValue> {
        let mut given = headers.get_all(ORIGIN).iter();
        let (origin, None) = (given.next()?, given.next()) else {
            return None;
        };
        let listed = self.allowed.iter().find(|&allowed| allowed == origin)?;
        (!is_own(headers, &self.own_origin)).then_some(listed)
    }

    /// The answer to a listed origin's question whether it may make a request.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        (is_preflight(method, headers) && self.origin(headers).is_some()).then(leave)
    }

    /// Completes the answer to a request, of a page of a listed origin if one is given.
    pub(crate) fn complete(&self, other_origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        if answer.get(ACCESS_CONTROL_ALLOW_ORIGIN) == Some(&ANYBODY) {
            return;
        }
        if !self.allowed.is_empty() {
            // Caches must not give one origin's answer to another.
            answer.append(VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = other_origin {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
            answer.remove(SET_COOKIE);
        }
    }
}

/// A layer for routes that are public anyway: keys, descriptions. Any page may read them.
pub async fn open_to_all(request: Request<Body>, next: Next) -> Response {
    let mut response = if is_preflight(request.method(), request.headers()) {
        leave()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
    response
}

fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn leave() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}

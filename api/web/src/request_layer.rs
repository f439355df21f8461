//! What happens around every request: its id, its log line, its figures, the headers of its
//! answer, and an orderly answer even where a handler panics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use shared::telemetry::SPAN_TARGET;
use shared::traces::{self, RequestTrace};
use tracing::Instrument as _;

use crate::metrics::method_label;
use crate::request_context::{RequestContext, trace_parent};
use crate::site::Site;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The route of requests that match none: their paths are no label and no business of the log.
const NO_ROUTE: &str = "unmatched";
/// Asked every few seconds by machines.
const UNTRACED: [&str; 2] = ["/livez", "/readyz"];

const NOTHING_IS_LOADED: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

/// The code of an error, which a face leaves in the extensions of its answer for the log line.
#[derive(Clone, Copy, Debug)]
pub struct AnsweredCode(pub &'static str);

/// Puts the layer around all faces. `finish` writes the bodies of what went wrong, which only the
/// faces know how to; a panic comes to it as an empty answer of status 500.
pub fn around_requests<F>(router: Router, site: Arc<Site>, finish: F) -> Router
where
    F: Fn(Response, RequestContext) -> Response + Clone + Send + Sync + 'static,
{
    router.layer(from_fn(move |request, next| {
        around_request(Arc::clone(&site), finish.clone(), request, next)
    }))
}

async fn around_request(
    site: Arc<Site>,
    finish: impl Fn(Response, RequestContext) -> Response,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let _in_flight = site.metrics.one_more_in_flight();
    let context = RequestContext::new(request.headers(), &site.random);
    let method = request.method().clone();
    let preflight = site.cors.preflight(&method, request.headers());
    let other_origin = site.cors.origin(request.headers()).cloned();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    request.extensions_mut().insert(context);
    let client = trace_parent(request.headers());
    let trace = RequestTrace::begin(client, &site.clock, &site.random, || {
        matched.as_ref().map_or_else(
            || method_label(&method).to_owned(),
            |route| format!("{} {}", method_label(&method), route.as_str()),
        )
    });

    // Of the highest level, so that warnings carry the id even where nothing else is logged.
    let span = tracing::error_span!(
        target: SPAN_TARGET,
        "request",
        request_id = %context.id,
        trace_id = %trace.place().trace_id()
    );
    let answer = async {
        let response = match preflight {
            Some(leave) => leave,
            None => AssertUnwindSafe(next.run(request))
                .catch_unwind()
                .await
                .unwrap_or_else(|_panic| StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        };
        let mut response = finish(response, context);
        write_headers(response.headers_mut(), &site, context);
        let headers = response.headers_mut();
        site.cors.complete(other_origin.as_ref(), headers);

        let status = response.status();
        let elapsed = started.elapsed();
        site.metrics
            .answered(&method, route, status, elapsed.as_secs_f64());
        trace_answer(&method, route, status, context);
        let code = response.extensions().get::<AnsweredCode>();
        tracing::info!(
            target: "http",
            method = method.as_str(),
            route,
            status = status.as_u16(),
            code = code.map(|code| code.0),
            ms = elapsed.as_secs_f64() * 1000.0,
            "answered"
        );
        response
    };
    trace.run(answer.instrument(span)).await
}

/// Ends the span of the request. Those who only ask whether we live get none.
fn trace_answer(method: &Method, route: &str, status: StatusCode, context: RequestContext) {
    if UNTRACED.contains(&route) {
        return;
    }
    let span = traces::server_span();
    if !span.is_recorded() {
        return;
    }
    span.set("http.request.method", method_label(method));
    span.set("http.response.status_code", i64::from(status.as_u16()));
    span.set("ramz.request_id", context.id.to_string());
    if route != NO_ROUTE {
        span.set("http.route", route.to_owned());
    }
    if status.is_server_error() {
        span.fail("server_error");
    }
}

fn write_headers(headers: &mut HeaderMap, site: &Site, context: RequestContext) {
    if let Ok(id) = HeaderValue::try_from(context.id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A face may have its own.
    headers
        .entry(REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("no-referrer"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(NOTHING_IS_LOADED);
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if site.secure {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(STRICT_TRANSPORT_SECURITY, year);
    }
}

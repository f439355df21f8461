//! Reading and changing the log filter of a running process over HTTP.
//!
//! It is served on the private listener of metrics, which has no log-in of its own: anyone who reaches
//! that listener is trusted to run the service. A browser on the machine is not: a page of any site
//! could make it send requests there. Browsers name the site in `Origin` with every request that is
//! not a plain read, so a request with that header is refused.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::ORIGIN;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use shared::telemetry::{LogFilter, LogLevel};

/// Longer filters are a mistake.
const MAX_BODY_BYTES: usize = 4 * 1024;
const LONGEST: Duration = Duration::from_hours(24);

/// `/log-level`.
pub(crate) fn routes(level: LogLevel) -> Router {
    Router::new()
        .route("/log-level", get(show).put(change))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(level)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// How long it lasts, such as `10m`.
    r#for: Option<String>,
}

async fn show(State(level): State<LogLevel>) -> String {
    level.text()
}

async fn change(
    State(level): State<LogLevel>,
    headers: HeaderMap,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
    body: String,
) -> Response {
    if headers.contains_key(ORIGIN) {
        let text = "requests of web pages are refused\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let refused =
        |problem: String| (StatusCode::BAD_REQUEST, format!("{problem}\n")).into_response();
    let Ok(Query(parameters)) = parameters else {
        return refused("the only parameter is `for`, such as `?for=10m`".to_owned());
    };
    let lasts = match parameters.r#for.as_deref().map(span_of_time).transpose() {
        Ok(lasts) => lasts,
        Err(problem) => return refused(problem),
    };
    let text = body.trim();
    if text.is_empty() {
        return refused("the body is the filter, such as `info,worker=debug`".to_owned());
    }
    let filter = match LogFilter::parse(text) {
        Ok(filter) => filter,
        Err(problem) => return refused(format!("the body {problem}")),
    };
    match level.change(filter, lasts) {
        Ok(()) => level.text().into_response(),
        Err(error) => {
            tracing::error!(%error, "the log filter cannot be changed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Reads `90s`, `10m` or `2h`, up to a day.
fn span_of_time(text: &str) -> Result<Duration, String> {
    let unit = text.chars().last().unwrap_or_default();
    let seconds_each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => 0,
    };
    let number = text.strip_suffix(unit).unwrap_or_default();
    let span = number
        .parse()
        .ok()
        .filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|number: u64| number.checked_mul(seconds_each))
        .map(Duration::from_secs);
    span.filter(|span| !span.is_zero() && *span <= LONGEST)
        .ok_or_else(|| "`for` is a time such as `90s`, `10m` or `2h`, a day at most".to_owned())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::{Method, Request};
    use http_body_util::BodyExt as _;
    use tower_service::Service as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    fn level() -> (LogLevel, impl tracing::Subscriber + Send + Sync) {
        let configured = LogFilter::parse("info").expect("a filter");
        let (level, layer) = LogLevel::begin(configured);
        (level, tracing_subscriber::registry().with(layer))
    }

    async fn put(level: &LogLevel, path: &str, body: &str, origin: bool) -> (u16, String) {
        let mut request = Request::builder().method(Method::PUT).uri(path);
        if origin {
            request = request.header(ORIGIN, "http://127.0.0.1:9464");
        }
        let request = request.body(Body::from(body.to_owned())).expect("valid");
        let answer = routes(level.clone())
            .call(request)
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body");
        (
            status,
            String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        )
    }

    fn shows_worker_debug() -> bool {
        tracing::enabled!(target: "worker", tracing::Level::DEBUG)
    }

    #[tokio::test]
    async fn a_filter_that_is_put_is_in_force_at_once() {
        let (level, subscriber) = level();
        let _default = tracing::subscriber::set_default(subscriber);
        assert!(!shows_worker_debug());
        let (status, text) = put(&level, "/log-level", "info,worker=debug\n", false).await;
        assert_eq!((status, text.as_str()), (200, "info,worker=debug\n"));
        assert!(shows_worker_debug());
        assert_eq!(level.text(), text);
    }

    #[tokio::test]
    async fn a_filter_for_a_time_goes_away_by_itself_and_takes_no_later_one_along() {
        let (level, subscriber) = level();
        let _default = tracing::subscriber::set_default(subscriber);
        let (_, text) = put(&level, "/log-level?for=10m", "debug", false).await;
        assert!(text.starts_with("debug\n# info again in "), "{text}");
        put(&level, "/log-level?for=1s", "warn", false).await;
        harness::eventually(PATIENCE, async || (level.text() == "info\n").then_some(())).await;
    }

    #[tokio::test]
    async fn what_is_wrong_is_told_and_changes_nothing() {
        let (level, subscriber) = level();
        let _default = tracing::subscriber::set_default(subscriber);
        for (path, body, told) in [
            ("/log-level", "worker=loud", "is not a filter"),
            ("/log-level", " ", "the body is the filter"),
            ("/log-level?for=soon", "debug", "`for` is a time"),
            ("/log-level?for=", "debug", "`for` is a time"),
            ("/log-level?for=25h", "debug", "`for` is a time"),
            ("/log-level?for=0s", "debug", "`for` is a time"),
            ("/log-level?for=+5m", "debug", "`for` is a time"),
            ("/log-level?for=5%D8%AF", "debug", "`for` is a time"),
            ("/log-level?level=debug", "debug", "the only parameter"),
        ] {
            let (status, text) = put(&level, path, body, false).await;
            assert!(
                status == 400 && text.contains(told),
                "{path} {body}: {text}"
            );
        }
        let long = "x".repeat(MAX_BODY_BYTES + 1);
        assert_eq!(put(&level, "/log-level", &long, false).await.0, 413);
        assert_eq!(level.text(), "info\n");
    }

    #[tokio::test]
    async fn a_page_in_a_browser_on_the_machine_changes_nothing() {
        let (level, subscriber) = level();
        let _default = tracing::subscriber::set_default(subscriber);
        assert_eq!(put(&level, "/log-level", "trace", true).await.0, 403);
        assert_eq!(level.text(), "info\n");
    }
}

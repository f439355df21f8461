//! Requests and connections.

use http::{Method, StatusCode};
use prometheus::IntGauge;

/// What is asked for most, with the status of its success. They are counted from the start, together
/// with 503, so that rates and alerts do not begin with a gap.
const HOT_ROUTES: [(&str, &str); 4] = [
    ("/api/v1/usr/otp", "202"),
    ("/api/v1/usr/otp/verify", "200"),
    ("/api/v1/usr/token/refresh", "200"),
    ("/api/v1/usr/login", "200"),
];

shared::metrics! {
    /// Figures of the public listener, and of the console beside it. Clones share them.
    #[derive(Clone, Debug)]
    pub(crate) struct HttpMetrics {
        /// Requests answered.
        requests: IntCounterVec("http_requests_total", ["method", "route", "status"]),
            of_each hot_answers();
        /// Time from the head of a request to the head of its answer.
        seconds: HistogramVec(
            "http_request_duration_seconds", ["method", "route", "status"],
            buckets [
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
            ]
        ), of_each hot_answers();
        /// Requests that are being answered.
        in_flight: IntGauge("http_requests_in_flight");
        /// Open connections of the public listener.
        connections: IntGauge("http_connections_open");
    }
}

fn hot_answers() -> impl Iterator<Item = [&'static str; 3]> {
    let routes = HOT_ROUTES.into_iter();
    routes.flat_map(|(route, success)| [success, "503"].map(|status| ["POST", route, status]))
}

impl HttpMetrics {
    /// Counts a request as being answered for as long as the returned value lives: also one whose
    /// client goes away.
    pub(crate) fn one_more_in_flight(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub(crate) fn connections(&self) -> &IntGauge {
        &self.connections
    }

    pub(crate) fn answered(&self, method: &Method, route: &str, status: StatusCode, seconds: f64) {
        let labels = [method_label(method), route, status.as_str()];
        self.requests.with_label_values(&labels).inc();
        self.seconds.with_label_values(&labels).observe(seconds);
    }
}

/// See [`HttpMetrics::one_more_in_flight`].
#[derive(Debug)]
pub(crate) struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Clients can send any word as a method; a label takes the usual ones only.
pub(crate) fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

//! Requests and connections.

use http::{Method, StatusCode};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

const LABELS: [&str; 3] = ["method", "route", "status"];

/// What is asked for most, with the status of its success. They are counted from the start, together
/// with 503, so that rates and alerts do not begin with a gap.
const HOT_ROUTES: [(&str, &str); 4] = [
    ("/api/v1/usr/otp", "202"),
    ("/api/v1/usr/otp/verify", "200"),
    ("/api/v1/usr/token/refresh", "200"),
    ("/api/v1/usr/login", "200"),
];

/// Figures of the public listener, and of the console beside it. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct HttpMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGauge,
    connections: IntGauge,
}

impl HttpMetrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new("http_requests_total", "Requests answered."),
                &LABELS,
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new(
                    "http_request_duration_seconds",
                    "Time from the head of a request to the head of its answer.",
                )
                .buckets(vec![
                    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
                ]),
                &LABELS,
            )?,
            in_flight: IntGauge::new(
                "http_requests_in_flight",
                "Requests that are being answered.",
            )?,
            connections: IntGauge::new(
                "http_connections_open",
                "Open connections of the public listener.",
            )?,
        };
        for (route, success) in HOT_ROUTES {
            for status in [success, "503"] {
                let labels = ["POST", route, status];
                metrics.requests.with_label_values(&labels).inc_by(0);
                let _ = metrics.seconds.with_label_values(&labels);
            }
        }
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.in_flight.clone()))?;
        registry.register(Box::new(metrics.connections.clone()))?;
        Ok(metrics)
    }

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

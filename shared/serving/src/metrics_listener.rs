//! `/metrics`, and `/log-level`, on a listener of its own: they are not for the public.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus::{Encoder as _, Registry, TextEncoder};
use shared::config::{MetricsAddress, ServeLimits};
use shared::telemetry::log_level;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::connections::serve;
use crate::log_level;
use crate::private_listener::bind_private;

/// Scrapers are few and short.
const LIMITS: ServeLimits = ServeLimits {
    header_read_timeout: Duration::from_secs(20),
    write_timeout: Duration::from_secs(20),
    drain: Duration::from_secs(1),
    max_connections: 32,
};

/// A bound listener that serves a registry.
#[derive(Debug)]
pub struct MetricsListener {
    listener: TcpListener,
    registry: Registry,
}

impl MetricsListener {
    /// Binds the address.
    ///
    /// # Errors
    /// When an exact address, or each of the ports that may be tried, is taken.
    pub async fn bind(address: MetricsAddress, registry: Registry) -> io::Result<Self> {
        let listener = bind_private(address, "METRICS_LISTEN", "metrics").await?;
        Ok(Self { listener, registry })
    }

    /// The address that was bound.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves `/metrics` and `/livez`, and `/log-level` once logging was started, until `shutdown` is cancelled.
    pub async fn serve(self, shutdown: CancellationToken) {
        let registry = self.registry;
        let log_level = log_level().map(log_level::routes).unwrap_or_default();
        let router = Router::new()
            .route("/metrics", get(move || async move { render(&registry) }))
            .route("/livez", get(|| async { "ok" }))
            .merge(log_level);
        serve(self.listener, router, LIMITS, shutdown).await;
    }
}

fn render(registry: &Registry) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&registry.gather(), &mut text) {
        Ok(()) => ([(CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::telemetry::metrics_registry;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    async fn fetch(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nhost: ramz\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("text");
        answer
    }

    fn registry() -> Registry {
        metrics_registry("api", "1.2.3").expect("a registry")
    }

    #[tokio::test]
    async fn metrics_tell_the_build_and_the_process_and_nothing_else_is_served() {
        let any_port = MetricsAddress::Exactly(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = MetricsListener::bind(any_port, registry())
            .await
            .expect("bound");
        let address = listener.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(listener.serve(shutdown.clone()));

        let metrics = fetch(address, "/metrics").await;
        let build = r#"ramz_build_info{binary="api",commit=""#;
        assert!(metrics.contains(build), "{metrics}");
        assert!(metrics.contains(r#"",version="1.2.3"} 1"#), "{metrics}");
        assert!(metrics.contains("text/plain; version=0.0.4"));
        assert!(metrics.contains("process_resident_memory_bytes"));
        assert!(fetch(address, "/livez").await.ends_with("ok"));
        assert!(fetch(address, "/").await.starts_with("HTTP/1.1 404"));

        shutdown.cancel();
        task.await.expect("no panic");
    }

    #[tokio::test]
    async fn a_taken_address_is_an_error_if_it_was_asked_for_and_else_the_next_is_used() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = taken.local_addr().expect("an address");

        let error = MetricsListener::bind(MetricsAddress::Exactly(address), registry())
            .await
            .expect_err("taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains("METRICS_LISTEN"), "{error}");

        let next = MetricsListener::bind(MetricsAddress::FirstFreeFrom(address), registry())
            .await
            .expect("bound");
        let port = next.local_addr().expect("an address").port();
        assert!(port > address.port());
    }
}

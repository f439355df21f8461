//! Asking a listener of this machine how it does: the health check of a container, whose image
//! has no program that could ask.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::header::{CONNECTION, HOST};
use http::{Request, StatusCode};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A listener that is silent for so long does not serve.
const PATIENCE: Duration = Duration::from_secs(4);
/// What is shown of an answer that is no success.
const SHOWN_BYTES: usize = 200;

/// Why a listener is not well, in one line.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nobody listens there, or the connection broke.
    #[error("{0} does not answer: {1}")]
    Unreachable(Target, io::Error),
    /// Somebody listens there who does not speak HTTP.
    #[error("{0} gives no proper answer: {1}")]
    Broken(Target, hyper::Error),
    /// It took too long.
    #[error("{0} does not answer within {seconds} seconds", seconds = PATIENCE.as_secs())]
    Silent(Target),
    /// It answers that it is not well.
    #[error("{0} answers {1}: {2}")]
    Unwell(Target, StatusCode, String),
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    address: SocketAddr,
    path: &'static str,
}

impl Target {
    /// A path of a listener that was given as an address to bind; every address of the machine is
    /// asked by loopback.
    pub fn new(bound: SocketAddr, path: &'static str) -> Self {
        let ip = match bound.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        Self {
            address: SocketAddr::new(ip, bound.port()),
            path,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.address, self.path)
    }
}

/// Asks once. It is well if the answer is a success (2xx).
pub async fn probe(target: Target) -> Result<(), ProbeError> {
    probe_within(target, PATIENCE).await
}

async fn probe_within(target: Target, patience: Duration) -> Result<(), ProbeError> {
    match timeout(patience, ask(target)).await {
        Ok(asked) => asked,
        Err(_) => Err(ProbeError::Silent(target)),
    }
}

async fn ask(target: Target) -> Result<(), ProbeError> {
    let broken = |error| ProbeError::Broken(target, error);
    let stream = TcpStream::connect(target.address).await;
    let stream = stream.map_err(|error| ProbeError::Unreachable(target, error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let exchange = async {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = http::Uri::from_static(target.path);
        let headers = request.headers_mut();
        headers.insert(HOST, http::HeaderValue::from_static("localhost"));
        headers.insert(CONNECTION, http::HeaderValue::from_static("close"));
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let body = to_bytes(Body::new(answer.into_body()), 64 * 1024).await;
        let shown = one_line(&body.unwrap_or_default());
        Err(ProbeError::Unwell(target, status, shown))
    };
    tokio::pin!(exchange);
    tokio::select! {
        done = &mut exchange => done,
        // It carries the exchange, and may end as soon as the answer is here.
        ended = connection => match ended {
            Ok(()) => exchange.await,
            Err(error) => Err(broken(error)),
        },
    }
}

/// The start of an answer without line breaks and other controls.
fn one_line(body: &[u8]) -> String {
    let start = &body[..body.len().min(SHOWN_BYTES)];
    let text = String::from_utf8_lossy(start);
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use shared::config::ServeLimits;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::serve;

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        (listener, address)
    }

    #[tokio::test]
    async fn a_success_is_well_and_anything_else_is_told_in_one_line() {
        let router = Router::new().route("/well", get(|| async { "ok" })).route(
            "/unwell",
            get(|| async { (StatusCode::SERVICE_UNAVAILABLE, "records:\nfailed") }),
        );
        let (listener, address) = listener().await;
        let stop = CancellationToken::new();
        let serving = serve(listener, router, ServeLimits::default(), stop.clone());
        let serving = tokio::spawn(serving);

        // As a container is configured: bound to every address, asked by loopback.
        let anywhere = SocketAddr::from(([0, 0, 0, 0], address.port()));
        let well = probe(Target::new(anywhere, "/well")).await;
        well.expect("a success");
        let unwell = probe(Target::new(address, "/unwell")).await;
        assert_eq!(
            unwell.expect_err("503").to_string(),
            format!("http://{address}/unwell answers 503 Service Unavailable: records:failed")
        );
        let missing = probe(Target::new(address, "/nowhere")).await;
        let missing = missing.expect_err("404").to_string();
        assert!(missing.contains("404"), "{missing}");
        stop.cancel();
        serving.await.expect("no panic");
    }

    #[tokio::test]
    async fn who_does_not_listen_or_speaks_something_else_is_not_well() {
        let (closed, address) = listener().await;
        drop(closed);
        let error = probe(Target::new(address, "/livez")).await;
        let error = error.expect_err("nobody listens").to_string();
        assert!(
            error.starts_with(&format!("http://{address}/livez does not answer")),
            "{error}"
        );

        let (listener, address) = listener().await;
        let babbler = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            stream.write_all(b"+PONG\r\n").await.expect("sent");
            stream.shutdown().await.expect("closed");
            stream
        });
        let error = probe(Target::new(address, "/livez")).await;
        assert!(matches!(error, Err(ProbeError::Broken(..))), "{error:?}");
        babbler.await.expect("no panic");
    }

    #[tokio::test]
    async fn who_takes_the_connection_and_says_nothing_is_not_waited_for() {
        let (listener, address) = listener().await;
        let silent = tokio::spawn(async move { listener.accept().await.expect("a connection") });
        let little = Duration::from_millis(50);
        let error = probe_within(Target::new(address, "/livez"), little).await;
        assert!(matches!(error, Err(ProbeError::Silent(_))), "{error:?}");
        silent.await.expect("no panic");
    }

    #[test]
    fn every_address_of_the_machine_is_asked_by_loopback() {
        let target = |bound: &str| {
            let bound = bound.parse().expect("an address");
            Target::new(bound, "/").to_string()
        };
        assert_eq!(target("0.0.0.0:80"), "http://127.0.0.1:80/");
        assert_eq!(target("[::]:80"), "http://[::1]:80/");
        assert_eq!(target("10.0.0.1:80"), "http://10.0.0.1:80/");
    }
}

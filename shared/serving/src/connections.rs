//! The accept loop.
//!
//! `axum::serve` has no time limit for a request's head, so a client that sends it drop by drop
//! holds a connection for ever. hyper's own HTTP/1 server has one, and it also closes connections
//! that are idle between two requests. It has none for the answer, so a write that makes no
//! progress is ended here. HTTP/2 is left to the reverse proxy. How many connections one client may have, and
//! whose goes when there are too many, is in `seats`.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use domain::client_address::TrustedProxies;
use http::header::{CONNECTION, HOST};
use http::uri::Authority;
use http::{Request, StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::IntGauge;
use shared::config::ServeLimits;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;

mod seats;
mod watched;

use seats::{NoSeat, Seated, Seats};
use watched::{WatchedBody, WatchedStream};

/// How long the loop rests when the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// How often a full house is logged at most: under a flood it is full at every accept.
const FULL_LOG_INTERVAL: Duration = Duration::from_mins(1);

/// The longest head of a request, with its first line and all fields; a longer one is answered 431. Cookies of
/// others on the same host have room. A connection buffers no more than twice this of what comes in.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// What a listener of the public does beside serving.
#[derive(Clone, Debug, Default)]
pub struct Front {
    /// A gauge of the connections that are open.
    pub open: Option<IntGauge>,
    /// Clients have shares of the connections, but for these reverse proxies, which bring the clients of
    /// everybody. `None` for a listener of our own people, where nobody has a share.
    pub shares_but_for: Option<TrustedProxies>,
}

/// Serves `router` until `shutdown` is cancelled; then takes no new connection, lets running
/// requests finish within [`ServeLimits::drain`], cuts what is left, and returns.
///
/// Handlers can extract `ConnectInfo<SocketAddr>`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ServeLimits,
    shutdown: CancellationToken,
) {
    serve_front(listener, router, limits, shutdown, Front::default()).await;
}

/// [`serve`] for the public.
pub async fn serve_front(
    listener: TcpListener,
    router: Router,
    limits: ServeLimits,
    shutdown: CancellationToken,
    front: Front,
) {
    let mut connections = JoinSet::new();
    let seats = Seats::new(limits.max_connections, front.shares_but_for);
    let mut full_logged_at = None;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                rest_after(&error, &shutdown).await;
                continue;
            }
        };
        let seated = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            seated = take_seat(&seats, peer, &mut full_logged_at) => seated,
        };
        let Some(seated) = seated else {
            // Dropping the stream closes it.
            tracing::debug!("a connection was refused: its address holds its share");
            continue;
        };
        let connection = Connection {
            peer,
            router: router.clone(),
            header_read_timeout: limits.header_read_timeout,
            write_timeout: limits.write_timeout,
            shutdown: shutdown.clone(),
        };
        let counted = front.open.clone().map(Counted::new);
        connections.spawn(async move {
            connection.run(stream, Arc::new(seated)).await;
            drop(counted);
        });
    }
    drop(listener);
    drain(connections, limits.drain).await;
}

/// A seat for a new connection, which waits for one where all are taken; others wait behind it in the
/// kernel's backlog. `None` where its address holds its share.
async fn take_seat(
    seats: &Arc<Seats>,
    peer: SocketAddr,
    full_logged_at: &mut Option<Instant>,
) -> Option<Seated> {
    loop {
        match seats.take(peer.ip()) {
            Ok(seated) => return Some(seated),
            Err(NoSeat::Share) => return None,
            Err(NoSeat::Full) => {}
        }
        if full_logged_at.is_none_or(|at| at.elapsed() >= FULL_LOG_INTERVAL) {
            tracing::warn!("all connections are in use; idle ones go and new ones wait");
            *full_logged_at = Some(Instant::now());
        }
        seats.one_left().await;
    }
}

/// Counts one in a gauge for as long as it lives.
struct Counted(IntGauge);

impl Counted {
    fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A connection that broke before it was accepted concerns nobody else; anything else, such as no
/// file descriptors left, would repeat at once, so the loop rests.
async fn rest_after(error: &io::Error, shutdown: &CancellationToken) {
    if concerns_one_connection(error) {
        tracing::debug!(%error, "a connection broke before it was accepted");
        return;
    }
    tracing::error!(%error, "cannot accept connections; trying again");
    tokio::select! {
        () = tokio::time::sleep(ACCEPT_PAUSE) => {}
        () = shutdown.cancelled() => {}
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

async fn drain(mut connections: JoinSet<()>, limit: Duration) {
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limit, all_ended).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "requests still run at the end of the drain time; they are cut"
        );
        connections.shutdown().await;
    }
}

struct Connection {
    peer: SocketAddr,
    router: Router,
    header_read_timeout: Duration,
    write_timeout: Duration,
    shutdown: CancellationToken,
}

impl Connection {
    async fn run(self, stream: TcpStream, seated: Arc<Seated>) {
        // Answers are small and complete: waiting for more bytes only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not available");
        }
        // A client that reads nothing would hold its connection for ever.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.write_timeout));
        let stream = WatchedStream {
            stream: Box::pin(stream),
            seated: Arc::clone(&seated),
        };
        let (peer, router) = (self.peer, self.router);
        let asked = Arc::clone(&seated);
        let service =
            hyper::service::service_fn(move |request| answer(&router, peer, &asked, request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .max_buf_size(MAX_HEAD_BYTES)
            .max_header_size(MAX_HEAD_BYTES)
            .header_read_timeout(self.header_read_timeout)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            // First, so that a request that has come is seen before the connection goes.
            biased;
            ended = connection.as_mut() => ended,
            () = seated.must_go() => {
                tracing::debug!("a connection went so that others have room");
                return;
            }
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

fn answer(
    router: &Router,
    peer: SocketAddr,
    seated: &Arc<Seated>,
    mut request: Request<Incoming>,
) -> impl Future<Output = Result<Response, Infallible>> + use<> {
    seated.begun();
    request.extensions_mut().insert(ConnectInfo(peer));
    // A router is always ready, so there is no `poll_ready` to wait for.
    let answering = names_its_host(&request).then(|| router.clone().call(request));
    let seated = Arc::clone(seated);
    async move {
        let answer = match answering {
            Some(answering) => answering.await?,
            None => (StatusCode::BAD_REQUEST, [(CONNECTION, "close")]).into_response(),
        };
        Ok(answer.map(|body| Body::new(WatchedBody::new(body, seated))))
    }
}

/// Whether a request says once, and in a form that a host can have, to whom it goes (RFC 9112, 3.2). Where
/// it does not, a proxy before us may have understood another host than we do. One of HTTP/1.0 need not.
fn names_its_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        (Some(host), None) => {
            let host = host.as_bytes();
            let is_a_host = Authority::try_from(host).is_ok() && !host.contains(&b'@');
            host.is_empty() || is_a_host
        }
        (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests;

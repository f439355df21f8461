//! The accept loop.
//!
//! `axum::serve` has no time limit for a request's head, so a client that sends it drop by drop
//! holds a connection for ever. hyper's own HTTP/1 server has one, and it also closes connections
//! that are idle between two requests. It has none for the answer, so a write that makes no
//! progress is ended here. HTTP/2 is left to the reverse proxy.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::IntGauge;
use shared::config::ServeLimits;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;

/// How long the loop rests when the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// How often a full house is logged at most: under a flood it is full at every accept.
const FULL_LOG_INTERVAL: Duration = Duration::from_mins(1);

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
    serve_counted(listener, router, limits, shutdown, None).await;
}

/// [`serve`] with a gauge of the connections that are open.
pub async fn serve_counted(
    listener: TcpListener,
    router: Router,
    limits: ServeLimits,
    shutdown: CancellationToken,
    open: Option<IntGauge>,
) {
    let mut connections = JoinSet::new();
    let mut slots = Slots::new(limits.max_connections);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &mut slots) => accepted,
        };
        let (stream, peer, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                rest_after(&error, &shutdown).await;
                continue;
            }
        };
        let connection = Connection {
            peer,
            router: router.clone(),
            header_read_timeout: limits.header_read_timeout,
            write_timeout: limits.write_timeout,
            shutdown: shutdown.clone(),
        };
        let counted = open.clone().map(Counted::new);
        connections.spawn(async move {
            connection.run(stream).await;
            drop((slot, counted));
        });
    }
    drop(listener);
    drain(connections, limits.drain).await;
}

async fn accept(
    listener: &TcpListener,
    slots: &mut Slots,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = slots.acquire().await?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, slot))
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

/// One slot for each connection that may be served at once.
struct Slots {
    free: Arc<Semaphore>,
    full_logged_at: Option<Instant>,
}

impl Slots {
    fn new(count: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            full_logged_at: None,
        }
    }

    async fn acquire(&mut self) -> io::Result<OwnedSemaphorePermit> {
        if let Ok(slot) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(slot);
        }
        if self
            .full_logged_at
            .is_none_or(|at| at.elapsed() >= FULL_LOG_INTERVAL)
        {
            tracing::warn!("all connections are in use; new ones wait");
            self.full_logged_at = Some(Instant::now());
        }
        let slot = Arc::clone(&self.free).acquire_owned().await;
        slot.map_err(io::Error::other)
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
    async fn run(self, stream: TcpStream) {
        // Answers are small and complete: waiting for more bytes only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not available");
        }
        // A client that reads nothing would hold its connection for ever.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.write_timeout));
        let stream = Box::pin(stream);
        let (peer, router) = (self.peer, self.router);
        let service = hyper::service::service_fn(move |request| answer(&router, peer, request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_read_timeout)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
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
    mut request: Request<Incoming>,
) -> impl Future<Output = Result<Response, Infallible>> + use<> {
    request.extensions_mut().insert(ConnectInfo(peer));
    // A router is always ready, so there is no `poll_ready` to wait for.
    router.clone().call(request)
}

#[cfg(test)]
mod tests;

//! Resetting a TCP connection on purpose.

use std::{
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::http::Request;
use axum_server::accept::Accept;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tower_service::Service;

/// Asks the connection of a request to be reset, in place of the answer. It is an extension of
/// every request that came through a [`ResettableAcceptor`].
#[derive(Clone, Debug, Default)]
pub struct ResetConnection(Arc<AtomicBool>);

impl ResetConnection {
    /// Resets the connection as soon as something is to be written or read.
    pub fn reset(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_asked_for(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Accepts connections that the simulator can reset: the client sees a TCP RST, not a mere end.
///
/// Behind any other server the reset faults only end the connection without an answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResettableAcceptor;

impl<S> Accept<TcpStream, S> for ResettableAcceptor {
    type Stream = ResettableStream;
    type Service = WithReset<S>;
    type Future = Ready<io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let reset = ResetConnection::default();
        let accepted = stream.set_nodelay(true).map(|()| {
            (
                ResettableStream {
                    stream,
                    reset: reset.clone(),
                },
                WithReset { service, reset },
            )
        });
        ready(accepted)
    }
}

/// A service that hands every request the means to reset its connection.
#[derive(Clone, Debug)]
pub struct WithReset<S> {
    service: S,
    reset: ResetConnection,
}

impl<S, B> Service<Request<B>> for WithReset<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.reset.clone());
        self.service.call(request)
    }
}

/// A TCP stream that can be reset from the side.
#[derive(Debug)]
pub struct ResettableStream {
    stream: TcpStream,
    reset: ResetConnection,
}

impl ResettableStream {
    /// An error once the reset is asked for, which ends the connection.
    fn check(&self) -> io::Result<()> {
        if self.reset.is_asked_for() {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok(())
        }
    }
}

impl Drop for ResettableStream {
    fn drop(&mut self) {
        // With a linger time of zero the kernel sends an RST in place of a FIN.
        if self.reset.is_asked_for()
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::warn!(%error, "a connection could only be closed, not reset");
        }
    }
}

impl AsyncRead for ResettableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for ResettableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

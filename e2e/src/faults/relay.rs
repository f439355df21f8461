//! A TCP relay in front of the gateway, which can go away and come back.
//!
//! Killing the simulator itself would also make it forget what it has accepted; a gateway that is
//! away has forgotten nothing.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The relay. It listens on 127.0.0.1 only.
pub(super) struct Relay {
    address: SocketAddr,
    target: String,
    open: Option<JoinHandle<()>>,
}

impl Relay {
    /// Relays to `target` (host and port) from now on.
    pub(super) async fn start(target: &str) -> io::Result<Self> {
        let mut relay = Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, harness::free_port())),
            target: target.to_owned(),
            open: None,
        };
        relay.open().await?;
        Ok(relay)
    }

    /// Where clients connect.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes connections again.
    pub(super) async fn open(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        self.open = Some(tokio::spawn(relay(listener, self.target.clone())));
        Ok(())
    }

    /// Cuts all connections and refuses new ones.
    pub(super) async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.abort();
            // The end by cancellation is what was asked for; the listener is gone after it.
            let _cancelled = open.await;
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(open) = &self.open {
            open.abort();
        }
    }
}

/// Dropping it drops the listener and all connections.
async fn relay(listener: TcpListener, target: String) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Without a file descriptor for it the client is refused, as by a gateway.
                if let Ok((client, _)) = accepted {
                    connections.spawn(pass_on(client, target.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A connection that breaks on either side is over for both.
async fn pass_on(mut client: TcpStream, target: String) {
    if let Ok(mut gateway) = TcpStream::connect(target).await {
        let _bytes_or_broken = copy_bidirectional(&mut client, &mut gateway).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn a_closed_relay_refuses_cuts_and_comes_back() {
        let target = echo().await;
        let mut relay = Relay::start(&target.to_string()).await.unwrap();
        let mut stream = TcpStream::connect(relay.address).await.unwrap();
        stream.write_all(b"ab").await.unwrap();
        let mut echoed = [0; 2];
        stream.read_exact(&mut echoed).await.unwrap();
        assert_eq!(&echoed, b"ab");

        relay.close().await;
        let refused = TcpStream::connect(relay.address).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(matches!(stream.read(&mut echoed).await, Ok(0) | Err(_)));

        relay.open().await.unwrap();
        assert!(TcpStream::connect(relay.address).await.is_ok());
    }
}

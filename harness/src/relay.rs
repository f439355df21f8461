//! A TCP relay that stands for an address: it can go away, come back, and lead to another server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::port::free_port;

/// The relay. It listens on 127.0.0.1 only.
pub struct Relay {
    address: SocketAddr,
    target: Arc<Mutex<String>>,
    open: Option<JoinHandle<()>>,
}

impl Relay {
    /// Relays to `target` (host and port) from now on.
    ///
    /// # Panics
    ///
    /// When its port cannot be bound.
    pub async fn start(target: impl Into<String>) -> Self {
        let mut relay = Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())),
            target: Arc::new(Mutex::new(target.into())),
            open: None,
        };
        relay.open().await;
        relay
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same URL with the relay in the place of the server, whose host and port are `server`.
    ///
    /// # Panics
    ///
    /// When `url` does not name it.
    #[must_use]
    pub fn in_place_of(&self, server: &str, url: &str) -> String {
        assert!(url.contains(server), "the URL does not name {server}");
        url.replacen(server, &self.address.to_string(), 1)
    }

    /// Leads new connections to another server. Those that are open stay where they are.
    pub fn lead_to(&self, target: impl Into<String>) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target.into();
    }

    /// Takes connections again.
    ///
    /// # Panics
    ///
    /// When its port cannot be bound.
    pub async fn open(&mut self) {
        let listener = TcpListener::bind(self.address).await;
        let listener =
            listener.unwrap_or_else(|error| panic!("cannot bind {}: {error}", self.address));
        self.open = Some(tokio::spawn(relay(listener, Arc::clone(&self.target))));
    }

    /// Cuts all connections and refuses new ones.
    pub async fn close(&mut self) {
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
async fn relay(listener: TcpListener, target: Arc<Mutex<String>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Without a file descriptor for it the client is refused, as by a server.
                if let Ok((client, _)) = accepted {
                    let target = target.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    connections.spawn(pass_on(client, target));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A connection that breaks on either side is over for both.
async fn pass_on(mut client: TcpStream, target: String) {
    if let Ok(mut server) = TcpStream::connect(target).await {
        let _bytes_or_broken = copy_bidirectional(&mut client, &mut server).await;
    }
}

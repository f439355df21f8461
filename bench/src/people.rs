//! The load of whole sign-ins: people who ask for a code, get it by a message, give it back and get their
//! tokens, and the gateway that brings the messages. All of it runs on one thread, the same for Ramz, for
//! its floors and for its peers.

mod crowd;
mod dialect;
mod gateway;
mod http;
mod outcome;
mod sign_in;
mod waves;

pub(crate) use crowd::Crowd;
pub(crate) use dialect::Dialect;
pub(crate) use outcome::Outcome;

use std::net::SocketAddr;

/// People who sign in at once.
pub(crate) const PEOPLE: usize = 64;

/// A service that people sign in to.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// Its processes share the people evenly.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) dialect: Dialect,
}

impl Service {
    /// Where the person of this number goes.
    fn address(&self, person: usize) -> SocketAddr {
        self.addresses[person % self.addresses.len()]
    }
}

//! The connection to Redis that hot state and the queue share, and the names of all keys.
//!
//! All keys carry one hash tag, so that one script may touch them all. That allows fail-over by
//! Redis Cluster or Sentinel, not scale-out, and no more is claimed.

mod connection;
mod trouble;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::Rule;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};

use crate::records::Route;

pub(crate) use connection::{LIFE, RedisConnection};
pub(crate) use trouble::cause;

/// One sending of a command. Two of them fit in the second within which clients get their answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(400);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(400);
/// A blocking read that is silent for this long on top of its block is a dead connection.
const BLOCKING_GRACE: Duration = Duration::from_secs(5);

/// A connection to Redis that heals itself; clones share it.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    client: Client,
    connection: RedisConnection,
    place: String,
    keys: Keys,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("place", &self.0.place)
            .field("keys", &self.0.keys)
            .finish_non_exhaustive()
    }
}

/// The names of the keys, all under one hash tag; written once, because requests need them.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// What precedes the id in the key of a root, and of the challenge that began it.
    pub(crate) challenge_prefix: String,
    /// The record that stands for a root which is not there, so that looking for it takes as long.
    pub(crate) no_root: String,
    /// What precedes the id in the key of a challenge that joined a root.
    pub(crate) joined_prefix: String,
    /// What precedes the digits in the key of a phone's granted requests: a text of their moments,
    /// oldest first, each with `=` and the id of the root that it began, if it did and the root is
    /// open (`=r` for registering, `=p` for a new password), or with `=-` if no message went.
    pub(crate) phone_sends_prefix: String,
    /// Up to which place of the ledger the logs of numbers were shortened.
    pub(crate) logs_shortened_to: String,
    /// What precedes the digits in the key of what a phone's limits refused.
    pub(crate) phone_refusals_prefix: String,
    /// What precedes the name of a rule in the key of the last requests that it refused.
    pub(crate) last_refusals_prefix: String,
    /// What precedes a span and its number in the key of how often rules refused in it.
    pub(crate) refusal_counts_prefix: String,
    /// The numbers that are exempt from limits for some hours.
    pub(crate) exemptions: String,
    /// What precedes the address in the key of its bucket.
    pub(crate) address_prefix: String,
    /// What precedes the name of a limit and its subject in the key of its state; older limits have
    /// prefixes of their own.
    limit_prefix: String,
    /// What precedes the place in the key of how many numbers were proven from there.
    proven_prefix: String,
    /// What precedes the digits in the key of a phone's failed tries.
    pub(crate) phone_failures_prefix: String,
    /// What precedes the address in the key of its failed tries.
    pub(crate) address_failures_prefix: String,
    /// Made once. If there is none, Redis was emptied: until when numbers of which nothing is known are
    /// looked for in the ledger, or 0.
    pub(crate) epoch: String,
    /// What precedes the keyed hash of a number whose account was deleted, in the key of the requests for
    /// it from before.
    pub(crate) erased_sends_prefix: String,
    /// The same of its failed tries.
    pub(crate) erased_failures_prefix: String,
    /// What precedes the id in the mark of a notice that is in the queue, or was.
    pub(crate) notice_prefix: String,
    /// What precedes the id in the key of what a client has asked for.
    pub(crate) authorization_request_prefix: String,
    /// The breaker: a hash with `until`, the moment up to which requests are refused.
    pub(crate) breaker: String,
    /// The rate of calls of the gateway.
    pub(crate) gateway_rate: String,
    /// What precedes a route in the key of the worker that follows its deliveries.
    following_prefix: String,
    /// The stream of jobs that wait or run.
    pub(crate) jobs: String,
    /// The sorted set of delayed jobs, by the moment when they are due.
    pub(crate) delayed: String,
    /// The stream of dead letters.
    pub(crate) dead: String,
    /// The sorted set of workers, by the moment at which each told that it lives.
    pub(crate) workers: String,
}

impl RedisStore {
    /// Connects to a `redis://` or `rediss://` URL. The address is checked now; the server may be
    /// away and come later.
    pub fn connect(url: &str) -> Result<Self, RedisError> {
        Self::connect_tagged(url, "ramz")
    }

    /// Connects under another hash tag, so that tests can share a server.
    pub fn connect_tagged(url: &str, tag: &str) -> Result<Self, RedisError> {
        let client = Client::open(url)?;
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_connection_timeout(Some(CONNECT_TIMEOUT));
        let place = client.get_connection_info().addr().to_string();
        let connection = RedisConnection::new(client.clone(), config, place.clone());
        let keys = Keys::under(tag);
        Ok(Self(Arc::new(Inner {
            client,
            connection,
            place,
            keys,
        })))
    }

    /// The shared connection, for commands that answer at once.
    pub(crate) fn connection(&self) -> RedisConnection {
        self.0.connection.clone()
    }

    /// Host and port, which may be shown.
    pub(crate) fn place(&self) -> &str {
        &self.0.place
    }

    /// A connection of its own for reads that block up to `block`. The shared one is made again after
    /// it: what is read from the server of today must not be settled with that of yesterday, which
    /// knows nothing of it.
    pub(crate) async fn blocking_connection(
        &self,
        block: Duration,
    ) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(block + BLOCKING_GRACE));
        let client = &self.0.client;
        let made = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        self.0.connection.begin_anew().await;
        Ok(made)
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }
}

impl Keys {
    /// The state of a limit by this subject.
    pub(crate) fn limit(&self, rule: Rule, subject: &str) -> String {
        [&self.limit_prefix, rule.as_str(), ":", subject].concat()
    }

    /// How many numbers were proven from an address or a group.
    pub(crate) fn proven(&self, place: &str) -> String {
        [&self.proven_prefix, place].concat()
    }

    /// Which worker follows the deliveries of a route.
    pub(crate) fn following(&self, route: &Route) -> String {
        [&self.following_prefix, route.as_str()].concat()
    }

    fn under(tag: &str) -> Self {
        let name = |name: &str| format!("{{{tag}}}:{name}");
        Self {
            challenge_prefix: name("c:"),
            no_root: name("c:none"),
            joined_prefix: name("d:"),
            phone_sends_prefix: name("s:"),
            logs_shortened_to: name("logs_shortened_to"),
            phone_refusals_prefix: name("r:"),
            last_refusals_prefix: name("rl:"),
            refusal_counts_prefix: name("rn:"),
            exemptions: name("exemptions"),
            address_prefix: name("a:"),
            limit_prefix: name("l:"),
            proven_prefix: name("v:"),
            phone_failures_prefix: name("fp:"),
            address_failures_prefix: name("fa:"),
            epoch: name("epoch"),
            erased_sends_prefix: name("e:"),
            erased_failures_prefix: name("fe:"),
            notice_prefix: name("n:"),
            authorization_request_prefix: name("oidc:req:"),
            breaker: name("breaker"),
            gateway_rate: name("gateway_rate"),
            following_prefix: name("following:"),
            jobs: name("jobs"),
            delayed: name("delayed"),
            dead: name("dead"),
            workers: name("workers"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_as_they_always_were() {
        let keys = Keys::under("ramz");
        assert_eq!(keys.jobs, "{ramz}:jobs");
        assert_eq!(keys.challenge_prefix, "{ramz}:c:");
        assert_eq!(keys.joined_prefix, "{ramz}:d:");
    }
}

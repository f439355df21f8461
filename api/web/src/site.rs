//! What the faces work with beside the use cases.

use std::net::IpAddr;

use domain::client_address::TrustedProxies;
use domain::clock::Clock;
use domain::random::Random;
use prometheus::{IntGauge, Registry};
use shared::config::{AllowedOrigins, HttpConfig};
use shared::telemetry::MetricSet as _;

use crate::cookies::Cookies;
use crate::cors::Cors;
use crate::metrics::HttpMetrics;
use crate::proxy_watch::{ProxyWatch, Suspicion};

/// What a [`Site`] is built from.
#[derive(Debug)]
pub struct SiteParts<'a> {
    /// Where it is and how people reach it.
    pub http: &'a HttpConfig,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Takes the figures of requests and connections.
    pub registry: &'a Registry,
}

/// The public listener as the faces see it.
#[derive(Debug)]
pub struct Site {
    /// Writes and reads the cookies of tokens.
    pub cookies: Cookies,
    pub(crate) metrics: HttpMetrics,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) trusted_proxies: TrustedProxies,
    proxy_watch: ProxyWatch,
    /// Whether people reach the service over https.
    pub(crate) secure: bool,
    /// Scheme, host and port of our own pages, as browsers write it in `Origin`.
    pub(crate) public_origin: String,
    pub(crate) cors: Cors,
}

impl Site {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the registry already holds figures of these names.
    pub fn build(parts: SiteParts<'_>) -> prometheus::Result<Self> {
        let secure = parts.http.public_url.is_secure();
        let public_origin = parts.http.public_url.origin().to_owned();
        Ok(Self {
            cookies: Cookies::new(secure),
            metrics: HttpMetrics::register(parts.registry)?,
            clock: parts.clock,
            random: parts.random,
            trusted_proxies: parts.http.trusted_proxies.clone(),
            proxy_watch: ProxyWatch::default(),
            secure,
            cors: Cors::new(&parts.http.allowed_origins, &public_origin),
            public_origin,
        })
    }

    /// Another listener of the same process, which is counted together with this one: no other origin
    /// may call it.
    #[must_use]
    pub fn beside(&self, secure: bool, origin: String) -> Self {
        Self {
            cookies: Cookies::new(secure),
            metrics: self.metrics.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
            proxy_watch: ProxyWatch::default(),
            secure,
            cors: Cors::new(&AllowedOrigins::default(), &origin),
            public_origin: origin,
        }
    }

    /// Takes note of a request that is counted by the address of its client; `forwards` tells whether
    /// it has an `X-Forwarded-For`. The result is to be logged.
    pub fn saw(&self, peer: IpAddr, forwards: bool) -> Option<Suspicion> {
        self.proxy_watch
            .saw(peer, forwards, &self.trusted_proxies, &self.clock)
    }

    /// The gauge of open connections, for anyone who serves the router.
    pub fn open_connections(&self) -> IntGauge {
        self.metrics.connections().clone()
    }
}

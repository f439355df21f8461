//! Where the service listens and how people reach it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use domain::client_address::TrustedProxies;
use domain::loopback::is_loopback;
use url::Url;

use super::origins::AllowedOrigins;
use super::reader::{Read, Reader, shown};
use super::variables::{
    ALLOWED_ORIGINS, Binary, HTTP_MAX_CONNECTIONS, LISTEN, METRICS_LISTEN, PUBLIC_URL,
    SIMULATOR_LISTEN, TRUSTED_PROXIES,
};

/// That of `LISTEN`.
const DEFAULT_PORT: u16 = 8000;

/// The listener of the API and the pages.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// `LISTEN`
    pub listen: SocketAddr,
    /// `PUBLIC_URL`
    pub public_url: PublicUrl,
    /// `ALLOWED_ORIGINS`
    pub allowed_origins: AllowedOrigins,
    /// `TRUSTED_PROXIES`
    pub trusted_proxies: TrustedProxies,
    /// `HTTP_MAX_CONNECTIONS`, and the time limits, which are fixed.
    pub limits: ServeLimits,
}

/// The limits of one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeLimits {
    /// How long the head of a request may take, and how long a connection may be idle between two
    /// requests.
    pub header_read_timeout: Duration,
    /// How long a client may take nothing of an answer that is being written to it.
    pub write_timeout: Duration,
    /// How long running requests may go on after the shutdown began.
    pub drain: Duration,
    /// Connections served at once; more wait in the kernel's backlog.
    pub max_connections: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            header_read_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(20),
            drain: Duration::from_secs(10),
            max_connections: 4096,
        }
    }
}

/// Where metrics are served, or the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsAddress {
    /// There, or the start fails: somebody relies on it.
    Exactly(SocketAddr),
    /// There or on the next free port: several processes of one machine can start unconfigured.
    FirstFreeFrom(SocketAddr),
}

/// How people reach the service: an origin, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    secure: bool,
}

impl PublicUrl {
    /// `https://host` or `http://loopback:port`, without a slash at the end.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether people reach it over https. If not, it is a developer's machine.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Where a listener is reached on its own machine. One on port 0 says so only after the start.
    fn of_listener(listen: SocketAddr) -> Self {
        let address = if listen.ip().is_loopback() {
            listen.ip()
        } else {
            Ipv4Addr::LOCALHOST.into()
        };
        let port = match listen.port() {
            0 => DEFAULT_PORT,
            port => port,
        };
        let host = SocketAddr::new(address, port).to_string();
        // As browsers write an origin.
        let host = host.strip_suffix(":80").unwrap_or(&host);
        Self {
            origin: format!("http://{host}"),
            secure: false,
        }
    }

    /// Errors never show the URL: it could hold a password.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "is not a URL such as https://login.example.ir")?;
        let bare = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && !has_credentials(&url);
        let secure = match url.scheme() {
            "https" => true,
            "http" if is_loopback(&url) => false,
            "http" => {
                return Err(
                    "is http: codes and tokens would travel in the clear; use https, or http on 127.0.0.1 for development",
                );
            }
            _ => return Err("is neither https nor http"),
        };
        if !bare {
            return Err("must be scheme, host and port only, such as https://login.example.ir");
        }
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            secure,
        })
    }
}

pub(super) fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

impl HttpConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Read<Self> {
        let listen = read_listen(reader);
        let public_url = reader.parsed_if_set(&PUBLIC_URL, PublicUrl::parse);
        let allowed_origins = reader
            .parsed_if_set(&ALLOWED_ORIGINS, AllowedOrigins::parse)
            .map(Option::unwrap_or_default);
        let trusted_proxies = reader
            .parsed_if_set(&TRUSTED_PROXIES, TrustedProxies::parse)
            .map(Option::unwrap_or_default);
        let max_connections = reader.number(&HTTP_MAX_CONNECTIONS, 1..=1_000_000);
        let listen = listen?;
        let public_url = match (public_url?, reader.binary()) {
            (Some(given), _) => given,
            (None, Binary::Standalone) => PublicUrl::of_listener(listen),
            (None, Binary::Api | Binary::Worker) => {
                if !matches!(listen.port(), 0 | DEFAULT_PORT) {
                    reader.warn(
                        &PUBLIC_URL,
                        &format!(
                            "is not set and does not follow LISTEN, since several `api` share one: it is http://127.0.0.1:{DEFAULT_PORT}"
                        ),
                    );
                }
                PublicUrl::of_listener(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DEFAULT_PORT))
            }
        };
        let config = Self {
            listen,
            public_url,
            allowed_origins: allowed_origins?,
            trusted_proxies: trusted_proxies?,
            limits: ServeLimits {
                max_connections: max_connections?,
                ..ServeLimits::default()
            },
        };
        config.warn(reader);
        Ok(config)
    }

    fn warn(&self, reader: &mut Reader<'_>) {
        if !self.public_url.secure {
            reader.warn(
                &PUBLIC_URL,
                "is http, so cookies are not Secure; this is for development on one machine only",
            );
        } else if self.trusted_proxies == TrustedProxies::default() {
            reader.warn(
                &TRUSTED_PROXIES,
                "is not set although PUBLIC_URL is https: all clients seem to have the address of the proxy that ends TLS, and share its limit",
            );
        }
        let mut origins = self.allowed_origins.iter();
        if origins.any(|origin| origin == self.public_url.origin()) {
            reader.warn(
                &ALLOWED_ORIGINS,
                "names the origin of PUBLIC_URL, whose pages need no leave",
            );
        }
        let mut origins = self.allowed_origins.iter();
        if self.public_url.secure && origins.any(|origin| origin.starts_with("http://")) {
            reader.warn(
                &ALLOWED_ORIGINS,
                "names an http origin although PUBLIC_URL is https: whatever listens there on a visitor's machine may call the API; this is for development only",
            );
        }
    }
}

/// Reads `LISTEN`.
pub(super) fn read_listen(reader: &mut Reader<'_>) -> Read<SocketAddr> {
    reader.parsed(&LISTEN, parse_address)
}

/// Reads `METRICS_LISTEN`; unset, the port is the binary's own.
pub(super) fn metrics_address(
    reader: &mut Reader<'_>,
    listen: Option<SocketAddr>,
) -> Read<MetricsAddress> {
    let port = match reader.binary() {
        Binary::Api | Binary::Standalone => 9464,
        Binary::Worker => 9465,
    };
    let given = reader.parsed_if_set(&METRICS_LISTEN, parse_address)?;
    match given {
        None => Ok(MetricsAddress::FirstFreeFrom(SocketAddr::from((
            [127, 0, 0, 1],
            port,
        )))),
        Some(address) if address.port() != 0 && listen == Some(address) => Err(reader.refuse(
            METRICS_LISTEN.name,
            format!("is {address}, like LISTEN; metrics need a private address of their own"),
        )),
        Some(address) => Ok(MetricsAddress::Exactly(address)),
    }
}

/// Reads `SIMULATOR_LISTEN`.
pub(super) fn simulator_address(reader: &mut Reader<'_>) -> Read<SocketAddr> {
    reader.parsed(&SIMULATOR_LISTEN, parse_address)
}

pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "{} is not an IP address with a port, such as 127.0.0.1:8000",
            shown(text)
        )
    })
}

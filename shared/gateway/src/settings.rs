//! What the client is made of, and what in it contradicts.

use std::time::Duration;

use reqwest::Certificate;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use domain::loopback::is_loopback;
use domain::templates::Templates;

/// The gateway itself.
pub const DEFAULT_BASE_URL: &str = "https://api.kavenegar.com";

/// An idle connection is closed after this time, before the far side is likely to do it: a
/// request that is written into a connection that is just being closed has an unknown outcome.
const POOL_IDLE: Duration = Duration::from_secs(15);

/// How the gateway is reached and what messages are made of.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// The key of the account; it is part of every URL.
    pub api_key: SecretString,
    /// Where the gateway is; `/v1/…` is added. A path in front (of a relay) is kept.
    pub base_url: Url,
    /// The line that plain texts are sent from; the account's default line unless set.
    pub sender: Option<String>,
    /// The approved templates; plain texts are sent if there is none.
    pub templates: Templates,
    /// The host that browsers may fill in the code for. Plain texts get their last line from it;
    /// a template must hold that line itself.
    pub webotp_domain: Option<String>,
    /// The longest wait for name resolution, TCP and TLS together. Nothing has left until then.
    pub connect_timeout: Duration,
    /// The longest wait for a whole call; longer than `connect_timeout`.
    pub total_timeout: Duration,
    /// Whether a `base_url` without TLS may be somewhere else than on this machine.
    pub allow_http: bool,
    /// Certificates (PEM) that are trusted besides the system's: those of a relay or of a test.
    pub extra_root_pem: Option<Vec<u8>>,
}

impl GatewaySettings {
    /// The real gateway with this key: no templates, the account's default line, 2 s to connect
    /// and 6 s for a call.
    ///
    /// # Panics
    /// Never: the default address is a URL.
    pub fn new(api_key: SecretString) -> Self {
        Self {
            api_key,
            base_url: Url::parse(DEFAULT_BASE_URL).expect("the default address is a URL"),
            sender: None,
            templates: Templates::default(),
            webotp_domain: None,
            connect_timeout: Duration::from_secs(2),
            total_timeout: Duration::from_secs(6),
            allow_http: false,
            extra_root_pem: None,
        }
    }
}

/// Why no client can be made of the settings. Never holds the key, nor an address with a
/// password.
#[derive(Debug, thiserror::Error)]
pub enum GatewaySetupError {
    /// No key.
    #[error("the gateway's API key is empty")]
    EmptyKey,
    /// Most often a line break or a quotation mark that came along.
    #[error("the gateway's API key holds something else than letters, digits, `-` and `_`")]
    MalformedKey,
    /// The key and every code would cross the network in the clear.
    #[error(
        "the gateway's address is http on the host `{0}`, which is not this machine: the API key \
         and the codes would be readable on the way; use https, or allow http explicitly"
    )]
    PlainHttp(String),
    /// Something else than HTTP.
    #[error(
        "the gateway's address has the scheme `{0}`; only https and, on this machine, http work"
    )]
    Scheme(String),
    /// Parts that have no meaning here or that would carry a secret.
    #[error("the gateway's address must consist of scheme, host, port and path only")]
    BaseUrl,
    /// The gateway would answer 412 to every message.
    #[error("the gateway's sender line `{0}` is not a number; leave it unset for the default line")]
    Sender(String),
    /// The WebOTP line would not match any site.
    #[error("the WebOTP domain `{0}` is not a plain host name such as `example.ir`")]
    WebOtpDomain(String),
    /// Nothing could be told about a call that ended while it was still connecting.
    #[error("the gateway's connect timeout must be above zero and below the total timeout")]
    Timeouts,
    /// Not PEM.
    #[error("the gateway's extra root certificates are not PEM")]
    ExtraRoots,
    /// TLS could not be set up.
    #[error(
        "TLS could not be set up for the gateway; are the system's root certificates installed \
         (package ca-certificates)?"
    )]
    Tls,
}

impl GatewaySettings {
    /// Names the first setting that cannot work.
    pub(super) fn check(&self) -> Result<(), GatewaySetupError> {
        let key = self.api_key.expose_secret();
        if key.is_empty() {
            return Err(GatewaySetupError::EmptyKey);
        }
        if !key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            return Err(GatewaySetupError::MalformedKey);
        }
        self.check_base_url()?;
        if let Some(sender) = &self.sender {
            let digits = sender.strip_prefix('+').unwrap_or(sender);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(GatewaySetupError::Sender(sender.clone()));
            }
        }
        if let Some(domain) = &self.webotp_domain
            && !is_plain_host(domain)
        {
            return Err(GatewaySetupError::WebOtpDomain(domain.clone()));
        }
        if self.connect_timeout.is_zero() || self.connect_timeout >= self.total_timeout {
            return Err(GatewaySetupError::Timeouts);
        }
        Ok(())
    }

    fn check_base_url(&self) -> Result<(), GatewaySetupError> {
        let url = &self.base_url;
        let plain = match url.scheme() {
            "https" => false,
            "http" => true,
            other => return Err(GatewaySetupError::Scheme(other.to_owned())),
        };
        let carries_more = !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        if carries_more {
            return Err(GatewaySetupError::BaseUrl);
        }
        if plain && !self.allow_http && !is_loopback(url) {
            let host = url.host_str().unwrap_or_default().to_owned();
            return Err(GatewaySetupError::PlainHttp(host));
        }
        Ok(())
    }

    /// The HTTP client for these settings.
    ///
    /// * No redirects: one would carry the code to another place (a 307 repeats the form).
    /// * No retries of any kind by the library, and HTTP/1.1 only, where one connection carries
    ///   one request at a time: that a request left, and how often, stays exact. (What hyper
    ///   still repeats is a request of which not one byte was written, because the idle
    ///   connection it was meant for turned out to be closed.)
    /// * No proxy from the environment: the key goes to the configured host only.
    pub(super) fn http_client(&self) -> Result<reqwest::Client, GatewaySetupError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .no_proxy()
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .timeout(self.total_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .user_agent(concat!("ramz/", env!("CARGO_PKG_VERSION")));
        let roots = match &self.extra_root_pem {
            None => Vec::new(),
            Some(pem) => {
                let roots =
                    Certificate::from_pem_bundle(pem).map_err(|_| GatewaySetupError::ExtraRoots)?;
                if roots.is_empty() {
                    return Err(GatewaySetupError::ExtraRoots);
                }
                roots
            }
        };
        builder = if self.base_url.scheme() == "https" {
            builder.https_only(true).tls_certs_merge(roots)
        } else {
            // Without TLS the system's certificates are not needed, nor need they be there.
            builder.tls_certs_only(roots)
        };
        builder.build().map_err(|_| GatewaySetupError::Tls)
    }
}

/// A host name as it stands in the address bar, without port, path or scheme.
fn is_plain_host(text: &str) -> bool {
    match Host::parse(text) {
        Ok(Host::Domain(domain)) => domain == text && domain.bytes().all(is_host_byte),
        _ => false,
    }
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-'
}

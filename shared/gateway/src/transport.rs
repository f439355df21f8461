//! One HTTP exchange with the gateway, and what can be said about it when it fails.
//!
//! The one question that matters is whether the request may have left. Only what failed while
//! the connection was being made surely did not: name resolution, TCP, TLS, and the time limit
//! for these. After that a request may have been written, so every failure is *unknown*; so is a
//! kept connection that the far side closes before it answers.

use std::error::Error as StdError;
use std::io;

use super::status::Method;

/// More than any answer of the gateway, 500 rows included.
pub(super) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// An HTTP answer, read to its end. There is no `Debug`: the body holds the code.
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) http: u16,
    /// The body; empty for a redirect, whose body nobody needs.
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    NotSent(NotSentReason),
    Unknown(UnknownReason),
}

/// Why a request surely did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum NotSentReason {
    /// The host name could not be resolved.
    Dns,
    /// The connection was refused, or there is no way to the host.
    Connect,
    /// No connection, TLS included, within the time for it.
    ConnectTimeout,
    /// The certificate is not trusted, or TLS failed in another way.
    Tls,
}

impl NotSentReason {
    /// The name in the ledger and in metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why nobody can tell what a request did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum UnknownReason {
    /// No complete answer within the time for the whole call.
    Timeout,
    /// The connection ended, or failed in another way, before the answer was complete.
    Reset,
    /// HTTP 5xx without a code of the gateway's own.
    ServerError(u16),
    /// Another HTTP status that the gateway does not give.
    UnexpectedHttp(u16),
    /// HTTP 200 with something else than the gateway's JSON, such as a page of a proxy.
    NotJson,
    /// HTTP 200 with JSON that ends too early.
    CutJson,
    /// HTTP 200 with nothing.
    Empty,
    /// Accepted, but without an entry or without its id.
    NoMessageId,
    /// A longer answer than the gateway ever gives; the rest was not read.
    TooLarge,
    /// A code of the gateway that does not tell: 402, 408, an unlisted one.
    #[strum(serialize = "unclear_status")]
    Status(i32),
}

impl UnknownReason {
    /// The name in the ledger and in metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Posts a form and reads the answer.
pub(super) async fn post_form(
    client: &reqwest::Client,
    url: url::Url,
    form: &[(&str, &str)],
) -> Result<Answer, CallError> {
    let mut response = client.post(url).form(form).send().await.map_err(judge)?;
    let http = response.status().as_u16();
    let mut body = Vec::new();
    if !response.status().is_redirection() {
        while let Some(chunk) = response.chunk().await.map_err(judge)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(CallError::Unknown(UnknownReason::TooLarge));
            }
            body.extend_from_slice(&chunk);
        }
    }
    Ok(Answer { http, body })
}

/// The address of a method. `base` has been checked to be able to have a path.
pub(super) fn method_url(base: &url::Url, api_key: &str, method: Method) -> url::Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push("v1").push(api_key);
        path.extend(format!("{method}.json").split('/'));
    }
    url
}

/// Keeps of an error only what it means. Its text, which may hold the URL with the key, is
/// dropped here and nowhere written.
fn judge(error: reqwest::Error) -> CallError {
    let error = error.without_url();
    if !error.is_connect() {
        return CallError::Unknown(if error.is_timeout() {
            UnknownReason::Timeout
        } else {
            UnknownReason::Reset
        });
    }
    CallError::NotSent(if error.is_dns() {
        NotSentReason::Dns
    } else if error.is_timeout() {
        NotSentReason::ConnectTimeout
    } else if is_from_operating_system(&error) {
        NotSentReason::Connect
    } else {
        NotSentReason::Tls
    })
}

/// Whether the operating system reported it, as it does for TCP. What fails while connecting and
/// does not come from there comes from the TLS library.
fn is_from_operating_system(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<io::Error>() {
            return cause.raw_os_error().is_some();
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_the_path_of_a_relay() {
        let url = |base: &str| {
            let base = base.parse().expect("a URL");
            method_url(&base, "KEY", Method::Lookup).to_string()
        };
        assert_eq!(
            url("https://api.kavenegar.com"),
            "https://api.kavenegar.com/v1/KEY/verify/lookup.json"
        );
        assert_eq!(
            url("http://127.0.0.1:8025/relay/"),
            "http://127.0.0.1:8025/relay/v1/KEY/verify/lookup.json"
        );
    }
}

//! What every request has: an id, a language and a client.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use domain::challenge::Locale;
use domain::client_address::ClientAddress;
use domain::random::Random;
use domain::trace_parent::TraceParent;
use http::HeaderMap;
use http::header::USER_AGENT;
use http::request::Parts;
use uuid::Uuid;
use web::forwarded::{FORWARDED_FOR, client_address};

use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::language;

/// Made by the outermost layer for each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestContext {
    /// Names the request in logs and errors. Ours, whatever the client sends.
    pub(crate) id: Uuid,
    /// The language of the answer.
    pub(crate) locale: Locale,
}

impl RequestContext {
    pub(crate) fn new(headers: &HeaderMap, random: &Random) -> Self {
        Self {
            id: random.uuid_v4(),
            locale: language::preferred(headers),
        }
    }
}

/// The client's place in a trace (W3C Trace Context), if it names one.
pub(crate) fn trace_parent(headers: &HeaderMap) -> Option<TraceParent> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    text.parse().ok()
}

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let context = parts.extensions.get::<Self>().copied();
        context.ok_or_else(|| ErrorCode::Internal.into())
    }
}

/// What the client calls itself.
pub(crate) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(USER_AGENT)?.to_str().ok()?;
    Some(value.to_owned())
}

/// The address of the client, behind the trusted proxies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) ClientAddress);

impl FromRequestParts<Arc<AppState>> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<AppState>,
    ) -> Result<Self, ApiError> {
        let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
            tracing::error!("the listener does not tell the peer's address");
            return Err(ErrorCode::Internal.into());
        };
        let trusted = &state.trusted_proxies;
        let forwards = parts.headers.contains_key(FORWARDED_FOR);
        let seen = state
            .proxy_watch
            .saw(peer.ip(), forwards, trusted, &state.clock);
        if let Some(suspicion) = seen {
            tracing::warn!("{suspicion}");
        }
        let address = client_address(peer.ip(), &parts.headers, trusted);
        Ok(Self(address))
    }
}

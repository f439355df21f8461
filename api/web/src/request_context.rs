//! What every request has: an id, a language and a client.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::response::{IntoResponse, Response};
use domain::challenge::Locale;
use domain::client_address::ClientAddress;
use domain::random::Random;
use domain::trace_parent::TraceParent;
use http::header::USER_AGENT;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use uuid::Uuid;

use crate::forwarded::{FORWARDED_FOR, client_address};
use crate::language;
use crate::site::Site;

/// Made by the outermost layer for each request.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext {
    /// Names the request in logs and errors. Ours, whatever the client sends.
    pub id: Uuid,
    /// The language of the answer.
    pub locale: Locale,
}

impl RequestContext {
    pub(crate) fn new(headers: &HeaderMap, random: &Random) -> Self {
        Self {
            id: random.uuid_v4(),
            locale: language::preferred(headers),
        }
    }
}

/// The router or the listener does not give what handlers need: a defect, answered as one.
#[derive(Clone, Copy, Debug)]
pub struct MissingFromRouter;

impl IntoResponse for MissingFromRouter {
    fn into_response(self) -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// The client's place in a trace (W3C Trace Context), if it names one.
pub(crate) fn trace_parent(headers: &HeaderMap) -> Option<TraceParent> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    text.parse().ok()
}

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = MissingFromRouter;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let context = parts.extensions.get::<Self>().copied();
        context.ok_or(MissingFromRouter)
    }
}

/// What the client calls itself: a label, so that bytes which are no text cost it those bytes only.
#[derive(Clone, Debug)]
pub struct UserAgent(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for UserAgent {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> Result<Self, std::convert::Infallible> {
        let value = parts.headers.get(USER_AGENT);
        let text = value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Ok(Self(text))
    }
}

/// The address of the client, behind the trusted proxies.
#[derive(Clone, Copy, Debug)]
pub struct Client(pub ClientAddress);

impl<S> FromRequestParts<S> for Client
where
    S: Send + Sync,
    Arc<Site>: FromRef<S>,
{
    type Rejection = MissingFromRouter;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
            tracing::error!("the listener does not tell the peer's address");
            return Err(MissingFromRouter);
        };
        let site = Arc::<Site>::from_ref(state);
        let forwards = parts.headers.contains_key(FORWARDED_FOR);
        if let Some(suspicion) = site.saw(peer.ip(), forwards) {
            tracing::warn!("{suspicion}");
        }
        let address = client_address(peer.ip(), &parts.headers, &site.trusted_proxies);
        Ok(Self(address))
    }
}

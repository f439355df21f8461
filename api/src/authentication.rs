//! Who a request comes from: an access token as `Authorization: Bearer` (apps) or as a cookie
//! (browsers).
//!
//! Other services check the token alone and learn of a sign-out when it expires; here the session
//! behind it is looked at too, so that an ended session and a user who is blocked or gone are
//! refused at once.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use chrono::TimeDelta;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Method};
use shared::records::{SessionInUse, User};
use web::cookies::TokenCookie;

use crate::app::AppState;
use crate::cross_site::refuse_cross_site;
use crate::error::{ApiError, ErrorCode};

/// What needs a fresh sign-in takes one of at most this age.
const FRESH_FOR: TimeDelta = TimeDelta::minutes(10);

/// What a call that needs a sign-in can be refused with for the lack of one.
pub(crate) const AUTHENTICATION_ERRORS: [ErrorCode; 3] = [
    ErrorCode::Unauthenticated,
    ErrorCode::CrossSiteRequest,
    ErrorCode::StoreUnavailable,
];

/// A signed-in user, and the session that says so.
#[derive(Debug)]
pub(crate) struct Authenticated {
    pub(crate) user: User,
    pub(crate) session: SessionInUse,
}

impl Authenticated {
    /// Refuses where the person proved who they are too long ago for what they want.
    pub(crate) fn require_fresh(&self, app: &AppState) -> Result<(), ApiError> {
        if app.clock.now() - self.session.opened_at <= FRESH_FOR {
            return Ok(());
        }
        Err(ErrorCode::FreshSignInRequired.into())
    }
}

impl FromRequestParts<Arc<AppState>> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<AppState>) -> Result<Self, ApiError> {
        let token = access_token(app, &parts.method, &parts.headers)?;
        let claims = app
            .access_tokens
            .verify(token, app.clock.now_millis())
            .map_err(|error| {
                tracing::debug!(%error, "a request was refused");
                ErrorCode::Unauthenticated
            })?;
        let found = app
            .records
            .session_in_use(claims.sub, claims.sid, app.clock.now())
            .await?;
        let (user, session) = found.ok_or(ErrorCode::Unauthenticated)?;
        Ok(Self { user, session })
    }
}

/// The access token of a request. One in the header wins: it is never a browser's own doing.
fn access_token<'a>(
    app: &AppState,
    method: &Method,
    headers: &'a HeaderMap,
) -> Result<&'a str, ApiError> {
    if headers.contains_key(AUTHORIZATION) {
        return Ok(bearer_token(headers).ok_or(ErrorCode::Unauthenticated)?);
    }
    let cookie = app.cookies.read(headers, TokenCookie::Access);
    let token = cookie.ok().flatten().ok_or(ErrorCode::Unauthenticated)?;
    refuse_cross_site(method, headers, &app.public_origin)?;
    Ok(token)
}

/// The token of the one `Authorization: Bearer` header (RFC 6750, section 2.1).
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

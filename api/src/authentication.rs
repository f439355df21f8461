//! Who is signed in: an access token as `Authorization: Bearer` (apps) or as a cookie (browsers).

use axum::extract::FromRequestParts;
use flows::sessions::authenticate;
use flows::{RefusalCode, sessions};
use http::request::Parts;
use web::PresentedAccess;

use crate::error::{ApiError, ErrorCode, RequestFault};
use crate::state::ApiState;

/// What a call that needs a sign-in can be refused with for the lack of one.
pub(crate) const AUTHENTICATION_ERRORS: [ErrorCode; 3] = [
    ErrorCode::Refusal(RefusalCode::Unauthenticated),
    ErrorCode::Request(RequestFault::CrossSiteRequest),
    ErrorCode::Refusal(RefusalCode::StoreUnavailable),
];

/// Extracts the signed-in user and their session.
#[derive(Debug)]
pub(crate) struct Authenticated(pub(crate) sessions::Authenticated);

impl FromRequestParts<ApiState> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let presented = PresentedAccess::find(&state.site, &parts.method, &parts.headers)?;
        let token = presented.0.ok_or(RefusalCode::Unauthenticated)?;
        Ok(Self(authenticate(&state.flows, token).await?))
    }
}

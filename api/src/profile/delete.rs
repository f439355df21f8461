//! `DELETE /api/v1/usr/me`: the end of an account.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use flows::{Flows, RefusalCode, profile};
use http::StatusCode;
use web::{PageCookie, Site};

use crate::authentication::{AUTHENTICATION_ERRORS, Authenticated};
use crate::error::ApiError;
use crate::openapi::refusals;
use crate::sessions::taking_back_cookies;

refusals! {
    /// What the call can be refused with.
    Refusals: AUTHENTICATION_ERRORS, [RefusalCode::FreshSignInRequired]
}

/// Deletes the account of the signed-in user.
///
/// Number, names, address, password and all sessions are erased at once and for good. Anyone who signs
/// in with the number later is a new user. Needs a sign-in with a code in the last ten minutes.
#[utoipa::path(
    delete,
    path = "/api/v1/usr/me",
    tag = "account",
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 204, description = "The account is gone",
            headers(("Set-Cookie" = String, description = "Removes both tokens"))),
        Refusals
    )
)]
pub(crate) async fn delete_account(
    State(flows): State<Arc<Flows>>,
    State(site): State<Arc<Site>>,
    Authenticated(authenticated): Authenticated,
) -> Result<Response, ApiError> {
    profile::delete_account(&flows, authenticated.fresh(&flows)?).await?;
    let mut response = taking_back_cookies(&site, StatusCode::NO_CONTENT);
    // Nobody comes back here.
    site.cookies
        .forget(response.headers_mut(), PageCookie::Device);
    Ok(response)
}

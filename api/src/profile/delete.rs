//! `DELETE /api/v1/usr/me`: the end of an account.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa::IntoResponses;
use utoipa::openapi::RefOr;

use crate::app::AppState;
use crate::authentication::{AUTHENTICATION_ERRORS, Authenticated};
use crate::error::{ApiError, ErrorCode};
use crate::openapi::error_responses;
use crate::sessions::clearing_cookies;

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [ErrorCode::FreshSignInRequired];
        error_responses(&[&AUTHENTICATION_ERRORS[..], &own].concat())
    }
}

/// Deletes the account of the signed-in user.
///
/// Number, names, address, password and all sessions are erased at once and for good. Whoever signs
/// in with the number later is a new user. Needs a sign-in of the last ten minutes.
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
    State(app): State<Arc<AppState>>,
    authenticated: Authenticated,
) -> Result<Response, ApiError> {
    authenticated.require_fresh(&app)?;
    let (user, session) = (authenticated.user.id, authenticated.session.id);
    let deleted = app.records.delete_account(user, session, app.clock.now());
    if !deleted.await? {
        // The session was ended, or the user blocked, since the request came in.
        return Err(ErrorCode::Unauthenticated.into());
    }
    tracing::info!(%user, "an account was deleted by its user");
    Ok(clearing_cookies(app.cookies, StatusCode::NO_CONTENT))
}

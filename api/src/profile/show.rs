//! `GET /api/v1/usr/me`: one's own account.

use std::collections::BTreeMap;

use axum::Json;
use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response};

use crate::authentication::{AUTHENTICATION_ERRORS, Authenticated};
use crate::openapi::error_responses;
use crate::signed_in::UserProfile;

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        error_responses(&AUTHENTICATION_ERRORS)
    }
}

/// Shows the signed-in user.
#[utoipa::path(
    get,
    path = "/api/v1/usr/me",
    tag = "account",
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, description = "The user", body = UserProfile), Refusals)
)]
pub(crate) async fn show_profile(authenticated: Authenticated) -> Json<UserProfile> {
    Json(authenticated.user.into())
}

//! `POST /api/v1/usr/logout`: ending this session, or all of one's sessions.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use flows::sessions::{self, LogOutBy};
use flows::{Flows, RefusalCode};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use web::{PresentedCookies, Site, bearer_token};

use super::taking_back_cookies;
use crate::authentication::AUTHENTICATION_ERRORS;
use crate::error::ApiError;
use crate::json_body::OptionalJsonBody;
use crate::openapi::{BODY_ERRORS, refusals};

/// What to end. Everything may be left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"all_devices": false}))]
pub(crate) struct LogOut {
    /// Whether all sessions of the user end; only this one by default.
    #[schema(default = false)]
    all_devices: Option<bool>,
    /// The refresh token, where the access token may be dead; browsers leave it out.
    refresh_token: Option<String>,
}

refusals! {
    /// What the call can be refused with.
    Refusals: BODY_ERRORS, AUTHENTICATION_ERRORS
}

/// Logs out.
///
/// The access token or the refresh token is enough, each in its usual place; cookies count where
/// neither header nor body ended a session. Logging out again, or without any token, is no error,
/// except with `all_devices`, which needs a session that still holds.
#[utoipa::path(
    post,
    path = "/api/v1/usr/logout",
    tag = "sessions",
    security((), ("bearer" = []), ("cookie" = [])),
    request_body = Option<LogOut>,
    responses(
        (status = 204, description = "Logged out",
            headers(("Set-Cookie" = String, description = "Clears the cookies of both tokens"))),
        Refusals
    )
)]
pub(crate) async fn log_out(
    State(flows): State<Arc<Flows>>,
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    body: Result<OptionalJsonBody<LogOut>, ApiError>,
) -> Result<Response, ApiError> {
    let OptionalJsonBody(body) = body?;
    let all_devices = body.all_devices.unwrap_or_default();
    let mut ended = sessions::log_out(
        &flows,
        LogOutBy {
            access_tokens: bearer_token(&headers).token().as_slice(),
            refresh_tokens: body.refresh_token.as_deref().as_slice(),
            all_devices,
        },
    )
    .await?;
    if !ended && let Some(cookies) = PresentedCookies::find(&site, &headers)? {
        let by_cookies = LogOutBy {
            access_tokens: &cookies.access,
            refresh_tokens: &cookies.refresh,
            all_devices,
        };
        ended = sessions::log_out(&flows, by_cookies).await?;
    }
    if all_devices && !ended {
        // "Done" would be a lie: the other sessions may go on.
        let refusal = ApiError::from(RefusalCode::Unauthenticated);
        return Ok(taking_back_cookies(&site, refusal));
    }
    Ok(taking_back_cookies(&site, StatusCode::NO_CONTENT))
}

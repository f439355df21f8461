//! `/api/v1/usr/sessions`: where one is signed in, and ending that.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use flows::sessions::{self, Session};
use flows::{Flows, RefusalCode};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use web::Site;

use super::taking_back_cookies;
use crate::authentication::{AUTHENTICATION_ERRORS, Authenticated};
use crate::error::ApiError;
use crate::openapi::refusals;

/// The sessions of the signed-in user, the one last used first.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"sessions": [{
    "id": "019a7f3e-5c1b-7d4e-9a6f-0b2c4d6e8f10", "device_name": "Pixel 9",
    "user_agent": "Mozilla/5.0 (Android 16; Mobile)", "address": "192.0.2.7",
    "created_at": "2025-11-21T04:40:00Z", "last_used_at": "2025-11-21T09:15:30Z",
    "idle_expires_at": "2025-11-22T09:15:30Z", "expires_at": "2025-12-21T04:40:00Z",
    "current": true
}]}))]
pub(crate) struct SessionList {
    sessions: Vec<SessionShown>,
}

/// One sign-in on one device.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionShown {
    /// Names the session when it is to be ended; no secret.
    id: Uuid,
    /// What the person called the device when they signed in.
    device_name: Option<String>,
    /// What the client called itself at the last use.
    user_agent: Option<String>,
    /// Its address at the last use.
    #[schema(value_type = Option<String>)]
    address: Option<IpAddr>,
    /// When the person signed in.
    created_at: DateTime<Utc>,
    /// When its tokens were last renewed.
    last_used_at: DateTime<Utc>,
    /// When it ends if it is not used until then.
    idle_expires_at: DateTime<Utc>,
    /// When it ends in any case.
    expires_at: DateTime<Utc>,
    /// Whether this request came from it.
    current: bool,
}

impl SessionShown {
    fn new(session: Session, current: Uuid) -> Self {
        Self {
            id: session.id,
            device_name: session.device_name,
            user_agent: session.user_agent,
            address: session.address,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            idle_expires_at: session.idle_expires_at,
            expires_at: session.expires_at,
            current: session.id == current,
        }
    }
}

refusals! {
    /// What the calls about all sessions can be refused with.
    Refusals: AUTHENTICATION_ERRORS
}

refusals! {
    /// What the call about one session can be refused with.
    RefusalsOfOne: AUTHENTICATION_ERRORS, [RefusalCode::SessionNotFound]
}

/// Lists where one is signed in: the hundred sessions last used, at most.
#[utoipa::path(
    get,
    path = "/api/v1/usr/sessions",
    tag = "sessions",
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, description = "The sessions that hold", body = SessionList), Refusals)
)]
pub(crate) async fn list_sessions(
    State(flows): State<Arc<Flows>>,
    Authenticated(authenticated): Authenticated,
) -> Result<Json<SessionList>, ApiError> {
    let sessions = sessions::live_sessions(&flows, &authenticated).await?;
    let current = authenticated.session.id;
    let sessions = sessions
        .into_iter()
        .map(|session| SessionShown::new(session, current))
        .collect();
    Ok(Json(SessionList { sessions }))
}

/// Ends one of one's sessions, this one too.
#[utoipa::path(
    delete,
    path = "/api/v1/usr/sessions/{id}",
    tag = "sessions",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = Uuid, Path, description = "The `id` of the list")),
    responses((status = 204, description = "The session is over"), RefusalsOfOne)
)]
pub(crate) async fn end_session(
    State(flows): State<Arc<Flows>>,
    State(site): State<Arc<Site>>,
    Authenticated(authenticated): Authenticated,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id.map_err(|_| RefusalCode::SessionNotFound)?;
    sessions::end_session(&flows, &authenticated, id).await?;
    if id == authenticated.session.id {
        return Ok(taking_back_cookies(&site, StatusCode::NO_CONTENT));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends all of one's sessions but this one.
#[utoipa::path(
    delete,
    path = "/api/v1/usr/sessions",
    tag = "sessions",
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 204, description = "All other sessions are over"), Refusals)
)]
pub(crate) async fn end_other_sessions(
    State(flows): State<Arc<Flows>>,
    Authenticated(authenticated): Authenticated,
) -> Result<StatusCode, ApiError> {
    sessions::end_other_sessions(&flows, &authenticated).await?;
    Ok(StatusCode::NO_CONTENT)
}

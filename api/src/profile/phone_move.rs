//! `/api/v1/usr/me/phone/move`: a change of the number that staff were asked for, seen and stopped.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use flows::{Flows, RefusalCode, profile};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::authentication::{AUTHENTICATION_ERRORS, Authenticated};
use crate::error::ApiError;
use crate::openapi::refusals;

refusals! {
    /// What the calls can be refused with.
    Refusals: AUTHENTICATION_ERRORS, [RefusalCode::PhoneMoveUnknown]
}

/// A change of the number that staff were asked for, because the present one is lost.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "asked_at": "2025-11-21T09:15:30Z", "due_at": "2025-11-24T09:15:30Z"
}))]
pub(crate) struct PhoneMove {
    /// When they were asked.
    asked_at: DateTime<Utc>,
    /// When it is made, unless it is stopped.
    due_at: DateTime<Utc>,
}

/// Shows the change of the number that waits.
///
/// Show it to the one who is signed in, and ask whether it was them who lost the number.
#[utoipa::path(
    get,
    path = "/api/v1/usr/me/phone/move",
    tag = "account",
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, description = "It waits", body = PhoneMove), Refusals)
)]
pub(crate) async fn show_phone_move(
    State(flows): State<Arc<Flows>>,
    Authenticated(authenticated): Authenticated,
) -> Result<Json<PhoneMove>, ApiError> {
    let waiting = profile::waiting_phone_move(&flows, &authenticated).await?;
    Ok(Json(PhoneMove {
        asked_at: waiting.asked_at,
        due_at: waiting.due_at,
    }))
}

/// Stops the change of the number that waits.
///
/// Any session can, however it was opened and however old it is.
#[utoipa::path(
    delete,
    path = "/api/v1/usr/me/phone/move",
    tag = "account",
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 204, description = "The number stays"), Refusals)
)]
pub(crate) async fn stop_phone_move(
    State(flows): State<Arc<Flows>>,
    Authenticated(authenticated): Authenticated,
) -> Result<StatusCode, ApiError> {
    profile::stop_phone_move(&flows, &authenticated).await?;
    Ok(StatusCode::NO_CONTENT)
}

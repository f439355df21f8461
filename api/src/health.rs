//! Whether the process lives, and whether it can do its work.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flows::{Flows, readiness};
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde::Serialize;
use utoipa::ToSchema;

/// How the service and each of its dependencies do. Causes stand in the log, not here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ok` when all dependencies are.
    status: Health,
    /// Challenges, limits and the queue: Redis, or the SQLite file.
    hot_state: Health,
    /// Users and sessions: PostgreSQL, or the SQLite file.
    records: Health,
}

/// `ok` or `failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    Ok,
    Failed,
}

/// Answers as long as the process can answer at all.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "health",
    responses((status = 200, description = "The process lives", body = String,
        content_type = "text/plain", example = "ok"))
)]
pub(crate) async fn livez() -> &'static str {
    "ok"
}

/// Whether requests can be served now, with each dependency by name.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses(
        (status = 200, description = "All dependencies answer", body = Readiness,
            example = json!({"status": "ok", "hot_state": "ok", "records": "ok"})),
        (status = 503, description = "A dependency does not answer", body = Readiness,
            example = json!({"status": "failed", "hot_state": "failed", "records": "ok"}))
    )
)]
pub(crate) async fn readyz(State(flows): State<Arc<Flows>>) -> Response {
    let looked = Box::pin(readiness::look(&flows)).await;
    let body = Json(Readiness {
        status: Health::of(looked.is_ready()),
        hot_state: Health::of(looked.hot_state),
        records: Health::of(looked.records),
    });
    if looked.is_ready() {
        return body.into_response();
    }
    let headers = [(RETRY_AFTER, "2")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, body).into_response()
}

impl Health {
    fn of(answers: bool) -> Self {
        if answers { Self::Ok } else { Self::Failed }
    }
}

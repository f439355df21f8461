//! Whether the process lives, and whether it can do its work.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::app::AppState;

/// Probes give up after a second.
const PROBE_LIMIT: Duration = Duration::from_millis(900);

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
pub(crate) async fn readyz(State(app): State<Arc<AppState>>) -> Response {
    let (hot_state, records) = tokio::join!(
        probe("hot_state", app.hot_state.ping()),
        probe("records", app.records.ping()),
    );
    let both = hot_state == Health::Ok && records == Health::Ok;
    let readiness = Json(Readiness {
        status: if both { Health::Ok } else { Health::Failed },
        hot_state,
        records,
    });
    if both {
        readiness.into_response()
    } else {
        let headers = [(RETRY_AFTER, "2")];
        (StatusCode::SERVICE_UNAVAILABLE, headers, readiness).into_response()
    }
}

async fn probe<E: std::fmt::Display>(
    dependency: &'static str,
    ping: impl Future<Output = Result<(), E>>,
) -> Health {
    match timeout(PROBE_LIMIT, ping).await {
        Ok(Ok(())) => Health::Ok,
        Ok(Err(error)) => {
            tracing::warn!(dependency, %error, "not ready");
            Health::Failed
        }
        Err(_) => {
            tracing::warn!(dependency, "not ready: no answer in time");
            Health::Failed
        }
    }
}

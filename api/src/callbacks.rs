//! What the gateway reports to us: the delivery of messages.
//!
//! A report is signed by nobody. The address has a secret in it, and a report is believed in one
//! thing only: that the worker had better ask the gateway about this message now. So one that is
//! forged, repeated or late changes nothing. The gateway sends a report again until it gets 200,
//! which everything gets that is a report at all.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::routing::{MethodRouter, any};
use domain::delivery::DeliveryStatus;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use shared::records::Reported;
use url::form_urlencoded;

use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{invalid, missing, read};
use crate::metrics::CallbackResult;

/// Served only where a secret is set.
pub(crate) const DELIVERY_PATH: &str = "/callbacks/kavenegar/{secret}/delivery";

/// The route of [`DELIVERY_PATH`].
pub(crate) fn delivery_route() -> MethodRouter<Arc<AppState>> {
    any(take_report)
}

/// A report of one state of one message.
struct Report {
    messageid: i64,
    status: DeliveryStatus,
}

async fn take_report(
    State(app): State<Arc<AppState>>,
    secret: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    // Whoever does not know the secret cannot tell that there is anything.
    let known = secret.is_ok_and(|Path(given)| {
        let ours = app.delivery_callback.as_ref();
        ours.is_some_and(|secret| secret.is(&given))
    });
    if !known || ![Method::GET, Method::POST].contains(request.method()) {
        return Err(ErrorCode::NotFound.into());
    }
    let report = read_report(request)
        .await
        .inspect_err(|_| app.metrics.reported(CallbackResult::Malformed))?;
    let noted = app
        .records
        .note_delivery_report(report.messageid, report.status, app.clock.now())
        .await
        .inspect_err(|_| app.metrics.reported(CallbackResult::Unavailable))?;
    app.metrics.reported(match noted {
        Reported::Open => CallbackResult::Known,
        Reported::Closed => CallbackResult::FinalAlready,
        Reported::NoSuchMessage => CallbackResult::Unknown,
    });
    Ok(StatusCode::OK)
}

/// The fields stand in the query or in a form; others are ignored, and the first of a name counts.
async fn read_report(request: Request) -> Result<Report, ApiError> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().as_bytes();
    let body = read(body).await?;
    let form = if is_form(&head.headers) {
        &body[..]
    } else {
        &[]
    };
    let field = |name: &'static str| {
        form_urlencoded::parse(query)
            .chain(form_urlencoded::parse(form))
            .find_map(|(key, value)| (key == name).then_some(value))
            .ok_or_else(|| missing(name))
    };
    let messageid = field("messageid")?.trim().parse().ok();
    let status = field("status")?.trim().parse().ok();
    Ok(Report {
        messageid: messageid
            .filter(|messageid| *messageid > 0)
            .ok_or_else(|| invalid("messageid"))?,
        status: status
            .map(DeliveryStatus::from_code)
            .ok_or_else(|| invalid("status"))?,
    })
}

fn is_form(headers: &HeaderMap) -> bool {
    let text = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let essence = text.unwrap_or_default().split(';').next();
    essence.is_some_and(|essence| {
        let essence = essence.trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

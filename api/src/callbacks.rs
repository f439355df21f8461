//! What the gateway reports to us: the delivery of messages.
//!
//! A report is signed by nobody. The address has a secret in it, and a report is believed in one
//! thing only: that the worker had better ask the gateway about this message now. So one that is
//! forged, repeated or late changes nothing. The gateway sends a report again every two minutes until it
//! gets 200. So everything gets that which would be the same the next time, also what is no report: it is
//! counted as malformed. Only what may succeed later gets another answer.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::routing::{MethodRouter, any};
use domain::delivery::DeliveryStatus;
use flows::delivery_reports::{self, DeliveryReport};
use flows::{CountedUseCase, Flows};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use shared::config::CallbackSecret;
use url::form_urlencoded;

use crate::error::{ApiError, ErrorCode, RequestFault};
use crate::json_body::read;
use crate::state::ApiState;

/// Served only where a secret is set.
pub(crate) const DELIVERY_PATH: &str = "/callbacks/kavenegar/{secret}/delivery";

/// The route of [`DELIVERY_PATH`].
pub(crate) fn delivery_route() -> MethodRouter<ApiState> {
    any(take_report)
}

async fn take_report(
    State(flows): State<Arc<Flows>>,
    State(ours): State<Option<Arc<CallbackSecret>>>,
    secret: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    // Anyone who does not know the secret cannot tell that there is anything.
    let known = secret.is_ok_and(|Path(given)| ours.is_some_and(|ours| ours.is(&given)));
    if !known || ![Method::GET, Method::POST].contains(request.method()) {
        return Err(RequestFault::NotFound.into());
    }
    match read_report(request).await {
        Ok(report) => delivery_reports::note(&flows, report).await?,
        Err(error) => {
            flows.metrics.unreadable(CountedUseCase::Reporting);
            if was_cut_short(&error) {
                return Err(error);
            }
            let code = error.code.as_str();
            tracing::debug!(code, "a delivery report that cannot be read");
        }
    }
    Ok(StatusCode::OK)
}

/// Whether the rest may come with the next try.
fn was_cut_short(error: &ApiError) -> bool {
    matches!(
        error.code,
        ErrorCode::Request(RequestFault::BodyIncomplete | RequestFault::RequestTimeout)
    )
}

/// The fields stand in the query or in a form; others are ignored, and the first of a name counts.
async fn read_report(request: Request) -> Result<DeliveryReport, ApiError> {
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
            .ok_or_else(|| ApiError::missing(name))
    };
    let messageid = field("messageid")?.trim().parse().ok();
    let status = field("status")?.trim().parse().ok();
    Ok(DeliveryReport {
        messageid: messageid
            .filter(|messageid| *messageid > 0)
            .ok_or_else(|| ApiError::invalid("messageid"))?,
        status: status
            .map(DeliveryStatus::from_code)
            .ok_or_else(|| ApiError::invalid("status"))?,
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

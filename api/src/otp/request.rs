//! `POST /api/v1/usr/otp`: asking for a code, or for the same code once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::otp::Purpose;
use utoipa::IntoResponses;
use utoipa::openapi::RefOr;

use super::asking::{ASKING_ERRORS, Asking};
use super::request_schema::{CodeRequest, CodeSent};
use crate::app::AppState;
use crate::error::ApiError;
use crate::json_body::JsonBody;
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::request_context::{Client, RequestContext};

/// The purpose of every code that is asked for here.
const PURPOSE: Purpose = Purpose::SignIn;

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        error_responses(&[&BODY_ERRORS[..], &ASKING_ERRORS].concat())
    }
}

/// Sends a one-time code.
///
/// The answer comes at once; the message follows within moments. With the `session_id` of an
/// earlier answer the same code is sent again, its life extended up to ten minutes, without giving
/// back attempts; when that request is over, a new one begins with a new `session_id`.
#[utoipa::path(
    post,
    path = "/api/v1/usr/otp",
    tag = "sign-in",
    request_body = CodeRequest,
    responses(
        (status = 202, description = "A message is on its way", body = CodeSent),
        (status = 200, description = "The code was sent a moment ago: nothing was sent now",
            body = CodeSent, example = json!({
                "phone_number": "+989123456789", "message": "کد لحظاتی پیش فرستاده شد.",
                "expires_in": 108, "resend_in": 18,
                "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "code_length": 6,
                "sent": false
            })),
        Refusals
    )
)]
pub(crate) async fn request_code(
    State(app): State<Arc<AppState>>,
    context: RequestContext,
    Client(address): Client,
    body: Result<JsonBody<CodeRequest>, ApiError>,
) -> Result<Response, ApiError> {
    let asking = Asking::new(&app, PURPOSE, context, address);
    Ok(asking.answer_body(body).await?.into_response())
}

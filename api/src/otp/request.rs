//! `POST /api/v1/usr/otp`: asking for a code, or for the same code once more.

use std::sync::Arc;

use axum::extract::State;
use flows::otp::{self, ASKING_REFUSALS};
use flows::{CountedUseCase, Flows};

use super::request_schema::{CodeRequest, CodeSent};
use crate::caller::CallerOf;
use crate::error::ApiError;
use crate::json_body::JsonBody;
use crate::openapi::{BODY_ERRORS, refusals};

refusals! {
    /// What the call can be refused with.
    Refusals: BODY_ERRORS, ASKING_REFUSALS
}

/// Sends a one-time code.
///
/// The answer comes at once; the message follows within moments. A number has one live code: who
/// asks again within minutes gets a `session_id` of their own and the same code. With the `session_id`
/// of an earlier answer the code is sent again, its life extended, without giving back attempts; when
/// that request is over, a new one begins with a new `session_id`. On a device on which somebody signed in
/// before, send its `device_token` along: its owner gets codes also where a stranger has used up those of the day.
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
    State(flows): State<Arc<Flows>>,
    CallerOf(caller): CallerOf,
    body: Result<JsonBody<CodeRequest>, ApiError>,
) -> Result<CodeSent, ApiError> {
    let JsonBody(body) = body.inspect_err(|_| flows.metrics.unreadable(CountedUseCase::Asking))?;
    let caller = caller.showing(body.device_token());
    // Boxed, so that it is not moved with each layer of the router.
    let sent = Box::pin(otp::request_code(&flows, caller, body.into())).await?;
    Ok(sent.into())
}

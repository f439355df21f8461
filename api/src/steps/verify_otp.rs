//! `POST /api/verify-otp/`: giving back the code of a registration.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::challenge::SessionId;
use flows::otp::CHECKING_REFUSALS;
use flows::{CountedUseCase, Flows, RefusalCode, steps};
use serde::Deserialize;
use utoipa::ToSchema;

use super::next_step::NextStep;
use super::with_step_fields;
use crate::caller::CallerOf;
use crate::error::ApiError;
use crate::json_body::{JsonBody, typed};
use crate::openapi::{BODY_ERRORS, refusals};

/// A code and the handle that it belongs to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "code": "123456"
}))]
pub(crate) struct StepCode {
    /// The `session_id` that `POST /api/register/` gave.
    #[serde(deserialize_with = "typed")]
    #[schema(value_type = String, format = Uuid)]
    session_id: SessionId,
    /// The code as it was typed or pasted; digits of any script, spaces and punctuation are understood.
    #[schema(pattern = "{code}", example = "123456")]
    code: String,
}

refusals! {
    /// What the call can be refused with.
    Refusals: BODY_ERRORS, CHECKING_REFUSALS, [RefusalCode::InputMissing]
}

/// Checks the code of a registration.
///
/// The answer to a wrong code says how many attempts are left. The answer repeats the `session_id`,
/// which is good for the next step for fifteen minutes. If the answer is lost, go on with the next
/// step: the code is used by then (`code_used`). Also served without the slash at the end.
#[utoipa::path(
    post,
    path = "/api/verify-otp/",
    tag = "step flow",
    request_body = StepCode,
    responses(
        (status = 200, description = "The next step is `set_password`", body = NextStep,
            example = json!({
                "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "next_step": "set_password"
            })),
        Refusals
    )
)]
pub(super) async fn verify_otp(
    State(flows): State<Arc<Flows>>,
    CallerOf(caller): CallerOf,
    body: Result<JsonBody<StepCode>, ApiError>,
) -> Result<Json<NextStep>, ApiError> {
    let JsonBody(body) =
        body.inspect_err(|_| flows.metrics.unreadable(CountedUseCase::Verifying))?;
    let next = steps::verify_otp(&flows, caller, body.session_id, &body.code).await;
    Ok(NextStep::answer(&next.map_err(with_step_fields)?))
}

//! `POST /api/set-password/`: the password of a registration.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::challenge::SessionId;
use domain::password::Password;
use flows::password::NEW_PASSWORD_REFUSALS;
use flows::{Flows, RefusalCode, steps};
use serde::Deserialize;
use utoipa::ToSchema;

use super::next_step::NextStep;
use super::with_step_fields;
use crate::caller::CallerOf;
use crate::error::ApiError;
use crate::json_body::{JsonBody, typed};
use crate::openapi::{BODY_ERRORS, refusals};

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "password": "tahdig-va-ghormeh"
}))]
pub(crate) struct StepPassword {
    /// The `session_id` that `POST /api/register/` gave; each answer repeats it.
    #[serde(deserialize_with = "typed")]
    #[schema(value_type = String, format = Uuid)]
    session_id: SessionId,
    /// At least 8 characters that are not easy to guess. Spaces at its ends count.
    #[serde(deserialize_with = "typed")]
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    password: Password,
}

refusals! {
    /// What the call can be refused with.
    Refusals: BODY_ERRORS, NEW_PASSWORD_REFUSALS, [
        RefusalCode::StepSessionUnknown,
        RefusalCode::StoreUnavailable,
    ]
}

/// Sets the first password of the number, whose user is created if there is none.
///
/// Anyone who has a password by now is answered `step_session_unknown`. A password that is refused
/// does not use up the step. Sessions that the user had end. Also served without the slash at the
/// end.
#[utoipa::path(
    post,
    path = "/api/set-password/",
    tag = "step flow",
    request_body = StepPassword,
    responses(
        (status = 200, description = "The next step is `user_info`", body = NextStep,
            example = json!({
                "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "next_step": "user_info"
            })),
        Refusals
    )
)]
pub(super) async fn set_password(
    State(flows): State<Arc<Flows>>,
    CallerOf(caller): CallerOf,
    body: Result<JsonBody<StepPassword>, ApiError>,
) -> Result<Json<NextStep>, ApiError> {
    let JsonBody(body) = body?;
    let next = steps::set_password(&flows, caller, body.session_id, &body.password).await;
    Ok(NextStep::answer(&next.map_err(with_step_fields)?))
}

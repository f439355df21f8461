//! `POST /api/set-password/`: the password of a registration.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::challenge::SessionId;
use domain::password::{OwnWords, Password};
use shared::records::{PasswordStep, Step};
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};

use super::next_step::{NextStep, session_id};
use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{FromMembers, JsonBody, Members};
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::password::NEW_PASSWORD_ERRORS;

/// A new password.
#[derive(ToSchema)]
#[schema(example = json!({
    "session_id": "0b8a0b5e-58cf-4a0c-9e62-0f3a8f1f6a11", "password": "tahdig-va-ghormeh"
}))]
pub(crate) struct StepPassword {
    /// The `session_id` of the step `set_password`.
    #[schema(value_type = String, format = Uuid)]
    session_id: SessionId,
    /// At least 8 characters that are not easy to guess. Kept to the letter.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    password: Password,
}

impl FromMembers for StepPassword {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        Ok(Self {
            session_id: session_id(members)?,
            password: members.required_password("password")?,
        })
    }
}

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [ErrorCode::StepSessionUnknown, ErrorCode::StoreUnavailable];
        error_responses(&[&BODY_ERRORS[..], &NEW_PASSWORD_ERRORS, &own].concat())
    }
}

/// Sets the first password of the number, whose user is created where there is none.
///
/// Whoever has a password by now is answered `step_session_unknown`. A password that is refused
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
                "session_id": "9d3c1e7a-2f64-4c0b-8a5d-7e1b0f6c2d33", "next_step": "user_info"
            })),
        Refusals
    )
)]
pub(super) async fn set_password(
    State(app): State<Arc<AppState>>,
    body: Result<JsonBody<StepPassword>, ApiError>,
) -> Result<Json<NextStep>, ApiError> {
    let JsonBody(StepPassword {
        session_id,
        password,
    }) = body?;
    // Looked at first, so that nobody without a step makes us hash.
    let found = app
        .records
        .step_phone(session_id, Step::SetPassword, app.clock.now());
    let phone = found.await?.ok_or(ErrorCode::StepSessionUnknown)?;
    let judged = app
        .passwords
        .judge(&password, OwnWords::new(Some(&phone), []));
    judged
        .await
        .map_err(|error| ApiError::new_password(error, "password"))?;
    let step = PasswordStep {
        session: session_id,
        hash: app.passwords.hash(&password).await?,
        new_user_id: app.random.uuid_v7(app.clock.now_millis()),
        next: SessionId::new(&app.random),
        now: app.clock.now(),
    };
    if !app.records.take_password_step(&step).await? {
        return Err(ErrorCode::StepSessionUnknown.into());
    }
    Ok(NextStep::new(step.next, Step::UserInfo))
}

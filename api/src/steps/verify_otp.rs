//! `POST /api/verify-otp/`: giving back the code of a registration.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::challenge::SessionId;
use shared::records::{NumberStep, NumberStepOutcome, Step};
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};

use super::next_step::{NextStep, session_id};
use super::register::PURPOSE;
use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{FromMembers, JsonBody, Members};
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::otp::{CHECKING_ERRORS, Proven, Refused, by_session, counted};

/// A code and the handle that it belongs to.
#[derive(ToSchema)]
#[schema(example = json!({
    "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "code": "123456"
}))]
pub(crate) struct StepCode {
    /// The `session_id` of the step `otp`.
    #[schema(value_type = String, format = Uuid)]
    session_id: SessionId,
    /// The code as it was typed; Persian and Arabic digits and spaces are understood.
    #[schema(example = "123456")]
    code: String,
}

impl FromMembers for StepCode {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        Ok(Self {
            session_id: session_id(members)?,
            code: members.required_text("code")?,
        })
    }
}

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [ErrorCode::FieldMissing];
        error_responses(&[&BODY_ERRORS[..], &CHECKING_ERRORS, &own].concat())
    }
}

/// Checks the code of a registration.
///
/// The answer to a wrong code says how many attempts are left. The handle of the answer is good for
/// fifteen minutes. Also served without the slash at the end.
#[utoipa::path(
    post,
    path = "/api/verify-otp/",
    tag = "step flow",
    request_body = StepCode,
    responses(
        (status = 200, description = "The next step is `set_password`", body = NextStep,
            example = json!({
                "session_id": "0b8a0b5e-58cf-4a0c-9e62-0f3a8f1f6a11", "next_step": "set_password"
            })),
        Refusals
    )
)]
pub(super) async fn verify_otp(
    State(app): State<Arc<AppState>>,
    body: Result<JsonBody<StepCode>, ApiError>,
) -> Result<Json<NextStep>, ApiError> {
    let verified = async {
        let JsonBody(StepCode { session_id, code }) = body?;
        let proven = by_session(&app, PURPOSE, session_id, None, &code).await?;
        take_step(&app, proven).await
    };
    let next = counted(&app, verified.await)?;
    Ok(NextStep::new(next, Step::SetPassword))
}

/// Lets the code act. Where the records are away nothing is used up: the same code may be tried
/// again, and that attempt counts too.
async fn take_step(app: &AppState, proven: Proven) -> Result<SessionId, Refused> {
    let challenge = &proven.challenge;
    let step = NumberStep {
        challenge: challenge.id,
        purpose: challenge.purpose,
        phone: challenge.phone.clone(),
        next: SessionId::new(&app.random),
        now: app.clock.now(),
    };
    match app.records.take_number_step(&step).await? {
        NumberStepOutcome::Taken => {}
        NumberStepOutcome::CodeUsed => return Err(proven.used()),
        NumberStepOutcome::Blocked => return Err(proven.blocked()),
    }
    proven.consume(app).await;
    Ok(step.next)
}

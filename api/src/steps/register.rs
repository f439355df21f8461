//! `POST /api/register/`: the first step.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::challenge::SessionId;
use flows::otp::ASKING_REFUSALS;
use flows::{Flows, RefusalCode, steps};
use utoipa::ToSchema;

use super::next_step::NextStep;
use super::with_step_fields;
use crate::caller::CallerOf;
use crate::error::ApiError;
use crate::json_body::{FromMembers, JsonBody, Members};
use crate::openapi::{BODY_ERRORS, refusals};

/// A number, or the handle of a code that shall be sent once more.
#[derive(ToSchema)]
#[schema(example = json!({"mobile_number": "09123456789"}))]
pub(crate) struct StepRegistration {
    /// A mobile number as people write it: `+98`, `0098`, `98`, `0` or nothing before it, Latin,
    /// Persian or Arabic digits.
    #[schema(example = "09123456789")]
    mobile_number: Option<String>,
    /// The `session_id` of an earlier answer with the step `otp`: sends the same code again.
    #[schema(value_type = Option<String>, format = Uuid)]
    session_id: Option<SessionId>,
}

impl FromMembers for StepRegistration {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        Ok(Self {
            mobile_number: members.text("mobile_number")?,
            session_id: members.session_id("session_id")?,
        })
    }
}

refusals! {
    /// What the call can be refused with. A call cannot be asked for here.
    Refusals: BODY_ERRORS, ASKING_REFUSALS
        .into_iter()
        .filter(|code| *code != RefusalCode::ChannelUnavailable)
}

/// Begins the flow: sends a code, or asks for the password of somebody who has one.
///
/// All limits of codes hold. For somebody with a password no message is sent, and the request
/// counts for the client's address all the same. With the `session_id` of the step `otp` the same
/// code is sent again; during the cooldown, and when the code had its effect, the answer is the
/// same and no message is sent twice. Also served without the slash at the end.
#[utoipa::path(
    post,
    path = "/api/register/",
    tag = "step flow",
    request_body = StepRegistration,
    responses((status = 200, description = "The next step is `otp` or `password`", body = NextStep),
        Refusals)
)]
pub(super) async fn register(
    State(flows): State<Arc<Flows>>,
    CallerOf(caller): CallerOf,
    body: Result<JsonBody<StepRegistration>, ApiError>,
) -> Result<Json<NextStep>, ApiError> {
    let JsonBody(body) = body?;
    let registration = steps::Registration {
        phone_number: body.mobile_number,
        session: body.session_id,
    };
    let next = steps::register(&flows, caller, registration).await;
    Ok(NextStep::answer(&next.map_err(with_step_fields)?))
}

//! `POST /api/user-info/`: the last step of a registration.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::challenge::SessionId;
use flows::profile::{parse_email, parse_name};
use flows::steps::{self, UserInfo};
use flows::{Flows, RefusalCode};
use utoipa::ToSchema;
use web::{Site, UserAgent};

use super::next_step::session_id;
use super::with_step_fields;
use crate::caller::CallerOf;
use crate::error::ApiError;
use crate::json_body::{FromMembers, JsonBody, Members, invalid};
use crate::openapi::{BODY_ERRORS, refusals};
use crate::signed_in::SignedIn;

/// What people tell of themselves.
#[derive(ToSchema)]
#[schema(example = json!({
    "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "email": "maryam@example.com",
    "first_name": "مریم", "last_name": "میرزاخانی"
}))]
#[expect(
    dead_code,
    reason = "describes the body; what is read of it is an Introduction"
)]
pub(crate) struct StepUserInfo {
    /// The `session_id` that `POST /api/register/` gave; each answer repeats it.
    #[schema(value_type = String, format = Uuid)]
    session_id: SessionId,
    /// May be left out. Nobody checks that it is theirs.
    #[schema(format = Email, max_length = 254, example = "maryam@example.com")]
    email: Option<String>,
    /// Not empty; spaces around it are cut off.
    #[schema(min_length = 1, max_length = 150)]
    first_name: String,
    /// Not empty; spaces around it are cut off.
    #[schema(min_length = 1, max_length = 150)]
    last_name: String,
}

/// The handle of the flow, and what the step brings.
pub(super) struct Introduction {
    session: SessionId,
    info: UserInfo,
}

impl FromMembers for Introduction {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        let session = session_id(members)?;
        let email = members.text("email")?;
        let read = |text: String| parse_email(&text).ok_or_else(|| invalid("email"));
        let email = email.map(read).transpose()?;
        Ok(Self {
            session,
            info: UserInfo {
                email,
                first_name: some_name(members, "first_name")?,
                last_name: some_name(members, "last_name")?,
            },
        })
    }
}

fn some_name(members: &mut Members, field: &'static str) -> Result<String, ApiError> {
    let name = parse_name(&members.required_text(field)?);
    let some = name.filter(|name| !name.is_empty());
    some.ok_or_else(|| invalid(field))
}

refusals! {
    /// What the call can be refused with.
    Refusals: BODY_ERRORS, [
        RefusalCode::InputMissing,
        RefusalCode::StepSessionUnknown,
        RefusalCode::StoreUnavailable,
    ]
}

/// Writes down names and e-mail address and signs in.
///
/// A body that is refused does not use up the step. The tokens come in the body and as HTTP-only
/// cookies. Also served without the slash at the end.
#[utoipa::path(
    post,
    path = "/api/user-info/",
    tag = "step flow",
    request_body = StepUserInfo,
    responses(
        (status = 200, description = "Signed in", body = SignedIn,
            headers(("Set-Cookie" = String, description = "The tokens of session and device as HTTP-only cookies"))),
        Refusals
    )
)]
pub(super) async fn set_user_info(
    State(flows): State<Arc<Flows>>,
    State(site): State<Arc<Site>>,
    CallerOf(caller): CallerOf,
    UserAgent(agent): UserAgent,
    body: Result<JsonBody<Introduction>, ApiError>,
) -> Result<Response, ApiError> {
    let JsonBody(Introduction { session, info }) = body?;
    let device = caller.device(None, agent);
    let signed_in = steps::set_user_info(&flows, session, info, device).await;
    Ok(SignedIn::answer(
        &site,
        signed_in.map_err(with_step_fields)?,
    ))
}

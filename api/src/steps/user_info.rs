//! `POST /api/user-info/`: the last step of a registration.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::challenge::SessionId;
use flows::profile::{parse_email, parse_name};
use flows::steps::{self, UserInfo};
use flows::{Flows, RefusalCode};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use web::{Site, UserAgent};

use super::with_step_fields;
use crate::caller::CallerOf;
use crate::error::{ApiError, RequestFault};
use crate::json_body::{JsonBody, refused, typed};
use crate::openapi::{BODY_ERRORS, refusals};
use crate::signed_in::SignedIn;

/// What people tell of themselves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "email": "maryam@example.com",
    "first_name": "مریم", "last_name": "میرزاخانی"
}))]
pub(crate) struct StepUserInfo {
    /// The `session_id` that `POST /api/register/` gave; each answer repeats it.
    #[serde(deserialize_with = "typed")]
    #[schema(value_type = String, format = Uuid)]
    session_id: SessionId,
    /// May be left out. Nobody checks that it is theirs.
    #[serde(deserialize_with = "email_or_none")]
    #[schema(format = Email, max_length = 254, example = "maryam@example.com")]
    email: Option<String>,
    /// Not empty; spaces around it are cut off.
    #[serde(deserialize_with = "some_name")]
    #[schema(min_length = 1, max_length = 150, pattern = "{name}")]
    first_name: String,
    /// Not empty; spaces around it are cut off.
    #[serde(deserialize_with = "some_name")]
    #[schema(min_length = 1, max_length = 150, pattern = "{name}")]
    last_name: String,
}

fn email_or_none<'de, D: Deserializer<'de>>(member: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(member)?;
    let read = |text: String| parse_email(&text).ok_or_else(|| refused(RequestFault::FieldInvalid));
    text.map(read).transpose()
}

fn some_name<'de, D: Deserializer<'de>>(member: D) -> Result<String, D::Error> {
    let name = parse_name(&String::deserialize(member)?);
    let some = name.filter(|name| !name.is_empty());
    some.ok_or_else(|| refused(RequestFault::FieldInvalid))
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
    body: Result<JsonBody<StepUserInfo>, ApiError>,
) -> Result<Response, ApiError> {
    let JsonBody(body) = body?;
    let info = UserInfo {
        email: body.email,
        first_name: body.first_name,
        last_name: body.last_name,
    };
    let device = caller.device(None, agent);
    let signed_in = steps::set_user_info(&flows, body.session_id, info, device).await;
    Ok(SignedIn::answer(
        &site,
        signed_in.map_err(with_step_fields)?,
    ))
}

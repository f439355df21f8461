//! `POST /api/user-info/`: the last step of a registration.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::challenge::SessionId;
use http::HeaderMap;
use shared::records::{UserInfo, UserInfoStep};
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};

use super::next_step::session_id;
use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{FromMembers, JsonBody, Members, invalid};
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::profile::fields::{parse_email, parse_name};
use crate::request_context::Client;
use crate::signed_in::{Opening, SignedIn};

/// What people tell of themselves.
#[derive(ToSchema)]
#[schema(example = json!({
    "session_id": "9d3c1e7a-2f64-4c0b-8a5d-7e1b0f6c2d33", "email": "maryam@example.com",
    "first_name": "مریم", "last_name": "میرزاخانی"
}))]
#[expect(
    dead_code,
    reason = "describes the body; what is read of it is an Introduction"
)]
pub(crate) struct StepUserInfo {
    /// The `session_id` of the step `user_info`.
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

/// The handle of the step, and what it brings.
pub(super) struct Introduction {
    session: SessionId,
    info: UserInfo,
}

impl FromMembers for Introduction {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        let session = session_id(members)?;
        let email = members.text("email")?;
        let email = email.map(|text| parse_email(&text, "email")).transpose()?;
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
    let name = parse_name(&members.required_text(field)?, field)?;
    if name.is_empty() {
        return Err(invalid(field));
    }
    Ok(name)
}

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [
            ErrorCode::FieldMissing,
            ErrorCode::StepSessionUnknown,
            ErrorCode::StoreUnavailable,
        ];
        error_responses(&[&BODY_ERRORS[..], &own].concat())
    }
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
            headers(("Set-Cookie" = String, description = "The two tokens as HTTP-only cookies"))),
        Refusals
    )
)]
pub(super) async fn set_user_info(
    State(app): State<Arc<AppState>>,
    Client(address): Client,
    headers: HeaderMap,
    body: Result<JsonBody<Introduction>, ApiError>,
) -> Result<Response, ApiError> {
    let JsonBody(Introduction { session, info }) = body?;
    let opening = Opening::new(&app, &headers, address, None);
    let step = UserInfoStep {
        session,
        info,
        opening: opening.session.clone(),
    };
    let taken = app.records.take_user_info_step(&step).await?;
    let (user, is_new_user) = taken.ok_or(ErrorCode::StepSessionUnknown)?;
    opening.signed_in(&app, user, is_new_user)
}

//! `PATCH /api/v1/usr/me`: changing what one is called and one's e-mail address.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flows::Flows;
use flows::profile::{self, EmailChange, ProfileChange, parse_email, parse_name};
use utoipa::ToSchema;

use super::show::Profile;
use crate::authentication::{AUTHENTICATION_ERRORS, Authenticated};
use crate::error::ApiError;
use crate::json_body::{Change, FromMembers, JsonBody, Members, invalid};
use crate::openapi::{BODY_ERRORS, refusals};

/// What shall be different; what is absent stays.
#[derive(ToSchema)]
#[schema(example = json!({"first_name": "مریم", "email": null}))]
#[expect(
    dead_code,
    reason = "describes the body; what is read of it is a ProfileChange"
)]
struct ProfileUpdate {
    /// May be empty; spaces around it are cut off.
    #[schema(required = false, max_length = 150)]
    first_name: String,
    /// May be empty; spaces around it are cut off.
    #[schema(required = false, max_length = 150)]
    last_name: String,
    /// Nobody checks that it is theirs. `null` removes it.
    #[schema(required = false, format = Email, max_length = 254, example = "maryam@example.com")]
    email: Option<String>,
}

/// The change that a body asks for.
pub(crate) struct Update(ProfileChange);

impl FromMembers for Update {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        Ok(Self(ProfileChange {
            first_name: name(members, "first_name")?,
            last_name: name(members, "last_name")?,
            email: email(members, "email")?,
        }))
    }
}

fn name(members: &mut Members, field: &'static str) -> Result<Option<String>, ApiError> {
    let text = match members.change(field)? {
        Change::Absent => return Ok(None),
        Change::Null => return Err(invalid(field)),
        Change::Text(text) => text,
    };
    let name = parse_name(&text).ok_or_else(|| invalid(field))?;
    Ok(Some(name))
}

fn email(members: &mut Members, field: &'static str) -> Result<EmailChange, ApiError> {
    let text = match members.change(field)? {
        Change::Absent => return Ok(EmailChange::Keep),
        Change::Null => return Ok(EmailChange::Remove),
        Change::Text(text) => text,
    };
    let email = parse_email(&text).ok_or_else(|| invalid(field))?;
    Ok(EmailChange::Set(email))
}

refusals! {
    /// What the call can be refused with.
    Refusals: BODY_ERRORS, AUTHENTICATION_ERRORS
}

/// Changes names and e-mail address of the signed-in user.
///
/// Members that are absent stay as they are; `"email": null` removes the address.
#[utoipa::path(
    patch,
    path = "/api/v1/usr/me",
    tag = "account",
    security(("bearer" = []), ("cookie" = [])),
    request_body = ProfileUpdate,
    responses((status = 200, description = "The user as of now", body = Profile), Refusals)
)]
pub(crate) async fn update_profile(
    State(flows): State<Arc<Flows>>,
    Authenticated(authenticated): Authenticated,
    body: Result<JsonBody<Update>, ApiError>,
) -> Result<Json<Profile>, ApiError> {
    let JsonBody(Update(change)) = body?;
    let user = profile::update_profile(&flows, &authenticated, &change).await?;
    Ok(Json(user.into()))
}

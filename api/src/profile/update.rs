//! `PATCH /api/v1/usr/me`: changing what one is called and one's e-mail address.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use shared::records::{EmailChange, ProfileChange};
use utoipa::openapi::{RefOr, Response};
use utoipa::{IntoResponses, ToSchema};

use super::fields::{parse_email, parse_name};
use super::show::Profile;
use crate::app::AppState;
use crate::authentication::{AUTHENTICATION_ERRORS, Authenticated};
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{Change, FromMembers, JsonBody, Members, invalid};
use crate::openapi::{BODY_ERRORS, error_responses};

/// What shall be different; what is absent stays.
#[derive(ToSchema)]
#[schema(example = json!({"first_name": "مریم", "email": null}))]
#[expect(
    dead_code,
    reason = "describes the body; what is read of it is a ProfileChange"
)]
struct ProfileUpdate {
    /// May be empty; spaces around it are cut off.
    #[schema(
        required = false,
        max_length = 150,
        pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F\\u2028-\\u202E\\u2066-\\u2069]*$"
    )]
    first_name: String,
    /// May be empty; spaces around it are cut off.
    #[schema(
        required = false,
        max_length = 150,
        pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F\\u2028-\\u202E\\u2066-\\u2069]*$"
    )]
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
    parse_name(&text, field).map(Some)
}

fn email(members: &mut Members, field: &'static str) -> Result<EmailChange, ApiError> {
    let text = match members.change(field)? {
        Change::Absent => return Ok(EmailChange::Keep),
        Change::Null => return Ok(EmailChange::Remove),
        Change::Text(text) => text,
    };
    parse_email(&text, field).map(EmailChange::Set)
}

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        error_responses(&[&BODY_ERRORS[..], &AUTHENTICATION_ERRORS].concat())
    }
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
    State(app): State<Arc<AppState>>,
    authenticated: Authenticated,
    body: Result<JsonBody<Update>, ApiError>,
) -> Result<Json<Profile>, ApiError> {
    let JsonBody(Update(change)) = body?;
    let (user, now) = (authenticated.user.id, app.clock.now());
    let updated = app.records.update_profile(user, &change, now).await?;
    let user = updated.ok_or(ErrorCode::Unauthenticated)?;
    Ok(Json(user.into()))
}

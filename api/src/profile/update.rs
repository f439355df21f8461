//! `PATCH /api/v1/usr/me`: changing what one is called and one's e-mail address.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flows::Flows;
use flows::profile::{self, EmailChange, ProfileChange, parse_email, parse_name};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::show::Profile;
use crate::authentication::{AUTHENTICATION_ERRORS, Authenticated};
use crate::error::{ApiError, RequestFault};
use crate::json_body::{Change, JsonBody, refused};
use crate::openapi::{BODY_ERRORS, refusals};

/// The changes; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"first_name": "مریم", "email": null}))]
pub(crate) struct ProfileUpdate {
    /// May be empty; spaces around it are cut off.
    #[serde(deserialize_with = "name")]
    #[schema(value_type = String, required = false, max_length = 150, pattern = "{name_or_none}")]
    first_name: Option<String>,
    /// May be empty; spaces around it are cut off.
    #[serde(deserialize_with = "name")]
    #[schema(value_type = String, required = false, max_length = 150, pattern = "{name_or_none}")]
    last_name: Option<String>,
    /// Nobody checks that it is theirs. `null` removes it.
    #[serde(deserialize_with = "email")]
    #[schema(value_type = Option<String>, format = Email, max_length = 254, example = "maryam@example.com")]
    email: EmailChange,
}

fn name<'de, D: Deserializer<'de>>(member: D) -> Result<Option<String>, D::Error> {
    let name = match Change::deserialize(member)? {
        Change::Absent => return Ok(None),
        Change::Null => None,
        Change::Text(text) => parse_name(&text),
    };
    let name = name.ok_or_else(|| refused(RequestFault::FieldInvalid))?;
    Ok(Some(name))
}

fn email<'de, D: Deserializer<'de>>(member: D) -> Result<EmailChange, D::Error> {
    let text = match Change::deserialize(member)? {
        Change::Absent => return Ok(EmailChange::Keep),
        Change::Null => return Ok(EmailChange::Remove),
        Change::Text(text) => text,
    };
    let email = parse_email(&text).ok_or_else(|| refused(RequestFault::FieldInvalid))?;
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
    body: Result<JsonBody<ProfileUpdate>, ApiError>,
) -> Result<Json<Profile>, ApiError> {
    let JsonBody(body) = body?;
    let change = ProfileChange {
        first_name: body.first_name,
        last_name: body.last_name,
        email: body.email,
    };
    let user = profile::update_profile(&flows, &authenticated, &change).await?;
    Ok(Json(user.into()))
}

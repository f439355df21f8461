//! `POST /api/v1/usr/password`: setting a password, or changing it.

use std::sync::Arc;

use axum::extract::State;
use domain::password::Password;
use flows::password::{self, NEW_PASSWORD_REFUSALS};
use flows::{Flows, RefusalCode, TRY_REFUSALS};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::authentication::{AUTHENTICATION_ERRORS, Authenticated};
use crate::caller::CallerOf;
use crate::error::ApiError;
use crate::json_body::{JsonBody, typed, typed_or_none};
use crate::openapi::{BODY_ERRORS, refusals};

/// A new password, and what shows that its owner sets it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"new_password": "tahdig-va-ghormeh"}))]
pub(crate) struct NewPassword {
    /// At least 8 characters that are not easy to guess. Spaces at its ends count.
    #[serde(deserialize_with = "typed")]
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    new_password: Password,
    /// The present password. Needed where there is one, except within ten minutes of a sign-in with
    /// a code.
    #[serde(deserialize_with = "typed_or_none")]
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 128)]
    current_password: Option<Password>,
}

refusals! {
    /// What the call can be refused with.
    Refusals: BODY_ERRORS, AUTHENTICATION_ERRORS, NEW_PASSWORD_REFUSALS, TRY_REFUSALS, [
        RefusalCode::PasswordWrong,
        RefusalCode::FreshSignInRequired,
        RefusalCode::TooManyPasswordChanges,
    ]
}

/// Sets or changes the password of the signed-in user.
///
/// Anyone who has a password gives it as `current_password`, unless they signed in with a code in the
/// last ten minutes; `field_missing` says that it is needed. Anyone who has none needs such a sign-in.
/// All other sessions of the user end; this one stays. Their owner is told of a change by SMS,
/// at most five times a day: then `too_many_password_changes`.
#[utoipa::path(
    post,
    path = "/api/v1/usr/password",
    tag = "account",
    security(("bearer" = []), ("cookie" = [])),
    request_body(content = NewPassword, examples(
        ("first_or_after_a_code" = (
            summary = "A first password, or one set within ten minutes of a sign-in with a code",
            value = json!({"new_password": "tahdig-va-ghormeh"})
        )),
        ("with_the_present_one" = (
            summary = "A change by the one who knows the present password",
            value = json!({
                "new_password": "sabzi-polo-ba-mahi", "current_password": "tahdig-va-ghormeh"
            })
        ))
    )),
    responses((status = 204, description = "The password is set"), Refusals)
)]
pub(crate) async fn change_password(
    State(flows): State<Arc<Flows>>,
    Authenticated(authenticated): Authenticated,
    CallerOf(caller): CallerOf,
    body: Result<JsonBody<NewPassword>, ApiError>,
) -> Result<StatusCode, ApiError> {
    let JsonBody(body) = body?;
    let wanted = password::NewPassword {
        new_password: body.new_password,
        current_password: body.current_password,
    };
    password::change_password(&flows, caller, authenticated, wanted).await?;
    Ok(StatusCode::NO_CONTENT)
}

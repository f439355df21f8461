//! `POST /api/login/`: the step of those who have a password, or all steps at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::challenge::SessionId;
use domain::password::Password;
use http::HeaderMap;
use shared::records::Step;
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};

use super::register::mobile_number;
use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{FromMembers, JsonBody, Members, missing};
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::password::{LOG_IN_ERRORS, LogIn, Refused, counted_log_in, log_in_with};
use crate::request_context::Client;
use crate::signed_in::SignedIn;
use crate::tries::TRY_ERRORS;

/// A password, and whose it is: `session_id` or `mobile_number`.
#[derive(ToSchema)]
#[schema(example = json!({
    "session_id": "3c9a6d1e-7b20-4f5e-8d41-5a0c2e9f7b64", "password": "tahdig-va-ghormeh"
}))]
pub(crate) struct StepLogIn {
    /// The `session_id` of the step `password`.
    #[schema(value_type = Option<String>, format = Uuid)]
    session_id: Option<SessionId>,
    /// A mobile number as people write it.
    #[schema(example = "09123456789")]
    mobile_number: Option<String>,
    /// The password to the letter: nothing is cut off or replaced.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 128)]
    password: Password,
}

impl FromMembers for StepLogIn {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        Ok(Self {
            session_id: members.session_id("session_id")?,
            mobile_number: members.text("mobile_number")?,
            password: members.required_password("password")?,
        })
    }
}

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [ErrorCode::StepSessionUnknown, ErrorCode::PhoneMismatch];
        error_responses(&[&BODY_ERRORS[..], &TRY_ERRORS, &LOG_IN_ERRORS, &own].concat())
    }
}

/// Logs in with a password.
///
/// As `POST /api/v1/usr/login`, with the same limits. A wrong password does not use up the step. The
/// tokens come in the body and as HTTP-only cookies. Also served without the slash at the end.
#[utoipa::path(
    post,
    path = "/api/login/",
    tag = "step flow",
    request_body = StepLogIn,
    responses(
        (status = 200, description = "Signed in", body = SignedIn,
            headers(("Set-Cookie" = String, description = "The two tokens as HTTP-only cookies"))),
        Refusals
    )
)]
pub(super) async fn log_in(
    State(app): State<Arc<AppState>>,
    Client(address): Client,
    headers: HeaderMap,
    body: Result<JsonBody<StepLogIn>, ApiError>,
) -> Result<Response, ApiError> {
    let logged_in = async {
        let log_in = read(&app, body?.0).await?;
        log_in_with(&app, log_in, &headers, address).await
    };
    counted_log_in(&app, logged_in.await)
}

async fn read(app: &AppState, body: StepLogIn) -> Result<LogIn, Refused> {
    let typed = body
        .mobile_number
        .map(|typed| mobile_number(app, &typed))
        .transpose()?;
    let phone = match (body.session_id, typed) {
        (None, None) => return Err(missing("session_id").into()),
        (None, Some(phone)) => phone,
        (Some(session), typed) => {
            let found = app
                .records
                .step_phone(session, Step::Password, app.clock.now());
            let phone = found.await?.ok_or(ErrorCode::StepSessionUnknown)?;
            if typed.is_some_and(|typed| typed != phone) {
                return Err(ErrorCode::PhoneMismatch.into());
            }
            phone
        }
    };
    Ok(LogIn {
        phone,
        password: body.password,
        device_name: None,
        step: body.session_id,
    })
}

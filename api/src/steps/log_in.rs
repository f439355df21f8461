//! `POST /api/login/`: the step of those who have a password, or all steps at once.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::challenge::SessionId;
use domain::password::Password;
use flows::password::LOG_IN_REFUSALS;
use flows::{CountedUseCase, Flows, RefusalCode, TRY_REFUSALS, steps};
use serde::Deserialize;
use utoipa::ToSchema;
use web::{Site, UserAgent};

use super::with_step_fields;
use crate::caller::CallerOf;
use crate::error::ApiError;
use crate::json_body::{JsonBody, typed, typed_or_none};
use crate::openapi::{BODY_ERRORS, refusals};
use crate::signed_in::SignedIn;

/// A password, and whose it is: `session_id` or `mobile_number`.
///
/// At least one of `session_id` and `mobile_number` is needed, and not `null`; without them the answer is `field_missing`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "mobile_number": "09123456789", "password": "tahdig-va-ghormeh"
}))]
pub(crate) struct StepLogIn {
    /// The `session_id` that `POST /api/register/` gave with the step `password`.
    #[serde(deserialize_with = "typed_or_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    session_id: Option<SessionId>,
    /// A mobile number as people write it.
    #[schema(pattern = "{mobile_number}", example = "09123456789")]
    mobile_number: Option<String>,
    /// The password as it was typed; spaces at its ends count.
    #[serde(deserialize_with = "typed")]
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 128)]
    password: Password,
    /// The `device_token` of an earlier sign-in on this device, if there is one: it lets the owner in where
    /// strangers have used up what the number may have. One that does not hold is passed over.
    device_token: Option<String>,
}

refusals! {
    /// What the call can be refused with.
    Refusals: BODY_ERRORS, TRY_REFUSALS, LOG_IN_REFUSALS, [
        RefusalCode::StepSessionUnknown,
        RefusalCode::PhoneMismatch,
    ]
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
            headers(("Set-Cookie" = String, description = "The tokens of session and device as HTTP-only cookies"))),
        Refusals
    )
)]
pub(super) async fn step_log_in(
    State(flows): State<Arc<Flows>>,
    State(site): State<Arc<Site>>,
    CallerOf(caller): CallerOf,
    UserAgent(agent): UserAgent,
    body: Result<JsonBody<StepLogIn>, ApiError>,
) -> Result<Response, ApiError> {
    let JsonBody(body) =
        body.inspect_err(|_| flows.metrics.unreadable(CountedUseCase::LoggingIn))?;
    let caller = caller.showing(body.device_token.as_deref());
    let credentials = steps::StepCredentials {
        session: body.session_id,
        phone_number: body.mobile_number,
        password: body.password,
    };
    let device = caller.device(None, agent);
    let signed_in = steps::log_in(&flows, caller, credentials, device).await;
    Ok(SignedIn::answer(
        &site,
        signed_in.map_err(with_step_fields)?,
    ))
}

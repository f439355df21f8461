//! `POST /api/v1/usr/password/reset` and `…/verify`: a new password by a code.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::challenge::SessionId;
use domain::password::Password;
use flows::otp::{ASKING_REFUSALS, CHECKING_REFUSALS};
use flows::password::{self, NEW_PASSWORD_REFUSALS};
use flows::{CountedUseCase, Flows};
use serde::Deserialize;
use utoipa::ToSchema;
use web::{Site, UserAgent};

use crate::caller::CallerOf;
use crate::error::ApiError;
use crate::json_body::{JsonBody, device_name, typed};
use crate::openapi::{BODY_ERRORS, refusals};
use crate::otp::{CodeRequest, CodeSent};
use crate::signed_in::SignedIn;

refusals! {
    /// What asking for the code can be refused with.
    AskingRefusals: BODY_ERRORS, ASKING_REFUSALS
}

/// Sends a code for a new password.
///
/// The answers are those of `POST /api/v1/usr/otp`, and the same for every number: nobody learns
/// here who has an account. With the `session_id` of an earlier answer its code is sent again.
#[utoipa::path(
    post,
    path = "/api/v1/usr/password/reset",
    tag = "sign-in",
    request_body = CodeRequest,
    responses(
        (status = 202, description = "A message is on its way", body = CodeSent),
        (status = 200, description = "The code was sent a moment ago: nothing was sent now",
            body = CodeSent),
        AskingRefusals
    )
)]
pub(crate) async fn ask_reset_code(
    State(flows): State<Arc<Flows>>,
    CallerOf(caller): CallerOf,
    body: Result<JsonBody<CodeRequest>, ApiError>,
) -> Result<CodeSent, ApiError> {
    let JsonBody(body) = body.inspect_err(|_| flows.metrics.unreadable(CountedUseCase::Asking))?;
    let caller = caller.showing(body.device_token());
    let sent = password::request_reset_code(&flows, caller, body.into()).await?;
    Ok(sent.into())
}

/// A code for a new password, and that password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "code": "123456",
    "new_password": "tahdig-va-ghormeh"
}))]
pub(crate) struct Reset {
    /// The `session_id` that came with the request for the code.
    #[serde(deserialize_with = "typed")]
    #[schema(value_type = String, format = Uuid)]
    session_id: SessionId,
    /// The code as it was typed or pasted; digits of any script, spaces and punctuation are understood.
    #[schema(pattern = "{code}", example = "123456")]
    code: String,
    /// At least 8 characters that are not easy to guess. Spaces at its ends count.
    #[serde(deserialize_with = "typed")]
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    new_password: Password,
    /// What the person calls this device, for the list of their sessions; cut after 64 characters.
    #[serde(deserialize_with = "device_name")]
    #[schema(example = "Pixel 9")]
    device_name: Option<String>,
}

refusals! {
    /// What the call can be refused with.
    Refusals: BODY_ERRORS, CHECKING_REFUSALS, NEW_PASSWORD_REFUSALS
}

/// Sets a new password with a code, and signs in.
///
/// The password is looked at first: a poor choice costs no attempt at the code. All sessions of the
/// user end and a new one begins; the tokens come in the body and as HTTP-only cookies. The code
/// proves the number, so a number without an account gets one, as by a first sign-in.
#[utoipa::path(
    post,
    path = "/api/v1/usr/password/reset/verify",
    tag = "sign-in",
    request_body = Reset,
    responses(
        (status = 200, description = "The password is set, and its owner signed in",
            body = SignedIn,
            headers(("Set-Cookie" = String, description = "The tokens of session and device as HTTP-only cookies"))),
        Refusals
    )
)]
pub(crate) async fn reset_password(
    State(flows): State<Arc<Flows>>,
    State(site): State<Arc<Site>>,
    CallerOf(caller): CallerOf,
    UserAgent(agent): UserAgent,
    body: Result<JsonBody<Reset>, ApiError>,
) -> Result<Response, ApiError> {
    let JsonBody(body) =
        body.inspect_err(|_| flows.metrics.unreadable(CountedUseCase::Verifying))?;
    let device = caller.device(body.device_name, agent);
    let wanted = password::Reset {
        session: body.session_id,
        code: body.code,
        new_password: body.new_password,
    };
    let signed_in = password::reset_password(&flows, caller, wanted, device).await?;
    Ok(SignedIn::answer(&site, signed_in))
}

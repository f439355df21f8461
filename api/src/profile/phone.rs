//! `POST /api/v1/usr/me/phone` and `…/verify`: another number for one's account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::challenge::SessionId;
use flows::otp::{ASKING_REFUSALS, CHECKING_REFUSALS};
use flows::{CountedUseCase, Flows, RefusalCode, profile};
use serde::Deserialize;
use utoipa::ToSchema;

use super::show::Profile;
use crate::authentication::{AUTHENTICATION_ERRORS, Authenticated};
use crate::caller::CallerOf;
use crate::error::ApiError;
use crate::json_body::{JsonBody, typed};
use crate::openapi::{BODY_ERRORS, refusals};
use crate::otp::{CodeRequest, CodeSent};

refusals! {
    /// What asking can be refused with.
    AskingRefusals: BODY_ERRORS, AUTHENTICATION_ERRORS, ASKING_REFUSALS, [
        RefusalCode::FreshSignInRequired,
        RefusalCode::PhoneUnchanged,
    ]
}

/// Sends a code to a number that the signed-in user wants to change to.
///
/// As `POST /api/v1/usr/otp`, with the same limits; the answer is the same whether or not the
/// number has an account. Needs a sign-in with a code in the last ten minutes.
#[utoipa::path(
    post,
    path = "/api/v1/usr/me/phone",
    tag = "account",
    security(("bearer" = []), ("cookie" = [])),
    request_body(content = CodeRequest, example = json!({"phone_number": "09121234567"})),
    responses(
        (status = 202, description = "A message is on its way", body = CodeSent),
        (status = 200, description = "The code was sent a moment ago: nothing was sent now",
            body = CodeSent),
        AskingRefusals
    )
)]
pub(crate) async fn request_phone_change(
    State(flows): State<Arc<Flows>>,
    Authenticated(authenticated): Authenticated,
    CallerOf(caller): CallerOf,
    body: Result<JsonBody<CodeRequest>, ApiError>,
) -> Result<CodeSent, ApiError> {
    let owner = authenticated.fresh(&flows)?;
    let JsonBody(body) = body.inspect_err(|_| flows.metrics.unreadable(CountedUseCase::Asking))?;
    let sent = profile::request_phone_change(&flows, caller, owner, body.into()).await?;
    Ok(sent.into())
}

/// A code that came to the new number.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "code": "123456"
}))]
pub(crate) struct PhoneVerification {
    /// The `session_id` that came with the request for the code.
    #[serde(deserialize_with = "typed")]
    #[schema(value_type = String, format = Uuid)]
    session_id: SessionId,
    /// The code as it was typed or pasted; digits of any script, spaces and punctuation are understood.
    #[schema(pattern = "{code}", example = "123456")]
    code: String,
}

refusals! {
    /// What giving the code back can be refused with.
    VerifyingRefusals: BODY_ERRORS, AUTHENTICATION_ERRORS, CHECKING_REFUSALS, [
        RefusalCode::InputMissing,
        RefusalCode::FreshSignInRequired,
        RefusalCode::PhoneTaken,
    ]
}

/// Checks the code and changes the number of the signed-in user.
///
/// All other sessions end, this one stays; the old number is told by a message. A number of another
/// account is refused after the right code. Needs a sign-in with a code in the last ten minutes.
#[utoipa::path(
    post,
    path = "/api/v1/usr/me/phone/verify",
    tag = "account",
    security(("bearer" = []), ("cookie" = [])),
    request_body = PhoneVerification,
    responses(
        (status = 200, description = "The user with the new number", body = Profile),
        VerifyingRefusals
    )
)]
pub(crate) async fn verify_phone_change(
    State(flows): State<Arc<Flows>>,
    Authenticated(authenticated): Authenticated,
    CallerOf(caller): CallerOf,
    body: Result<JsonBody<PhoneVerification>, ApiError>,
) -> Result<Json<Profile>, ApiError> {
    let owner = authenticated.fresh(&flows)?;
    let JsonBody(body) =
        body.inspect_err(|_| flows.metrics.unreadable(CountedUseCase::Verifying))?;
    let verification = profile::PhoneVerification {
        session: body.session_id,
        code: body.code,
    };
    let user = profile::change_phone(&flows, caller, owner, verification).await?;
    Ok(Json(user.into()))
}

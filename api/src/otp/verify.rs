//! `POST /api/v1/usr/otp/verify`: giving a code back.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::challenge::SessionId;
use flows::otp::{self, CHECKING_REFUSALS};
use flows::{CountedUseCase, Flows, RefusalCode, TRY_REFUSALS};
use serde::Deserialize;
use utoipa::ToSchema;
use web::{Site, UserAgent};

use crate::caller::CallerOf;
use crate::error::ApiError;
use crate::json_body::{JsonBody, device_name, typed_or_none};
use crate::openapi::{BODY_ERRORS, refusals};
use crate::signed_in::SignedIn;

/// A code and what it belongs to: `session_id`, or `phone_number`, or both.
///
/// At least one of `session_id` and `phone_number` is needed, and not `null`; without them the answer is `field_missing`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "code": "123456"
}))]
pub(crate) struct Verification {
    /// The `session_id` that came with the request for the code.
    #[serde(deserialize_with = "typed_or_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    session_id: Option<SessionId>,
    /// The number that the code was sent to, where the session id is not at hand.
    #[schema(pattern = "{mobile_number}", example = "09123456789")]
    phone_number: Option<String>,
    /// The code as it was typed or pasted; digits of any script, spaces and punctuation are understood.
    #[schema(pattern = "{code}", example = "123456")]
    code: String,
    /// What the person calls this device, for the list of their sessions; cut after 64 characters.
    #[serde(deserialize_with = "device_name")]
    #[schema(example = "Pixel 9")]
    device_name: Option<String>,
    /// The `device_token` of an earlier sign-in on this device, if there is one: it lets the owner in where
    /// strangers have used up what the number may have. One that does not hold is passed over.
    device_token: Option<String>,
}

refusals! {
    /// What the call can be refused with.
    Refusals: BODY_ERRORS, CHECKING_REFUSALS, TRY_REFUSALS, [
        RefusalCode::InputMissing,
        RefusalCode::PhoneEmpty,
        RefusalCode::PhoneMalformed,
        RefusalCode::PhoneNotMobile,
        RefusalCode::PhoneCountryNotAllowed,
        RefusalCode::PhoneMismatch,
        RefusalCode::SessionRequired,
    ]
}

/// Checks a code and signs in; the first sign-in creates the user.
///
/// The tokens come in the body and as HTTP-only cookies. With `session_id` the answer to a wrong
/// code says how many attempts are left; with `phone_number` alone every refusal is `code_wrong`, and
/// failures count on the lock that this way shares with the password of the number. Where the answer
/// was lost, the same `session_id` and code get the same tokens again for a minute.
/// A `device_token` of an earlier sign-in is good where the number is locked, or codes need their session id.
/// A code that cannot be right because of its length is refused without counting an attempt.
#[utoipa::path(
    post,
    path = "/api/v1/usr/otp/verify",
    tag = "sign-in",
    request_body = Verification,
    responses(
        (status = 200, description = "Signed in", body = SignedIn,
            headers(("Set-Cookie" = String, description = "The tokens of session and device as HTTP-only cookies"))),
        Refusals
    )
)]
pub(crate) async fn verify_code(
    State(flows): State<Arc<Flows>>,
    State(site): State<Arc<Site>>,
    CallerOf(caller): CallerOf,
    UserAgent(agent): UserAgent,
    body: Result<JsonBody<Verification>, ApiError>,
) -> Result<Response, ApiError> {
    let JsonBody(body) =
        body.inspect_err(|_| flows.metrics.unreadable(CountedUseCase::Verifying))?;
    let caller = caller.showing(body.device_token.as_deref());
    let device = caller.device(body.device_name, agent);
    let verification = otp::Verification {
        session: body.session_id,
        phone_number: body.phone_number,
        code: body.code,
    };
    // Boxed, so that it is not moved with each layer of the router.
    let signed_in = Box::pin(otp::sign_in(&flows, caller, verification, device)).await?;
    Ok(SignedIn::answer(&site, signed_in))
}

//! `POST /api/v1/usr/otp/verify`: giving a code back.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::challenge::SessionId;
use domain::client_address::ClientAddress;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use http::HeaderMap;
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};

use super::checking::{CHECKING_ERRORS, Proven, Refused, by_phone, by_session, counted};
use super::sign_in::sign_in;
use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{FromMembers, JsonBody, Members, missing};
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::request_context::Client;
use crate::signed_in::SignedIn;
use crate::tries::TRY_ERRORS;

/// The only purpose whose codes open a session here.
const PURPOSE: Purpose = Purpose::SignIn;

/// A code and what it belongs to: `session_id`, or `phone_number`, or both.
#[derive(ToSchema)]
#[schema(example = json!({
    "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "code": "123456"
}))]
pub(crate) struct Verification {
    /// The `session_id` that came with the request for the code.
    #[schema(value_type = Option<String>, format = Uuid)]
    session_id: Option<SessionId>,
    /// The number that the code was sent to, where the session id is not at hand.
    #[schema(example = "09123456789")]
    phone_number: Option<String>,
    /// The code as it was typed; Persian and Arabic digits and spaces are understood.
    #[schema(example = "123456")]
    code: String,
    /// What the person calls this device, for the list of their sessions; 64 characters at most.
    #[schema(example = "Pixel 9", max_length = 64)]
    device_name: Option<String>,
}

impl FromMembers for Verification {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        Ok(Self {
            session_id: members.session_id("session_id")?,
            phone_number: members.text("phone_number")?,
            code: members.required_text("code")?,
            device_name: members.device_name()?,
        })
    }
}

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [
            ErrorCode::FieldMissing,
            ErrorCode::PhoneEmpty,
            ErrorCode::PhoneMalformed,
            ErrorCode::PhoneNotMobile,
            ErrorCode::PhoneCountryNotAllowed,
            ErrorCode::PhoneMismatch,
        ];
        error_responses(&[&BODY_ERRORS[..], &CHECKING_ERRORS, &TRY_ERRORS, &own].concat())
    }
}

/// Checks a code and signs in; the first sign-in creates the user.
///
/// The tokens come in the body and as HTTP-only cookies. With `session_id` the answer to a wrong
/// code says how many attempts are left; with `phone_number` alone every refusal is `code_wrong`, and
/// failures count on the lock that this way shares with the password of the number.
/// A code that cannot be right because of its length is refused without counting an attempt.
#[utoipa::path(
    post,
    path = "/api/v1/usr/otp/verify",
    tag = "sign-in",
    request_body = Verification,
    responses(
        (status = 200, description = "Signed in", body = SignedIn,
            headers(("Set-Cookie" = String, description = "The two tokens as HTTP-only cookies"))),
        Refusals
    )
)]
pub(crate) async fn verify_code(
    State(app): State<Arc<AppState>>,
    Client(address): Client,
    headers: HeaderMap,
    body: Result<JsonBody<Verification>, ApiError>,
) -> Result<Response, ApiError> {
    let verified = async {
        let JsonBody(verification) = body?;
        let device_name = verification.device_name.clone();
        let proven = check(&app, verification, address).await?;
        sign_in(&app, proven, &headers, address, device_name).await
    };
    counted(&app, verified.await)
}

async fn check(
    app: &AppState,
    verification: Verification,
    address: ClientAddress,
) -> Result<Proven, Refused> {
    let phone = verification
        .phone_number
        .as_deref()
        .map(|typed| PhoneNumber::parse(typed, &app.otp.allowed_countries).map_err(ApiError::from));
    match (verification.session_id, phone.transpose()?) {
        (Some(session), phone) => {
            by_session(app, PURPOSE, session, phone, &verification.code).await
        }
        (None, Some(phone)) => by_phone(app, &phone, address, &verification.code).await,
        (None, None) => Err(missing("session_id").into()),
    }
}

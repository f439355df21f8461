//! `POST /api/v1/usr/password/reset` and `…/verify`: a new password by a code.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::challenge::SessionId;
use domain::client_address::ClientAddress;
use domain::otp::Purpose;
use domain::password::{OwnWords, Password};
use http::HeaderMap;
use shared::records::{PasswordReset, SignInOutcome};
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};

use super::{NEW_PASSWORD_ERRORS, notice};
use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{FromMembers, JsonBody, Members, missing};
use crate::notices;
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::otp::{
    ASKING_ERRORS, Asking, CHECKING_ERRORS, CodeRequest, CodeSent, Refused, by_session, counted,
};
use crate::request_context::{Client, RequestContext};
use crate::signed_in::{Opening, SignedIn};

/// The only purpose whose codes act here.
const PURPOSE: Purpose = Purpose::ResetPassword;

/// What asking for the code can be refused with.
struct AskingRefusals;

impl IntoResponses for AskingRefusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        error_responses(&[&BODY_ERRORS[..], &ASKING_ERRORS].concat())
    }
}

/// Sends a code for a new password.
///
/// The answers are those of `POST /api/v1/usr/otp`, and the same for every number: nobody learns
/// here who has an account. With the `session_id` of an earlier answer the same code is sent again.
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
    State(app): State<Arc<AppState>>,
    context: RequestContext,
    Client(address): Client,
    body: Result<JsonBody<CodeRequest>, ApiError>,
) -> Result<Response, ApiError> {
    let asking = Asking::new(&app, PURPOSE, context, address);
    Ok(asking.answer_body(body).await?.into_response())
}

/// A code for a new password, and that password.
#[derive(ToSchema)]
#[schema(example = json!({
    "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "code": "123456",
    "new_password": "tahdig-va-ghormeh"
}))]
pub(crate) struct Reset {
    /// The `session_id` that came with the request for the code.
    #[schema(value_type = String, format = Uuid)]
    session_id: SessionId,
    /// The code as it was typed; Persian and Arabic digits and spaces are understood.
    #[schema(example = "123456")]
    code: String,
    /// At least 8 characters that are not easy to guess. Kept to the letter.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    new_password: Password,
    /// What the person calls this device, for the list of their sessions; 64 characters at most.
    #[schema(example = "Pixel 9", max_length = 64)]
    device_name: Option<String>,
}

impl FromMembers for Reset {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        let session_id = members.session_id("session_id")?;
        Ok(Self {
            session_id: session_id.ok_or_else(|| missing("session_id"))?,
            code: members.required_text("code")?,
            new_password: members.required_password("new_password")?,
            device_name: members.device_name()?,
        })
    }
}

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        error_responses(&[&BODY_ERRORS[..], &CHECKING_ERRORS, &NEW_PASSWORD_ERRORS].concat())
    }
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
            headers(("Set-Cookie" = String, description = "The two tokens as HTTP-only cookies"))),
        Refusals
    )
)]
pub(crate) async fn reset_password(
    State(app): State<Arc<AppState>>,
    context: RequestContext,
    Client(address): Client,
    headers: HeaderMap,
    body: Result<JsonBody<Reset>, ApiError>,
) -> Result<Response, ApiError> {
    let ended = async { reset(&app, body?.0, context, &headers, address).await };
    counted(&app, ended.await)
}

async fn reset(
    app: &AppState,
    body: Reset,
    context: RequestContext,
    headers: &HeaderMap,
    address: ClientAddress,
) -> Result<Response, Refused> {
    // Looked at first, so that nobody without a request makes us judge and hash.
    let challenge = app.hot_state.challenge(body.session_id.challenge_id());
    let challenge = challenge.await?.filter(|found| found.purpose == PURPOSE);
    let phone = challenge.ok_or(ErrorCode::SessionUnknown)?.phone;
    // Only the number is looked for in the password, since that is known to whoever asked: before
    // the code is proven, names must not show through the answer.
    let own = OwnWords::new(Some(&phone), []);
    let judged = app.passwords.judge(&body.new_password, own).await;
    judged.map_err(|error| ApiError::new_password(error, "new_password"))?;
    // Taken before the attempt is counted: a busy moment costs none.
    let place = app.passwords.place().map_err(ApiError::from)?;
    let proven = by_session(app, PURPOSE, body.session_id, None, &body.code).await?;
    let hash = place
        .hash(&body.new_password)
        .await
        .map_err(ApiError::from)?;

    let opening = Opening::new(app, headers, address, body.device_name);
    let reset = PasswordReset {
        challenge: proven.challenge.id,
        phone: proven.challenge.phone.clone(),
        new_user_id: app.random.uuid_v7(app.clock.now_millis()),
        hash,
        session: opening.session.clone(),
        notice: notice(app, proven.challenge.phone.clone(), proven.challenge.locale),
    };
    let (user, is_new_user) = match app.records.reset_password(&reset).await? {
        SignInOutcome::SignedIn { user, is_new } => (user, is_new),
        SignInOutcome::CodeUsed => return Err(proven.used()),
        SignInOutcome::Blocked => return Err(proven.blocked()),
    };
    proven.consume(app).await;
    if user.has_password {
        notices::enqueue(app, reset.notice.waiting(), context).await;
    }
    Ok(opening.signed_in(app, user, is_new_user)?)
}

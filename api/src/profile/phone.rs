//! `POST /api/v1/usr/me/phone` and `…/verify`: another number for one's account.
//!
//! The code goes to the new number and can be given back by the user who asked for it only: the id
//! of its challenge is derived from the session id and the user's id (see
//! [`SessionId::challenge_id_of`]). Whether the number is another account's is told after the right
//! code, to whoever holds the phone, and costs the code.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::challenge::SessionId;
use domain::otp::Purpose;
use shared::records::{PhoneChange, PhoneChangeOutcome};
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};

use super::show::Profile;
use crate::app::AppState;
use crate::authentication::{AUTHENTICATION_ERRORS, Authenticated};
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{FromMembers, JsonBody, Members, missing};
use crate::notices;
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::otp::{
    ASKING_ERRORS, Asking, CHECKING_ERRORS, CodeRequest, CodeSent, Refused, by_session_of, counted,
};
use crate::request_context::{Client, RequestContext};

const PURPOSE: Purpose = Purpose::ChangePhone;

/// What asking can be refused with.
struct AskingRefusals;

impl IntoResponses for AskingRefusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [ErrorCode::FreshSignInRequired, ErrorCode::PhoneUnchanged];
        let all = [
            &BODY_ERRORS[..],
            &AUTHENTICATION_ERRORS,
            &ASKING_ERRORS,
            &own,
        ];
        error_responses(&all.concat())
    }
}

/// Sends a code to a number that the signed-in user wants to change to.
///
/// As `POST /api/v1/usr/otp`, with the same limits; the answer is the same whether or not the
/// number has an account. Needs a sign-in of the last ten minutes.
#[utoipa::path(
    post,
    path = "/api/v1/usr/me/phone",
    tag = "account",
    security(("bearer" = []), ("cookie" = [])),
    request_body = CodeRequest,
    responses(
        (status = 202, description = "A message is on its way", body = CodeSent),
        (status = 200, description = "The code was sent a moment ago: nothing was sent now",
            body = CodeSent),
        AskingRefusals
    )
)]
pub(crate) async fn request_phone_change(
    State(app): State<Arc<AppState>>,
    authenticated: Authenticated,
    context: RequestContext,
    Client(address): Client,
    body: Result<JsonBody<CodeRequest>, ApiError>,
) -> Result<Response, ApiError> {
    authenticated.require_fresh(&app)?;
    let asking = Asking::new(&app, PURPOSE, context, address);
    let asking = asking.owned_by(&authenticated.user);
    Ok(asking.answer_body(body).await?.into_response())
}

/// A code that came to the new number.
#[derive(ToSchema)]
#[schema(example = json!({
    "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "code": "123456"
}))]
pub(crate) struct PhoneVerification {
    /// The `session_id` that came with the request for the code.
    #[schema(value_type = String, format = Uuid)]
    session_id: SessionId,
    /// The code as it was typed; Persian and Arabic digits and spaces are understood.
    #[schema(example = "123456")]
    code: String,
}

impl FromMembers for PhoneVerification {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        let session_id = members.session_id("session_id")?;
        Ok(Self {
            session_id: session_id.ok_or_else(|| missing("session_id"))?,
            code: members.required_text("code")?,
        })
    }
}

/// What giving the code back can be refused with.
struct VerifyingRefusals;

impl IntoResponses for VerifyingRefusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [
            ErrorCode::FieldMissing,
            ErrorCode::FreshSignInRequired,
            ErrorCode::PhoneTaken,
        ];
        let all = [
            &BODY_ERRORS[..],
            &AUTHENTICATION_ERRORS,
            &CHECKING_ERRORS,
            &own,
        ];
        error_responses(&all.concat())
    }
}

/// Checks the code and changes the number of the signed-in user.
///
/// All other sessions end, this one stays; the old number is told by a message. A number of another
/// account is refused after the right code. Needs a sign-in of the last ten minutes.
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
    State(app): State<Arc<AppState>>,
    authenticated: Authenticated,
    context: RequestContext,
    body: Result<JsonBody<PhoneVerification>, ApiError>,
) -> Result<Json<Profile>, ApiError> {
    authenticated.require_fresh(&app)?;
    let changed = async {
        let JsonBody(verification) = body?;
        change(&app, &authenticated, &verification, context).await
    };
    counted(&app, changed.await)
}

async fn change(
    app: &AppState,
    authenticated: &Authenticated,
    verification: &PhoneVerification,
    context: RequestContext,
) -> Result<Json<Profile>, Refused> {
    let (owner, session) = (authenticated.user.id, verification.session_id);
    let proven = by_session_of(app, PURPOSE, owner, session, &verification.code).await?;
    let change = PhoneChange {
        challenge: proven.challenge.id,
        user: owner,
        session: authenticated.session.id,
        phone: proven.challenge.phone.clone(),
        locale: context.locale,
        now: app.clock.now(),
    };
    match app.records.change_phone(&change, &app.random).await? {
        PhoneChangeOutcome::Changed { user, notice } => {
            if let Some(notice) = notice {
                notices::enqueue(app, notice, context).await;
            }
            proven.consume(app).await;
            Ok(Json((*user).into()))
        }
        PhoneChangeOutcome::Taken => {
            proven.consume(app).await;
            Err(ErrorCode::PhoneTaken.into())
        }
        PhoneChangeOutcome::CodeUsed => Err(proven.used()),
        PhoneChangeOutcome::NotAllowed => Err(ErrorCode::Unauthenticated.into()),
    }
}

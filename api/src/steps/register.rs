//! `POST /api/register/`: the first step.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::challenge::SessionId;
use domain::client_address::ClientAddress;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use shared::hot_state::Rule;
use shared::records::Step;
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};

use super::next_step::NextStep;
use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{FromMembers, JsonBody, Members, missing};
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::otp::{ASKING_ERRORS, Asking};
use crate::request_context::{Client, RequestContext};

/// The purpose of the codes of the flow.
pub(super) const PURPOSE: Purpose = Purpose::Register;

/// A number, or the handle of a code that shall be sent once more.
#[derive(ToSchema)]
#[schema(example = json!({"mobile_number": "09123456789"}))]
pub(crate) struct StepRegistration {
    /// A mobile number as people write it: `+98`, `0098`, `98`, `0` or nothing before it, Latin,
    /// Persian or Arabic digits.
    #[schema(example = "09123456789")]
    mobile_number: Option<String>,
    /// The `session_id` of an earlier answer with the step `otp`: sends the same code again.
    #[schema(value_type = Option<String>, format = Uuid)]
    session_id: Option<SessionId>,
}

impl FromMembers for StepRegistration {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        Ok(Self {
            mobile_number: members.text("mobile_number")?,
            session_id: members.session_id("session_id")?,
        })
    }
}

/// Reads a number as it was typed.
pub(super) fn mobile_number(app: &AppState, typed: &str) -> Result<PhoneNumber, ApiError> {
    PhoneNumber::parse(typed, &app.otp.allowed_countries).map_err(|error| ApiError {
        code: ApiError::from(error).code,
        ..ApiError::field(ErrorCode::FieldInvalid, "mobile_number")
    })
}

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        // A call cannot be asked for here.
        let asking = ASKING_ERRORS
            .into_iter()
            .filter(|code| *code != ErrorCode::ChannelUnavailable);
        let codes: Vec<ErrorCode> = BODY_ERRORS.into_iter().chain(asking).collect();
        error_responses(&codes)
    }
}

/// Begins the flow: sends a code, or asks for the password of somebody who has one.
///
/// All limits of codes hold. For somebody with a password no message is sent, and the request
/// counts for the client's address all the same. With the `session_id` of the step `otp` the same
/// code is sent again; during the cooldown, and when the code had its effect, the answer is the
/// same and no message is sent twice. Also served without the slash at the end.
#[utoipa::path(
    post,
    path = "/api/register/",
    tag = "step flow",
    request_body = StepRegistration,
    responses((status = 200, description = "The next step is `otp` or `password`", body = NextStep),
        Refusals)
)]
pub(super) async fn register(
    State(app): State<Arc<AppState>>,
    context: RequestContext,
    Client(address): Client,
    body: Result<JsonBody<StepRegistration>, ApiError>,
) -> Result<Json<NextStep>, ApiError> {
    let JsonBody(registration) = body?;
    let session = registration.session_id;
    let phone = phone(&app, registration).await?;
    if let Some(session) = begin_with_password(&app, &phone, address).await? {
        return Ok(NextStep::new(session, Step::Password));
    }
    let asking = Asking::new(&app, PURPOSE, context, address);
    let sent = match session {
        Some(session) => asking.once_more(session, phone).await?,
        None => asking.first(phone).await?,
    };
    Ok(NextStep::otp(sent.session_id))
}

/// The number that is meant: the one that was given, or that of the code to send again.
async fn phone(app: &AppState, registration: StepRegistration) -> Result<PhoneNumber, ApiError> {
    if let Some(typed) = registration.mobile_number {
        return mobile_number(app, &typed);
    }
    let session = registration
        .session_id
        .ok_or_else(|| missing("mobile_number"))?;
    let challenge = app.hot_state.challenge(session.challenge_id()).await?;
    let challenge = challenge.filter(|challenge| challenge.purpose == PURPOSE);
    Ok(challenge.ok_or(ErrorCode::SessionUnknown)?.phone)
}

/// The handle of the step that asks for the password, where there is one to ask for. It costs the
/// client's address as much as a code would: the answer tells something of a number.
async fn begin_with_password(
    app: &AppState,
    phone: &PhoneNumber,
    address: ClientAddress,
) -> Result<Option<SessionId>, ApiError> {
    let user = app.records.find_user_by_phone(phone).await?;
    if !user.is_some_and(|user| user.has_password && user.blocked_at.is_none()) {
        return Ok(None);
    }
    let address = address.limit_key();
    let policy = &app.accept_policy;
    if let Some(wait) = app.hot_state.count_request(&address, policy).await? {
        app.metrics.refused(Rule::Address);
        return Err(ApiError::refused(Rule::Address, wait));
    }
    let session = SessionId::new(&app.random);
    let begun = app
        .records
        .begin_password_step(phone, session, app.clock.now());
    Ok(begun.await?.then_some(session))
}

//! `POST /api/v1/usr/otp`: asking for a code, or for the same code once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use shared::challenge::{Channel, Locale, NewChallenge, SessionId};
use shared::hot_state::{Accept, AcceptRequest, Accepted, Grant};
use shared::otp::Purpose;
use shared::phone::PhoneNumber;
use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response};

use super::request_schema::{CodeRequest, CodeSent};
use crate::app::AppState;
use crate::error::{ApiError, ErrorCode, seconds_up};
use crate::json_body::{JsonBody, missing};
use crate::metrics::RequestResult;
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::request_context::{Client, RequestContext};
use crate::trace_parent;

/// The purpose of every code that is asked for here.
const PURPOSE: Purpose = Purpose::SignIn;

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let own = [
            ErrorCode::FieldMissing,
            ErrorCode::PhoneEmpty,
            ErrorCode::PhoneMalformed,
            ErrorCode::PhoneNotMobile,
            ErrorCode::PhoneCountryNotAllowed,
            ErrorCode::ChannelUnavailable,
            ErrorCode::SessionUnknown,
            ErrorCode::PhoneMismatch,
            ErrorCode::TooManyRequestsPhone,
            ErrorCode::TooManyRequestsAddress,
            ErrorCode::GatewayUnavailable,
            ErrorCode::QueueFull,
            ErrorCode::StoreUnavailable,
        ];
        error_responses(&[&BODY_ERRORS[..], &own].concat())
    }
}

/// Sends a one-time code.
///
/// The answer comes at once; the message follows within moments. With the `session_id` of an
/// earlier answer the same code is sent again, its life extended up to ten minutes, without giving
/// back attempts; when that request is over, a new one begins with a new `session_id`.
#[utoipa::path(
    post,
    path = "/api/v1/usr/otp",
    tag = "sign-in",
    request_body = CodeRequest,
    responses(
        (status = 202, description = "A message is on its way", body = CodeSent),
        (status = 200, description = "The code was sent a moment ago: nothing was sent now",
            body = CodeSent, example = json!({
                "phone_number": "+989123456789", "message": "کد لحظاتی پیش فرستاده شد.",
                "expires_in": 108, "resend_in": 18,
                "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "code_length": 6,
                "sent": false
            })),
        Refusals
    )
)]
pub(crate) async fn request_code(
    State(app): State<Arc<AppState>>,
    context: RequestContext,
    Client(address): Client,
    headers: HeaderMap,
    body: Result<JsonBody<CodeRequest>, ApiError>,
) -> Result<(StatusCode, Json<CodeSent>), ApiError> {
    let asking = Asking {
        app: &app,
        language: context.locale,
        address: address.limit_key(),
        trace: trace_parent::of_request(&headers, &app.random),
    };
    let answer = match body {
        Ok(JsonBody(request)) => asking.answer(request).await,
        Err(error) => Err(error),
    };
    app.metrics.requested(match &answer {
        Ok(answer) if answer.sent => RequestResult::Sent,
        Ok(_) => RequestResult::Cooldown,
        Err(error) => RequestResult::of_error(error),
    });
    let answer = answer?;
    let status = if answer.sent {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(answer)))
}

/// One request for a code on its way through the accept step.
struct Asking<'a> {
    app: &'a AppState,
    language: Locale,
    address: String,
    trace: String,
}

impl Asking<'_> {
    async fn answer(&self, request: CodeRequest) -> Result<CodeSent, ApiError> {
        let channel = request.channel.unwrap_or_default();
        let phone = request.phone_number.as_deref().map(|typed| {
            PhoneNumber::parse(typed, &self.app.otp.allowed_countries).map_err(ApiError::from)
        });
        match (request.session_id, phone.transpose()?) {
            (None, None) => Err(missing("phone_number")),
            (None, Some(phone)) => {
                let locale = request.locale.unwrap_or(self.language);
                self.begin(phone, locale, channel).await
            }
            (Some(session), phone) => self.again(session, phone, request.locale, channel).await,
        }
    }

    /// A new challenge.
    async fn begin(
        &self,
        phone: PhoneNumber,
        locale: Locale,
        channel: Channel,
    ) -> Result<CodeSent, ApiError> {
        let app = self.app;
        self.check_channel(channel, locale)?;
        let (session, challenge) = NewChallenge::begin(
            &app.random,
            &app.otp_keys,
            phone,
            PURPOSE,
            app.otp.length,
            locale,
        );
        match self.accept(AcceptRequest::New(&challenge), channel).await? {
            Accepted::Sent(grant) => Ok(self.granted(session, &grant, channel, true)),
            other => Err(unexpected(&other)),
        }
    }

    /// The code of a challenge once more, or a new challenge where that one is over.
    async fn again(
        &self,
        session: SessionId,
        phone: Option<PhoneNumber>,
        locale: Option<Locale>,
        channel: Channel,
    ) -> Result<CodeSent, ApiError> {
        let id = session.challenge_id();
        // Read first: a code of another purpose must not even be sent from here.
        if let Some(challenge) = self.app.hot_state.challenge(id).await? {
            if challenge.purpose != PURPOSE {
                return Err(ErrorCode::SessionUnknown.into());
            }
            self.check_channel(channel, challenge.locale)?;
        }
        let resend = AcceptRequest::Resend {
            id,
            phone: phone.as_ref(),
        };
        match self.accept(resend, channel).await? {
            Accepted::Sent(grant) => Ok(self.granted(session, &grant, channel, true)),
            Accepted::Cooldown(grant) => Ok(self.granted(session, &grant, channel, false)),
            Accepted::NotLive(Some(previous)) => {
                let locale = locale.unwrap_or(previous.locale);
                self.begin(previous.phone, locale, channel).await
            }
            Accepted::NotLive(None) => {
                let phone = phone.ok_or(ErrorCode::SessionUnknown)?;
                let locale = locale.unwrap_or(self.language);
                self.begin(phone, locale, channel).await
            }
            Accepted::OtherPhone => Err(ErrorCode::PhoneMismatch.into()),
            refused @ Accepted::Refused { .. } => Err(unexpected(&refused)),
        }
    }

    /// The accept step; a refusal by a limit is an error.
    async fn accept(
        &self,
        request: AcceptRequest<'_>,
        channel: Channel,
    ) -> Result<Accepted, ApiError> {
        let accept = Accept {
            request,
            nonce: self.app.random.bytes(),
            channel,
            address: Some(&self.address),
            trace: Some(&self.trace),
        };
        let policy = &self.app.accept_policy;
        match self.app.hot_state.accept(&accept, policy).await? {
            Accepted::Refused {
                rule,
                retry_after_millis,
            } => {
                self.app.metrics.refused(rule);
                Err(ApiError::refused(rule, retry_after_millis))
            }
            accepted => Ok(accepted),
        }
    }

    /// A voice call needs a template of its language at the gateway.
    fn check_channel(&self, channel: Channel, locale: Locale) -> Result<(), ApiError> {
        if channel == Channel::Call && !self.app.templates.covers(locale, PURPOSE) {
            return Err(ErrorCode::ChannelUnavailable.into());
        }
        Ok(())
    }

    fn granted(&self, session: SessionId, grant: &Grant, channel: Channel, sent: bool) -> CodeSent {
        CodeSent {
            phone_number: grant.phone.as_e164().to_owned(),
            message: message(sent, channel, self.language),
            expires_in: seconds_up(grant.expires_at - grant.now),
            resend_in: seconds_up(grant.resend_at - grant.now),
            session_id: session.expose(),
            code_length: grant.digits,
            sent,
        }
    }
}

/// The accept step answered what it cannot answer to such a request.
fn unexpected(accepted: &Accepted) -> ApiError {
    tracing::error!(?accepted, "an answer of hot state that does not fit");
    ErrorCode::Internal.into()
}

fn message(sent: bool, channel: Channel, language: Locale) -> &'static str {
    match (sent, channel, language) {
        (true, Channel::Sms, Locale::Fa) => "کد ورود پیامک می‌شود.",
        (true, Channel::Sms, Locale::En) => "The code is on its way by SMS.",
        (true, Channel::Call, Locale::Fa) => "کد ورود را با تماس تلفنی می‌خوانیم.",
        (true, Channel::Call, Locale::En) => "A call will read the code to you.",
        (false, _, Locale::Fa) => "کد لحظاتی پیش فرستاده شد.",
        (false, _, Locale::En) => "The code was sent a moment ago.",
    }
}

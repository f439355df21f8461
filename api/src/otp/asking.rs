//! Asking for a code of any purpose: a first one, or the same once more.

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::challenge::{Channel, Locale, NewChallenge, SessionId};
use domain::client_address::ClientAddress;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use http::StatusCode;
use shared::hot_state::{Accept, AcceptRequest, Accepted, Grant};
use shared::records::User;
use shared::traces::{self, Span};

use super::request_schema::{CodeRequest, CodeSent};
use crate::app::AppState;
use crate::error::{ApiError, ErrorCode, seconds_up};
use crate::json_body::{JsonBody, missing};
use crate::metrics::RequestResult;
use crate::request_context::RequestContext;

/// What asking for a code can be refused with, besides a malformed body.
pub(crate) const ASKING_ERRORS: [ErrorCode; 13] = [
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

impl IntoResponse for CodeSent {
    /// 202 when a message is on its way, 200 when one went out a moment ago.
    fn into_response(self) -> Response {
        let status = if self.sent {
            StatusCode::ACCEPTED
        } else {
            StatusCode::OK
        };
        (status, Json(self)).into_response()
    }
}

/// One request for a code of a purpose, on its way through the accept step.
pub(crate) struct Asking<'a> {
    app: &'a AppState,
    purpose: Purpose,
    /// The only user who may give the code back, where it is for a signed-in one.
    owner: Option<&'a User>,
    language: Locale,
    address: String,
    context: RequestContext,
}

impl<'a> Asking<'a> {
    /// The request that came from this address.
    pub(crate) fn new(
        app: &'a AppState,
        purpose: Purpose,
        context: RequestContext,
        address: ClientAddress,
    ) -> Self {
        Self {
            app,
            purpose,
            owner: None,
            language: context.locale,
            address: address.limit_key(),
            context,
        }
    }

    /// For a number that this user wants, and nobody else can give the code back.
    pub(crate) fn owned_by(self, owner: &'a User) -> Self {
        Self {
            owner: Some(owner),
            ..self
        }
    }

    /// Answers and counts a request whose body is a [`CodeRequest`].
    pub(crate) async fn answer_body(
        &self,
        body: Result<JsonBody<CodeRequest>, ApiError>,
    ) -> Result<CodeSent, ApiError> {
        let answered = async { self.answer(body?.0).await };
        self.counted(answered.await)
    }

    /// A first code for a number, counted.
    pub(crate) async fn first(&self, phone: PhoneNumber) -> Result<CodeSent, ApiError> {
        let sent = self.begin(phone, self.language, Channel::default());
        self.counted(sent.await)
    }

    /// The code of a challenge once more, for this number, counted.
    pub(crate) async fn once_more(
        &self,
        session: SessionId,
        phone: PhoneNumber,
    ) -> Result<CodeSent, ApiError> {
        let sent = self.again(session, Some(phone), None, Channel::default());
        self.counted(sent.await)
    }

    fn counted(&self, answer: Result<CodeSent, ApiError>) -> Result<CodeSent, ApiError> {
        self.app.metrics.requested(match &answer {
            Ok(answer) if answer.sent => RequestResult::Sent,
            Ok(_) => RequestResult::Cooldown,
            Err(error) => RequestResult::of_error(error),
        });
        answer
    }

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
        self.check_number(&phone)?;
        self.check_channel(channel, locale)?;
        let (session, mut challenge) = NewChallenge::begin(
            &app.random,
            &app.otp_keys,
            phone,
            self.purpose,
            app.otp.length,
            locale,
        );
        if let Some(owner) = self.owner {
            challenge = challenge.owned_by(session, owner.id);
        }
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
        let id = self.owner.map_or_else(
            || session.challenge_id(),
            |owner| session.challenge_id_of(owner.id),
        );
        // Read first: a code of another purpose must not even be sent from here.
        if let Some(challenge) = self.app.hot_state.challenge(id).await? {
            if challenge.purpose != self.purpose {
                return Err(ErrorCode::SessionUnknown.into());
            }
            traces::join(challenge.trace.as_deref());
            self.check_number(&challenge.phone)?;
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
        let step = Span::producer("accept");
        let trace = step.place().or_else(traces::current);
        let trace = trace.map(|place| place.to_string());
        let accept = Accept {
            request,
            nonce: self.app.random.bytes(),
            channel,
            address: Some(&self.address),
            trace: trace.as_deref(),
            request_id: Some(self.context.id),
        };
        let policy = &self.app.accept_policy;
        let accepted = step.run(self.app.hot_state.accept(&accept, policy)).await;
        match &accepted {
            Ok(accepted) => step.set("ramz.outcome", accepted.as_str()),
            Err(_) => step.fail("store_unavailable"),
        }
        match accepted? {
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

    /// Nobody changes to the number that they have.
    fn check_number(&self, phone: &PhoneNumber) -> Result<(), ApiError> {
        if self
            .owner
            .is_some_and(|owner| owner.phone.as_ref() == Some(phone))
        {
            return Err(ApiError::field(ErrorCode::PhoneUnchanged, "phone_number"));
        }
        Ok(())
    }

    /// A voice call needs a template of its language at the gateway.
    fn check_channel(&self, channel: Channel, locale: Locale) -> Result<(), ApiError> {
        if channel == Channel::Call && !self.app.templates.covers(locale, self.purpose) {
            return Err(ErrorCode::ChannelUnavailable.into());
        }
        Ok(())
    }

    fn granted(&self, session: SessionId, grant: &Grant, channel: Channel, sent: bool) -> CodeSent {
        CodeSent {
            phone_number: grant.phone.as_e164().to_owned(),
            message: message(self.purpose, sent, channel, self.language),
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

fn message(purpose: Purpose, sent: bool, channel: Channel, language: Locale) -> &'static str {
    let signs_in = matches!(purpose, Purpose::SignIn | Purpose::Register);
    match (sent, channel, language) {
        (true, Channel::Sms, Locale::Fa) if signs_in => "کد ورود پیامک می‌شود.",
        (true, Channel::Sms, Locale::Fa) => "کد پیامک می‌شود.",
        (true, Channel::Sms, Locale::En) => "The code is on its way by SMS.",
        (true, Channel::Call, Locale::Fa) if signs_in => "کد ورود را با تماس تلفنی می‌خوانیم.",
        (true, Channel::Call, Locale::Fa) => "کد را با تماس تلفنی می‌خوانیم.",
        (true, Channel::Call, Locale::En) => "A call will read the code to you.",
        (false, _, Locale::Fa) => "کد لحظاتی پیش فرستاده شد.",
        (false, _, Locale::En) => "The code was sent a moment ago.",
    }
}

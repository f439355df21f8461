//! Asking for a code of any purpose: a first one, or the same once more.

use domain::challenge::{Channel, Locale, NewChallenge, SessionId};
use domain::limits::Rule;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::{NewSecret, RootId};
use shared::hot_state::{Accept, AcceptRequest, Accepted, Grant, HotStateError};
use shared::records::User;
use shared::traces::{self, Span};
use uuid::Uuid;

use crate::caller::Caller;
use crate::flows::Flows;
use crate::known_devices;
use crate::metrics::RequestResult;
use crate::refusal::{Input, Refusal, RefusalCode, seconds_up};
use crate::refused::CountedAs as _;

/// What asking for a code can be refused with, whatever it is for.
pub const ASKING_REFUSALS: [RefusalCode; 15] = [
    RefusalCode::InputMissing,
    RefusalCode::PhoneEmpty,
    RefusalCode::PhoneMalformed,
    RefusalCode::PhoneNotMobile,
    RefusalCode::PhoneCountryNotAllowed,
    RefusalCode::ChannelUnavailable,
    RefusalCode::SessionUnknown,
    RefusalCode::PhoneMismatch,
    RefusalCode::TooManyRequestsPhone,
    RefusalCode::TooManyRequestsAddress,
    RefusalCode::GatewayUnavailable,
    RefusalCode::QueueFull,
    RefusalCode::SendingPaused,
    RefusalCode::StoreFull,
    RefusalCode::StoreUnavailable,
];

/// A request for a code, as somebody made it. Without a session it is a new one and needs a number.
#[derive(Default)]
pub struct CodeRequest {
    /// The number as it was typed.
    pub phone_number: Option<String>,
    /// The handle of an earlier request, whose code shall be sent again.
    pub session: Option<SessionId>,
    /// How the code shall travel; by SMS unless somebody asks for a call.
    pub channel: Option<Channel>,
    /// The language of the message; the caller's unless they ask for another. A code that is sent
    /// again keeps its language.
    pub locale: Option<Locale>,
}

/// A code is on its way, or was a moment ago.
#[derive(Debug)]
pub struct CodeSent {
    /// Whom it is for.
    pub phone: PhoneNumber,
    /// A sentence for the person who waits.
    pub message: &'static str,
    /// Seconds until the code is dead.
    pub expires_in: u64,
    /// Seconds until it can be sent again.
    pub resend_in: u64,
    /// The secret handle of the request.
    pub session: SessionId,
    /// How many digits the code has.
    pub code_length: u8,
    /// Whether a message is on its way; not during the cooldown of this very request.
    pub sent: bool,
    /// Whether it is one of this request's own, and not that of a moment ago. For figures only:
    /// nobody learns that somebody else has asked.
    pub(crate) texted: bool,
}

/// One request for a code of a purpose, on its way through the accept step.
pub(crate) struct Asking<'a> {
    flows: &'a Flows,
    purpose: Purpose,
    /// The only user who may give the code back, where it is for a signed-in one.
    owner: Option<&'a User>,
    caller: Caller,
}

impl<'a> Asking<'a> {
    /// A request of this caller.
    pub(crate) fn new(flows: &'a Flows, purpose: Purpose, caller: Caller) -> Self {
        Self {
            flows,
            purpose,
            owner: None,
            caller,
        }
    }

    /// For a number that this user wants, and nobody else can give the code back.
    pub(crate) fn owned_by(self, owner: &'a User) -> Self {
        Self {
            owner: Some(owner),
            ..self
        }
    }

    /// What somebody asks for, counted.
    pub(crate) async fn ask(&self, request: CodeRequest) -> Result<CodeSent, Refusal> {
        let asked = self.answer(request);
        self.counted(asked.await)
    }

    /// A first code for a number, counted.
    pub(crate) async fn first(&self, phone: PhoneNumber) -> Result<CodeSent, Refusal> {
        let sent = self.begin(phone, self.caller.locale, Channel::default());
        self.counted(sent.await)
    }

    /// The code of a challenge once more, for this number, counted.
    pub(crate) async fn once_more(
        &self,
        session: SessionId,
        phone: PhoneNumber,
    ) -> Result<CodeSent, Refusal> {
        let sent = self.again(session, Some(phone), None, Channel::default());
        self.counted(sent.await)
    }

    fn counted(&self, answer: Result<CodeSent, Refusal>) -> Result<CodeSent, Refusal> {
        self.flows.metrics.requested(match &answer {
            Ok(answer) if answer.texted => RequestResult::Sent,
            Ok(_) => RequestResult::Cooldown,
            Err(refusal) => RequestResult::as_refused(refusal),
        });
        answer
    }

    async fn answer(&self, request: CodeRequest) -> Result<CodeSent, Refusal> {
        let channel = request.channel.unwrap_or_default();
        let phone = request.phone_number.as_deref().map(|typed| {
            PhoneNumber::parse(typed, &self.flows.otp.allowed_countries).map_err(Refusal::from)
        });
        match (request.session, phone.transpose()?) {
            (None, None) => Err(Refusal::missing(Input::PhoneNumber)),
            (None, Some(phone)) => {
                let locale = request.locale.unwrap_or(self.caller.locale);
                self.begin(phone, locale, channel).await
            }
            (Some(session), phone) => {
                Box::pin(self.again(session, phone, request.locale, channel)).await
            }
        }
    }

    /// A new challenge.
    async fn begin(
        &self,
        phone: PhoneNumber,
        locale: Locale,
        channel: Channel,
    ) -> Result<CodeSent, Refusal> {
        let flows = self.flows;
        self.check_number(&phone)?;
        self.check_channel(channel, locale)?;
        let (session, mut challenge) = NewChallenge::begin(
            &flows.random,
            &flows.otp_keys,
            phone,
            self.purpose,
            flows.otp.length,
            locale,
        );
        if let Some(owner) = self.owner {
            challenge = challenge.owned_by(session, owner.id);
        }
        let phone = Some(&challenge.root.phone);
        let request = AcceptRequest::New(&challenge);
        match self.accept(request, phone, channel).await? {
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
    ) -> Result<CodeSent, Refusal> {
        let id = self.owner.map_or_else(
            || session.challenge_id(),
            |owner| session.challenge_id_of(owner.id),
        );
        // Read first: a code of another purpose must not even be sent from here.
        let found = self.flows.hot_state.challenge(id).await?;
        if let Some(challenge) = &found {
            if challenge.root.purpose != self.purpose {
                return Err(RefusalCode::SessionUnknown.into());
            }
            traces::join(challenge.trace.as_deref());
            self.check_number(&challenge.root.phone)?;
            self.check_channel(channel, challenge.locale)?;
        }
        let secret = NewSecret::new(
            &self.flows.random,
            &self.flows.otp_keys,
            self.flows.otp.length,
        );
        let resend = AcceptRequest::Resend {
            id,
            phone: phone.as_ref(),
            root: RootId::new(&self.flows.random),
            secret: &secret,
        };
        let of_challenge = found.as_ref().map(|challenge| &challenge.root.phone);
        match self.accept(resend, of_challenge, channel).await? {
            Accepted::Sent(grant) => Ok(self.granted(session, &grant, channel, true)),
            Accepted::Cooldown(grant) => Ok(self.granted(session, &grant, channel, false)),
            Accepted::NotLive(Some(previous)) => {
                let locale = locale.unwrap_or(previous.locale);
                self.begin(previous.phone, locale, channel).await
            }
            Accepted::NotLive(None) => {
                let phone = phone.ok_or(RefusalCode::SessionUnknown)?;
                let locale = locale.unwrap_or(self.caller.locale);
                self.begin(phone, locale, channel).await
            }
            Accepted::OtherPhone => Err(RefusalCode::PhoneMismatch.into()),
            refused @ Accepted::Refused { .. } => Err(unexpected(&refused)),
        }
    }

    /// The accept step; a refusal by a limit is an error. Where it is one of the number, a known device of its
    /// owner has limits of its own.
    async fn accept(
        &self,
        request: AcceptRequest<'_>,
        phone: Option<&PhoneNumber>,
        channel: Channel,
    ) -> Result<Accepted, Refusal> {
        let flows = self.flows;
        let mut accepted = self.accept_by(&request, channel, None).await?;
        if let (Some((rule, wait)), Some(phone)) = (refusal(&accepted), phone)
            && let Some(device) = known_devices::beside(flows, &self.caller, phone, rule).await
        {
            let by_device = Box::pin(self.accept_by(&request, channel, Some(device))).await?;
            // Whichever way is open again first.
            if refusal(&by_device).is_none_or(|(_, of_device)| of_device < wait) {
                accepted = by_device;
            }
        }
        let Some((rule, wait)) = refusal(&accepted) else {
            return Ok(accepted);
        };
        flows.metrics.limit_hit(rule);
        Err(Refusal::limited(rule, wait))
    }

    async fn accept_by(
        &self,
        request: &AcceptRequest<'_>,
        channel: Channel,
        device: Option<Uuid>,
    ) -> Result<Accepted, Refusal> {
        let step = Span::producer("accept");
        let trace = step.place().or_else(traces::current);
        let trace = trace.map(|place| place.to_string());
        let accept = Accept {
            request: request.clone(),
            nonce: self.flows.random.bytes(),
            channel,
            caller: Some(self.caller.address),
            trace: trace.as_deref(),
            request_id: Some(self.caller.request_id),
            device,
        };
        let policy = &self.flows.accept_policy;
        let accepted = step.run(self.flows.hot_state.accept(&accept, policy)).await;
        match &accepted {
            Ok(accepted) => step.set("ramz.outcome", accepted.as_str()),
            Err(HotStateError::Full) => step.fail("store_full"),
            Err(_) => step.fail("store_unavailable"),
        }
        Ok(accepted?)
    }

    /// Nobody changes to the number that they have.
    fn check_number(&self, phone: &PhoneNumber) -> Result<(), Refusal> {
        if self
            .owner
            .is_some_and(|owner| owner.phone.as_ref() == Some(phone))
        {
            return Err(Refusal::of_input(
                RefusalCode::PhoneUnchanged,
                Input::PhoneNumber,
            ));
        }
        Ok(())
    }

    /// A voice call needs a template of its language at the gateway.
    fn check_channel(&self, channel: Channel, locale: Locale) -> Result<(), Refusal> {
        if channel == Channel::Call && !self.flows.templates.covers(locale, self.purpose) {
            return Err(RefusalCode::ChannelUnavailable.into());
        }
        Ok(())
    }

    fn granted(&self, session: SessionId, grant: &Grant, channel: Channel, sent: bool) -> CodeSent {
        CodeSent {
            phone: grant.phone.clone(),
            message: message(self.purpose, sent, channel, self.caller.locale),
            expires_in: seconds_up(grant.expires_at - grant.now),
            resend_in: seconds_up(grant.resend_at - grant.now),
            session,
            code_length: grant.digits,
            sent,
            texted: sent && grant.texted,
        }
    }
}

/// The rule that refuses, and for how many milliseconds.
fn refusal(accepted: &Accepted) -> Option<(Rule, i64)> {
    match accepted {
        Accepted::Refused {
            rule,
            retry_after_millis,
        } => Some((*rule, *retry_after_millis)),
        _ => None,
    }
}

/// The accept step answered what it cannot answer to such a request.
fn unexpected(accepted: &Accepted) -> Refusal {
    tracing::error!(?accepted, "an answer of hot state that does not fit");
    RefusalCode::Internal.into()
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

//! The sign-in under way. The browser keeps it, sealed: it holds the secret handle of the challenge
//! and the number, survives a reload and Back, and no store is asked to show the page of the code.

use std::time::Duration;

use domain::challenge::{Channel, SessionId};
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::sealed::Seal;
use flows::otp::CodeSent;
use flows::{Flows, Refusal, RefusalCode};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use web::{Cookies, PageCookie};

use crate::pages::{LOG_IN, PHONE, PHONE_VERIFY, RESET, RESET_VERIFY, VERIFY};
use web::OwnPath;

/// What the seal is for; the number is that of the form below.
pub(crate) const SEAL_LABEL: &str = "pages sign-in v1";
/// Longer than any code lives, so that who comes late learns what happened.
const KEPT: Duration = Duration::from_mins(30);

/// A sign-in that waits for its code.
#[derive(Clone)]
pub(crate) struct PendingSignIn {
    /// The handle of the challenge.
    pub(crate) session: SessionId,
    pub(crate) phone: PhoneNumber,
    /// How many digits the code has.
    pub(crate) digits: u8,
    pub(crate) channel: Channel,
    /// When the code dies, in milliseconds.
    pub(crate) expires_at: i64,
    /// From when it can be sent again.
    pub(crate) resend_at: i64,
    /// How long the code lives in all, in seconds.
    pub(crate) life: u64,
    /// Which page it began on.
    pub(crate) intent: Intent,
    pub(crate) next: Option<OwnPath>,
    /// What happened last.
    pub(crate) event: Event,
}

/// What a code was asked for. Between sign-in and sign-up it makes no difference before the code is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Intent {
    #[serde(rename = "i")]
    LogIn,
    #[serde(rename = "u")]
    SignUp,
    /// A member proves once more who they are.
    #[serde(rename = "f")]
    Confirm,
    /// A new password.
    #[serde(rename = "r")]
    Reset,
    /// Another number.
    #[serde(rename = "c")]
    ChangePhone,
}

impl Intent {
    /// What the code is asked for.
    pub(crate) fn purpose(self) -> Purpose {
        match self {
            Self::LogIn | Self::SignUp | Self::Confirm => Purpose::SignIn,
            Self::Reset => Purpose::ResetPassword,
            Self::ChangePhone => Purpose::ChangePhone,
        }
    }

    /// Where the code is given back.
    pub(crate) fn code_page(self) -> &'static str {
        match self {
            Self::LogIn | Self::SignUp | Self::Confirm => VERIFY,
            Self::Reset => RESET_VERIFY,
            Self::ChangePhone => PHONE_VERIFY,
        }
    }

    /// Where the number is asked for. A user who proves themselves once more cannot choose it.
    pub(crate) fn number_page(self) -> Option<&'static str> {
        match self {
            Self::LogIn | Self::SignUp => Some(LOG_IN),
            Self::Confirm => None,
            Self::Reset => Some(RESET),
            Self::ChangePhone => Some(PHONE),
        }
    }
}

/// What happened last on the way to the right code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The code was asked for.
    Asked,
    /// It was sent again.
    SentAgain,
    /// It is read out by a call.
    Called,
    /// It was asked for too soon, in this way, and had been sent before.
    SentBefore(Channel),
    /// What was typed is no code.
    NoCode(NoCode),
    /// Something was refused, until this moment where that is known.
    Refused {
        code: RefusalCode,
        attempts_left: Option<u32>,
        until: Option<i64>,
    },
}

/// Why what was typed is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NoCode {
    Empty,
    NotDigits,
    TooShort,
    TooLong,
}

/// The form in which it is sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    s: String,
    p: String,
    d: u8,
    c: bool,
    x: i64,
    r: i64,
    l: u64,
    i: Intent,
    n: Option<String>,
    e: KeptEvent,
    /// Whether a call was asked for too soon. Processes of before leave it out and do not look at it.
    #[serde(default)]
    b: bool,
}

#[derive(Serialize, Deserialize)]
enum KeptEvent {
    A,
    S,
    C,
    B,
    N(NoCode),
    R(String, Option<u32>, Option<i64>),
}

impl PendingSignIn {
    /// A code was sent, or was a moment ago.
    pub(crate) fn after(
        sent: &CodeSent,
        channel: Channel,
        intent: Intent,
        next: Option<OwnPath>,
        flows: &Flows,
    ) -> Self {
        let now = flows.clock().now_millis();
        let millis = |seconds: u64| i64::try_from(seconds).unwrap_or_default() * 1_000;
        Self {
            session: sent.session,
            phone: sent.phone.clone(),
            digits: sent.code_length,
            channel,
            expires_at: now + millis(sent.expires_in),
            resend_at: now + millis(sent.resend_in),
            life: sent.expires_in,
            intent,
            next,
            event: if sent.sent {
                Event::Asked
            } else {
                Event::SentBefore(channel)
            },
        }
    }

    /// The same after a refusal.
    pub(crate) fn refused(mut self, refusal: &Refusal, flows: &Flows) -> Self {
        let wait = refusal.details.retry_after;
        let wait = wait.and_then(|seconds| i64::try_from(seconds).ok());
        self.event = Event::Refused {
            code: refusal.code,
            attempts_left: refusal.details.attempts_left,
            until: wait.map(|seconds| flows.clock().now_millis() + seconds * 1_000),
        };
        self
    }

    /// What the browser kept, if we sealed it.
    pub(crate) fn read(headers: &HeaderMap, cookies: Cookies, seal: &Seal) -> Option<Self> {
        let text = seal.open(cookies.kept(headers, PageCookie::SignIn)?)?;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        Some(Self {
            session: kept.s.parse().ok()?,
            phone: PhoneNumber::from_e164(&kept.p)?,
            digits: kept.d,
            channel: if kept.c { Channel::Call } else { Channel::Sms },
            expires_at: kept.x,
            resend_at: kept.r,
            life: kept.l.max(1),
            intent: kept.i,
            next: kept.n.as_deref().and_then(OwnPath::parse),
            event: match kept.e {
                KeptEvent::A => Event::Asked,
                KeptEvent::S => Event::SentAgain,
                KeptEvent::C => Event::Called,
                KeptEvent::B if kept.b => Event::SentBefore(Channel::Call),
                KeptEvent::B => Event::SentBefore(Channel::Sms),
                KeptEvent::N(why) => Event::NoCode(why),
                KeptEvent::R(name, attempts_left, until) => {
                    let mut codes = RefusalCode::ALL.iter().copied();
                    Event::Refused {
                        code: codes.find(|code| code.as_str() == name)?,
                        attempts_left,
                        until,
                    }
                }
            },
        })
    }

    /// Lets the browser keep it.
    pub(crate) fn keep(
        &self,
        headers: &mut HeaderMap,
        cookies: Cookies,
        seal: &Seal,
        flows: &Flows,
    ) {
        let kept = Kept {
            s: self.session.expose(),
            p: self.phone.as_e164().to_owned(),
            d: self.digits,
            c: self.channel == Channel::Call,
            x: self.expires_at,
            r: self.resend_at,
            l: self.life,
            i: self.intent,
            n: self.next.as_ref().map(|next| next.as_str().to_owned()),
            b: self.event == Event::SentBefore(Channel::Call),
            e: match &self.event {
                Event::Asked => KeptEvent::A,
                Event::SentAgain => KeptEvent::S,
                Event::Called => KeptEvent::C,
                Event::SentBefore(_) => KeptEvent::B,
                Event::NoCode(why) => KeptEvent::N(*why),
                Event::Refused {
                    code,
                    attempts_left,
                    until,
                } => KeptEvent::R(code.as_str().to_owned(), *attempts_left, *until),
            },
        };
        let text = serde_json::to_string(&kept).unwrap_or_default();
        if let Some(sealed) = seal.seal(&text, flows.random()) {
            cookies.keep(headers, PageCookie::SignIn, &sealed, Some(KEPT));
        }
    }
}

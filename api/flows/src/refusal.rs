//! Everything that a use case can refuse.
//!
//! A refusal is a value: a stable code, texts for people in Persian and English, and what is told
//! beside them. How it is shown, and with which status, is the business of each face. The codes are
//! part of the interface; `docs/errors.md` tells clients what to do about each.

mod codes;
mod of_causes;
mod texts;

pub use codes::{RefusalCode, RefusalKind};
pub use domain::challenge::Locale;
pub use texts::{Case, Texts};

use domain::limits::{Rule, ToldAs};
use domain::password::{NewPasswordError, Weakness};

/// A client may try again after this many seconds when a store is away.
const STORE_RETRY_SECONDS: u64 = 2;
/// Room comes back when what was stored has lived its minutes.
const ROOM_RETRY_SECONDS: u64 = 30;

/// Why somebody does not get what they asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it is.
    pub code: RefusalCode,
    /// What is told beside it.
    pub details: Details,
}

/// What a refusal tells beside its code, where it applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// What was given, or was not, and is meant.
    pub input: Option<Input>,
    /// How often the code may still be tried.
    pub attempts_left: Option<u32>,
    /// How many digits the code has.
    pub code_length: Option<u8>,
    /// Seconds until the same may succeed.
    pub retry_after: Option<u64>,
    /// Seconds until a code can be sent again.
    pub resend_in: Option<u64>,
}

/// What a person or a program gives to a use case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A phone number.
    PhoneNumber,
    /// The handle of a challenge or of a step.
    Session,
    /// A password that is to be set.
    NewPassword,
    /// The password that is set.
    CurrentPassword,
}

impl Refusal {
    /// A refusal because of something that was given, or was not.
    pub(crate) fn of_input(code: RefusalCode, input: Input) -> Self {
        let mut refusal = Self::from(code);
        refusal.details.input = Some(input);
        refusal
    }

    /// Something is needed that was not given.
    pub(crate) fn missing(input: Input) -> Self {
        Self::of_input(RefusalCode::InputMissing, input)
    }

    pub(crate) fn code_wrong(attempts_left: Option<u32>) -> Self {
        let mut refusal = Self::from(RefusalCode::CodeWrong);
        refusal.details.attempts_left = attempts_left;
        refusal
    }

    pub(crate) fn code_malformed(code_length: u8) -> Self {
        let mut refusal = Self::from(RefusalCode::CodeMalformed);
        refusal.details.code_length = Some(code_length);
        refusal
    }

    /// The refusal of a limit, with the true wait, rounded up to seconds.
    pub(crate) fn limited(rule: Rule, retry_after_millis: i64) -> Self {
        let code = match rule.told_as() {
            ToldAs::RequestsOfPhone => RefusalCode::TooManyRequestsPhone,
            ToldAs::RequestsOfAddress => RefusalCode::TooManyRequestsAddress,
            ToldAs::FailuresOfPhone => RefusalCode::TooManyFailuresPhone,
            ToldAs::FailuresOfAddress => RefusalCode::TooManyFailuresAddress,
            ToldAs::SessionRequired => RefusalCode::SessionRequired,
            ToldAs::GatewayAway => RefusalCode::GatewayUnavailable,
            ToldAs::QueueFull => RefusalCode::QueueFull,
            ToldAs::SendingPaused => RefusalCode::SendingPaused,
        };
        let mut refusal = Self::waiting(code, retry_after_millis);
        if code == RefusalCode::TooManyRequestsPhone {
            refusal.details.resend_in = refusal.details.retry_after;
        }
        refusal
    }

    /// A refusal for a time, rounded up to seconds.
    pub(crate) fn waiting(code: RefusalCode, millis: i64) -> Self {
        let mut refusal = Self::from(code);
        refusal.details.retry_after = Some(seconds_up(millis).max(1));
        refusal
    }

    pub(crate) fn new_password(error: NewPasswordError) -> Self {
        let code = match error {
            NewPasswordError::Weak(Weakness::TooShort) => RefusalCode::PasswordTooShort,
            NewPasswordError::Weak(Weakness::Guessable) => RefusalCode::PasswordTooEasy,
            NewPasswordError::Busy(busy) => return busy.into(),
        };
        Self::of_input(code, Input::NewPassword)
    }
}

impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Self {
        let mut details = Details::default();
        if code == RefusalCode::StoreFull {
            details.retry_after = Some(ROOM_RETRY_SECONDS);
        } else if code.kind() == RefusalKind::Unavailable {
            details.retry_after = Some(STORE_RETRY_SECONDS);
        }
        Self { code, details }
    }
}

/// Milliseconds as whole seconds, never less than they are.
pub(crate) fn seconds_up(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or_default().div_ceil(1000)
}

//! Everything that the page of the code can show, made of what the browser keeps and of the time.

use askama::Template;
use domain::challenge::Channel;
use domain::otp::Purpose;
use flows::RefusalCode;

use crate::frame::Frame;
use crate::login::SHOWN_CHARS;
use crate::number::{spaced, typed};
use crate::pending::{Event, Intent, NoCode, PendingSignIn};
use crate::state::Look;
use crate::times;
use crate::trouble::Trouble;
use crate::visitor::Visitor;
use crate::words::{around, fill};

/// The page with the field for the code.
#[derive(Template)]
#[template(path = "verify.html")]
pub(crate) struct CodePage {
    pub(crate) frame: Frame,
    pub(crate) title: &'static str,
    pub(crate) number: String,
    /// For the password manager, as a person would type it.
    pub(crate) username: String,
    /// The sentence around the number.
    pub(crate) sent: (String, String),
    pub(crate) label: String,
    pub(crate) digits: u8,
    /// Whether the code can still be given back.
    pub(crate) alive: bool,
    /// What is wrong; it takes the focus.
    pub(crate) trouble: Option<Trouble>,
    /// What happened, where nothing is wrong.
    pub(crate) notice: Option<Trouble>,
    pub(crate) over: Over,
    /// Seconds.
    pub(crate) expires_in: u64,
    pub(crate) life: u64,
    pub(crate) clock: String,
    pub(crate) resend_in: u64,
    pub(crate) resend_wait: String,
    /// The text of the wait around the seconds.
    pub(crate) resend_around: (String, String),
    pub(crate) can_call: bool,
    /// Of the latest message is there something to see.
    pub(crate) can_look: bool,
    /// The button for a code once more, where one helps.
    pub(crate) resend: Option<&'static str>,
    /// Where the code goes.
    pub(crate) action: &'static str,
    /// Where another number can be given.
    pub(crate) number_page: Option<&'static str>,
    pub(crate) submit: &'static str,
    /// What the code is for.
    pub(crate) intent: Intent,
    /// What is shown again in the field for the code.
    pub(crate) typed: String,
    /// The field that the trouble is with.
    pub(crate) wrong: &'static str,
}

/// Why the code is of no more use.
pub(crate) struct Over {
    pub(crate) told: Trouble,
    /// Whether that is the answer to what was sent, which takes the focus.
    pub(crate) answers: bool,
}

impl CodePage {
    /// The page of a sign-in at a moment.
    pub(crate) fn new(
        look: &Look,
        visitor: &Visitor,
        pending: &PendingSignIn,
        now: i64,
        can_call: bool,
    ) -> Self {
        let words = &visitor.words.code;
        let seconds_until = |at: i64| u64::try_from(at - now).unwrap_or_default().div_ceil(1_000);
        let (expires_in, resend_in) = (
            seconds_until(pending.expires_at),
            seconds_until(pending.resend_at),
        );
        let shown = Shown::of(pending, visitor, now, resend_in);
        let alive = shown.ended.is_none() && expires_in > 0;
        let digits = pending.digits.to_string();
        let sentence = match pending.channel {
            Channel::Call => words.called,
            Channel::Sms => words.sent,
        };
        let account = visitor.words.account;
        let (title, submit) = match pending.intent {
            Intent::LogIn | Intent::SignUp => (words.title, words.submit),
            Intent::Confirm => (account.confirm.code_title, account.confirm.code_submit),
            Intent::ChangePhone => (account.phone.code_title, account.phone.submit),
            Intent::Reset => (
                account.password.reset_code_title,
                account.password.reset_submit,
            ),
        };
        let (title, sentence) = if alive {
            (title, sentence)
        } else if shown.taken {
            (account.phone.title, visitor.words.message.lead)
        } else {
            (words.title_over, visitor.words.message.lead)
        };
        let mut frame = Frame::new(look, visitor, title);
        if shown.trouble.is_some() || shown.ended.is_some() {
            frame = frame.of_error();
        }
        let wait = if shown.resend_blocked_for > 0 {
            shown.resend_blocked_for.max(resend_in)
        } else {
            resend_in
        };
        Self {
            frame,
            title,
            number: spaced(&pending.phone),
            username: typed(&pending.phone),
            sent: around(&fill(sentence, "{digits}", &digits), "{number}"),
            label: fill(words.code, "{digits}", &digits),
            digits: pending.digits,
            alive,
            trouble: shown.trouble,
            notice: shown.notice.filter(|_| alive),
            over: Over {
                answers: shown.ended.is_some(),
                told: shown.ended.unwrap_or_else(|| Trouble::of(words.expired)),
            },
            expires_in,
            life: pending.life.max(expires_in),
            clock: times::clock(expires_in),
            resend_in: if alive { wait } else { 0 },
            resend_wait: times::clock(wait),
            resend_around: around(words.resend_wait, "{wait}"),
            // There are templates for a call of a sign-in only.
            can_call: can_call && pending.intent.purpose() == Purpose::SignIn,
            // The message for a new number is its owner's alone, and not found by the handle.
            can_look: shown.can_look && pending.intent != Intent::ChangePhone,
            resend: match alive {
                _ if shown.taken => None,
                true => Some(words.resend),
                false => Some(words.resend_new),
            },
            action: pending.intent.code_page(),
            number_page: pending.intent.number_page(),
            submit,
            intent: pending.intent,
            typed: String::new(),
            wrong: "code",
        }
    }
}

impl CodePage {
    /// Whether a new password is asked for with the code, which then is not sent by itself.
    fn asks_password(&self) -> bool {
        self.intent == Intent::Reset
    }

    /// Whether it is for somebody who is signed in, who can leave it as it is.
    fn is_of_member(&self) -> bool {
        matches!(self.intent, Intent::Confirm | Intent::ChangePhone)
    }

    /// Whether it is wrong with this field.
    fn field_wrong(&self, field: &str) -> bool {
        let trouble = self.trouble.as_ref();
        trouble.is_some_and(|trouble| trouble.of_field) && self.wrong == field
    }

    /// The same with what is wrong with the new password. The code was not looked at, and is kept.
    pub(crate) fn with_poor_password(mut self, trouble: Trouble, code: &str) -> Self {
        self.frame = self.frame.of_error();
        self.trouble = Some(trouble.with_field());
        self.notice = None;
        self.wrong = "new_password";
        self.typed = code.chars().take(SHOWN_CHARS).collect();
        self
    }
}

/// What is told of the last event.
#[derive(Default)]
struct Shown {
    trouble: Option<Trouble>,
    notice: Option<Trouble>,
    /// Why the code is of no more use, where it is not its time alone.
    ended: Option<Trouble>,
    resend_blocked_for: u64,
    can_look: bool,
    /// The number is another account's, so no code helps.
    taken: bool,
}

impl Shown {
    fn of(pending: &PendingSignIn, visitor: &Visitor, now: i64, resend_in: u64) -> Self {
        let words = &visitor.words.code;
        let mut shown = Self {
            can_look: true,
            ..Self::default()
        };
        match &pending.event {
            Event::SentAgain => shown.notice = Some(Trouble::of(words.sent_again)),
            Event::Called => shown.notice = Some(Trouble::of(words.call_asked)),
            Event::SentBefore(channel) if resend_in > 0 => {
                let (title, detail) = match channel {
                    Channel::Sms => words.sent_a_moment_ago,
                    Channel::Call => words.call_too_soon,
                };
                let detail = fill(detail, "{wait}", resend_in);
                shown.notice = Some(Trouble::of((title, &detail)));
            }
            Event::Asked | Event::SentBefore(_) => {}
            Event::NoCode(why) => {
                let (title, detail) = match why {
                    NoCode::Empty => words.empty,
                    NoCode::NotDigits => words.not_digits,
                    NoCode::TooShort => words.too_short,
                    NoCode::TooLong => words.too_long,
                };
                let detail = fill(detail, "{digits}", pending.digits);
                shown.trouble = Some(Trouble::of((title, &detail)).with_field());
            }
            Event::Refused {
                code,
                attempts_left,
                until,
            } => {
                let wait = until.map(|until| u64::try_from(until - now).unwrap_or_default());
                let wait = wait.map(|millis| millis.div_ceil(1_000));
                shown.refused(*code, *attempts_left, wait, pending, visitor);
            }
        }
        shown
    }

    fn refused(
        &mut self,
        code: RefusalCode,
        attempts_left: Option<u32>,
        wait: Option<u64>,
        pending: &PendingSignIn,
        visitor: &Visitor,
    ) {
        let words = &visitor.words.code;
        match code {
            RefusalCode::CodeWrong if attempts_left == Some(0) => {
                self.ended = Some(Trouble::of(words.exhausted));
            }
            RefusalCode::CodeWrong => {
                let (title, detail) = match attempts_left {
                    Some(1) => words.wrong_last,
                    _ => words.wrong,
                };
                let left = attempts_left.unwrap_or_default();
                let detail = fill(detail, "{left}", left);
                self.trouble = Some(Trouble::of((title, &detail)).with_field());
            }
            RefusalCode::AttemptsExhausted => self.ended = Some(Trouble::of(words.exhausted)),
            RefusalCode::CodeUsed => self.ended = Some(Trouble::of(words.used)),
            RefusalCode::PhoneTaken => {
                let trouble =
                    Trouble::of_refusal(code, None, None, visitor.words, visitor.request_id);
                self.ended = Some(trouble);
                self.taken = true;
            }
            RefusalCode::CodeExpired => self.ended = Some(Trouble::of(words.expired)),
            RefusalCode::SessionUnknown => {
                self.ended = Some(Trouble::of(words.gone));
                self.can_look = false;
            }
            // What was refused for a time is told for that time.
            _ if wait == Some(0) => {}
            other => {
                let digits = Some(pending.digits);
                let trouble =
                    Trouble::of_refusal(other, wait, digits, visitor.words, visitor.request_id);
                self.trouble = Some(trouble);
                if other == RefusalCode::TooManyRequestsPhone {
                    self.resend_blocked_for = wait.unwrap_or_default();
                }
            }
        }
    }
}

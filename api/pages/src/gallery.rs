//! Every page in every state, without a server: to look at them, to take pictures of them and to test
//! them. What is drawn here is what people see; nothing is drawn for the gallery alone.

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::{Channel, Locale, SessionId};
use domain::phone::PhoneNumber;
use domain::random::Random;
use flows::inquiry::{Outlook, OwnMessage};
use flows::refusal::Input;
use flows::{Refusal, RefusalCode};
use shared::config::PagesConfig;
use uuid::Uuid;

use askama::Template;

use crate::code_page::CodePage;
use crate::fault::{Fault, FaultPage};
use crate::form::Standing;
use crate::home::{HomePage, Notice};
use crate::log_out::LogOutPage;
use crate::login::LogInPage;
use crate::message::MessagePage;
use crate::pending::{Event, Intent, NoCode, PendingSignIn};
use crate::state::Look;
use crate::visitor::{FormToken, Visitor};
use crate::words::Words;

/// The moment at which all pictures are taken.
const NOW: i64 = 1_763_700_000_000;
const NUMBER: &str = "+989123456789";

/// The pages of one operator.
#[derive(Debug)]
pub struct Gallery {
    look: Look,
}

/// A page in a state.
#[derive(Debug)]
pub struct Scene {
    /// What it is called, in a file name.
    pub name: &'static str,
    /// The page.
    pub html: String,
}

impl Gallery {
    /// The pages as an operator has set them up.
    pub fn new(config: &PagesConfig) -> Self {
        Self {
            look: Look::new(config),
        }
    }

    /// Style, script, fonts and pictures: name and content. Pages look for them in `/assets/`.
    pub fn assets(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.look.assets.files()
    }

    /// Every page in every state, in one language.
    pub fn scenes(&self, locale: Locale) -> Vec<Scene> {
        let at = Easel {
            look: &self.look,
            visitor: visitor(locale),
        };
        let mut scenes = Vec::new();
        at.homes(&mut scenes);
        at.numbers(&mut scenes);
        at.codes(&mut scenes);
        at.messages(&mut scenes);
        at.faults(&mut scenes);
        scenes
    }
}

fn visitor(locale: Locale) -> Visitor {
    Visitor {
        request_id: Uuid::from_u128(0x6e1f_0a52_6d0f_4b7c_9d0e_2f4a_0c5b_7d11),
        words: Words::of(locale),
        path: "/accounts/login/".to_owned(),
        token: FormToken {
            value: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            is_new: false,
        },
    }
}

/// What the scenes are drawn with.
struct Easel<'a> {
    look: &'a Look,
    visitor: Visitor,
}

fn add(scenes: &mut Vec<Scene>, name: &'static str, page: &impl Template) {
    let html = page.render().unwrap_or_default();
    scenes.push(Scene { name, html });
}

fn phone() -> PhoneNumber {
    PhoneNumber::from_e164(NUMBER).expect("a number")
}

/// A refusal with a wait of so many seconds.
fn waiting(code: RefusalCode, seconds: u64) -> Refusal {
    let mut refusal = Refusal::from(code);
    refusal.details.retry_after = Some(seconds);
    refusal
}

impl Easel<'_> {
    fn homes(&self, scenes: &mut Vec<Scene>) {
        let phone = phone();
        let home = |name: Option<&str>, notice| {
            let member = name.map(|name| (name, &phone));
            HomePage::new(self.look, &self.visitor, member, notice)
        };
        let name = match self.visitor.words.locale {
            Locale::Fa => "مریم",
            Locale::En => "Maryam",
        };
        add(scenes, "home", &home(None, None));
        add(scenes, "home-signed-in", &home(Some(name), None));
        add(
            scenes,
            "home-welcome-new",
            &home(Some(""), Some(Notice::New)),
        );
        add(
            scenes,
            "home-welcome-new-unasked",
            &home(Some(""), Some(Notice::NewUnasked)),
        );
        add(
            scenes,
            "home-welcome-known",
            &home(Some(name), Some(Notice::Known)),
        );
        add(
            scenes,
            "home-welcome-known-unasked",
            &home(Some(name), Some(Notice::KnownUnasked)),
        );
        add(
            scenes,
            "home-logged-out",
            &home(None, Some(Notice::LoggedOut)),
        );
        let number = Some(crate::number::spaced(&phone));
        add(
            scenes,
            "log-out",
            &LogOutPage::new(self.look, &self.visitor, number),
        );
    }

    fn numbers(&self, scenes: &mut Vec<Scene>) {
        let page = |intent, number| LogInPage::new(self.look, &self.visitor, intent, number, None);
        add(scenes, "number", &page(Intent::LogIn, ""));
        add(scenes, "number-sign-up", &page(Intent::SignUp, ""));
        add(scenes, "number-filled", &page(Intent::LogIn, "09123456789"));
        let of_input = |code| {
            let mut refusal = Refusal::from(code);
            refusal.details.input = Some(Input::PhoneNumber);
            refusal
        };
        for (name, number, refusal) in [
            ("number-empty", "", of_input(RefusalCode::PhoneEmpty)),
            (
                "number-malformed",
                "0912345678",
                of_input(RefusalCode::PhoneMalformed),
            ),
            (
                "number-landline",
                "02188776655",
                of_input(RefusalCode::PhoneNotMobile),
            ),
            (
                "number-foreign",
                "+905321234567",
                of_input(RefusalCode::PhoneCountryNotAllowed),
            ),
            (
                "number-too-often",
                "09123456789",
                waiting(RefusalCode::TooManyRequestsPhone, 5_400),
            ),
            (
                "address-too-often",
                "09123456789",
                waiting(RefusalCode::TooManyRequestsAddress, 43),
            ),
            (
                "gateway-out",
                "09123456789",
                waiting(RefusalCode::GatewayUnavailable, 70),
            ),
            (
                "queue-full",
                "09123456789",
                waiting(RefusalCode::QueueFull, 15),
            ),
            (
                "store-away",
                "09123456789",
                waiting(RefusalCode::StoreUnavailable, 2),
            ),
        ] {
            let page = page(Intent::LogIn, number).refused(&refusal, &self.visitor);
            add(scenes, name, &page);
        }
        for (name, standing) in [
            ("form-too-old", Standing::TooOld),
            ("cookies-off", Standing::CookiesOff),
        ] {
            let page = page(Intent::LogIn, "09123456789");
            add(scenes, name, &page.without_cookie(standing, &self.visitor));
        }
    }

    fn pending(event: Event) -> PendingSignIn {
        PendingSignIn {
            session: SessionId::new(&Random::seeded(1)),
            phone: phone(),
            digits: 6,
            channel: if event == Event::Called {
                Channel::Call
            } else {
                Channel::Sms
            },
            expires_at: NOW + 74_000,
            resend_at: NOW - 16_000,
            life: 120,
            intent: Intent::LogIn,
            next: None,
            event,
        }
    }

    fn code(&self, pending: &PendingSignIn, can_call: bool) -> CodePage {
        CodePage::new(self.look, &self.visitor, pending, NOW, can_call)
    }

    fn codes(&self, scenes: &mut Vec<Scene>) {
        let fresh = PendingSignIn {
            expires_at: NOW + 120_000,
            resend_at: NOW + 30_000,
            ..Self::pending(Event::Asked)
        };
        add(scenes, "code-fresh", &self.code(&fresh, true));
        add(scenes, "code-no-call", &self.code(&fresh, false));
        let counting = PendingSignIn {
            expires_at: NOW + 108_000,
            resend_at: NOW + 18_000,
            ..Self::pending(Event::Asked)
        };
        add(scenes, "code-counting-down", &self.code(&counting, true));
        add(
            scenes,
            "code-countdown-over",
            &self.code(&Self::pending(Event::Asked), true),
        );
        let expired = PendingSignIn {
            expires_at: NOW - 1_000,
            ..Self::pending(Event::Asked)
        };
        add(scenes, "code-expired", &self.code(&expired, true));
        let before = PendingSignIn {
            event: Event::SentBefore,
            ..counting
        };
        add(scenes, "code-sent-before", &self.code(&before, true));
        let refused = |code, attempts_left, wait: Option<i64>| Event::Refused {
            code,
            attempts_left,
            until: wait.map(|seconds| NOW + seconds * 1_000),
        };
        for (name, event) in [
            ("code-sent-again", Event::SentAgain),
            ("code-call-asked", Event::Called),
            ("code-empty", Event::NoCode(NoCode::Empty)),
            ("code-too-short", Event::NoCode(NoCode::TooShort)),
            ("code-too-long", Event::NoCode(NoCode::TooLong)),
            ("code-not-digits", Event::NoCode(NoCode::NotDigits)),
            (
                "code-wrong-2-left",
                refused(RefusalCode::CodeWrong, Some(2), None),
            ),
            (
                "code-wrong-1-left",
                refused(RefusalCode::CodeWrong, Some(1), None),
            ),
            (
                "code-exhausted",
                refused(RefusalCode::AttemptsExhausted, None, None),
            ),
            ("code-used", refused(RefusalCode::CodeUsed, None, None)),
            (
                "code-gone",
                refused(RefusalCode::SessionUnknown, None, None),
            ),
            (
                "code-resend-too-often",
                refused(RefusalCode::TooManyRequestsPhone, None, Some(95)),
            ),
            (
                "code-gateway-out",
                refused(RefusalCode::GatewayUnavailable, None, Some(70)),
            ),
            (
                "code-no-call-possible",
                refused(RefusalCode::ChannelUnavailable, None, None),
            ),
            (
                "code-store-away",
                refused(RefusalCode::StoreUnavailable, None, Some(2)),
            ),
            (
                "code-key-away",
                refused(RefusalCode::KeyUnavailable, None, Some(2)),
            ),
        ] {
            add(scenes, name, &self.code(&Self::pending(event), true));
        }
    }

    fn messages(&self, scenes: &mut Vec<Scene>) {
        let now = DateTime::<Utc>::from_timestamp_millis(NOW).unwrap_or_default();
        let ago = |seconds| now - TimeDelta::seconds(seconds);
        let message = OwnMessage {
            now,
            asked_at: ago(46),
            channel: Channel::Sms,
            handed_over_at: None,
            arrived_at: None,
            outlook: Outlook::Waiting,
            code_until: now + TimeDelta::seconds(74),
        };
        let handed = OwnMessage {
            handed_over_at: Some(ago(45)),
            outlook: Outlook::HandedOver,
            ..message
        };
        for (name, message) in [
            ("message-waiting", message),
            (
                "message-interrupted",
                OwnMessage {
                    outlook: Outlook::Interrupted,
                    ..message
                },
            ),
            ("message-handed-over", handed),
            (
                "message-arrived",
                OwnMessage {
                    arrived_at: Some(ago(40)),
                    outlook: Outlook::Arrived,
                    ..handed
                },
            ),
            (
                "message-undelivered",
                OwnMessage {
                    outlook: Outlook::Undelivered,
                    ..handed
                },
            ),
            (
                "message-not-sent",
                OwnMessage {
                    outlook: Outlook::NotSent,
                    ..message
                },
            ),
            (
                "message-unknown",
                OwnMessage {
                    outlook: Outlook::Unknown,
                    ..message
                },
            ),
            (
                "message-code-over",
                OwnMessage {
                    code_until: ago(5),
                    ..handed
                },
            ),
        ] {
            let page = MessagePage::new(self.look, &self.visitor, &phone(), &message, true);
            add(scenes, name, &page);
        }
    }

    fn faults(&self, scenes: &mut Vec<Scene>) {
        for (name, fault) in [
            ("error-403", Fault::CrossSite),
            ("error-404", Fault::NotFound),
            ("error-405", Fault::Method),
            ("error-400", Fault::Unreadable),
            ("error-too-old", Fault::TooOld),
            ("error-cookies-off", Fault::CookiesOff),
            ("error-500", Fault::Refused(RefusalCode::Internal.into())),
            (
                "error-503",
                Fault::Refused(RefusalCode::StoreUnavailable.into()),
            ),
        ] {
            add(
                scenes,
                name,
                &FaultPage::new(self.look, &self.visitor, &fault),
            );
        }
    }
}

//! Every page in every state, without a server: to look at them, to take pictures of them and to test
//! them. What is drawn here is what people see; nothing is drawn for the gallery alone.

mod account;
mod codes;

use domain::challenge::Locale;
use domain::phone::PhoneNumber;
use flows::refusal::Input;
use flows::{Refusal, RefusalCode};
use shared::config::PagesConfig;
use uuid::Uuid;

use askama::Template;

use crate::applications::{ContinuePage, GO_ON, OTHER, WhoAsks};
use crate::fault::{Fault, FaultPage};
use crate::form::Standing;
use crate::home::{HomePage, Notice};
use crate::log_out::LogOutPage;
use crate::login::LogInPage;
use crate::number::spaced;
use crate::pending::Intent;
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
        at.log_ins(&mut scenes);
        at.resets(&mut scenes);
        at.passwords(&mut scenes);
        at.profiles(&mut scenes);
        at.phone_changes(&mut scenes);
        at.devices(&mut scenes);
        at.deletions(&mut scenes);
        at.applications(&mut scenes);
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
    /// First and last name of somebody.
    fn name(&self) -> (&'static str, &'static str) {
        match self.visitor.words.locale {
            Locale::Fa => ("مریم", "رضایی"),
            Locale::En => ("Maryam", "Rezaei"),
        }
    }

    fn homes(&self, scenes: &mut Vec<Scene>) {
        let phone = phone();
        let home = |name: Option<&str>, notice| {
            let member = name.map(|name| (name, &phone, true));
            HomePage::new(self.look, &self.visitor, member, notice)
        };
        let (name, _) = self.name();
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
        for (scene, notice) in [
            ("home-password-set", Notice::PasswordSet),
            ("home-profile-saved", Notice::ProfileSaved),
            ("home-phone-changed", Notice::PhoneChanged),
        ] {
            add(scenes, scene, &home(Some(name), Some(notice)));
        }
        add(scenes, "home-deleted", &home(None, Some(Notice::Deleted)));
        let number = Some(spaced(&phone));
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
                "store-full",
                "09123456789",
                waiting(RefusalCode::StoreFull, 30),
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

    fn applications(&self, scenes: &mut Vec<Scene>) {
        let words = self.visitor.words;
        let name = match words.locale {
            Locale::Fa => "فروشگاه نمونه",
            Locale::En => "The example shop",
        };
        let asks = WhoAsks::named(name, "AAAAAAAAAAAAAAAAAAAAAA", words);
        let mut log_in =
            LogInPage::new(self.look, &self.visitor, Intent::LogIn, "09123456789", None);
        log_in.frame.asks = Some(asks.clone());
        add(scenes, "application-sign-in", &log_in);
        for (name, action) in [
            (
                "application-continue",
                Some(format!("{GO_ON}AAAAAAAAAAAAAAAAAAAAAA")),
            ),
            ("application-other-person", None),
        ] {
            let number = spaced(&phone());
            let other = format!("{OTHER}AAAAAAAAAAAAAAAAAAAAAA");
            let (look, visitor) = (self.look, &self.visitor);
            let page = ContinuePage::new(look, visitor, asks.clone(), &number, action, other);
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
            ("error-application", Fault::Application),
            ("error-application-lapsed", Fault::Lapsed),
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

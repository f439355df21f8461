//! The pages for an account in every state.

use chrono::{DateTime, TimeDelta, Utc};
use flows::refusal::Input;
use flows::sessions::Session;
use flows::{Refusal, RefusalCode};
use uuid::Uuid;

use super::{Easel, NOW, Scene, add, phone, waiting};
use crate::confirm::ConfirmPage;
use crate::delete::DeletePage;
use crate::devices::DevicesPage;
use crate::home::Notice;
use crate::login::LogInPage;
use crate::number::spaced;
use crate::pages::PASSWORD;
use crate::password::PasswordPage;
use crate::password_log_in::{PasswordLogInPage, of_password};
use crate::pending::{Event, Intent, NoCode, PendingSignIn};
use crate::profile::ProfilePage;
use web::OwnPath;

fn of_input(code: RefusalCode, input: Input) -> Refusal {
    let mut refusal = Refusal::from(code);
    refusal.details.input = Some(input);
    refusal
}

impl Easel<'_> {
    pub(super) fn log_ins(&self, scenes: &mut Vec<Scene>) {
        let page = |number| PasswordLogInPage::new(self.look, &self.visitor, number, None);
        add(scenes, "password-log-in", &page(""));
        let empty = of_input(RefusalCode::InputMissing, Input::CurrentPassword);
        let malformed = of_input(RefusalCode::PhoneMalformed, Input::PhoneNumber);
        for (name, refusal) in [
            ("password-log-in-empty", empty),
            ("password-log-in-number-malformed", malformed),
            (
                "password-log-in-wrong",
                RefusalCode::CredentialsWrong.into(),
            ),
            (
                "password-log-in-locked",
                waiting(RefusalCode::TooManyFailuresPhone, 3_100),
            ),
            (
                "password-log-in-address-locked",
                waiting(RefusalCode::TooManyFailuresAddress, 1_500),
            ),
            ("password-log-in-busy", RefusalCode::PasswordBusy.into()),
        ] {
            let number = match refusal.code {
                RefusalCode::PhoneMalformed => "0912345678",
                _ => "09123456789",
            };
            let page = page(number).refused(&refusal, &self.visitor);
            add(scenes, name, &page);
        }
        let wanted = OwnPath::parse(PASSWORD);
        let page = LogInPage::new(self.look, &self.visitor, Intent::SignUp, "", wanted);
        add(scenes, "number-sign-up-password", &page);
    }

    pub(super) fn resets(&self, scenes: &mut Vec<Scene>) {
        let page = LogInPage::new(self.look, &self.visitor, Intent::Reset, "", None);
        add(scenes, "reset-number", &page);
        let pending = |event| PendingSignIn {
            intent: Intent::Reset,
            ..Self::pending(event)
        };
        let code = |event| self.code(&pending(event), false);
        add(scenes, "reset-code", &code(Event::Asked));
        add(
            scenes,
            "reset-code-empty",
            &code(Event::NoCode(NoCode::Empty)),
        );
        let wrong = Event::Refused {
            code: RefusalCode::CodeWrong,
            attempts_left: Some(2),
            until: None,
        };
        add(scenes, "reset-code-wrong", &code(wrong));
        for (name, refusal) in [
            ("reset-password-missing", RefusalCode::InputMissing),
            ("reset-password-too-short", RefusalCode::PasswordTooShort),
            ("reset-password-too-easy", RefusalCode::PasswordTooEasy),
        ] {
            let refusal = of_input(refusal, Input::NewPassword);
            let trouble = of_password(&refusal, &self.visitor);
            let page = code(Event::Asked).with_poor_password(trouble, "482913");
            add(scenes, name, &page);
        }
    }

    pub(super) fn passwords(&self, scenes: &mut Vec<Scene>) {
        let number = spaced(&phone());
        let page = |has, asks| PasswordPage::new(self.look, &self.visitor, &number, has, asks);
        add(scenes, "password-set", &page(false, false));
        add(scenes, "password-change", &page(true, true));
        add(scenes, "password-change-fresh", &page(true, false));
        let new = |code| of_input(code, Input::NewPassword);
        for (name, refusal) in [
            (
                "password-current-missing",
                of_input(RefusalCode::InputMissing, Input::CurrentPassword),
            ),
            ("password-new-missing", new(RefusalCode::InputMissing)),
            ("password-too-short", new(RefusalCode::PasswordTooShort)),
            ("password-too-long", new(RefusalCode::PasswordTooLong)),
            ("password-too-easy", new(RefusalCode::PasswordTooEasy)),
            ("password-wrong", RefusalCode::PasswordWrong.into()),
            (
                "password-too-many-changes",
                waiting(RefusalCode::TooManyPasswordChanges, 40_000),
            ),
            ("password-busy", RefusalCode::PasswordBusy.into()),
        ] {
            let page = page(true, true).refused(&refusal, &self.visitor);
            add(scenes, name, &page);
        }
    }

    pub(super) fn profiles(&self, scenes: &mut Vec<Scene>) {
        let number = Some(spaced(&phone()));
        let page = |fields| ProfilePage::new(self.look, &self.visitor, number.clone(), fields);
        let (first, last) = self.name();
        add(scenes, "profile-empty", &page(["", "", ""]));
        let full = [first, last, "maryam@example.com"];
        add(scenes, "profile", &page(full));
        let wrong = page([first, last, "maryam@example"]).wrong("email", &self.visitor);
        add(scenes, "profile-email-wrong", &wrong);
        let long = first.repeat(40);
        let wrong = page([&long, last, ""]).wrong("first_name", &self.visitor);
        add(scenes, "profile-name-wrong", &wrong);
    }

    pub(super) fn phone_changes(&self, scenes: &mut Vec<Scene>) {
        let number = Some(spaced(&phone()));
        let asked = |typed| {
            let intent = Intent::ChangePhone;
            LogInPage::new(self.look, &self.visitor, intent, typed, None)
        };
        let mut page = asked("");
        page.frame.member.clone_from(&number);
        add(scenes, "phone", &page);
        let unchanged = of_input(RefusalCode::PhoneUnchanged, Input::PhoneNumber);
        let mut page = asked("09123456789").refused(&unchanged, &self.visitor);
        page.frame.member.clone_from(&number);
        add(scenes, "phone-unchanged", &page);
        for (name, event) in [
            ("phone-code", Event::Asked),
            (
                "phone-taken",
                Event::Refused {
                    code: RefusalCode::PhoneTaken,
                    attempts_left: None,
                    until: None,
                },
            ),
        ] {
            let pending = PendingSignIn {
                intent: Intent::ChangePhone,
                ..Self::pending(event)
            };
            let mut page = self.code(&pending, false);
            page.frame.member.clone_from(&number);
            add(scenes, name, &page);
        }
        let confirm = ConfirmPage::new(self.look, &self.visitor, &spaced(&phone()), None);
        add(scenes, "confirm", &confirm);
        let often = waiting(RefusalCode::TooManyRequestsPhone, 95);
        let confirm = ConfirmPage::new(self.look, &self.visitor, &spaced(&phone()), None)
            .refused(&often, &self.visitor);
        add(scenes, "confirm-too-often", &confirm);
        let pending = PendingSignIn {
            intent: Intent::Confirm,
            ..Self::pending(Event::Asked)
        };
        let mut page = self.code(&pending, true);
        page.frame.member = number;
        add(scenes, "confirm-code", &page);
    }

    pub(super) fn devices(&self, scenes: &mut Vec<Scene>) {
        let now = DateTime::<Utc>::from_timestamp_millis(NOW).unwrap_or_default();
        let session = |id, name: Option<&str>, agent: &str, hours| Session {
            id: Uuid::from_u128(id),
            user_id: Uuid::from_u128(9),
            device_name: name.map(str::to_owned),
            user_agent: Some(agent.to_owned()),
            address: Some([192, 0, 2, 7].into()),
            created_at: now - TimeDelta::days(9),
            last_used_at: now - TimeDelta::hours(hours),
            idle_expires_at: now + TimeDelta::days(1),
            expires_at: now + TimeDelta::days(20),
        };
        let all = [
            session(2, Some("Pixel 9"), "okhttp/4.12.0", 0),
            session(1, None, "Mozilla/5.0 (Android 16; Mobile) Firefox/144.0", 1),
            session(3, None, "Mozilla/5.0 (Windows NT 10.0) Chrome/141.0", 30),
            session(4, None, "curl/8.5.0", 200),
        ];
        let this = Uuid::from_u128(1);
        let page = |shown: &[Session]| {
            let number = Some(spaced(&phone()));
            DevicesPage::new(self.look, &self.visitor, number, (shown, this), now)
        };
        add(scenes, "devices-one", &page(&all[1..2]));
        add(scenes, "devices-many", &page(&all));
        for (name, shown, notice) in [
            ("devices-one-ended", &all[..3], Notice::DeviceEnded),
            ("devices-others-ended", &all[1..2], Notice::OthersEnded),
            ("devices-gone", &all[..2], Notice::DeviceGone),
        ] {
            let page = page(shown).with_notice(Some(notice), &self.visitor);
            add(scenes, name, &page);
        }
    }

    pub(super) fn deletions(&self, scenes: &mut Vec<Scene>) {
        let page = || DeletePage::new(self.look, &self.visitor, Some(spaced(&phone())));
        add(scenes, "delete", &page());
        add(scenes, "delete-word-wrong", &page().wrong(&self.visitor));
    }
}

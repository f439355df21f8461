//! Setting a password, or changing it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use flows::password::{self, NewPassword, ProofOfOwner, proof_of_owner};
use flows::refusal::Input;
use flows::{Refusal, RefusalCode};
use http::StatusCode;

use crate::account::{Account, AccountForm, sign_in_for};
use crate::frame::{Frame, lead_to, page, page_of_refusal};
use crate::home::Notice;
use crate::login::with_next;
use crate::pages::{CONFIRM, HOME, PASSWORD};
use crate::password_log_in::{of_password, typed_password};
use crate::state::{Look, PagesState};
use crate::trouble::Trouble;
use crate::visitor::{CallerOf, Visitor};
use web::OwnPath;

/// The page with the field for the new password.
#[derive(Template)]
#[template(path = "password.html")]
pub(crate) struct PasswordPage {
    pub(crate) frame: Frame,
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    /// For the password manager, which keeps the two together; as a person would type it.
    pub(crate) username: String,
    pub(crate) asks_current: bool,
    pub(crate) to_confirm: String,
    pub(crate) trouble: Option<Trouble>,
    /// The field that is wrong.
    pub(crate) wrong: &'static str,
}

impl PasswordPage {
    pub(crate) fn new(
        look: &Look,
        visitor: &Visitor,
        number: &str,
        has_password: bool,
        asks_current: bool,
    ) -> Self {
        let words = &visitor.words.account.password;
        let (title, lead) = if has_password {
            (words.change_title, words.change_lead)
        } else {
            (words.set_title, words.set_lead)
        };
        let mut frame = Frame::new(look, visitor, title);
        frame.member = Some(number.to_owned());
        Self {
            frame,
            title,
            lead,
            username: number.replace(' ', ""),
            asks_current,
            to_confirm: with_next(CONFIRM, OwnPath::parse(PASSWORD).as_ref()),
            trouble: None,
            wrong: "",
        }
    }

    pub(crate) fn refused(mut self, refusal: &Refusal, visitor: &Visitor) -> Self {
        let current = refusal.code == RefusalCode::PasswordWrong
            || refusal.details.input == Some(Input::CurrentPassword);
        let trouble = if refusal.code == RefusalCode::InputMissing && current {
            Trouble::of(visitor.words.account.password.current_missing)
        } else {
            of_password(refusal, visitor)
        };
        self.wrong = match refusal.details.input {
            _ if current => "current_password",
            Some(_) => "new_password",
            None => "",
        };
        self.frame = self.frame.of_error();
        self.trouble = Some(trouble);
        self
    }
}

fn for_account(state: &PagesState, visitor: &Visitor, account: &Account) -> PasswordPage {
    let number = account.number().unwrap_or_default();
    let asks = proof_of_owner(&state.flows, &account.member) == ProofOfOwner::CurrentPassword;
    let has_password = account.member.user.has_password;
    PasswordPage::new(&state.look, visitor, &number, has_password, asks)
}

/// `GET /users/profile/password/`
pub(crate) async fn show(
    State(state): State<PagesState>,
    visitor: Visitor,
    account: Account,
) -> Response {
    // Better before a password is thought of than after it.
    if proof_of_owner(&state.flows, &account.member) == ProofOfOwner::CodeSignIn {
        let confirm = with_next(CONFIRM, OwnPath::parse(PASSWORD).as_ref());
        return account.answer(&state, lead_to(&confirm));
    }
    let shown = for_account(&state, &visitor, &account);
    account.answer(&state, page(&state, &visitor, StatusCode::OK, &shown))
}

/// `POST /users/profile/password/`
pub(crate) async fn save(
    State(state): State<PagesState>,
    visitor: Visitor,
    CallerOf(caller): CallerOf,
    AccountForm { account, form }: AccountForm,
) -> Response {
    let shown = for_account(&state, &visitor, &account);
    let Account { member, membership } = account;
    let changed = async {
        let new_password = typed_password(form.text("new_password"), Input::NewPassword)?;
        let current = form.text("current_password");
        let wanted = NewPassword {
            new_password,
            current_password: match current {
                "" => None,
                typed => Some(typed_password(typed, Input::CurrentPassword)?),
            },
        };
        password::change_password(&state.flows, caller, member, wanted).await
    };
    let response = match changed.await {
        Ok(()) => {
            let mut response = lead_to(HOME);
            Notice::PasswordSet.keep(response.headers_mut(), state.site.cookies);
            response
        }
        Err(refusal) => sign_in_for(&refusal, PASSWORD).unwrap_or_else(|| {
            let refused = shown.refused(&refusal, &visitor);
            page_of_refusal(&state, &visitor, &refusal, &refused)
        }),
    };
    membership.with_cookies(&state.site, response)
}

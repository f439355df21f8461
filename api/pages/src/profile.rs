//! Names and e-mail address.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use flows::profile::{self, EmailChange, ProfileChange, parse_email, parse_name};
use http::StatusCode;

use crate::account::{Account, AccountForm, sign_in_for};
use crate::fault::Fault;
use crate::frame::{Frame, lead_to, page, page_of_trouble};
use crate::home::Notice;
use crate::pages::{HOME, PROFILE};
use crate::state::{Look, PagesState};
use crate::trouble::Trouble;
use crate::visitor::Visitor;

/// What was typed is shown again up to here; more than any of the fields takes.
const SHOWN_CHARS: usize = 300;

/// The page with names and address.
#[derive(Template)]
#[template(path = "profile.html")]
pub(crate) struct ProfilePage {
    pub(crate) frame: Frame,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: String,
    pub(crate) trouble: Option<Trouble>,
    /// The field that is wrong.
    pub(crate) wrong: &'static str,
}

impl ProfilePage {
    /// With first name, last name and address.
    pub(crate) fn new(
        look: &Look,
        visitor: &Visitor,
        number: Option<String>,
        [first_name, last_name, email]: [&str; 3],
    ) -> Self {
        let mut frame = Frame::new(look, visitor, visitor.words.account.profile.title);
        frame.member = number;
        let shown = |text: &str| text.chars().take(SHOWN_CHARS).collect();
        Self {
            frame,
            first_name: shown(first_name),
            last_name: shown(last_name),
            email: shown(email),
            trouble: None,
            wrong: "",
        }
    }

    /// The same with a field that cannot be taken.
    pub(crate) fn wrong(mut self, field: &'static str, visitor: &Visitor) -> Self {
        let words = &visitor.words.account.profile;
        let trouble = match field {
            "email" => words.email_wrong,
            _ => words.name_wrong,
        };
        self.frame = self.frame.of_error();
        self.trouble = Some(Trouble::of(trouble));
        self.wrong = field;
        self
    }
}

/// `GET /users/profile/update/`
pub(crate) async fn show(
    State(state): State<PagesState>,
    visitor: Visitor,
    account: Account,
) -> Response {
    let user = &account.member.user;
    let email = user.email.as_deref().unwrap_or_default();
    let fields = [&user.first_name, &user.last_name, email];
    let shown = ProfilePage::new(&state.look, &visitor, account.number(), fields);
    account.answer(&state, page(&state, &visitor, StatusCode::OK, &shown))
}

/// `POST /users/profile/update/`
pub(crate) async fn save(
    State(state): State<PagesState>,
    visitor: Visitor,
    AccountForm { account, form }: AccountForm,
) -> Response {
    let fields = ["first_name", "last_name", "email"].map(|name| form.text(name));
    let change = match change(fields) {
        Ok(change) => change,
        Err(field) => {
            let shown = ProfilePage::new(&state.look, &visitor, account.number(), fields);
            let shown = shown.wrong(field, &visitor);
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let response = page_of_trouble(&state, &visitor, status, "field_invalid", &shown);
            return account.answer(&state, response);
        }
    };
    let response = match profile::update_profile(&state.flows, &account.member, &change).await {
        Ok(_user) => {
            let mut response = lead_to(HOME);
            Notice::ProfileSaved.keep(response.headers_mut(), state.site.cookies);
            response
        }
        Err(refusal) => {
            let sign_in = sign_in_for(&refusal, PROFILE);
            sign_in.unwrap_or_else(|| Fault::from(refusal).into_response())
        }
    };
    account.answer(&state, response)
}

/// What the form asks for, or the field that cannot be taken.
fn change([first_name, last_name, email]: [&str; 3]) -> Result<ProfileChange, &'static str> {
    Ok(ProfileChange {
        first_name: Some(parse_name(first_name).ok_or("first_name")?),
        last_name: Some(parse_name(last_name).ok_or("last_name")?),
        // Of what nobody sees there is no address.
        email: match parse_name(email).as_deref() {
            Some("") => EmailChange::Remove,
            _ => EmailChange::Set(parse_email(email).ok_or("email")?),
        },
    })
}

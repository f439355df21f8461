//! Logging in with a password. Every wrong pair of number and password is answered alike.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use domain::password::{Password, PasswordError};
use flows::password::{self, Credentials};
use flows::refusal::Input;
use flows::{CountedUseCase, Refusal, RefusalCode};
use http::{HeaderMap, StatusCode};
use web::UserAgent;

use crate::applications::{WhoAsks, who_asks};
use crate::form::{Form, Standing};
use crate::frame::{Frame, lead_to, page, page_of_refusal, page_of_trouble};
use crate::home::Notice;
use crate::login::{Asked, SHOWN_CHARS, with_next};
use crate::member::Membership;
use crate::number::typed;
use crate::pages::{HOME, LOG_IN, RESET};
use crate::pending::PendingSignIn;
use crate::state::{Look, PagesState};
use crate::trouble::Trouble;
use crate::verify::entered;
use crate::visitor::{CallerOf, Visitor};
use web::OwnPath;

/// The page with number and password.
#[derive(Template)]
#[template(path = "password_log_in.html")]
pub(crate) struct PasswordLogInPage {
    pub(crate) frame: Frame,
    pub(crate) number: String,
    pub(crate) next: Option<OwnPath>,
    pub(crate) again: bool,
    pub(crate) trouble: Option<Trouble>,
    /// The field that is wrong.
    pub(crate) wrong: &'static str,
    pub(crate) to_code: String,
    pub(crate) to_reset: &'static str,
}

impl PasswordLogInPage {
    pub(crate) fn new(look: &Look, visitor: &Visitor, number: &str, next: Option<OwnPath>) -> Self {
        Self {
            frame: Frame::new(look, visitor, visitor.words.account.password.log_in_title),
            number: number.chars().take(SHOWN_CHARS).collect(),
            to_code: with_next(LOG_IN, next.as_ref()),
            to_reset: RESET,
            next,
            again: false,
            trouble: None,
            wrong: "",
        }
    }

    pub(crate) fn refused(mut self, refusal: &Refusal, visitor: &Visitor) -> Self {
        self.wrong = match refusal.details.input {
            Some(Input::PhoneNumber) => "phone",
            Some(_) => "password",
            None => "",
        };
        self.with_trouble(of_password(refusal, visitor))
    }

    fn with_trouble(mut self, trouble: Trouble) -> Self {
        self.frame = self.frame.of_error();
        self.trouble = Some(trouble);
        self
    }

    fn without_cookie(mut self, standing: Standing, visitor: &Visitor) -> Self {
        self.again = true;
        let trouble = Trouble::of_standing(standing, visitor.words);
        self.with_trouble(trouble)
    }
}

/// A refusal that may be about a password, as people read it on a page.
pub(crate) fn of_password(refusal: &Refusal, visitor: &Visitor) -> Trouble {
    let words = &visitor.words.account.password;
    if refusal.code == RefusalCode::InputMissing {
        return Trouble::of(match refusal.details.input {
            Some(Input::NewPassword) => words.new_missing,
            _ => words.missing,
        });
    }
    let wait = refusal.details.retry_after;
    Trouble::of_refusal(refusal.code, wait, None, visitor.words, visitor.request_id)
}

/// What was typed as a password; `input` tells which one it is.
pub(crate) fn typed_password(text: &str, input: Input) -> Result<Password, Refusal> {
    Password::parse(text).map_err(|error| {
        let mut refusal = Refusal::from(match error {
            PasswordError::Empty => RefusalCode::InputMissing,
            PasswordError::TooLong => RefusalCode::PasswordTooLong,
        });
        refusal.details.input = Some(input);
        refusal
    })
}

/// `GET /accounts/login/password/`
pub(crate) async fn show(
    State(state): State<PagesState>,
    visitor: Visitor,
    membership: Membership,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let pending = PendingSignIn::read(&headers, state.site.cookies, &state.seal);
    let next = Asked::next(asked);
    if membership.member.is_some() {
        let path = next.as_ref().map_or(HOME, OwnPath::as_str);
        return membership.with_cookies(&state.site, lead_to(path));
    }
    let number = pending.as_ref().map(|pending| typed(&pending.phone));
    let next = next.or_else(|| pending.and_then(|pending| pending.next));
    let number = number.unwrap_or_default();
    let asks = who_asks(&state, &headers, next.as_ref(), visitor.words).await;
    let mut shown = PasswordLogInPage::new(&state.look, &visitor, &number, next);
    shown.frame.asks.clone_from(&asks);
    let response = page(&state, &visitor, StatusCode::OK, &shown);
    let response = WhoAsks::allow(asks.as_ref(), response);
    membership.with_cookies(&state.site, response)
}

/// `POST /accounts/login/password/`
pub(crate) async fn log_in(
    State(state): State<PagesState>,
    visitor: Visitor,
    CallerOf(caller): CallerOf,
    UserAgent(agent): UserAgent,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let (number, next) = (form.text("phone"), OwnPath::parse(form.text("next")));
    let asks = who_asks(&state, &headers, next.as_ref(), visitor.words).await;
    let shown = || {
        let mut shown = PasswordLogInPage::new(&state.look, &visitor, number, next.clone());
        shown.frame.asks.clone_from(&asks);
        shown
    };
    if form.standing != Standing::Good {
        let again = shown().without_cookie(form.standing, &visitor);
        let (status, code) = (StatusCode::FORBIDDEN, form.standing.code());
        let response = page_of_trouble(&state, &visitor, status, code, &again);
        return WhoAsks::allow(asks.as_ref(), response);
    }
    let logged_in = async {
        let password = typed_password(form.text("password"), Input::CurrentPassword);
        let unreadable = |_: &_| state.flows.metrics.unreadable(CountedUseCase::LoggingIn);
        let credentials = Credentials {
            phone_number: number.to_owned(),
            password: password.inspect_err(unreadable)?,
        };
        let device = caller.device(None, agent);
        password::log_in(&state.flows, caller, credentials, device).await
    };
    match logged_in.await {
        Ok(signed_in) => entered(&state, &signed_in, next.as_ref(), Some(Notice::Known)),
        Err(refusal) => {
            let refused = shown().refused(&refusal, &visitor);
            let response = page_of_refusal(&state, &visitor, &refusal, &refused);
            WhoAsks::allow(asks.as_ref(), response)
        }
    }
}

//! Where the number is asked for: to sign in, and to sign up. Both send a code to any number and
//! answer alike; only the right code tells whether there was an account.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use domain::challenge::Channel;
use flows::otp::{self, CodeRequest, CodeSent};
use flows::{Caller, Refusal, RefusalCode};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use web::AnsweredCode;

use crate::form::{Form, Standing};
use crate::frame::{Frame, lead_to, page, retry_after};
use crate::member::Membership;
use crate::number::typed;
use crate::own_path::OwnPath;
use crate::pages::{HOME, LOG_IN, SIGN_UP, VERIFY};
use crate::pending::{Intent, PendingSignIn};
use crate::state::{Look, PagesState};
use crate::trouble::{self, Trouble};
use crate::visitor::{CallerOf, Visitor};
use crate::words::around;

/// A number of nobody, to show how one looks.
const EXAMPLE: &str = "0912 345 6789";
/// What was typed is shown again up to here.
const SHOWN_CHARS: usize = 40;

/// The page with the field for the number.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LogInPage {
    pub(crate) frame: Frame,
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) action: &'static str,
    /// The question that leads to the other page, its answer and its address.
    pub(crate) other: (&'static str, &'static str, String),
    pub(crate) number: String,
    pub(crate) hint: (String, String),
    pub(crate) example: &'static str,
    pub(crate) next: Option<OwnPath>,
    /// The form came back once already for the lack of a cookie.
    pub(crate) again: bool,
    pub(crate) trouble: Option<Trouble>,
}

impl LogInPage {
    pub(crate) fn new(
        look: &Look,
        visitor: &Visitor,
        intent: Intent,
        number: &str,
        next: Option<OwnPath>,
    ) -> Self {
        let words = &visitor.words.sign_in;
        let (title, lead, action, other) = match intent {
            Intent::LogIn => (words.title, words.lead, LOG_IN, (words.to_sign_up, SIGN_UP)),
            Intent::SignUp => {
                let other = (words.to_sign_in, LOG_IN);
                (words.sign_up_title, words.sign_up_lead, SIGN_UP, other)
            }
        };
        let ((question, answer), path) = other;
        Self {
            frame: Frame::new(look, visitor, title),
            title,
            lead,
            action,
            other: (question, answer, with_next(path, next.as_ref())),
            number: number.chars().take(SHOWN_CHARS).collect(),
            hint: around(words.number_hint, "{number}"),
            example: EXAMPLE,
            next,
            again: false,
            trouble: None,
        }
    }

    /// Whether the trouble is with the number itself.
    fn field_wrong(&self) -> bool {
        self.trouble
            .as_ref()
            .is_some_and(|trouble| trouble.of_field)
    }

    /// The same with what went wrong.
    pub(crate) fn with_trouble(mut self, trouble: Trouble) -> Self {
        self.frame = self.frame.of_error();
        self.trouble = Some(trouble);
        self
    }

    /// The same after a refusal.
    pub(crate) fn refused(self, refusal: &Refusal, visitor: &Visitor) -> Self {
        let trouble = Trouble::of_refusal(
            refusal.code,
            refusal.details.retry_after,
            None,
            visitor.words,
            visitor.request_id,
        );
        self.with_trouble(match refusal.details.input {
            Some(_) => trouble.with_field(),
            None => trouble,
        })
    }

    /// The same for a form that came without its cookie.
    pub(crate) fn without_cookie(mut self, standing: Standing, visitor: &Visitor) -> Self {
        let faults = &visitor.words.faults;
        self.again = true;
        let trouble = match standing {
            Standing::CookiesOff => faults.cookies_off,
            Standing::Good | Standing::TooOld => faults.too_old,
        };
        self.with_trouble(Trouble::of(trouble))
    }
}

/// A path with where to go afterwards.
pub(crate) fn with_next(path: &str, next: Option<&OwnPath>) -> String {
    let Some(next) = next else {
        return path.to_owned();
    };
    let next: String = url::form_urlencoded::byte_serialize(next.as_str().as_bytes()).collect();
    format!("{path}?next={next}")
}

/// What the address may say.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    next: String,
}

/// `GET /accounts/login/`
pub(crate) async fn log_in(
    state: State<PagesState>,
    visitor: Visitor,
    membership: Membership,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Response {
    show(
        &state,
        &visitor,
        &membership,
        asked,
        &headers,
        Intent::LogIn,
    )
}

/// `GET /accounts/signup/`
pub(crate) async fn sign_up(
    state: State<PagesState>,
    visitor: Visitor,
    membership: Membership,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Response {
    show(
        &state,
        &visitor,
        &membership,
        asked,
        &headers,
        Intent::SignUp,
    )
}

fn show(
    state: &PagesState,
    visitor: &Visitor,
    membership: &Membership,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
    headers: &HeaderMap,
    intent: Intent,
) -> Response {
    let next = asked
        .ok()
        .and_then(|Query(asked)| OwnPath::parse(&asked.next));
    if membership.member.is_some() {
        let path = next.as_ref().map_or(HOME, OwnPath::as_str);
        return membership.with_cookies(&state.site, lead_to(path));
    }
    // Who comes back to change the number finds it there.
    let pending = PendingSignIn::read(headers, state.site.cookies, &state.seal);
    let number = pending.as_ref().map(|pending| typed(&pending.phone));
    let next = next.or_else(|| pending.and_then(|pending| pending.next));
    let shown = LogInPage::new(
        &state.look,
        visitor,
        intent,
        &number.unwrap_or_default(),
        next,
    );
    let response = page(state, visitor, StatusCode::OK, &shown);
    membership.with_cookies(&state.site, response)
}

/// `POST /accounts/login/`
pub(crate) async fn send_log_in(
    state: State<PagesState>,
    visitor: Visitor,
    caller: CallerOf,
    headers: HeaderMap,
    form: Form,
) -> Response {
    send(&state, &visitor, caller.0, &headers, &form, Intent::LogIn).await
}

/// `POST /accounts/signup/`
pub(crate) async fn send_sign_up(
    state: State<PagesState>,
    visitor: Visitor,
    caller: CallerOf,
    headers: HeaderMap,
    form: Form,
) -> Response {
    send(&state, &visitor, caller.0, &headers, &form, Intent::SignUp).await
}

async fn send(
    state: &PagesState,
    visitor: &Visitor,
    caller: Caller,
    headers: &HeaderMap,
    form: &Form,
    intent: Intent,
) -> Response {
    let number = form.text("phone");
    let next = OwnPath::parse(form.text("next"));
    let shown = || LogInPage::new(&state.look, visitor, intent, number, next.clone());
    if form.standing != Standing::Good {
        let again = shown().without_cookie(form.standing, visitor);
        let mut response = page(state, visitor, StatusCode::FORBIDDEN, &again);
        let code = match form.standing {
            Standing::CookiesOff => "cookies_off",
            Standing::Good | Standing::TooOld => "form_too_old",
        };
        response.extensions_mut().insert(AnsweredCode(code));
        return response;
    }
    let pending = PendingSignIn::read(headers, state.site.cookies, &state.seal);
    match ask(state, caller, number, pending).await {
        Ok(sent) => {
            let pending =
                PendingSignIn::after(&sent, Channel::Sms, intent, next.clone(), &state.flows);
            let mut response = lead_to(VERIFY);
            pending.keep(
                response.headers_mut(),
                state.site.cookies,
                &state.seal,
                &state.flows,
            );
            response
        }
        Err(refusal) => {
            let refused = shown().refused(&refusal, visitor);
            let mut response = page(state, visitor, trouble::status(&refusal), &refused);
            response
                .extensions_mut()
                .insert(AnsweredCode(refusal.code.as_str()));
            retry_after(response, refusal.details.retry_after)
        }
    }
}

/// Who gives the same number once more, after Back or in a second tab, gets the same code once more.
async fn ask(
    state: &PagesState,
    caller: Caller,
    number: &str,
    pending: Option<PendingSignIn>,
) -> Result<CodeSent, Refusal> {
    let request = |session| CodeRequest {
        phone_number: Some(number.to_owned()),
        session,
        ..CodeRequest::default()
    };
    if let Some(pending) = pending {
        let again = otp::request_code(&state.flows, caller, request(Some(pending.session))).await;
        match again {
            Err(refusal)
                if matches!(
                    refusal.code,
                    RefusalCode::PhoneMismatch | RefusalCode::SessionUnknown
                ) => {}
            answered => return answered,
        }
    }
    otp::request_code(&state.flows, caller, request(None)).await
}

//! Where the number is asked for: to sign in, and to sign up. Both send a code to any number and
//! answer alike; only the right code tells whether there was an account.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use domain::challenge::Channel;
use flows::{Caller, Refusal};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::applications::{WhoAsks, who_asks};
use crate::asking::ask_for_number;
use crate::form::{Form, Standing};
use crate::frame::{Frame, lead_to, page, page_of_refusal, page_of_trouble, ready_page};
use crate::member::Membership;
use crate::number::typed;
use crate::pages::{HOME, LOG_IN, LOG_IN_BY_PASSWORD, PASSWORD, PHONE, RESET, SIGN_UP};
use crate::pending::{Intent, PendingSignIn};
use crate::state::{Look, PagesState};
use crate::trouble::Trouble;
use crate::visitor::{CallerOf, Visitor};
use crate::words::around;
use web::OwnPath;

/// A number of nobody, to show how one looks.
const EXAMPLE: &str = "0912 345 6789";
/// What was typed is shown again up to here.
pub(crate) const SHOWN_CHARS: usize = 40;

/// The page with the field for the number.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LogInPage {
    pub(crate) frame: Frame,
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) action: &'static str,
    pub(crate) label: &'static str,
    /// Questions that lead to other pages, their answers and addresses.
    pub(crate) others: Vec<(&'static str, &'static str, String)>,
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
        let (words, account) = (&visitor.words.sign_in, visitor.words.account);
        let password = &account.password;
        let (title, lead, action) = match intent {
            Intent::LogIn | Intent::Confirm => (words.title, words.lead, LOG_IN),
            Intent::SignUp if next.as_ref().is_some_and(|next| next.as_str() == PASSWORD) => {
                (words.sign_up_title, password.sign_up_lead, SIGN_UP)
            }
            Intent::SignUp => (words.sign_up_title, words.sign_up_lead, SIGN_UP),
            Intent::Reset => (password.reset_title, password.reset_lead, RESET),
            Intent::ChangePhone => (account.phone.title, account.phone.lead, PHONE),
        };
        let with_next = |path| with_next(path, next.as_ref());
        let others = match intent {
            Intent::LogIn | Intent::Confirm => vec![
                (words.to_sign_up, with_next(SIGN_UP)),
                (password.with_password, with_next(LOG_IN_BY_PASSWORD)),
            ],
            Intent::SignUp => {
                let wanted = OwnPath::parse(PASSWORD);
                let chosen = self::with_next(SIGN_UP, wanted.as_ref());
                let mut others = vec![(words.to_sign_in, with_next(LOG_IN))];
                if next.is_none() {
                    others.push((password.sign_up_with, chosen));
                }
                others
            }
            Intent::Reset => vec![(words.to_sign_in, with_next(LOG_IN_BY_PASSWORD))],
            Intent::ChangePhone => vec![(("", account.to_home), HOME.to_owned())],
        };
        let others = others.into_iter();
        Self {
            frame: Frame::new(look, visitor, title),
            title,
            lead,
            action,
            label: match intent {
                Intent::ChangePhone => account.phone.number,
                _ => words.number,
            },
            others: others.map(|((ask, say), path)| (ask, say, path)).collect(),
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
        self.again = true;
        self.with_trouble(Trouble::of_standing(standing, visitor.words))
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

impl Asked {
    /// Where to go afterwards.
    pub(crate) fn next(asked: Result<Query<Self>, QueryRejection>) -> Option<OwnPath> {
        let Query(asked) = asked.ok()?;
        OwnPath::parse(&asked.next)
    }
}

/// `GET /accounts/login/`
pub(crate) async fn log_in(
    state: State<PagesState>,
    visitor: Visitor,
    membership: Membership,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let asks = asking(&state, &visitor, &headers, &asked).await;
    show(
        &state,
        &visitor,
        &membership,
        asked,
        &headers,
        Intent::LogIn,
        asks.as_ref(),
    )
}

/// `GET /accounts/signup/`
pub(crate) async fn sign_up(
    state: State<PagesState>,
    visitor: Visitor,
    membership: Membership,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let asks = asking(&state, &visitor, &headers, &asked).await;
    show(
        &state,
        &visitor,
        &membership,
        asked,
        &headers,
        Intent::SignUp,
        asks.as_ref(),
    )
}

/// The application that the address leads back to.
async fn asking(
    state: &PagesState,
    visitor: &Visitor,
    headers: &HeaderMap,
    asked: &Result<Query<Asked>, QueryRejection>,
) -> Option<WhoAsks> {
    let named = asked.as_ref().ok();
    let named = named.and_then(|Query(asked)| OwnPath::parse(&asked.next));
    // People who come back to change the number come from the same application.
    let pending = || PendingSignIn::read(headers, state.site.cookies, &state.seal)?.next;
    let next = named.or_else(pending);
    who_asks(state, headers, next.as_ref(), visitor.words).await
}

pub(crate) fn show(
    state: &PagesState,
    visitor: &Visitor,
    membership: &Membership,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: &HeaderMap,
    intent: Intent,
    asks: Option<&WhoAsks>,
) -> Response {
    let next = Asked::next(asked);
    if membership.member.is_some() && intent != Intent::ChangePhone {
        let path = next.as_ref().map_or(HOME, OwnPath::as_str);
        return membership.with_cookies(&state.site, lead_to(path));
    }
    // People who come back to change the number find it there.
    let pending = PendingSignIn::read(headers, state.site.cookies, &state.seal);
    let number = pending.as_ref().map(|pending| typed(&pending.phone));
    let next = next.or_else(|| pending.and_then(|pending| pending.next));
    let hinted = || asks.and_then(|asks| asks.number.clone());
    let number = number.or_else(hinted).unwrap_or_default();
    let drawn = || {
        let mut shown = LogInPage::new(&state.look, visitor, intent, &number, next.clone());
        shown.frame.asks = asks.cloned();
        page(state, visitor, StatusCode::OK, &shown)
    };
    let response = if number.is_empty() && next.is_none() {
        ready_page(state, visitor, drawn)
    } else {
        drawn()
    };
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

pub(crate) async fn send(
    state: &PagesState,
    visitor: &Visitor,
    caller: Caller,
    headers: &HeaderMap,
    form: &Form,
    intent: Intent,
) -> Response {
    let number = form.text("phone");
    let next = OwnPath::parse(form.text("next"));
    let asks = who_asks(state, headers, next.as_ref(), visitor.words).await;
    let shown = || {
        let mut shown = LogInPage::new(&state.look, visitor, intent, number, next.clone());
        shown.frame.asks.clone_from(&asks);
        shown
    };
    if form.standing != Standing::Good {
        let again = shown().without_cookie(form.standing, visitor);
        let (status, code) = (StatusCode::FORBIDDEN, form.standing.code());
        return page_of_trouble(state, visitor, status, code, &again);
    }
    let pending = PendingSignIn::read(headers, state.site.cookies, &state.seal);
    match ask_for_number(state, caller, intent, None, number, pending).await {
        Ok(sent) => {
            let pending =
                PendingSignIn::after(&sent, Channel::Sms, intent, next.clone(), &state.flows);
            let mut response = lead_to(intent.code_page());
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
            page_of_refusal(state, visitor, &refusal, &refused)
        }
    }
}

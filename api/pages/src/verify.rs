//! Where the code is given back. What is wrong with it is kept with the sign-in and told by the page
//! that is led to, so that a reload costs no try.

use axum::extract::State;
use axum::response::Response;
use domain::otp::{OtpCode, OtpCodeError, Purpose};
use domain::typed::ascii_digit;
use flows::otp::{self, Verification};
use flows::sessions::{self, LogOutBy};
use flows::{Refusal, RefusalCode, SignedIn};
use http::{HeaderMap, StatusCode};
use web::{AnsweredCode, PageCookie, PresentedCookies, UserAgent};

use crate::applications::{WhoAsks, who_asks};
use crate::code_page::CodePage;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{lead_to, page};
use crate::home::Notice;
use crate::member::Membership;
use crate::pages::{HOME, LOG_IN, VERIFY};
use crate::pending::{Event, Intent, NoCode, PendingSignIn};
use crate::state::PagesState;
use crate::visitor::{CallerOf, Visitor};
use web::OwnPath;

/// `GET /accounts/verify/`
pub(crate) async fn show(
    State(state): State<PagesState>,
    visitor: Visitor,
    membership: Membership,
    headers: HeaderMap,
) -> Response {
    let pending = PendingSignIn::read(&headers, state.site.cookies, &state.seal);
    let confirms = pending
        .as_ref()
        .is_some_and(|pending| pending.intent == Intent::Confirm);
    if membership.member.is_some() && !confirms {
        // After the sign-in: Back, a bookmark, a second tab.
        let next = pending.as_ref().and_then(|pending| pending.next.as_ref());
        let mut response = lead_to(next.map_or(HOME, OwnPath::as_str));
        if let Some(pending) = &pending {
            if pending.intent.purpose() != Purpose::SignIn {
                let code_page = lead_to(pending.intent.code_page());
                return membership.with_cookies(&state.site, code_page);
            }
            state
                .site
                .cookies
                .forget(response.headers_mut(), PageCookie::SignIn);
        }
        return membership.with_cookies(&state.site, response);
    }
    let Some(pending) = pending else {
        return membership.with_cookies(&state.site, lead_to(LOG_IN));
    };
    if pending.intent.purpose() != Purpose::SignIn {
        let code_page = lead_to(pending.intent.code_page());
        return membership.with_cookies(&state.site, code_page);
    }
    let now = state.flows.clock().now_millis();
    let can_call = otp::can_be_called(&state.flows, visitor.words.locale);
    let mut shown = CodePage::new(&state.look, &visitor, &pending, now, can_call);
    shown.frame.member = membership.number();
    let asks = who_asks(&state, &headers, pending.next.as_ref(), visitor.words).await;
    shown.frame.asks.clone_from(&asks);
    let response = page(&state, &visitor, StatusCode::OK, &shown);
    let response = WhoAsks::allow(asks.as_ref(), response);
    membership.with_cookies(&state.site, response)
}

/// `GET` of what is only sent: the page that sends it.
pub(crate) async fn back() -> Response {
    lead_to(VERIFY)
}

/// `POST /accounts/verify/`
pub(crate) async fn check(
    State(state): State<PagesState>,
    CallerOf(caller): CallerOf,
    UserAgent(agent): UserAgent,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Fault> {
    let pending = PendingSignIn::read(&headers, state.site.cookies, &state.seal);
    let Some(mut pending) = pending else {
        // Signed in already, in which case this leads on, or too late.
        form.require_good()?;
        return Ok(lead_to(VERIFY));
    };
    form.require_good()?;
    if pending.intent.purpose() != Purpose::SignIn {
        return Ok(lead_to(pending.intent.code_page()));
    }
    let typed = form.text("code");
    let verification = Verification {
        session: Some(pending.session),
        phone_number: None,
        code: typed.to_owned(),
    };
    let device = caller.device(None, agent);
    match otp::sign_in(&state.flows, caller, verification, device).await {
        Ok(signed_in) => {
            if pending.intent == Intent::Confirm {
                end_session_before(&state, &headers).await;
            }
            Ok(enter(&state, &pending, &signed_in))
        }
        Err(refusal) => {
            pending.note_no_code(&refusal, typed);
            Ok(refused(&state, pending, &refusal))
        }
    }
}

/// A user who proves themselves once more gets a new session in place of the old one.
async fn end_session_before(state: &PagesState, headers: &HeaderMap) {
    let cookies = PresentedCookies::of_own_form(&state.site, headers);
    let by = LogOutBy {
        access_tokens: &cookies.access,
        refresh_tokens: &cookies.refresh,
        all_devices: false,
    };
    if let Err(refusal) = sessions::log_out(&state.flows, by).await {
        tracing::warn!(code = refusal.code.as_str(), "a session before stays open");
    }
}

/// The page of the code, with what was refused.
pub(crate) fn refused(state: &PagesState, pending: PendingSignIn, refusal: &Refusal) -> Response {
    let pending = match pending.event {
        Event::NoCode(_) if refusal.code == RefusalCode::CodeMalformed => pending,
        _ => pending.refused(refusal, &state.flows),
    };
    waiting_on(state, &pending, Some(refusal.code))
}

/// Leads to the page of the code, which tells what happened.
pub(crate) fn waiting_on(
    state: &PagesState,
    pending: &PendingSignIn,
    code: Option<RefusalCode>,
) -> Response {
    let mut response = lead_to(pending.intent.code_page());
    pending.keep(
        response.headers_mut(),
        state.site.cookies,
        &state.seal,
        &state.flows,
    );
    if let Some(code) = code {
        response
            .extensions_mut()
            .insert(AnsweredCode(code.as_str()));
    }
    response
}

impl PendingSignIn {
    /// Remembers what is wrong with a text that is no code at all.
    pub(crate) fn note_no_code(&mut self, refusal: &Refusal, typed: &str) {
        if refusal.code == RefusalCode::CodeMalformed {
            self.event = Event::NoCode(why_no_code(typed, self.digits));
        }
    }
}

/// What is wrong with a text that the parser of codes has refused.
fn why_no_code(typed: &str, digits: u8) -> NoCode {
    if matches!(OtpCode::parse(typed, digits), Err(OtpCodeError::NotDigits)) {
        return NoCode::NotDigits;
    }
    let count = typed.chars().filter(|c| ascii_digit(*c).is_some()).count();
    if count == 0 {
        NoCode::Empty
    } else if count < usize::from(digits) {
        NoCode::TooShort
    } else {
        NoCode::TooLong
    }
}

/// The way in. Nothing that was there before the sign-in is good after it: neither the sign-in under
/// way nor the token of its forms.
pub(crate) fn enter(state: &PagesState, pending: &PendingSignIn, signed_in: &SignedIn) -> Response {
    let notice = match (pending.intent, signed_in.is_new) {
        (Intent::SignUp, true) => Some(Notice::New),
        (Intent::LogIn, true) => Some(Notice::NewUnasked),
        (Intent::LogIn, false) => Some(Notice::Known),
        (Intent::SignUp, false) => Some(Notice::KnownUnasked),
        (Intent::Reset, _) => Some(Notice::PasswordSet),
        (Intent::Confirm | Intent::ChangePhone, _) => None,
    };
    entered(state, signed_in, pending.next.as_ref(), notice)
}

/// Hands over what belongs to a new session and leads on.
pub(crate) fn entered(
    state: &PagesState,
    signed_in: &SignedIn,
    next: Option<&OwnPath>,
    notice: Option<Notice>,
) -> Response {
    let cookies = state.site.cookies;
    let mut response = lead_to(next.map_or(HOME, OwnPath::as_str));
    let headers = response.headers_mut();
    cookies.hand_over(headers, &signed_in.tokens);
    if let Some(device) = &signed_in.device {
        cookies.keep_device(headers, device);
    }
    cookies.forget(headers, PageCookie::SignIn);
    cookies.forget(headers, PageCookie::Form);
    if let Some(notice) = notice {
        notice.keep(headers, cookies);
    }
    response
}

//! Another number: a code goes to the new one, and nothing changes before it comes back.

use axum::extract::State;
use axum::response::Response;
use domain::challenge::Channel;
use flows::Refusal;
use flows::profile::{self, PhoneVerification};
use http::{HeaderMap, StatusCode};
use web::PageCookie;

use crate::account::{Account, AccountForm, sign_in_for};
use crate::asking::ask_for_number;
use crate::code_page::CodePage;
use crate::frame::{lead_to, page, page_of_refusal};
use crate::home::Notice;
use crate::login::LogInPage;
use crate::number::typed;
use crate::pages::{HOME, PHONE};
use crate::pending::{Intent, PendingSignIn};
use crate::state::PagesState;
use crate::verify::refused;
use crate::visitor::{CallerOf, Visitor};

fn pending(state: &PagesState, headers: &HeaderMap) -> Option<PendingSignIn> {
    let pending = PendingSignIn::read(headers, state.site.cookies, &state.seal);
    pending.filter(|pending| pending.intent == Intent::ChangePhone)
}

/// What a refusal leads to, where that is no page of its own.
fn led_on(state: &PagesState, account: &Account, refusal: &Refusal) -> Option<Response> {
    let sign_in = sign_in_for(refusal, PHONE)?;
    Some(account.answer(state, sign_in))
}

/// `GET /users/profile/phone/`
pub(crate) async fn ask(
    State(state): State<PagesState>,
    visitor: Visitor,
    account: Account,
    headers: HeaderMap,
) -> Response {
    // Better before the number is typed than after it.
    if let Err(refusal) = account.member.fresh(&state.flows)
        && let Some(led_on) = led_on(&state, &account, &refusal)
    {
        return led_on;
    }
    let number = pending(&state, &headers).map(|pending| typed(&pending.phone));
    let number = number.unwrap_or_default();
    let mut shown = LogInPage::new(&state.look, &visitor, Intent::ChangePhone, &number, None);
    shown.frame.member = account.number();
    account.answer(&state, page(&state, &visitor, StatusCode::OK, &shown))
}

/// `POST /users/profile/phone/`
pub(crate) async fn send(
    State(state): State<PagesState>,
    visitor: Visitor,
    CallerOf(caller): CallerOf,
    headers: HeaderMap,
    AccountForm { account, form }: AccountForm,
) -> Response {
    let number = form.text("phone");
    let intent = Intent::ChangePhone;
    let before = pending(&state, &headers);
    let member = Some(&account.member);
    let sent = ask_for_number(&state, caller, intent, member, number, before).await;
    let response = match sent {
        Ok(sent) => {
            let pending = PendingSignIn::after(&sent, Channel::Sms, intent, None, &state.flows);
            crate::verify::waiting_on(&state, &pending, None)
        }
        Err(refusal) => {
            if let Some(led_on) = led_on(&state, &account, &refusal) {
                return led_on;
            }
            let mut shown = LogInPage::new(&state.look, &visitor, intent, number, None)
                .refused(&refusal, &visitor);
            shown.frame.member = account.number();
            page_of_refusal(&state, &visitor, &refusal, &shown)
        }
    };
    account.answer(&state, response)
}

/// `GET /users/profile/phone/verify/`
pub(crate) async fn show(
    State(state): State<PagesState>,
    visitor: Visitor,
    account: Account,
    headers: HeaderMap,
) -> Response {
    let response = match pending(&state, &headers) {
        Some(pending) => {
            let now = state.flows.clock().now_millis();
            let mut shown = CodePage::new(&state.look, &visitor, &pending, now, false);
            shown.frame.member = account.number();
            page(&state, &visitor, StatusCode::OK, &shown)
        }
        // After it was done: Back, a bookmark, a second tab.
        None => lead_to(HOME),
    };
    account.answer(&state, response)
}

/// `POST /users/profile/phone/verify/`
pub(crate) async fn check(
    State(state): State<PagesState>,
    CallerOf(caller): CallerOf,
    headers: HeaderMap,
    AccountForm { account, form }: AccountForm,
) -> Response {
    let Some(mut pending) = pending(&state, &headers) else {
        return account.answer(&state, lead_to(HOME));
    };
    let code = form.text("code");
    let changed = async {
        let owner = account.member.fresh(&state.flows)?;
        let verification = PhoneVerification {
            session: pending.session,
            code: code.to_owned(),
        };
        profile::change_phone(&state.flows, caller, owner, verification).await
    };
    let response = match changed.await {
        Ok(_user) => {
            let mut response = lead_to(HOME);
            let cookies = state.site.cookies;
            cookies.forget(response.headers_mut(), PageCookie::SignIn);
            Notice::PhoneChanged.keep(response.headers_mut(), cookies);
            response
        }
        Err(refusal) => {
            if let Some(led_on) = led_on(&state, &account, &refusal) {
                return led_on;
            }
            pending.note_no_code(&refusal, code);
            refused(&state, pending, &refusal)
        }
    };
    account.answer(&state, response)
}

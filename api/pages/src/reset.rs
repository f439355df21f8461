//! A new password by a code, for anyone who forgot the old one.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use flows::password::{self, NEW_PASSWORD_REFUSALS, Reset};
use flows::refusal::Input;
use http::{HeaderMap, StatusCode};
use web::UserAgent;

use crate::code_page::CodePage;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{lead_to, page, page_of_refusal};
use crate::login::{self, Asked};
use crate::member::Membership;
use crate::pages::{HOME, RESET};
use crate::password_log_in::{of_password, typed_password};
use crate::pending::{Intent, PendingSignIn};
use crate::state::PagesState;
use crate::verify::{enter, refused};
use crate::visitor::{CallerOf, Visitor};

/// `GET /accounts/password/reset/`
pub(crate) async fn ask(
    state: State<PagesState>,
    visitor: Visitor,
    membership: Membership,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let intent = Intent::Reset;
    login::show(&state, &visitor, &membership, asked, &headers, intent, None)
}

/// `POST /accounts/password/reset/`
pub(crate) async fn send(
    state: State<PagesState>,
    visitor: Visitor,
    caller: CallerOf,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let intent = Intent::Reset;
    login::send(&state, &visitor, caller.0, &headers, &form, intent).await
}

fn pending(state: &PagesState, headers: &HeaderMap) -> Option<PendingSignIn> {
    let pending = PendingSignIn::read(headers, state.site.cookies, &state.seal);
    pending.filter(|pending| pending.intent == Intent::Reset)
}

/// `GET /accounts/password/reset/verify/`
pub(crate) async fn show(
    State(state): State<PagesState>,
    visitor: Visitor,
    membership: Membership,
    headers: HeaderMap,
) -> Response {
    let response = match pending(&state, &headers) {
        Some(pending) => {
            let now = state.flows.clock().now_millis();
            let shown = CodePage::new(&state.look, &visitor, &pending, now, false);
            page(&state, &visitor, StatusCode::OK, &shown)
        }
        // After it was done: Back, a bookmark, a second tab.
        None if membership.member.is_some() => lead_to(HOME),
        None => lead_to(RESET),
    };
    membership.with_cookies(&state.site, response)
}

/// `POST /accounts/password/reset/verify/`
pub(crate) async fn check(
    State(state): State<PagesState>,
    visitor: Visitor,
    CallerOf(caller): CallerOf,
    UserAgent(agent): UserAgent,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Fault> {
    form.require_good()?;
    let Some(mut pending) = pending(&state, &headers) else {
        return Ok(lead_to(RESET));
    };
    let code = form.text("code");
    let reset = async {
        let wanted = Reset {
            session: pending.session,
            code: code.to_owned(),
            new_password: typed_password(form.text("new_password"), Input::NewPassword)?,
        };
        let device = caller.device(None, agent);
        password::reset_password(&state.flows, caller, wanted, device).await
    };
    match reset.await {
        Ok(signed_in) => Ok(enter(&state, &pending, &signed_in)),
        // It costs no try, so a reload does no harm.
        Err(refusal) if NEW_PASSWORD_REFUSALS.contains(&refusal.code) => {
            let now = state.flows.clock().now_millis();
            let shown = CodePage::new(&state.look, &visitor, &pending, now, false)
                .with_poor_password(of_password(&refusal, &visitor), code);
            Ok(page_of_refusal(&state, &visitor, &refusal, &shown))
        }
        Err(refusal) => {
            pending.note_no_code(&refusal, code);
            Ok(refused(&state, pending, &refusal))
        }
    }
}

//! Leaving: a page that asks, for anyone who came by a link, and the form that does it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use flows::Flows;
use flows::sessions::{self, LogOutBy};
use http::{HeaderMap, StatusCode};
use web::{PageCookie, PresentedCookies, Site};

use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, lead_to, page};
use crate::home::Notice;
use crate::member::Membership;
use crate::number::spaced;
use crate::pages::{HOME, LOG_OUT};
use crate::state::{Look, PagesState};
use crate::visitor::Visitor;

/// The page that asks.
#[derive(Template)]
#[template(path = "log_out.html")]
pub(crate) struct LogOutPage {
    pub(crate) frame: Frame,
    /// Where its form goes.
    pub(crate) action: String,
}

impl LogOutPage {
    pub(crate) fn new(look: &Look, visitor: &Visitor, number: Option<String>) -> Self {
        let mut frame = Frame::new(look, visitor, visitor.words.log_out.title);
        frame.member = number;
        let action = LOG_OUT.to_owned();
        Self { frame, action }
    }
}

/// `GET /accounts/logout/`
pub(crate) async fn ask(
    State(state): State<PagesState>,
    visitor: Visitor,
    membership: Membership,
) -> Response {
    let Some(member) = &membership.member else {
        return membership.with_cookies(&state.site, lead_to(HOME));
    };
    let number = member.user.phone.as_ref().map(spaced);
    let asked = LogOutPage::new(&state.look, &visitor, number);
    let response = page(&state, &visitor, StatusCode::OK, &asked);
    membership.with_cookies(&state.site, response)
}

/// `POST /accounts/logout/`
pub(crate) async fn log_out(
    State(flows): State<Arc<Flows>>,
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Fault> {
    form.require_good()?;
    let cookies = PresentedCookies::of_own_form(&site, &headers);
    let by = LogOutBy {
        access_tokens: &cookies.access,
        refresh_tokens: &cookies.refresh,
        all_devices: false,
    };
    sessions::log_out(&flows, by).await?;
    let mut response = lead_to(HOME);
    let answer = response.headers_mut();
    site.cookies.take_back(answer);
    site.cookies.forget(answer, PageCookie::SignIn);
    Notice::LoggedOut.keep(answer, site.cookies);
    Ok(response)
}

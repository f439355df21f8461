//! Signing in: number and password, or a link; then a second factor, which the first sign-in sets up.

mod factor;
mod first;
mod link;
mod prove;
mod set_up;

pub(crate) use factor::{check as check_factor, show as show_factor};
pub(crate) use first::{check, show};
pub(crate) use link::{show as show_link, take as take_link};
pub(crate) use prove::{check as prove, show as show_prove};
pub(crate) use set_up::{check as check_set_up, show as show_set_up};

use axum::response::Response;
use domain::staff::StaffToken;
use flows::staff::{Deed, FactorRefused, KnownStaff};
use http::{HeaderMap, StatusCode};
use web::PageCookie;

use super::pending::Pending;
use super::{FACTOR, SET_UP, SIGN_IN};
use crate::console::Console;
use crate::fault::{Fault, refusal_texts, status_of};
use crate::frame::lead_to;
use crate::times;
use crate::visitor::Visitor;
use web::OwnPath;

/// Leads on to the second factor, after the first one was right.
fn go_on(console: &Console, known: KnownStaff, next: Option<&OwnPath>) -> Response {
    let secret = (!known.has_factor).then(|| flows::staff::new_secret(&console.desk));
    let pending = Pending::new(console, known.user, secret.as_ref(), next);
    let mut response = lead_to(if known.has_factor { FACTOR } else { SET_UP });
    pending.keep(console, response.headers_mut());
    response
}

/// The sign-in under way, and what the audit log will hold of the person.
async fn under_way(
    console: &Console,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Result<(Pending, KnownStaff, Deed), Fault> {
    let over = || Fault::SignIn("/".to_owned());
    let pending = Pending::read(console, headers).ok_or_else(over)?;
    let known = flows::staff::known(&console.desk, pending.user).await?;
    let known = known.ok_or_else(over)?;
    let deed = Deed {
        actor: known.user,
        role: known.role,
        reason: None,
        address: Some(visitor.ip()),
        request_id: visitor.request_id,
    };
    Ok((pending, known, deed))
}

/// Hands a new session to the browser, which forgets what came before it.
fn hand_over(console: &Console, response: &mut Response, token: &StaffToken) {
    let cookies = console.site.cookies;
    let headers = response.headers_mut();
    cookies.keep(headers, PageCookie::StaffSession, &token.expose(), None);
    cookies.forget(headers, PageCookie::StaffSignIn);
    cookies.forget(headers, PageCookie::StaffForm);
}

/// What went wrong with a factor, in words, and the status of the page that says so.
fn told(
    console: &Console,
    visitor: &Visitor,
    refused: &FactorRefused,
) -> Result<(StatusCode, String, String), Fault> {
    let words = visitor.words.staff;
    let (status, (title, detail)) = match refused {
        FactorRefused::Wrong => (StatusCode::FORBIDDEN, words.factor_wrong),
        FactorRefused::Locked(until) => {
            let (title, detail) = words.factor_locked;
            let until = times::moment(*until, console.now(), visitor.words);
            let detail = detail.replace("{time}", &until);
            return Ok((StatusCode::TOO_MANY_REQUESTS, title.to_owned(), detail));
        }
        FactorRefused::Unreadable => (StatusCode::CONFLICT, words.factor_unreadable),
        FactorRefused::Over => return Err(Fault::SignIn("/".to_owned())),
        FactorRefused::Refused(refusal) => {
            let (title, detail) = refusal_texts(refusal, visitor.words, visitor.request_id);
            return Ok((status_of(refusal), title, detail));
        }
    };
    Ok((status, title.to_owned(), detail.to_owned()))
}

/// Where to go after the sign-in.
fn next_of(text: &str) -> Option<OwnPath> {
    OwnPath::parse(text).filter(|next| !next.as_str().starts_with(SIGN_IN))
}

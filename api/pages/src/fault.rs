//! What is wrong with a request, as a page. Handlers give a [`Fault`]; the layer around the pages
//! writes it, because only there it is known in which language.

use std::panic::AssertUnwindSafe;

use askama::Template;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flows::{Refusal, RefusalCode};
use futures::FutureExt as _;
use http::header::{ACCEPT, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use uuid::Uuid;
use web::{AnsweredCode, MissingFromRouter};

use crate::frame::{Frame, page, retry_after};
use crate::pages::HOME;
use crate::state::{Look, PagesState};
use crate::trouble::{self, Trouble};
use crate::visitor::Visitor;
use crate::words::Words;

/// Why there is no page.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    NotFound,
    Method,
    CrossSite,
    Unreadable,
    TooOld,
    CookiesOff,
    /// The application that led somebody here is set up wrongly.
    Application,
    /// What an application has asked for is answered or over.
    Lapsed,
    Refused(Refusal),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<MissingFromRouter> for Fault {
    fn from(MissingFromRouter: MissingFromRouter) -> Self {
        Self::Refused(RefusalCode::Internal.into())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl Fault {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::CrossSite | Self::TooOld | Self::CookiesOff => StatusCode::FORBIDDEN,
            Self::Unreadable | Self::Application => StatusCode::BAD_REQUEST,
            Self::Lapsed => StatusCode::GONE,
            Self::Refused(refusal) => trouble::status(refusal),
        }
    }

    /// For the log line of the request.
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Method => "method_not_allowed",
            Self::CrossSite => "cross_site_request",
            Self::Unreadable => "form_unreadable",
            Self::TooOld => "form_too_old",
            Self::CookiesOff => "cookies_off",
            Self::Application => "application_misconfigured",
            Self::Lapsed => "application_request_lapsed",
            Self::Refused(refusal) => refusal.code.as_str(),
        }
    }

    fn trouble(&self, words: &'static Words, request: Uuid) -> Trouble {
        let faults = &words.faults;
        match self {
            Self::NotFound => Trouble::of(faults.not_found),
            Self::Method => Trouble::of(faults.method),
            Self::CrossSite => Trouble::of(faults.cross_site),
            Self::Unreadable => Trouble::of(faults.unreadable),
            Self::TooOld => Trouble::of(faults.too_old),
            Self::CookiesOff => Trouble::of(faults.cookies_off),
            Self::Application => Trouble::of(faults.application),
            Self::Lapsed => Trouble::of(faults.lapsed),
            Self::Refused(refusal) if refusal.code == RefusalCode::Internal => {
                Trouble::of(faults.internal)
            }
            Self::Refused(refusal) => {
                let wait = refusal.details.retry_after;
                Trouble::of_refusal(refusal.code, wait, None, words, request)
            }
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Refused(refusal) => refusal.details.retry_after,
            _ => None,
        }
    }
}

/// A page about what is wrong.
#[derive(Template)]
#[template(path = "fault.html")]
pub(crate) struct FaultPage {
    pub(crate) frame: Frame,
    pub(crate) trouble: Trouble,
    /// What support asks for, where the fault is ours.
    pub(crate) reference: Option<String>,
    /// Whether the same page may be there in a moment.
    pub(crate) again: bool,
}

impl FaultPage {
    pub(crate) fn new(look: &Look, visitor: &Visitor, fault: &Fault) -> Self {
        let trouble = fault.trouble(visitor.words, visitor.request_id);
        let internal = fault.status() == StatusCode::INTERNAL_SERVER_ERROR
            || matches!(fault, Fault::Application);
        let mut frame = Frame::new(look, visitor, &trouble.title).of_error();
        if matches!(fault, Fault::Application) {
            // What is wrong with the address is no business of the page, nor a number in it.
            HOME.clone_into(&mut frame.path);
        }
        Self {
            frame,
            trouble,
            reference: internal.then(|| visitor.request_id.to_string()),
            again: fault.status().is_server_error(),
        }
    }
}

/// Around every page: a fault becomes one, and so does a panic.
pub(crate) async fn around_page(
    State(state): State<PagesState>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = match Visitor::from_request_parts(&mut parts, &state).await {
        Ok(visitor) => visitor,
        Err(missing) => return missing.into_response(),
    };
    // One token for the page and for whatever goes wrong with it.
    parts.extensions.insert(visitor.clone());
    let running = next.run(Request::from_parts(parts, body));
    let mut response = AssertUnwindSafe(running)
        .catch_unwind()
        .await
        .unwrap_or_else(|_panic| Fault::Refused(RefusalCode::Internal.into()).into_response());
    let Some(fault) = response.extensions_mut().remove::<Fault>() else {
        return response;
    };
    let written = FaultPage::new(&state.look, &visitor, &fault);
    let mut written = page(&state, &visitor, fault.status(), &written);
    if let Some(allow) = response.headers_mut().remove(http::header::ALLOW) {
        written.headers_mut().insert(http::header::ALLOW, allow);
    }
    // New tokens that were made on the way are the browser's, whatever went wrong after them.
    for cookie in response.headers().get_all(SET_COOKIE) {
        written.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    written.extensions_mut().insert(AnsweredCode(fault.code()));
    retry_after(written, fault.retry_after())
}

/// What stands at no path at all: a page for people, also where they send a form that is no longer there;
/// nothing for programs, which the JSON face answers.
pub(crate) async fn nothing_here(uri: http::Uri, headers: HeaderMap) -> Response {
    let accepted = headers.get_all(ACCEPT).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    let for_people =
        !uri.path().starts_with("/api/") && accepted.any(|value| value.contains("text/html"));
    if for_people {
        return Fault::NotFound.into_response();
    }
    StatusCode::NOT_FOUND.into_response()
}

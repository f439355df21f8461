//! What is wrong with a request, as a page. Handlers give a [`Fault`]; the layer around the pages writes it, because
//! only there it is known in which language.

use std::panic::AssertUnwindSafe;

use askama::Template;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::staff::Role;
use flows::refusal::{Case, RefusalKind};
use flows::{Refusal, RefusalCode};
use futures::FutureExt as _;
use http::header::{ALLOW, RETRY_AFTER, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use uuid::Uuid;
use web::{AnsweredCode, MissingFromRouter};

use crate::console::Console;
use crate::frame::{Frame, lead_to, page};
use crate::staff::{self, Staff};
use crate::visitor::Visitor;
use crate::words::Words;

/// Why there is no page.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    NotFound,
    Method,
    CrossSite,
    Unreadable,
    /// The token of a form is not that of the session.
    TooOld,
    /// A form has no reason, or too long a one.
    Reason,
    /// Nobody is signed in; after that here.
    SignIn(String),
    /// A second factor is needed once more; after that here.
    Prove(String),
    /// It needs this role.
    NotAllowed(Role),
    Refused(Refusal),
    /// What only the console refuses: the status, the name for the log line, and where its texts are.
    Told(
        StatusCode,
        &'static str,
        fn(&'static Words) -> (&'static str, &'static str),
    ),
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
            Self::CrossSite | Self::TooOld | Self::NotAllowed(_) => StatusCode::FORBIDDEN,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::Reason => StatusCode::UNPROCESSABLE_ENTITY,
            Self::SignIn(_) | Self::Prove(_) => StatusCode::SEE_OTHER,
            Self::Refused(refusal) => status_of(refusal),
            Self::Told(status, ..) => *status,
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
            Self::Reason => "reason_missing",
            Self::SignIn(_) => "unauthenticated",
            Self::Prove(_) => "factor_not_fresh",
            Self::NotAllowed(_) => "role_missing",
            Self::Refused(refusal) => refusal.code.as_str(),
            Self::Told(_, code, _) => code,
        }
    }

    fn texts(&self, words: &'static Words, request: Uuid) -> (String, String) {
        let faults = words.faults;
        let (title, detail) = match self {
            Self::NotFound => faults.not_found,
            Self::Method => faults.method,
            Self::CrossSite => faults.cross_site,
            Self::Unreadable => faults.unreadable,
            Self::TooOld => faults.too_old,
            Self::Reason => faults.reason,
            Self::SignIn(_) | Self::Prove(_) => ("", ""),
            Self::Told(_, _, texts) => texts(words),
            Self::NotAllowed(role) => {
                let (title, detail) = faults.not_allowed;
                let detail = detail.replace("{role}", words.frame.role(*role));
                return (title.to_owned(), detail);
            }
            Self::Refused(refusal) => return refusal_texts(refusal, words, request),
        };
        (title.to_owned(), detail.to_owned())
    }
}

/// What a refusal of a use case says to people.
pub(crate) fn refusal_texts(
    refusal: &Refusal,
    words: &'static Words,
    request: Uuid,
) -> (String, String) {
    let texts = refusal.code.texts(words.locale);
    let request = request.to_string();
    let case = Case {
        wait: refusal.details.retry_after,
        digits: refusal.details.code_length,
        field: None,
        request: &request,
    };
    (texts.title.to_owned(), texts.detail(&case).into_owned())
}

/// The status with which a refusal is shown.
pub(crate) fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal.code.kind() {
        RefusalKind::Unusable => StatusCode::UNPROCESSABLE_ENTITY,
        RefusalKind::Unknown => StatusCode::NOT_FOUND,
        RefusalKind::Conflict => StatusCode::CONFLICT,
        RefusalKind::Forbidden => StatusCode::FORBIDDEN,
        RefusalKind::Gone => StatusCode::GONE,
        RefusalKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        RefusalKind::Limited => StatusCode::TOO_MANY_REQUESTS,
        RefusalKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        RefusalKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A page about what is wrong.
#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage {
    frame: Frame,
    title: String,
    detail: String,
    /// The request, where the fault is ours.
    reference: Option<String>,
}

/// Around every page: a fault becomes one, and so does a panic.
pub(crate) async fn around_page(
    State(console): State<Console>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = match Visitor::from_request_parts(&mut parts, &console).await {
        Ok(visitor) => visitor,
        Err(missing) => return missing.into_response(),
    };
    // One token for the page and for whatever goes wrong with it.
    parts.extensions.insert(visitor.clone());
    let mut for_fault = parts.clone();
    let running = next.run(Request::from_parts(parts, body));
    let mut response = AssertUnwindSafe(running)
        .catch_unwind()
        .await
        .unwrap_or_else(|_panic| Fault::Refused(RefusalCode::Internal.into()).into_response());
    let Some(fault) = response.extensions_mut().remove::<Fault>() else {
        return response;
    };
    let mut written = match &fault {
        Fault::SignIn(next) => lead_to(&staff::sign_in_address(next)),
        Fault::Prove(next) => lead_to(&staff::prove_address(next)),
        fault => {
            let (title, detail) = fault.texts(visitor.words, visitor.request_id);
            let ours = fault.status() == StatusCode::INTERNAL_SERVER_ERROR;
            // Signed-in staff keep the links to everything else.
            let staff = Staff::from_request_parts(&mut for_fault, &console).await;
            let frame = match &staff {
                Ok(staff) => Frame::new(&console, staff, &title),
                Err(_) => Frame::of_visitor(&console, &visitor, &title),
            };
            let template = FaultPage {
                frame,
                title,
                detail,
                reference: ours.then(|| visitor.request_id.to_string()),
            };
            page(&console, &visitor, fault.status(), &template)
        }
    };
    if let Some(allow) = response.headers_mut().remove(ALLOW) {
        written.headers_mut().insert(ALLOW, allow);
    }
    for cookie in response.headers().get_all(SET_COOKIE) {
        written.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    if let Fault::Refused(refusal) = &fault
        && let Some(seconds) = refusal.details.retry_after
    {
        written
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    written.extensions_mut().insert(AnsweredCode(fault.code()));
    written
}

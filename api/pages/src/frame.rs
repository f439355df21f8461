//! What all pages share: the frame around them, and the headers that go with them.

use std::sync::Arc;

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use flows::Refusal;
use http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY,
    RETRY_AFTER, VARY, X_FRAME_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use web::{AnsweredCode, PageCookie};

use crate::applications::WhoAsks;
use crate::assets::Assets;
use crate::brand::{Brand, Foot};
use crate::state::{Look, PagesState};
use crate::trouble;
use crate::visitor::Visitor;
use crate::words::Words;

/// Everything comes from our own host, nothing stands inline, nobody shows a page inside theirs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// The same with one more place that a form may lead to.
pub(crate) fn policy(form_target: &str) -> String {
    let usual = POLICY;
    let usual = usual.to_str().unwrap_or_default();
    usual.replacen(
        "form-action 'self'",
        &format!("form-action 'self' {form_target}"),
        1,
    )
}

/// `no-referrer` would make browsers send forms with `Origin: null`.
const REFERRER: HeaderValue = HeaderValue::from_static("same-origin");

/// The frame of one page. Templates extend `frame.html`, which reads it.
pub(crate) struct Frame {
    pub(crate) words: &'static Words,
    pub(crate) title: String,
    pub(crate) brand_name: String,
    brand: Arc<Brand>,
    pub(crate) assets: Arc<Assets>,
    pub(crate) token: String,
    pub(crate) path: String,
    /// The number of the one who is signed in, for the head of the page.
    pub(crate) member: Option<String>,
    /// The application that led somebody here.
    pub(crate) asks: Option<WhoAsks>,
}

impl Frame {
    /// The frame of a page with this title.
    pub(crate) fn new(look: &Look, visitor: &Visitor, title: &str) -> Self {
        let words = visitor.words;
        let brand_name = look.brand.name(words).to_owned();
        Self {
            words,
            title: format!("{title} – {brand_name}"),
            brand_name,
            brand: Arc::clone(&look.brand),
            assets: Arc::clone(&look.assets),
            token: visitor.token.value.clone(),
            path: visitor.path.clone(),
            member: None,
            asks: None,
        }
    }

    /// What stands at the foot.
    pub(crate) fn foot(&self) -> Foot<'_> {
        self.brand.foot(self.words.locale)
    }

    /// The same for a page that tells of an error: who hears the title knows at once.
    pub(crate) fn of_error(mut self) -> Self {
        self.title = format!("{}: {}", self.words.frame.error_title, self.title);
        self
    }
}

/// A page as an answer.
pub(crate) fn page(
    state: &PagesState,
    visitor: &Visitor,
    status: StatusCode,
    page: &impl Template,
) -> Response {
    match page.render() {
        Ok(html) => page_of_html(state, visitor, status, html),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The page that is ready for anyone who has nothing under way, or else this one.
pub(crate) fn ready_page(
    state: &PagesState,
    visitor: &Visitor,
    or: impl FnOnce() -> Response,
) -> Response {
    match state.ready.page(visitor) {
        Some(html) => page_of_html(state, visitor, StatusCode::OK, html),
        None => or(),
    }
}

fn page_of_html(
    state: &PagesState,
    visitor: &Visitor,
    status: StatusCode,
    html: String,
) -> Response {
    let mut response = (status, Html(html)).into_response();
    let language = HeaderValue::from_static(visitor.words.lang());
    let headers = response.headers_mut();
    headers.insert(CONTENT_LANGUAGE, language);
    headers.insert(VARY, HeaderValue::from_static("accept-language, cookie"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, REFERRER);
    if visitor.token.is_new {
        state
            .site
            .cookies
            .keep(headers, PageCookie::Form, &visitor.token.value, None);
    }
    response
}

/// A page that tells what is wrong, with the code for the log line of the request.
pub(crate) fn page_of_trouble(
    state: &PagesState,
    visitor: &Visitor,
    status: StatusCode,
    code: &'static str,
    template: &impl Template,
) -> Response {
    let mut response = page(state, visitor, status, template);
    response.extensions_mut().insert(AnsweredCode(code));
    response
}

/// A page that tells of a refusal, and when the same may succeed.
pub(crate) fn page_of_refusal(
    state: &PagesState,
    visitor: &Visitor,
    refusal: &Refusal,
    template: &impl Template,
) -> Response {
    let (status, code) = (trouble::status(refusal), refusal.code.as_str());
    let response = page_of_trouble(state, visitor, status, code, template);
    retry_after(response, refusal.details.retry_after)
}

/// Tells when the same may succeed.
pub(crate) fn retry_after(mut response: Response, seconds: Option<u64>) -> Response {
    if let Some(seconds) = seconds {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Leads to another page, which is then read (303): a reload of it sends no form.
pub(crate) fn lead_to(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(location) = HeaderValue::from_str(path) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

//! What all pages share: the frame around them, and the headers that go with them.

use std::sync::Arc;

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use domain::phone::PhoneNumber;
use domain::staff::Role;
use http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY,
    RETRY_AFTER, VARY, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};
use uuid::Uuid;
use web::PageCookie;

use crate::assets::Assets;
use crate::console::Console;
use crate::number;
use crate::staff::Staff;
use crate::staff::unmask::unmask_address;
use crate::visitor::Visitor;
use crate::words::{FrameWords, Words};

/// Everything comes from our own host, nothing stands inline, nobody shows a page inside theirs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
/// `no-referrer` would make browsers send forms with `Origin: null`; to other sites nothing goes.
const REFERRER: HeaderValue = HeaderValue::from_static("same-origin");
const OPENER: (HeaderName, HeaderValue) = (
    HeaderName::from_static("cross-origin-opener-policy"),
    HeaderValue::from_static("same-origin"),
);

/// A section of the console: where it is, what it is called, and who sees it.
pub(crate) struct Section {
    path: &'static str,
    name: fn(&FrameWords) -> &'static str,
    from: Role,
}

const fn section(path: &'static str, name: fn(&FrameWords) -> &'static str, from: Role) -> Section {
    Section { path, name, from }
}

/// The sections, in the order in which they stand.
#[rustfmt::skip]
static NAVIGATION: &[Section] = &[
    section("/", |words| words.overview, Role::Read),
    section("/sends", |words| words.sends, Role::Read),
    section("/limits", |words| words.limits, Role::Read),
    section("/dead", |words| words.dead, Role::Read),
    section("/spending", |words| words.spending, Role::Read),
    section("/users", |words| words.users, Role::Read),
    section("/audit", |words| words.audit, Role::Read),
    section("/staff", |words| words.staff, Role::Admin),
    section("/settings", |words| words.settings, Role::Read),
];

/// One entry of the navigation.
pub(crate) struct Link {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) is_here: bool,
}

/// What stands above everything, where something is wrong now.
pub(crate) struct Banner {
    /// Whether it is bad, and not only worth knowing.
    pub(crate) is_bad: bool,
    pub(crate) title: String,
    pub(crate) detail: String,
    /// Where more of it is.
    pub(crate) more: Option<String>,
}

/// Who is signed in, for the head of the page.
pub(crate) struct Who {
    pub(crate) name: String,
    pub(crate) role: &'static str,
}

/// The frame of one page. Templates extend `frame.html`, which reads it.
pub(crate) struct Frame {
    pub(crate) words: &'static Words,
    pub(crate) title: String,
    pub(crate) assets: Arc<Assets>,
    /// What every form carries in its field `token`.
    pub(crate) token: String,
    /// The page itself, for anyone who changes the language.
    pub(crate) path: String,
    pub(crate) who: Option<Who>,
    pub(crate) links: Vec<Link>,
    pub(crate) banner: Option<Banner>,
    /// What was done a moment ago.
    pub(crate) notice: Option<&'static str>,
}

impl Frame {
    /// The frame of a page for somebody who is signed in.
    pub(crate) fn new(console: &Console, staff: &Staff, title: &str) -> Self {
        let mut frame = Self::of_visitor(console, staff, title);
        let words = frame.words.frame;
        let session = &staff.session;
        let name = format!("{} {}", session.first_name, session.last_name);
        let name = match (name.trim(), &session.phone) {
            ("", Some(phone)) => number::masked(phone),
            (name, _) => name.to_owned(),
        };
        frame.who = Some(Who {
            name,
            role: words.role(staff.role),
        });
        let here = staff.path.split('?').next().unwrap_or("/");
        let seen = NAVIGATION
            .iter()
            .filter(|section| section.from <= staff.role);
        frame.links = seen
            .map(|section| Link {
                path: section.path,
                name: (section.name)(words),
                is_here: match section.path {
                    "/" => here == "/",
                    path => here == path || here.starts_with(&format!("{path}/")),
                },
            })
            .collect();
        frame.notice = staff.notice.map(|notice| words.notice(notice));
        frame
    }

    /// The frame of a page for somebody who is not signed in yet.
    pub(crate) fn of_visitor(console: &Console, visitor: &Visitor, title: &str) -> Self {
        let words = visitor.words;
        Self {
            words,
            title: format!("{title} – {}", words.frame.console),
            assets: Arc::clone(&console.assets),
            token: visitor.form_token.clone(),
            path: visitor.path.clone(),
            who: None,
            links: Vec::new(),
            banner: None,
            notice: None,
        }
    }
}

/// A number as somebody of the staff sees it; `{% call parts::number(…) %}` of `parts.html` shows it.
pub(crate) struct ShownNumber {
    /// Masked, unless they have unmasked it.
    pub(crate) text: String,
    /// Where they may ask to see it whole.
    pub(crate) unmask: Option<String>,
}

impl ShownNumber {
    /// As the reader may see it; `subject` is the user of the number, where it is known.
    pub(crate) fn new(
        console: &Console,
        staff: &Staff,
        phone: &PhoneNumber,
        subject: Option<Uuid>,
    ) -> Self {
        if staff.signed_in.sees(&console.desk, phone) {
            return Self {
                text: number::whole(phone),
                unmask: None,
            };
        }
        let may = staff.role >= Role::Support;
        Self {
            text: number::masked(phone),
            unmask: may
                .then(|| unmask_address(console, phone, subject, &staff.path))
                .flatten(),
        }
    }
}

/// A page as an answer.
pub(crate) fn page(
    console: &Console,
    visitor: &Visitor,
    status: StatusCode,
    page: &impl Template,
) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut response = (status, Html(html)).into_response();
    let language = HeaderValue::from_static(visitor.words.lang());
    let cookies = console.site.cookies;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LANGUAGE, language);
    headers.insert(VARY, HeaderValue::from_static("accept-language, cookie"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, REFERRER);
    headers.insert(OPENER.0, OPENER.1);
    if visitor.form_token_is_new {
        cookies.keep(headers, PageCookie::StaffForm, &visitor.form_token, None);
    }
    if visitor.notice.is_some() {
        cookies.forget(headers, PageCookie::StaffNotice);
    }
    response
}

/// Tells when the same may succeed.
pub(crate) fn retry_after(mut response: Response, seconds: Option<u64>) -> Response {
    if let Some(seconds) = seconds {
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Leads on after a form.
pub(crate) fn lead_to(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(LOCATION, path);
    }
    response
}

/// Leads on after something was done, which the page that is led to tells; `notice` is a key of
/// [`FrameWords::notice`].
pub(crate) fn done(console: &Console, path: &str, notice: Notice) -> Response {
    let mut response = lead_to(path);
    console.site.cookies.keep(
        response.headers_mut(),
        PageCookie::StaffNotice,
        notice.as_ref(),
        None,
    );
    response
}

/// What a page tells of what was done a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Notice {
    Done,
    Unmasked,
}

//! The first page: who is signed in, or where to sign in.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::phone::PhoneNumber;
use http::{HeaderMap, StatusCode};
use web::PageCookie;

use crate::fault::Fault;
use crate::frame::{Frame, page};
use crate::member::Membership;
use crate::number::spaced;
use crate::state::{Look, PagesState};
use crate::trouble::Trouble;
use crate::visitor::Visitor;
use crate::words::{HomeWords, around, fill};

/// What the first page has to tell, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    New,
    NewUnasked,
    Known,
    KnownUnasked,
    LoggedOut,
}

impl Notice {
    pub(crate) const ALL: [Self; 5] = [
        Self::New,
        Self::NewUnasked,
        Self::Known,
        Self::KnownUnasked,
        Self::LoggedOut,
    ];

    /// Its name in the cookie.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::NewUnasked => "new-unasked",
            Self::Known => "known",
            Self::KnownUnasked => "known-unasked",
            Self::LoggedOut => "logged-out",
        }
    }

    fn words(self, words: &HomeWords) -> (&'static str, &'static str) {
        match self {
            Self::New => words.welcome_new,
            Self::NewUnasked => words.welcome_new_unasked,
            Self::Known => words.welcome_known,
            Self::KnownUnasked => words.welcome_known_unasked,
            Self::LoggedOut => words.logged_out,
        }
    }
}

/// The first page.
#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct HomePage {
    pub(crate) frame: Frame,
    pub(crate) member: Option<Greeting>,
    pub(crate) notice: Option<Trouble>,
}

/// The greeting of whoever is signed in.
pub(crate) struct Greeting {
    pub(crate) hello: String,
    pub(crate) number: String,
    /// The sentence around the number.
    pub(crate) around: (String, String),
}

impl HomePage {
    /// For a member with this name and number, or for nobody.
    pub(crate) fn new(
        look: &Look,
        visitor: &Visitor,
        member: Option<(&str, &PhoneNumber)>,
        notice: Option<Notice>,
    ) -> Self {
        let words = &visitor.words.home;
        let greeting = member.map(|(name, phone)| Greeting {
            hello: match name.trim() {
                "" => words.hello.to_owned(),
                name => fill(words.hello_name, "{name}", name),
            },
            number: spaced(phone),
            around: around(words.signed_in_with, "{number}"),
        });
        let title = greeting
            .as_ref()
            .map_or(words.title, |greeting| &greeting.hello);
        let mut frame = Frame::new(look, visitor, title);
        frame.member = greeting.as_ref().map(|greeting| greeting.number.clone());
        Self {
            frame,
            member: greeting,
            notice: notice.map(|notice| Trouble::of(notice.words(words))),
        }
    }
}

/// `GET /`
pub(crate) async fn show(
    State(state): State<PagesState>,
    visitor: Visitor,
    membership: Membership,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let kept = state.site.cookies.kept(&headers, PageCookie::Notice);
    let notice = kept.and_then(|kept| {
        Notice::ALL
            .into_iter()
            .find(|notice| notice.as_str() == kept)
    });
    let member = membership.member.as_ref().and_then(|member| {
        let user = &member.user;
        Some((user.first_name.as_str(), user.phone.as_ref()?))
    });
    // A welcome is for whoever came in, a farewell for whoever went.
    let notice = notice.filter(|notice| member.is_some() != (*notice == Notice::LoggedOut));
    let home = HomePage::new(&state.look, &visitor, member, notice);
    let mut response = page(&state, &visitor, StatusCode::OK, &home);
    if kept.is_some() {
        state
            .site
            .cookies
            .forget(response.headers_mut(), PageCookie::Notice);
    }
    Ok(membership.with_cookies(&state.site, response))
}

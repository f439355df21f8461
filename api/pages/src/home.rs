//! The first page: who is signed in, or where to sign in.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::phone::PhoneNumber;
use http::{HeaderMap, StatusCode};
use web::{Cookies, PageCookie};

use crate::fault::Fault;
use crate::frame::{Frame, page, ready_page};
use crate::member::Membership;
use crate::number::spaced;
use crate::state::{Look, PagesState};
use crate::trouble::Trouble;
use crate::visitor::Visitor;
use crate::words::{Words, around, fill};

/// A notice that nobody comes for is forgotten.
const KEPT: Duration = Duration::from_mins(1);

/// What the next page has to tell, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::EnumString)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Notice {
    New,
    NewUnasked,
    Known,
    KnownUnasked,
    LoggedOut,
    PasswordSet,
    ProfileSaved,
    PhoneChanged,
    DeviceEnded,
    OthersEnded,
    DeviceGone,
    Deleted,
}

impl Notice {
    /// What it says.
    pub(crate) fn told(self, words: &Words) -> Trouble {
        let (home, account) = (&words.home, &words.account.notices);
        Trouble::of(match self {
            Self::New => home.welcome_new,
            Self::NewUnasked => home.welcome_new_unasked,
            Self::Known => home.welcome_known,
            Self::KnownUnasked => home.welcome_known_unasked,
            Self::LoggedOut => home.logged_out,
            Self::PasswordSet => account.password_set,
            Self::ProfileSaved => account.profile_saved,
            Self::PhoneChanged => account.phone_changed,
            Self::DeviceEnded => account.device_ended,
            Self::OthersEnded => account.others_ended,
            Self::DeviceGone => account.device_gone,
            Self::Deleted => account.deleted,
        })
    }

    /// Whether it is for somebody who went.
    fn is_farewell(self) -> bool {
        matches!(self, Self::LoggedOut | Self::Deleted)
    }

    /// What the browser was given to tell.
    pub(crate) fn kept(headers: &HeaderMap, cookies: Cookies) -> Option<Self> {
        let kept = cookies.kept(headers, PageCookie::Notice)?;
        kept.parse().ok()
    }

    /// Lets the next page tell it; forgotten where nobody comes for it.
    pub(crate) fn keep(self, headers: &mut HeaderMap, cookies: Cookies) {
        cookies.keep(headers, PageCookie::Notice, self.as_ref(), Some(KEPT));
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

/// The greeting of the one who is signed in.
pub(crate) struct Greeting {
    pub(crate) hello: String,
    pub(crate) number: String,
    pub(crate) has_password: bool,
    /// The sentence around the number.
    pub(crate) around: (String, String),
}

impl HomePage {
    /// For a member with this name and number, with or without a password, or for nobody.
    pub(crate) fn new(
        look: &Look,
        visitor: &Visitor,
        member: Option<(&str, &PhoneNumber, bool)>,
        notice: Option<Notice>,
    ) -> Self {
        let words = &visitor.words.home;
        let greeting = member.map(|(name, phone, has_password)| Greeting {
            hello: match name.trim() {
                "" => words.hello.to_owned(),
                name => fill(words.hello_name, "{name}", name),
            },
            number: spaced(phone),
            has_password,
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
            notice: notice.map(|notice| notice.told(visitor.words)),
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
    let cookies = state.site.cookies;
    let notice = Notice::kept(&headers, cookies);
    let told = notice.is_some();
    let member = membership.member.as_ref().and_then(|member| {
        let user = &member.user;
        let phone = user.phone.as_ref()?;
        Some((user.first_name.as_str(), phone, user.has_password))
    });
    // A welcome is for anyone who came in, a farewell for anyone who went.
    let notice = notice.filter(|notice| member.is_some() != notice.is_farewell());
    let drawn = || {
        let home = HomePage::new(&state.look, &visitor, member, notice);
        page(&state, &visitor, StatusCode::OK, &home)
    };
    let mut response = if member.is_none() && notice.is_none() {
        ready_page(&state, &visitor, drawn)
    } else {
        drawn()
    };
    if told {
        cookies.forget(response.headers_mut(), PageCookie::Notice);
    }
    Ok(membership.with_cookies(&state.site, response))
}

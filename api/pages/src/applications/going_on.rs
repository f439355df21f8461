//! On the way to an application: anyone who has signed in goes on to it, and anyone who is signed in already says
//! whether they want that, where it must be asked.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use flows::sessions::{self, Authenticated, LogOutBy};
use http::{HeaderMap, StatusCode};
use oidc::authorization::Standing;
use web::{PageCookie, PresentedCookies};

use super::authorize::first_page;
use super::waiting::{Waiting, standing, who_is_signed_on};
use super::who_asks::WhoAsks;
use super::{OTHER, way_back};
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, lead_to, page};
use crate::number::spaced;
use crate::state::{Look, PagesState};
use crate::visitor::Visitor;
use crate::words::around;

/// The page that asks.
#[derive(Template)]
#[template(path = "continue.html")]
pub(crate) struct ContinuePage {
    pub(crate) frame: Frame,
    pub(crate) number: String,
    pub(crate) lead: (String, String),
    /// Where "continue" goes; nothing where the application means somebody else.
    pub(crate) action: Option<String>,
    /// Where another number is taken.
    pub(crate) other: String,
}

impl ContinuePage {
    pub(crate) fn new(
        look: &Look,
        visitor: &Visitor,
        asks: WhoAsks,
        number: &str,
        action: Option<String>,
        other: String,
    ) -> Self {
        let words = &visitor.words.asks;
        let mut frame = Frame::new(look, visitor, words.title);
        frame.member = Some(number.to_owned()).filter(|number| !number.is_empty());
        frame.asks = Some(asks);
        let lead = if action.is_some() {
            words.signed_in
        } else {
            words.other_person
        };
        Self {
            frame,
            number: number.to_owned(),
            lead: around(lead, "{number}"),
            action,
            other,
        }
    }
}

/// Where a request stands, as far as this browser may know.
struct Stand {
    waiting: Waiting,
    signed_on: Option<Authenticated>,
    standing: Standing,
}

impl Stand {
    async fn find(state: &PagesState, headers: &HeaderMap, id: &str) -> Result<Self, Fault> {
        let provider = state.provider.as_ref().ok_or(Fault::NotFound)?;
        let found = Waiting::find(state, headers, id).await?;
        let waiting = found.ok_or(Fault::Lapsed)?;
        let signed_on = who_is_signed_on(state, headers).await?;
        let standing = standing(provider, &waiting.request, signed_on.as_ref());
        Ok(Self {
            waiting,
            signed_on,
            standing,
        })
    }

    /// Answers the request, once.
    async fn answer(&self, state: &PagesState) -> Result<Response, Fault> {
        let provider = state.provider.as_ref().ok_or(Fault::NotFound)?;
        let Some(signed_on) = &self.signed_on else {
            return Ok(lead_to(&first_page(Standing::SignIn, &self.waiting.id)));
        };
        if !self.waiting.take(state).await? {
            return Err(Fault::Lapsed);
        }
        let mut response = way_back::with_code(provider, &self.waiting.request, signed_on).await;
        // What the home page would tell is told by where the person is now.
        state
            .site
            .cookies
            .forget(response.headers_mut(), PageCookie::Notice);
        Ok(response)
    }
}

/// `GET /oidc/continue/{id}`
pub(crate) async fn go_on(
    State(state): State<PagesState>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let stand = Stand::find(&state, &headers, &id).await?;
    let may_go_on = match stand.standing {
        Standing::Ready => return stand.answer(&state).await,
        Standing::SignIn | Standing::SignInAgain => {
            return Ok(lead_to(&first_page(stand.standing, &id)));
        }
        Standing::Confirm => true,
        Standing::OtherPerson => false,
    };
    let phone = stand
        .signed_on
        .as_ref()
        .and_then(|signed_on| signed_on.user.phone.as_ref());
    let number = phone.map(spaced).unwrap_or_default();
    let asks = WhoAsks::of(&state, &stand.waiting, visitor.words);
    let action = may_go_on.then(|| stand.waiting.path());
    let other = format!("{OTHER}{id}");
    let shown = ContinuePage::new(&state.look, &visitor, asks.clone(), &number, action, other);
    let response = page(&state, &visitor, StatusCode::OK, &shown);
    Ok(WhoAsks::allow(Some(&asks), response))
}

/// `POST /oidc/continue/{id}`
pub(crate) async fn confirm(
    State(state): State<PagesState>,
    headers: HeaderMap,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Fault> {
    form.require_good()?;
    let stand = Stand::find(&state, &headers, &id).await?;
    match stand.standing {
        Standing::Ready | Standing::Confirm => stand.answer(&state).await,
        other => Ok(lead_to(&first_page(other, &id))),
    }
}

/// `GET /oidc/cancel/{id}`: only the browser that the request waits for knows the id, and nothing is done but
/// that the request ends.
pub(crate) async fn cancel(
    State(state): State<PagesState>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let provider = state.provider.as_ref().ok_or(Fault::NotFound)?;
    let found = Waiting::find(&state, &headers, &id).await?;
    let waiting = found.ok_or(Fault::Lapsed)?;
    if !waiting.take(&state).await? {
        return Err(Fault::Lapsed);
    }
    let back = waiting.request.back();
    Ok(way_back::with_error(
        provider,
        &back,
        "access_denied",
        "The user went back",
    ))
}

/// `POST /oidc/other/{id}`: anyone who is signed in leaves, and somebody else signs in.
pub(crate) async fn other(
    State(state): State<PagesState>,
    headers: HeaderMap,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Fault> {
    form.require_good()?;
    let found = Waiting::find(&state, &headers, &id).await?;
    let waiting = found.ok_or(Fault::Lapsed)?;
    let cookies = PresentedCookies::of_own_form(&state.site, &headers);
    let by = LogOutBy {
        access_tokens: &cookies.access,
        refresh_tokens: &cookies.refresh,
        all_devices: false,
    };
    sessions::log_out(&state.flows, by).await?;
    let mut response = lead_to(&first_page(Standing::SignIn, &waiting.id));
    let answer = response.headers_mut();
    state.site.cookies.take_back(answer);
    state.site.cookies.forget(answer, PageCookie::SignIn);
    Ok(response)
}

//! Where one is signed in, and ending that.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use flows::sessions::{self, Session};
use flows::{Refusal, RefusalCode};
use http::{HeaderMap, StatusCode};
use uuid::Uuid;
use web::PageCookie;

use crate::account::{Account, AccountForm, sign_in_for};
use crate::device_name::device_name;
use crate::fault::Fault;
use crate::frame::{Frame, lead_to, page};
use crate::home::Notice;
use crate::pages::{DEVICES, HOME};
use crate::state::{Look, PagesState};
use crate::times;
use crate::trouble::Trouble;
use crate::visitor::Visitor;
use crate::words::{Words, around, fill};

/// The value that stands for all others.
const OTHERS: &str = "others";

/// The list.
#[derive(Template)]
#[template(path = "devices.html")]
pub(crate) struct DevicesPage {
    pub(crate) frame: Frame,
    pub(crate) lead: &'static str,
    pub(crate) devices: Vec<Device>,
    pub(crate) notice: Option<Trouble>,
}

/// One of them.
pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) address: Option<String>,
    /// Whether its name is of Latin letters, which is then drawn and read out as such.
    pub(crate) latin: bool,
    /// The sentence around the moment.
    pub(crate) last_used: (String, String),
    pub(crate) moment: String,
    pub(crate) this: bool,
    pub(crate) end_of: String,
}

impl Device {
    fn new(session: &Session, this: Uuid, now: DateTime<Utc>, words: &'static Words) -> Self {
        let texts = &words.account.devices;
        let called = session.device_name.as_deref().map(str::trim);
        let called = called.filter(|name| !name.is_empty()).map(str::to_owned);
        let known = session.user_agent.as_deref().and_then(device_name);
        let name = called.or(known);
        let name = name.unwrap_or_else(|| texts.unknown.to_owned());
        let moment = times::minute(session.last_used_at, now, words);
        Self {
            id: session.id.to_string(),
            latin: name.is_ascii(),
            address: session.address.map(|address| address.to_string()),
            last_used: around(texts.last_used, "{time}"),
            moment: moment.clone(),
            this: session.id == this,
            // Several may have one name.
            end_of: fill(&fill(texts.end_of, "{time}", moment), "{device}", &name),
            name,
        }
    }
}

impl DevicesPage {
    pub(crate) fn new(
        look: &Look,
        visitor: &Visitor,
        number: Option<String>,
        (sessions, this): (&[Session], Uuid),
        now: DateTime<Utc>,
    ) -> Self {
        let words = &visitor.words.account.devices;
        let mut frame = Frame::new(look, visitor, words.title);
        frame.member = number;
        let mut devices: Vec<Device> = sessions
            .iter()
            .map(|session| Device::new(session, this, now, visitor.words))
            .collect();
        // This one first; the others stay as they are, the one last used first.
        devices.sort_by_key(|device| !device.this);
        Self {
            frame,
            lead: if devices.len() > 1 {
                words.lead_many
            } else {
                words.lead_one
            },
            devices,
            notice: None,
        }
    }

    pub(crate) fn with_notice(mut self, notice: Option<Notice>, visitor: &Visitor) -> Self {
        self.notice = notice.map(|notice| notice.told(visitor.words));
        self
    }
}

/// `GET /users/profile/devices/`
pub(crate) async fn show(
    State(state): State<PagesState>,
    visitor: Visitor,
    account: Account,
    headers: HeaderMap,
) -> Response {
    let sessions = match sessions::live_sessions(&state.flows, &account.member).await {
        Ok(sessions) => sessions,
        Err(refusal) => return account.answer(&state, Fault::from(refusal).into_response()),
    };
    let this = account.member.session.id;
    let now = state.flows.clock().now();
    let (number, cookies) = (account.number(), state.site.cookies);
    let notice = Notice::kept(&headers, cookies);
    let shown = DevicesPage::new(&state.look, &visitor, number, (&sessions, this), now)
        .with_notice(notice, &visitor);
    let mut response = page(&state, &visitor, StatusCode::OK, &shown);
    if notice.is_some() {
        cookies.forget(response.headers_mut(), PageCookie::Notice);
    }
    account.answer(&state, response)
}

/// `POST /users/profile/devices/`
pub(crate) async fn end(
    State(state): State<PagesState>,
    AccountForm { account, form }: AccountForm,
) -> Response {
    let response = match end_named(&state, &account, form.text("end")).await {
        Ok((notice, place)) => {
            let mut response = lead_to(place);
            if place == HOME {
                // It was this very one.
                state.site.cookies.take_back(response.headers_mut());
            }
            notice.keep(response.headers_mut(), state.site.cookies);
            response
        }
        Err(refusal) => {
            let sign_in = sign_in_for(&refusal, DEVICES);
            sign_in.unwrap_or_else(|| Fault::from(refusal).into_response())
        }
    };
    account.answer(&state, response)
}

/// Ends what the button names; gives what is to be told, and where.
async fn end_named(
    state: &PagesState,
    account: &Account,
    named: &str,
) -> Result<(Notice, &'static str), Refusal> {
    let (flows, member) = (&state.flows, &account.member);
    if named == OTHERS {
        sessions::end_other_sessions(flows, member).await?;
        return Ok((Notice::OthersEnded, DEVICES));
    }
    let Ok(session) = named.parse::<Uuid>() else {
        return Ok((Notice::DeviceGone, DEVICES));
    };
    match sessions::end_session(flows, member, session).await {
        Ok(()) if session == member.session.id => Ok((Notice::LoggedOut, HOME)),
        Ok(()) => Ok((Notice::DeviceEnded, DEVICES)),
        // It ended meanwhile, which is what was wanted.
        Err(refusal) if refusal.code == RefusalCode::SessionNotFound => {
            Ok((Notice::DeviceGone, DEVICES))
        }
        Err(refusal) => Err(refusal),
    }
}

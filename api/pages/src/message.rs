//! Where is my message? For the person who waits, told by the browser that asked for the code.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::phone::PhoneNumber;
use flows::inquiry::{Outlook, OwnMessage, own_message};
use flows::otp;
use http::{HeaderMap, StatusCode};

use crate::fault::Fault;
use crate::frame::{Frame, lead_to, page};
use crate::number::spaced;
use crate::pages::LOG_IN;
use crate::pending::PendingSignIn;
use crate::state::{Look, PagesState};
use crate::times;
use crate::verify::refused;
use crate::visitor::Visitor;
use crate::words::{around, fill};

/// The page with what happened to a message.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage {
    pub(crate) frame: Frame,
    pub(crate) number: String,
    pub(crate) lead: (String, String),
    /// What happened, and when.
    pub(crate) steps: Vec<(&'static str, String)>,
    /// What is not known yet, or went wrong.
    pub(crate) open: Option<(&'static str, &'static str)>,
    /// How that looks: `wait` or `bad`.
    pub(crate) tone: &'static str,
    /// What it means for the person.
    pub(crate) advice: String,
    pub(crate) can_call: bool,
    /// Whether a new message helps.
    pub(crate) send_again: bool,
}

impl MessagePage {
    pub(crate) fn new(
        look: &Look,
        visitor: &Visitor,
        phone: &PhoneNumber,
        message: &OwnMessage,
        can_call: bool,
    ) -> Self {
        let words = &visitor.words.message;
        let time = |at| times::moment(at, message.now, visitor.words);
        let mut steps = vec![(words.asked, time(message.asked_at))];
        steps.extend(
            message
                .handed_over_at
                .map(|at| (words.handed_over, time(at))),
        );
        steps.extend(message.arrived_at.map(|at| (words.arrived, time(at))));
        let (open, tone) = match message.outlook {
            Outlook::Waiting => (Some(words.waiting), "wait"),
            Outlook::Interrupted => (Some(words.interrupted), "wait"),
            Outlook::HandedOver => (Some(words.unconfirmed), "wait"),
            Outlook::Undelivered => (Some(words.undelivered), "bad"),
            Outlook::NotSent => (Some(words.not_sent), "bad"),
            Outlook::Unknown => (Some(words.unknown), "wait"),
            Outlook::Arrived if message.arrived_at.is_none() => (Some((words.arrived, "")), "good"),
            Outlook::Arrived => (None, "good"),
        };
        let over = message.code_until <= message.now;
        let send_again = matches!(message.outlook, Outlook::Undelivered | Outlook::NotSent);
        let advice = if over {
            words.code_over.to_owned()
        } else if message.outlook == Outlook::Arrived {
            words.arrived_hint.to_owned()
        } else if send_again || message.outlook == Outlook::Interrupted {
            // Whether it comes in time is not known.
            String::new()
        } else {
            fill(words.same_code, "{time}", times::hour(message.code_until))
        };
        Self {
            frame: Frame::new(look, visitor, words.title),
            number: spaced(phone),
            lead: around(words.lead, "{number}"),
            steps,
            open,
            tone,
            advice,
            can_call,
            send_again,
        }
    }
}

/// `GET /accounts/verify/message/`
pub(crate) async fn show(
    State(state): State<PagesState>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let Some(pending) = PendingSignIn::read(&headers, state.site.cookies, &state.seal) else {
        return Ok(lead_to(LOG_IN));
    };
    let message = match own_message(&state.flows, pending.session).await {
        Ok(message) => message,
        // Too long ago.
        Err(refusal) if refusal.code == flows::RefusalCode::SessionUnknown => {
            return Ok(refused(&state, pending, &refusal));
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let can_call = otp::can_be_called(&state.flows, visitor.words.locale);
    let shown = MessagePage::new(&state.look, &visitor, &pending.phone, &message, can_call);
    Ok(page(&state, &visitor, StatusCode::OK, &shown))
}

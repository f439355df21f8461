//! Where is my message? For the person who waits, told by the browser that asked for the code.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::challenge::Channel;
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
    /// How that looks: `good` or `warn`.
    pub(crate) advice_tone: &'static str,
    pub(crate) can_call: bool,
    /// Whether a new message helps.
    pub(crate) send_again: bool,
    /// When either can be asked for, where that is not yet so.
    pub(crate) too_soon: Option<String>,
}

impl MessagePage {
    pub(crate) fn new(
        look: &Look,
        visitor: &Visitor,
        phone: &PhoneNumber,
        message: &OwnMessage,
        can_call: bool,
        resend_at: i64,
    ) -> Self {
        let words = &visitor.words.message;
        let wait = resend_at - message.now.timestamp_millis();
        let wait = u64::try_from(wait).unwrap_or_default().div_ceil(1_000);
        let time = |at| times::moment(at, message.now, visitor.words);
        let asked = match message.channel {
            Some(Channel::Call) => words.asked_call,
            Some(Channel::Sms) | None => words.asked,
        };
        let mut steps = vec![(asked, time(message.asked_at))];
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
        let too_soon = match (send_again, can_call) {
            _ if wait == 0 => None,
            (true, _) => Some(words.again_in),
            (false, true) => Some(words.call_in),
            (false, false) => None,
        };
        Self {
            frame: Frame::new(look, visitor, words.title),
            number: spaced(phone),
            lead: around(words.lead, "{number}"),
            steps,
            open,
            tone,
            advice,
            advice_tone: if over { "warn" } else { "good" },
            can_call: can_call && wait == 0,
            send_again: send_again && wait == 0,
            too_soon: too_soon.map(|text| fill(text, "{wait}", wait)),
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
    let shown = MessagePage::new(
        &state.look,
        &visitor,
        &pending.phone,
        &message,
        can_call,
        pending.resend_at,
    );
    Ok(page(&state, &visitor, StatusCode::OK, &shown))
}

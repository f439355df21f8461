//! The list of codes and other messages.

mod asked;
mod hours;
mod line;
mod pace;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use domain::challenge::Channel;
use domain::phone::Operator;
use domain::staff::Role;
use flows::messages::MessagesListed;
use http::StatusCode;
use shared::records::{SendFate, SendsNext};

use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, lead_to, page};
use crate::staff::Staff;
use crate::times;

use hours::{Hour, hours};
use pace::pace;
use strum::VariantArray as _;

pub(crate) use asked::{Asked, last_digits};
pub(crate) use line::{Line, number_address};

/// Messages on a page.
const ON_A_PAGE: u32 = 50;

/// A choice in a filter.
pub(crate) struct Choice {
    pub(crate) value: &'static str,
    pub(crate) name: &'static str,
    pub(crate) is_chosen: bool,
}

#[derive(Template)]
#[template(path = "sends.html")]
struct SendsPage {
    frame: Frame,
    asked: Asked,
    /// The number that is searched for, as the reader may see it.
    number: String,
    states: Vec<Choice>,
    operators: Vec<Choice>,
    channels: Vec<Choice>,
    /// Fields of moments and of ids: their names in the address and for people.
    moments: [(&'static str, &'static str); 2],
    ids: [(&'static str, &'static str); 4],
    hours: Vec<Hour>,
    lines: Vec<Line>,
    /// How quickly they went.
    pace: Option<String>,
    /// How far back was looked, where there may be older ones.
    looked_back: Option<String>,
    /// Where older ones are.
    older: Option<String>,
    newest: Option<String>,
    export: Option<String>,
}

/// `GET /sends`
pub(crate) async fn show(
    State(console): State<Console>,
    staff: Staff,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    answer(&console, &staff, query.as_deref()).await
}

/// `POST /sends`: the filters as they were filled in. What is found stands in an address without a typed number.
pub(crate) async fn filter(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    answer(&console, &staff, Some(&form.query())).await
}

async fn answer(console: &Console, staff: &Staff, query: Option<&str>) -> Result<Response, Fault> {
    let mut asked = Asked::read(console, query);
    if asked.is_form && asked.typed.is_empty() {
        return Ok(lead_to(&asked.address("/sends", None)));
    }
    if asked.is_form {
        if let Some(asked) = asked.with_typed(console) {
            return Ok(lead_to(&asked.address("/sends", None)));
        }
        asked.mark_number();
    }
    let listed = if asked.is_read() {
        let listed = console
            .desk
            .messages(&asked.filter, asked.after, ON_A_PAGE)
            .await?;
        Some(listed)
    } else {
        None
    };
    let status = match listed {
        Some(_) => StatusCode::OK,
        None => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let template = SendsPage::new(console, staff, asked, listed);
    Ok(page(console, staff, status, &template))
}

impl SendsPage {
    fn new(console: &Console, staff: &Staff, asked: Asked, listed: Option<MessagesListed>) -> Self {
        let words = staff.words.sends;
        let choice = |value: &'static str, name, chosen: &str| Choice {
            value,
            name,
            is_chosen: value == chosen,
        };
        let (state, operator, channel) = (
            asked.text("state"),
            asked.text("operator"),
            asked.text("channel"),
        );
        let phone = asked.filter.phone.as_ref();
        let shown = phone.map(|phone| crate::frame::ShownNumber::new(console, staff, phone, None));
        let number = match shown {
            Some(shown) => shown.text,
            None => asked.typed.clone(),
        };
        let now = listed
            .as_ref()
            .map_or_else(|| console.now(), |listed| listed.now);
        let next = listed.as_ref().map_or(SendsNext::End, |listed| listed.next);
        let messages = listed.map(|listed| listed.messages).unwrap_or_default();
        let place = next.place();
        Self {
            frame: Frame::new(console, staff, words.title),
            number,
            states: SendFate::VARIANTS
                .iter()
                .map(|&fate| choice(fate.as_str(), words.fate(fate), state))
                .collect(),
            operators: Operator::VARIANTS
                .iter()
                .map(|&one| choice(one.as_str(), words.operator_name(one), operator))
                .collect(),
            channels: [Channel::Sms, Channel::Call]
                .map(|one| choice(one.as_str(), words.channel_name(one), channel))
                .into(),
            moments: [("from", words.from), ("to", words.to)],
            ids: [
                ("code", words.code),
                ("route", words.route),
                ("request", words.request),
                ("message", words.message_id),
            ],
            hours: hours(&asked, now),
            pace: pace(&messages, staff.words),
            lines: messages
                .iter()
                .map(|message| Line::new(console, staff, message, now))
                .collect(),
            looked_back: match next {
                SendsNext::LookFurther(place) => {
                    let time = times::moment(place.created_at, now, staff.words);
                    Some(words.looked_back.replace("{time}", &time))
                }
                SendsNext::End | SendsNext::More(_) => None,
            },
            older: place.map(|place| asked.address("/sends", Some(place))),
            newest: asked.after.map(|_| asked.address("/sends", None)),
            export: (staff.role >= Role::Support).then(|| asked.address("/sends/export", None)),
            asked,
        }
    }

    fn has_moments(&self) -> bool {
        let is_set = |name: &str| !self.asked.text(name).is_empty();
        is_set("from") || is_set("to")
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

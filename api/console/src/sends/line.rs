//! A message in a list, in words.

use chrono::{DateTime, Utc};
use domain::phone::PhoneNumber;
use flows::messages::{CodeStanding, ListedMessage};
use shared::records::SendFate;
use url::form_urlencoded;

use crate::console::Console;
use crate::frame::ShownNumber;
use crate::staff::Staff;
use crate::times;
use crate::words::Words;

/// One line.
pub(crate) struct Line {
    pub(crate) time: String,
    /// Nothing where the number was erased.
    pub(crate) number: Option<ShownNumber>,
    /// The page of the number.
    pub(crate) of_number: Option<String>,
    pub(crate) operator: &'static str,
    pub(crate) fate: &'static str,
    pub(crate) class: &'static str,
    pub(crate) took: String,
    pub(crate) outcome: String,
    /// What else there is: a name and a value, which is written left to right where the third says so.
    pub(crate) details: Vec<(&'static str, String, bool)>,
}

impl Line {
    /// As the reader may see it.
    pub(crate) fn new(
        console: &Console,
        staff: &Staff,
        message: &ListedMessage,
        now: DateTime<Utc>,
    ) -> Self {
        let (words, row) = (staff.words, &message.row);
        let took = row
            .delivered_at
            .zip(row.finished_at)
            .map(|(end, begin)| times::span((end - begin).as_seconds_f64(), words));
        Self {
            time: times::moment(row.created_at, now, words),
            number: row
                .phone
                .as_ref()
                .map(|phone| ShownNumber::new(console, staff, phone, None)),
            of_number: row
                .phone
                .as_ref()
                .and_then(|phone| number_address(console, phone)),
            operator: message
                .operator
                .map_or("", |operator| words.sends.operator_name(operator)),
            fate: if row.is_kept_back() {
                words.sends.kept_back
            } else {
                words.sends.fate(message.fate)
            },
            class: fate_class(message.fate),
            took: took.unwrap_or_default(),
            outcome: outcome(message.code, now, words),
            details: details(message, now, words),
        }
    }
}

/// The colour of a chip.
fn fate_class(fate: SendFate) -> &'static str {
    match fate {
        SendFate::Arrived => "good",
        SendFate::HandedOver | SendFate::Unknown => "warn",
        SendFate::UnderWay => "",
        SendFate::Undelivered | SendFate::Refused | SendFate::Expired => "bad",
    }
}

/// The page of a number, which stands in no address as it is.
pub(crate) fn number_address(console: &Console, phone: &PhoneNumber) -> Option<String> {
    let sealed = console.seal_number(phone)?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("n", &sealed);
    Some(format!("/number?{}", query.finish()))
}

fn outcome(code: CodeStanding, now: DateTime<Utc>, words: &'static Words) -> String {
    let texts = words.sends;
    let at = |text: &str, time| text.replace("{time}", &times::moment(time, now, words));
    match code {
        CodeStanding::None => String::new(),
        CodeStanding::Used { at: time } => at(texts.used, time),
        CodeStanding::Live { until, tries: 0 } => at(texts.live, until),
        CodeStanding::Live { until, tries } => {
            at(texts.live_tried, until).replace("{tries}", &tries.to_string())
        }
        CodeStanding::GivenBack => texts.given_back.to_owned(),
        CodeStanding::Over { .. } => texts.over.to_owned(),
        CodeStanding::NotKnown => texts.not_known.to_owned(),
    }
}

fn details(
    message: &ListedMessage,
    now: DateTime<Utc>,
    words: &'static Words,
) -> Vec<(&'static str, String, bool)> {
    let (row, texts) = (&message.row, words.sends);
    let at = |time: Option<DateTime<Utc>>| time.map(|at| times::moment(at, now, words));
    let code = |code: i64| match words.locale {
        domain::challenge::Locale::En if code >= 200 => {
            format!("{code}: {}", flows::inquiry::gateway_code_in_words(code))
        }
        _ => code.to_string(),
    };
    let status = row.gateway_status.map(code);
    let said = row.delivery_status.or(row.entry_status);
    let codes = [status, said.map(code), row.error_class.clone()];
    let codes: Vec<String> = codes.into_iter().flatten().collect();
    let resent = row.resent_ambiguous.then(|| texts.resent.to_owned());
    let attempts = match resent {
        Some(resent) => format!("{} ({resent})", row.attempt),
        None => row.attempt.to_string(),
    };
    [
        (
            texts.purpose,
            Some(texts.purpose_name(row.purpose).to_owned()),
            false,
        ),
        (
            texts.channel,
            Some(texts.channel_name(row.channel).to_owned()),
            false,
        ),
        (texts.route, Some(row.route.to_string()), true),
        (texts.started, at(row.started_at), false),
        (texts.finished, at(row.finished_at), false),
        (
            texts.last_report,
            at(row.delivered_at.or(row.delivery_checked_at)),
            false,
        ),
        (texts.attempts, Some(attempts), false),
        (
            texts.code,
            (!codes.is_empty()).then(|| codes.join(" · ")),
            true,
        ),
        (
            texts.cost,
            row.cost_rials
                .map(|rials| format!("{} {}", times::grouped(rials.into()), words.times.rials)),
            false,
        ),
        (
            texts.message_id,
            row.message_id.as_ref().map(ToString::to_string),
            true,
        ),
        (texts.request, row.request_id.map(|id| id.to_string()), true),
    ]
    .into_iter()
    .filter_map(|(name, value, ltr)| Some((name, value?, ltr)))
    .collect()
}

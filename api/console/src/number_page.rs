//! The page of one number, or of one request: what happened, how things are, and what to tell the person who asks.

mod answer;
mod events;
mod standing;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use chrono::TimeDelta;
use domain::challenge::Locale;
use domain::phone::PhoneNumber;
use domain::staff::Role;
use flows::RefusalCode;
use flows::inquiry::{NoAnswer, Question, Report, Subject};
use http::StatusCode;
use url::form_urlencoded;

use crate::console::Console;
use crate::fault::Fault;
use crate::frame::{Frame, ShownNumber, page};
use crate::staff::Staff;
use crate::words::Words;

use events::Event;
use standing::Fact;

/// The newest messages that are told of.
const MESSAGES: u32 = 100;
/// How far back can be looked, by the name in the address; the second is usual.
const SPANS: [(&str, i64); 3] = [("1h", 1), ("24h", 24), ("7d", 168)];
const USUAL: &str = "24h";

/// How far to look back.
struct Span {
    name: &'static str,
    address: String,
    is_here: bool,
}

#[derive(Template)]
#[template(path = "number.html")]
struct NumberPage {
    frame: Frame,
    /// Nothing where the number of a request was erased.
    number: Option<ShownNumber>,
    /// The request that was asked about.
    request: Option<String>,
    /// What support tells the person: in the language of the page first.
    answers: [Ready; 2],
    standing: Vec<Fact>,
    events: Vec<Event>,
    missing: Vec<&'static str>,
    spans: Vec<Span>,
    all: Option<String>,
}

/// An answer to copy.
struct Ready {
    name: &'static str,
    language: &'static Words,
    text: String,
}

/// `GET /number?n=` a sealed number, or `?request=` or `?challenge=` an id.
pub(crate) async fn show(
    State(console): State<Console>,
    staff: Staff,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    let fields: Vec<(String, String)> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let field = |name: &str| {
        let found = fields.iter().find(|(of, _)| of == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let subject = subject(&console, field("n"), field("request"), field("challenge"))
        .ok_or(Fault::Unreadable)?;
    let since = SPANS
        .into_iter()
        .find(|(name, _)| *name == field("since"))
        .unwrap_or(SPANS[1]);
    let question = Question {
        subject: subject.clone(),
        since: TimeDelta::hours(since.1),
        limit: MESSAGES,
    };
    let report = match console.desk.inquire(question).await {
        Ok(report) => report,
        Err(NoAnswer::Unknown { .. }) => return Err(nothing_known()),
        Err(NoAnswer::Away(cause)) => {
            tracing::warn!(cause, "a number could not be looked up");
            return Err(Fault::Refused(RefusalCode::StoreUnavailable.into()));
        }
    };
    let template = of_report(&console, &staff, &subject, &report, since.0);
    Ok(page(&console, &staff, StatusCode::OK, &template))
}

fn nothing_known() -> Fault {
    Fault::Told(StatusCode::NOT_FOUND, "nothing_known", |words| {
        (words.number.unknown_title, words.number.unknown)
    })
}

fn subject(console: &Console, number: &str, request: &str, challenge: &str) -> Option<Subject> {
    if !number.is_empty() {
        return console.open_number(number).map(Subject::Phone);
    }
    if !request.is_empty() {
        return request.parse().ok().map(Subject::Request);
    }
    challenge.parse().ok().map(Subject::Challenge)
}

fn of_report(
    console: &Console,
    staff: &Staff,
    subject: &Subject,
    report: &Report,
    since: &'static str,
) -> NumberPage {
    let words = staff.words;
    let shown = |phone: &PhoneNumber| ShownNumber::new(console, staff, phone, None);
    let phone = match subject {
        Subject::Phone(phone) => Some(phone),
        Subject::Request(_) | Subject::Challenge(_) => report.number.as_ref(),
    };
    let answer = report.answer();
    let ready = |locale: Locale| {
        let language = Words::of(locale);
        Ready {
            name: match locale {
                Locale::Fa => words.number.answer_fa,
                Locale::En => words.number.answer_en,
            },
            language,
            text: answer::text(answer, report.now, language),
        }
    };
    let answers = match words.locale {
        Locale::Fa => [ready(Locale::Fa), ready(Locale::En)],
        Locale::En => [ready(Locale::En), ready(Locale::Fa)],
    };
    let names = [
        words.number.since_hour,
        words.number.since_day,
        words.number.since_week,
    ];
    let of_phone = matches!(subject, Subject::Phone(_));
    let address = phone.and_then(|phone| crate::sends::number_address(console, phone));
    NumberPage {
        frame: Frame::new(console, staff, words.number.title),
        number: phone.map(shown),
        request: match subject {
            Subject::Phone(_) => None,
            Subject::Request(id) => Some(id.to_string()),
            Subject::Challenge(id) => Some(id.to_string()),
        },
        answers,
        standing: standing::facts(report, words),
        events: events::of(report, words),
        missing: missing(report, words),
        spans: address
            .iter()
            .filter(|_| of_phone)
            .flat_map(|address| {
                SPANS.iter().zip(names).map(move |((value, _), name)| Span {
                    name,
                    address: match *value {
                        USUAL => address.clone(),
                        value => format!("{address}&since={value}"),
                    },
                    is_here: *value == since,
                })
            })
            .collect(),
        all: address.map(|address| address.replacen("/number?", "/sends?", 1)),
    }
}

fn missing(report: &Report, words: &'static Words) -> Vec<&'static str> {
    let records = report.standing.account.is_none() && !report.missing.is_empty();
    let hot_state = report.standing.service.is_none();
    [
        (records, words.number.missing_records),
        (hot_state, words.number.missing_hot_state),
    ]
    .into_iter()
    .filter_map(|(is_missing, text)| is_missing.then_some(text))
    .collect()
}

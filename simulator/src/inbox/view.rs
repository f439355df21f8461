//! What the inbox page shows.

use askama::Template;
use chrono::{DateTime, FixedOffset};

use super::language::{Words, ascii_digits, words};
use crate::{ReceivedMessage, simulator::Simulator, store::delivery::DeliveryStatus};

/// Messages on the page.
const SHOWN: usize = 100;
/// Tehran's distance from UTC in seconds, all year since 2022.
const TEHRAN: i32 = 12_600;

/// The page.
#[derive(Template)]
#[template(path = "inbox.html")]
pub(super) struct InboxPage {
    words: &'static Words,
    receptor: String,
    sign_in_page: Option<String>,
    credit: String,
    kept: String,
    debug_mode: bool,
    faults: Vec<FaultLine>,
    cards: Vec<Card>,
}

/// One fault rule in force.
struct FaultLine {
    kind: &'static str,
    target: String,
    applied: String,
}

/// One message.
struct Card {
    message: ReceivedMessage,
    sender: String,
    status: String,
    tone: &'static str,
    time: String,
    cost: String,
}

impl InboxPage {
    pub(super) fn new(simulator: &Simulator, lang: &str, receptor: &str) -> Self {
        let words = words(lang);
        let receptor = ascii_digits(receptor);
        let wanted = (!receptor.is_empty()).then_some(receptor.as_str());
        let messages = simulator.messages(wanted, SHOWN);
        let state = simulator.state();
        let faults = state.faults.rules().iter().map(|active| FaultLine {
            kind: active.rule.fault.kind(),
            target: [
                active.rule.method.as_deref(),
                active.rule.receptor_suffix.as_deref(),
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" … "),
            applied: words.number(i64::try_from(active.applied).unwrap_or(i64::MAX)),
        });
        Self {
            words,
            receptor,
            sign_in_page: simulator.sign_in_page().map(str::to_owned),
            credit: words.number(state.account.credit),
            kept: words.number(i64::try_from(state.messages.len()).unwrap_or(i64::MAX)),
            debug_mode: state.account.debugmode,
            faults: faults.collect(),
            cards: messages
                .into_iter()
                .map(|message| Card::new(words, message))
                .collect(),
        }
    }
}

impl Card {
    fn new(words: &Words, message: ReceivedMessage) -> Self {
        let local = FixedOffset::east_opt(TEHRAN).and_then(|zone| {
            DateTime::from_timestamp_millis(message.at).map(|time| time.with_timezone(&zone))
        });
        let time = local.map_or_else(String::new, |time| time.format("%H:%M:%S").to_string());
        Self {
            sender: words.digits(&message.sender),
            status: words.status(message.status, message.statustext).to_owned(),
            tone: tone(message.status),
            time: words.digits(&time),
            cost: words.number(message.cost),
            message,
        }
    }
}

fn tone(status: u16) -> &'static str {
    let is = |known: DeliveryStatus| status == known.code();
    if is(DeliveryStatus::DELIVERED) {
        "good"
    } else if is(DeliveryStatus::FAILED)
        || is(DeliveryStatus::UNDELIVERED)
        || is(DeliveryStatus::CANCELLED)
        || is(DeliveryStatus::BLOCKED)
    {
        "bad"
    } else {
        "waiting"
    }
}

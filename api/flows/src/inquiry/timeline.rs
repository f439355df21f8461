//! The facts as events, in the order in which they happened.

use chrono::{DateTime, Utc};
use domain::delivery::DeliveryStatus;
use domain::notice::MessagePurpose;
use domain::root::RootId;
use serde::Serialize;
use shared::hot_state::AcceptPolicy;
use shared::records::{LedgerRow, LedgerState};

use super::facts::{Facts, Subject};
use super::times::moment;
use super::words;

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// When.
    pub at: DateTime<Utc>,
    /// A stable name, for programs.
    #[serde(rename = "event")]
    pub name: &'static str,
    /// What, in words.
    pub text: String,
    /// The root that it belongs to: the challenge that began it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<RootId>,
    /// When that what it belongs to was asked for.
    #[serde(skip)]
    pub asked_at: Option<DateTime<Utc>>,
}

/// Everything that happened, the oldest first.
pub(crate) fn events(facts: &Facts, policy: &AcceptPolicy) -> Vec<Event> {
    let mut events = Vec::new();
    for send in facts.sends() {
        of_send(send, &mut events);
    }
    of_codes(facts, &mut events);
    for at in facts.waiting() {
        let text = "a code was asked for; no worker has begun to send it".to_owned();
        events.push(Event {
            asked_at: Some(at),
            ..event(at, "asked", text)
        });
    }
    if let Ok(kept) = &facts.records {
        for notice in &kept.notices {
            let what = words::notice(notice.kind);
            let text = format!("{what} was written");
            events.push(event(notice.created_at, "notice_written", text));
            if let Some(at) = notice.enqueued_at {
                let text = format!("{what} was put into the queue");
                events.push(event(at, "notice_queued", text));
            }
        }
    }
    if matches!(facts.question.subject, Subject::Phone(_)) {
        of_phone(facts, policy, &mut events);
    }
    let since = facts.now - facts.question.since;
    if matches!(facts.question.subject, Subject::Phone(_)) {
        events.retain(|event| event.at >= since);
    }
    // What happened at the same moment stays in the order of its making.
    events.sort_by_key(|event| event.at);
    events
}

fn event(at: DateTime<Utc>, name: &'static str, text: String) -> Event {
    Event {
        at,
        name,
        text,
        challenge: None,
        asked_at: None,
    }
}

fn of_send(send: &LedgerRow, events: &mut Vec<Event>) {
    let is_code = matches!(send.purpose, MessagePurpose::Code(_));
    let mut push = |at, name, text| {
        events.push(Event {
            challenge: is_code.then_some(send.key.root),
            asked_at: Some(send.accepted_at),
            ..event(at, name, text)
        });
    };
    let (what, channel) = (words::message(send.purpose), words::channel(send.channel));
    let asked = match (is_code, send.key.send) {
        (false, _) => format!("{what} came into the queue"),
        (true, 1) => format!("{what} was asked for, {channel}"),
        (true, number) => {
            format!("the same code was asked for again, {channel} (message {number})")
        }
    };
    push(
        send.accepted_at,
        if is_code { "asked" } else { "notice_queued" },
        asked,
    );
    if let Some(at) = send.started_at {
        let method = send.method.map_or("", words::method);
        let mut text = format!("sent to the gateway {method}, attempt {}", send.attempt);
        if send.key.leg > 1 {
            let (route, leg) = (&send.route, send.key.leg);
            text = format!("{text}, over {route} (leg {leg})");
        }
        if send.resent_ambiguous {
            text.push_str("; the message before may have gone out too");
        }
        push(at, "sending", text);
    }
    let failure = || {
        words::failure(
            send.gateway_status,
            send.entry_status,
            send.error_class.as_deref(),
        )
    };
    let ended = match send.state {
        LedgerState::Sending => None,
        LedgerState::Accepted => {
            let messageid = send
                .message_id
                .as_ref()
                .map(|id| format!(" as message {id}"));
            let cost = send.cost_rials.map(|rials| format!(", {rials} rials"));
            let text = format!(
                "the gateway took it{}{}",
                messageid.unwrap_or_default(),
                cost.unwrap_or_default()
            );
            Some(text)
        }
        LedgerState::Refused => Some(format!("the gateway refused it for good, {}", failure())),
        LedgerState::Expired if send.is_kept_back() => {
            Some("not sent: the user of the number is blocked".to_owned())
        }
        LedgerState::Expired => Some("given up: it would have come too late".to_owned()),
        LedgerState::Unknown => Some(format!("it may have gone out or not, {}", failure())),
        LedgerState::NotSent => Some(format!("it did not go out, {}", failure())),
    };
    if let (Some(at), Some(text)) = (send.finished_at, ended) {
        push(at, send.state.as_str(), text);
    }
    if let Some(at) = send.looked_at {
        let looks = send.looks;
        push(
            at,
            "looked",
            format!("the gateway was asked for it and has no such message ({looks} times)"),
        );
    }
    of_delivery(send, &mut push);
}

fn of_delivery(send: &LedgerRow, push: &mut impl FnMut(DateTime<Utc>, &'static str, String)) {
    if let Some(at) = send.delivered_at {
        push(at, "delivered", "delivered to the phone".to_owned());
        return;
    }
    let told = send.delivery_status.zip(send.delivery_checked_at);
    if let Some((code, at)) = told {
        let status = DeliveryStatus::from_code(i32::try_from(code).unwrap_or(i32::MAX));
        let text = format!("the gateway says of it: {} ({code})", words::delivery(code));
        push(at, status.as_str(), text);
    }
}

/// The ends of the codes.
fn of_codes(facts: &Facts, events: &mut Vec<Event>) {
    let mut ids: Vec<RootId> = Vec::new();
    for send in facts.sends() {
        if matches!(send.purpose, MessagePurpose::Code(_)) && !ids.contains(&send.key.root) {
            ids.push(send.key.root);
        }
    }
    for id in ids {
        let asked_at = facts
            .sends()
            .iter()
            .find(|send| send.key.root == id)
            .map(|send| send.accepted_at);
        let (at, name, text) = if let Some(code_use) = facts.code_use(id) {
            let text = "the code was used".to_owned();
            (code_use.used_at, "verified", text)
        } else {
            match facts.ends_at(id) {
                Some(at) if at <= facts.now => {
                    (at, "expired_unused", "the code expired unused".to_owned())
                }
                _ => continue,
            }
        };
        events.push(Event {
            challenge: Some(id),
            asked_at,
            ..event(at, name, text)
        });
    }
}

/// What is known of the number and belongs to no message.
fn of_phone(facts: &Facts, policy: &AcceptPolicy, events: &mut Vec<Event>) {
    let Some(state) = facts.phone_state() else {
        return;
    };
    for refusals in &state.refusals {
        let limit = words::window(refusals.rule, policy);
        let times = match refusals.count {
            1 => String::new(),
            count => format!(" (the last of {count} such refusals)"),
        };
        let text = format!("a request was refused: the limit is {limit}{times}");
        events.push(event(moment(refusals.last_at), "limited", text));
    }
    if let Some(at) = state.last_failure_at {
        let text = format!(
            "a try with a password, or with a code by the number only, failed ({} since the last that was right)",
            state.failures
        );
        events.push(event(moment(at), "try_failed", text));
    }
}

//! The facts as events, in the order in which they happened.

use chrono::{DateTime, Utc};
use domain::challenge::Channel;
use domain::delivery::DeliveryStatus;
use domain::limits::Rule;
use domain::notice::MessagePurpose;
use domain::root::RootId;
use serde::Serialize;
use shared::hot_state::AcceptPolicy;
use shared::records::{LedgerRow, LedgerState, MessageId, Route};

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
    /// The same as a value.
    #[serde(skip)]
    pub what: Happened,
    /// The root that it belongs to: the challenge that began it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<RootId>,
    /// When that what it belongs to was asked for.
    #[serde(skip)]
    pub asked_at: Option<DateTime<Utc>>,
}

/// What happened, for faces that say it in other words than [`Event::text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A code was asked for; from the second message on it is the same code again.
    Asked {
        /// How it travels.
        channel: Channel,
        /// The how-many-th message.
        message: u32,
    },
    /// A code was asked for, and no worker has begun to send it.
    AskedAndWaits,
    /// A notice was written.
    NoticeWritten,
    /// A notice came into the queue.
    NoticeQueued,
    /// The gateway was called.
    Sending {
        /// The how-many-th time.
        attempt: u32,
        /// Which gateway.
        route: Route,
        /// The message before may have gone out too.
        again: bool,
    },
    /// The gateway took it.
    Accepted {
        /// Its number there.
        message_id: Option<MessageId>,
        /// What it cost.
        rials: Option<i64>,
    },
    /// The gateway refused it for good.
    Refused(Failure),
    /// It was given up.
    Expired,
    /// It may have gone out or not.
    Unknown(Failure),
    /// It did not go out.
    NotSent(Failure),
    /// The gateway has no such message.
    Looked {
        /// How often it was asked.
        times: u32,
    },
    /// The gateway says this of the delivery.
    Delivery(DeliveryStatus),
    /// The code was used.
    Verified,
    /// The code expired unused.
    ExpiredUnused,
    /// A limit of the number refused a request.
    Limited {
        /// Which.
        rule: Rule,
        /// How often lately.
        times: u32,
    },
    /// A try with a password, or with a code by the number only, failed.
    TryFailed {
        /// How many since the last that was right.
        failures: u32,
    },
}

/// Why an attempt failed, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The gateway's code for the call.
    pub gateway_status: Option<i64>,
    /// Its code for the message, where that was at fault.
    pub entry_status: Option<i64>,
    /// What was seen in place of an answer.
    pub error_class: Option<String>,
}

impl Failure {
    fn of(send: &LedgerRow) -> Self {
        let class = send.error_class.as_deref();
        Self {
            gateway_status: send.gateway_status.filter(|code| *code != 200),
            entry_status: send.entry_status.filter(|_| class == Some("refused_entry")),
            error_class: send.error_class.clone(),
        }
    }
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
            ..event(at, "asked", text, Happened::AskedAndWaits)
        });
    }
    if let Ok(kept) = &facts.records {
        for notice in &kept.notices {
            let what = words::notice(notice.kind);
            let text = format!("{what} was written");
            let written = Happened::NoticeWritten;
            let at = notice.created_at;
            events.push(event(at, "notice_written", text, written));
            if let Some(at) = notice.enqueued_at {
                let text = format!("{what} was put into the queue");
                events.push(event(at, "notice_queued", text, Happened::NoticeQueued));
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

fn event(at: DateTime<Utc>, name: &'static str, text: String, what: Happened) -> Event {
    Event {
        at,
        name,
        text,
        what,
        challenge: None,
        asked_at: None,
    }
}

fn of_send(send: &LedgerRow, events: &mut Vec<Event>) {
    let is_code = matches!(send.purpose, MessagePurpose::Code(_));
    let mut push = |at, name, text, what| {
        events.push(Event {
            challenge: is_code.then_some(send.key.root),
            asked_at: Some(send.accepted_at),
            ..event(at, name, text, what)
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
        if is_code {
            Happened::Asked {
                channel: send.channel,
                message: send.key.send,
            }
        } else {
            Happened::NoticeQueued
        },
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
        let what = Happened::Sending {
            attempt: send.attempt,
            route: send.route.clone(),
            again: send.resent_ambiguous,
        };
        push(at, "sending", text, what);
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
        let failure = Failure::of(send);
        let what = match send.state {
            LedgerState::Refused => Happened::Refused(failure),
            LedgerState::Expired => Happened::Expired,
            LedgerState::Unknown | LedgerState::Sending => Happened::Unknown(failure),
            LedgerState::NotSent => Happened::NotSent(failure),
            LedgerState::Accepted => Happened::Accepted {
                message_id: send.message_id.clone(),
                rials: send.cost_rials,
            },
        };
        push(at, send.state.as_str(), text, what);
    }
    if let Some(at) = send.looked_at {
        let looks = send.looks;
        push(
            at,
            "looked",
            format!("the gateway was asked for it and has no such message ({looks} times)"),
            Happened::Looked { times: looks },
        );
    }
    of_delivery(send, &mut push);
}

fn of_delivery(
    send: &LedgerRow,
    push: &mut impl FnMut(DateTime<Utc>, &'static str, String, Happened),
) {
    if let Some(at) = send.delivered_at {
        let what = Happened::Delivery(DeliveryStatus::Delivered);
        push(at, "delivered", "delivered to the phone".to_owned(), what);
        return;
    }
    let told = send.delivery_status.zip(send.delivery_checked_at);
    if let Some((code, at)) = told {
        let status = DeliveryStatus::from_code(i32::try_from(code).unwrap_or(i32::MAX));
        let text = format!("the gateway says of it: {} ({code})", words::delivery(code));
        push(at, status.as_str(), text, Happened::Delivery(status));
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
        let (at, name, text, what) = if let Some(code_use) = facts.code_use(id) {
            let text = "the code was used".to_owned();
            (code_use.used_at, "verified", text, Happened::Verified)
        } else {
            match facts.ends_at(id) {
                Some(at) if at <= facts.now => {
                    let text = "the code expired unused".to_owned();
                    (at, "expired_unused", text, Happened::ExpiredUnused)
                }
                _ => continue,
            }
        };
        events.push(Event {
            challenge: Some(id),
            asked_at,
            ..event(at, name, text, what)
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
        let what = Happened::Limited {
            rule: refusals.rule,
            times: refusals.count,
        };
        events.push(event(moment(refusals.last_at), "limited", text, what));
    }
    if let Some(at) = state.last_failure_at {
        let text = format!(
            "a try with a password, or with a code by the number only, failed ({} since the last that was right)",
            state.failures
        );
        let failures = state.failures;
        events.push(event(
            moment(at),
            "try_failed",
            text,
            Happened::TryFailed { failures },
        ));
    }
}

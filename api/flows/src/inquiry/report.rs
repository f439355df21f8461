//! The whole report. It serializes as one JSON object; each face shows it to people in its own way.

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use domain::phone::PhoneNumber;
use serde::Serialize;
use shared::hot_state::AcceptPolicy;
use shared::records::{LedgerRow, MessageId};

use super::conclusion::{Concluding, Conclusion};
use super::facts::{Facts, Subject};
use super::standing::Standing;
use super::timeline::{self, Event};
use super::times::Times;

/// Everything that is known of one number, or of one request.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What was asked about; a number is masked.
    pub subject: String,
    /// The number, masked; unknown where its account was deleted.
    pub phone: Option<String>,
    /// The present, by the store of codes where it answers.
    pub now: DateTime<Utc>,
    /// Nothing older was looked for.
    pub since: DateTime<Utc>,
    /// What happened, the oldest first.
    pub events: Vec<Event>,
    /// The messages behind it, in the order in which they were asked for.
    pub sends: Vec<Message>,
    /// How things are now.
    #[serde(flatten)]
    pub standing: Standing,
    /// What could not be asked, in words.
    pub missing: Vec<String>,
    /// Where the matter stands.
    pub conclusion: Conclusion,
    /// Shows moments as somebody who asks wants them.
    #[serde(skip)]
    pub times: Times,
    /// How far back was looked.
    #[serde(skip)]
    pub span: TimeDelta,
    /// Whether a number was asked about.
    #[serde(skip)]
    pub of_phone: bool,
    /// The number itself, which reaches nobody unmasked who may not see it.
    #[serde(skip)]
    pub number: Option<PhoneNumber>,
}

/// A message, as the ledger has it.
#[derive(Debug, Serialize)]
pub struct Message {
    /// The challenge whose code it brings, or the notice that it is.
    pub challenge: String,
    /// The how-many-th message of its challenge.
    pub send: u32,
    /// Over the how-many-th route.
    pub leg: u32,
    /// What it brings.
    pub purpose: &'static str,
    /// How it travels.
    pub channel: &'static str,
    /// Over which gateway.
    pub route: String,
    /// By which method of the gateway.
    pub method: Option<&'static str>,
    /// Where it stands in the ledger.
    pub state: &'static str,
    /// How often the gateway was called for it.
    pub attempts: u32,
    /// The gateway's code for the call.
    pub gateway_status: Option<i64>,
    /// The gateway's code for the message.
    pub entry_status: Option<i64>,
    /// What was seen in place of an answer.
    pub error_class: Option<String>,
    /// The gateway's number of it, where that is a number.
    pub messageid: Option<i64>,
    /// The same as text, whatever it is.
    pub message_id: Option<String>,
    /// What it cost.
    pub cost_rials: Option<i64>,
    /// Whether the message before may have gone out too.
    pub resent_ambiguous: bool,
    /// When it was asked for.
    pub accepted_at: DateTime<Utc>,
    /// From then on it is not sent.
    pub deadline_at: DateTime<Utc>,
    /// When the last attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When the last attempt ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// What the gateway says became of it.
    pub delivery_status: Option<i64>,
    /// When the gateway was asked last.
    pub delivery_checked_at: Option<DateTime<Utc>>,
    /// When it was seen delivered.
    pub delivered_at: Option<DateTime<Utc>>,
    /// The request that asked for it.
    pub request_id: Option<String>,
    /// The trace that it belongs to.
    pub trace_id: Option<String>,
}

impl Report {
    pub(crate) fn new(facts: &Facts, policy: &AcceptPolicy, offset: Option<FixedOffset>) -> Self {
        let standing = Standing::of(facts, policy);
        let times = Times {
            now: facts.now,
            offset,
        };
        let conclusion = Concluding {
            facts,
            standing: &standing,
            policy,
            times,
        }
        .conclude();
        let phone = facts.phone.as_ref().map(ToString::to_string);
        let subject = match &facts.question.subject {
            Subject::Phone(phone) => phone.to_string(),
            Subject::Request(id) => format!("request {id}"),
            Subject::Challenge(id) => format!("challenge {id}"),
        };
        Self {
            subject,
            phone,
            now: facts.now,
            since: facts.now - facts.question.since,
            events: timeline::events(facts, policy),
            sends: facts.sends().iter().map(Message::of).collect(),
            standing,
            missing: facts.missing(),
            conclusion,
            times,
            span: facts.question.since,
            of_phone: matches!(facts.question.subject, Subject::Phone(_)),
            number: facts.phone.clone(),
        }
    }
}

impl Message {
    fn of(row: &LedgerRow) -> Self {
        Self {
            challenge: row.key.root.to_string(),
            send: row.key.send,
            leg: row.key.leg,
            purpose: row.purpose.as_str(),
            channel: row.channel.as_str(),
            route: row.route.to_string(),
            method: row.method.map(shared::records::SendMethod::as_str),
            state: row.state.as_str(),
            attempts: row.attempt,
            gateway_status: row.gateway_status,
            entry_status: row.entry_status,
            error_class: row.error_class.clone(),
            messageid: row.message_id.as_ref().and_then(MessageId::number),
            message_id: row.message_id.as_ref().map(ToString::to_string),
            cost_rials: row.cost_rials,
            resent_ambiguous: row.resent_ambiguous,
            accepted_at: row.accepted_at,
            deadline_at: row.deadline_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            delivery_status: row.delivery_status,
            delivery_checked_at: row.delivery_checked_at,
            delivered_at: row.delivered_at,
            request_id: row.request_id.map(|id| id.to_string()),
            trace_id: row.trace_id.clone(),
        }
    }
}

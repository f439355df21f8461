//! Where is my message? The same facts for the person who waits: what happened when, and how it looks
//! now, without anything of the inside.

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::{Channel, SessionId};
use domain::delivery::DeliveryStatus;
use shared::records::{LedgerRow, LedgerState};
use shared::stores::Stores;

use super::facts::{Facts, LivingCode, NoAnswer, Question, Subject};
use super::times::moment;
use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};

/// Longer than any code lives.
const SINCE: TimeDelta = TimeDelta::hours(1);
const MESSAGES: u32 = 20;

/// What its owner is told of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnMessage {
    /// The present.
    pub now: DateTime<Utc>,
    /// When it was asked for, the last time.
    pub asked_at: DateTime<Utc>,
    /// How it travels, where it is their own: one that they share may be somebody else's, and how that
    /// person asked for it is nobody's business.
    pub channel: Option<Channel>,
    /// When the operator took it.
    pub handed_over_at: Option<DateTime<Utc>>,
    /// When the operator reported it as arrived.
    pub arrived_at: Option<DateTime<Utc>>,
    /// How it looks now.
    pub outlook: Outlook,
    /// When its code dies.
    pub code_until: DateTime<Utc>,
}

/// How it looks with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It waits for its turn.
    Waiting,
    /// It waits until messages can be sent again.
    Interrupted,
    /// The operator has it and has not said more.
    HandedOver,
    /// It arrived.
    Arrived,
    /// The operator could not deliver it.
    Undelivered,
    /// It was not sent.
    NotSent,
    /// Nobody can tell whether it was sent.
    Unknown,
}

/// Looks up the message of a request for a code, for anyone who has its handle.
pub async fn own_message(flows: &Flows, session: SessionId) -> Result<OwnMessage, Refusal> {
    let id = session.challenge_id();
    let stores = Stores {
        hot_state: flows.hot_state.clone(),
        records: flows.records.clone(),
        feed: flows.queue.clone(),
    };
    let question = Question {
        subject: Subject::Challenge(id),
        since: SINCE,
        limit: MESSAGES,
    };
    let gathered = Facts::gather(&stores, question, false, flows.clock.now()).await;
    let facts = gathered.map_err(|error| match error {
        NoAnswer::Unknown { .. } => RefusalCode::SessionUnknown,
        NoAnswer::Away(cause) => {
            tracing::warn!(cause, "a message cannot be looked up");
            RefusalCode::StoreUnavailable
        }
    })?;
    // Of one challenge there is one root.
    let code = facts.hot.as_ref().ok().and_then(|hot| hot.codes.first());
    let interrupted = facts.hot.as_ref().is_ok_and(|hot| hot.breaker.is_some());
    let asked_at = code
        .map(|code| moment(code.last_asked_at))
        .or(facts.sends().first().map(|send| send.accepted_at));
    let told = OwnMessage {
        now: facts.now,
        asked_at: asked_at.unwrap_or(facts.now),
        channel: None,
        handed_over_at: None,
        arrived_at: None,
        outlook: if interrupted {
            Outlook::Interrupted
        } else {
            Outlook::Waiting
        },
        code_until: code.map_or(facts.now, |code| moment(code.expires_at)),
    };
    let mut told = match own_send(&facts, code) {
        Some((send, whole)) => of_send(told, send, whole),
        // It is not in the ledger yet.
        None => told,
    };
    let waits = matches!(told.outlook, Outlook::Waiting | Outlook::Interrupted);
    if waits && told.code_until <= told.now {
        // It would come too late.
        told.outlook = Outlook::NotSent;
    }
    Ok(told)
}

/// The message of a request, and whether it is its own: one that got none shares that of a moment before,
/// which may be somebody else's.
fn own_send<'a>(facts: &'a Facts, code: Option<&LivingCode>) -> Option<(&'a LedgerRow, bool)> {
    let Some(code) = code else {
        // Once its record is gone, only anyone who began the root finds it. The first message is theirs; a
        // later one may be that of somebody who joined them.
        return facts.sends().first().map(|send| (send, true));
    };
    let accepted = |send: &LedgerRow| send.accepted_at.timestamp_millis();
    let asked = code.last_asked_at;
    let mut sends = facts.sends().iter().rev();
    let untexted = facts
        .phone_state()
        .is_some_and(|state| state.untexted.contains(&asked));
    if untexted {
        return sends
            .find(|send| accepted(send) <= asked)
            .map(|send| (send, false));
    }
    sends
        .find(|send| accepted(send) == asked)
        .map(|send| (send, true))
}

/// Of a message that may be somebody else's nothing is told that happened before they asked, nor whether
/// it arrived, nor how it travels: that would tell a stranger of its owner.
fn of_send(told: OwnMessage, send: &LedgerRow, whole: bool) -> OwnMessage {
    let status = send
        .delivery_status
        .map(|code| DeliveryStatus::from_code(i32::try_from(code).unwrap_or(i32::MAX)));
    let arrived = send.delivered_at.is_some() || status == Some(DeliveryStatus::Delivered);
    // Nobody who asks for a code of somebody who is kept out learns that they are.
    let accepted = send.state == LedgerState::Accepted || send.is_kept_back();
    let outlook = match send.state {
        LedgerState::Expired if accepted => Outlook::HandedOver,
        LedgerState::Accepted if !whole => Outlook::HandedOver,
        LedgerState::Accepted if arrived => Outlook::Arrived,
        LedgerState::Accepted if status.is_some_and(DeliveryStatus::is_final) => {
            Outlook::Undelivered
        }
        LedgerState::Accepted => Outlook::HandedOver,
        LedgerState::Refused | LedgerState::Expired => Outlook::NotSent,
        LedgerState::Unknown => Outlook::Unknown,
        // It is tried, or will be tried again.
        LedgerState::Sending | LedgerState::NotSent => told.outlook,
    };
    let since_asked = |at: DateTime<Utc>| at.max(told.asked_at);
    OwnMessage {
        channel: whole.then_some(send.channel),
        handed_over_at: send.finished_at.filter(|_| accepted).map(since_asked),
        arrived_at: send.delivered_at.filter(|_| whole).map(since_asked),
        outlook,
        ..told
    }
}

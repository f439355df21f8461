//! What support tells the person who asks: the closing sentence of a report, for somebody who is not of the staff.
//! Each face says it in its own words.

use chrono::{DateTime, Utc};
use domain::delivery::DeliveryStatus;
use domain::notice::MessagePurpose;

use super::report::{Message, Report};

/// What is true for the person at the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The account is blocked: no code helps.
    Blocked,
    /// The number has reached its limit, and may ask again then.
    LimitedUntil(DateTime<Utc>),
    /// It had reached its limit, which is over.
    MayAskAgain,
    /// It was asked for and is on its way.
    UnderWay {
        /// When it was asked for.
        asked_at: DateTime<Utc>,
    },
    /// Messages do not leave at present; this one waits with the others.
    Interrupted {
        /// When it was asked for.
        asked_at: DateTime<Utc>,
    },
    /// The operator has it and has not confirmed it.
    HandedOver {
        /// Since when.
        at: DateTime<Utc>,
    },
    /// The operator says that the phone has it.
    Arrived {
        /// Since when.
        at: DateTime<Utc>,
    },
    /// The code was used.
    Used {
        /// When.
        at: DateTime<Utc>,
    },
    /// The operator could not deliver it.
    NotDelivered(NotDelivered),
    /// It was not sent.
    NotSent(NotSent),
    /// Nobody can tell whether it was sent.
    Unknown {
        /// When it was tried.
        at: DateTime<Utc>,
    },
    /// Nothing was asked for.
    NothingAsked,
    /// Not everything could be looked up.
    NotKnown,
}

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDelivered {
    /// The phone is switched off or out of reach.
    OutOfReach,
    /// The owner of the number blocks messages of this kind.
    Blocked,
    /// The line or the operator failed, or cancelled it.
    Failed,
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// It would have come too late.
    TooLate,
    /// The gateway does not take messages to this number.
    NumberRefused,
    /// The gateway did not take it, for a reason of ours.
    Refused,
}

impl Report {
    /// What is true for the person at the phone.
    pub fn answer(&self) -> Answer {
        let last = self.last_code();
        let at = |time: Option<DateTime<Utc>>| time.unwrap_or(self.now);
        let asked_at = self
            .events
            .iter()
            .rev()
            .find(|event| event.name == "asked")
            .map_or(self.now, |event| event.at);
        match self.conclusion.code {
            "blocked_user" => Answer::Blocked,
            "limited" => {
                let limits = self.standing.limits.as_ref();
                let closed = limits.and_then(super::standing::Limits::closed);
                closed.map_or(Answer::MayAskAgain, |(_, until)| {
                    Answer::LimitedUntil(until)
                })
            }
            "was_limited" => Answer::MayAskAgain,
            "waiting" | "sending" | "interrupted" | "not_sent_yet" => Answer::UnderWay { asked_at },
            "no_worker" | "breaker_open" => Answer::Interrupted { asked_at },
            "verified" => Answer::Used {
                at: at(self
                    .events
                    .iter()
                    .rev()
                    .find_map(|event| (event.name == "verified").then_some(event.at))),
            },
            "delivered" => Answer::Arrived {
                at: at(last.and_then(|one| {
                    one.delivered_at
                        .or(one.delivery_checked_at)
                        .or(one.finished_at)
                })),
            },
            "accepted" => Answer::HandedOver {
                at: at(last.and_then(|one| one.finished_at)),
            },
            "undelivered" => Answer::NotDelivered(last.map_or(NotDelivered::Failed, why)),
            "refused" => Answer::NotSent(match last.and_then(|one| one.error_class.as_deref()) {
                Some("refused_message" | "refused_entry") => NotSent::NumberRefused,
                _ => NotSent::Refused,
            }),
            "expired" | "blocked" | "not_sent" | "no_message" => Answer::NotSent(NotSent::TooLate),
            "unknown" => Answer::Unknown {
                at: at(last.and_then(|one| one.started_at)),
            },
            "nothing_known" if self.missing.is_empty() => Answer::NothingAsked,
            _ => Answer::NotKnown,
        }
    }

    fn last_code(&self) -> Option<&Message> {
        self.sends.iter().rev().find(|send| {
            let purpose = MessagePurpose::from_name(send.purpose);
            matches!(purpose, Some(MessagePurpose::Code(_)))
        })
    }
}

fn why(message: &Message) -> NotDelivered {
    let code = message.delivery_status.unwrap_or_default();
    match DeliveryStatus::from_code(i32::try_from(code).unwrap_or(i32::MAX)) {
        DeliveryStatus::Undelivered => NotDelivered::OutOfReach,
        DeliveryStatus::Blocked => NotDelivered::Blocked,
        _ => NotDelivered::Failed,
    }
}

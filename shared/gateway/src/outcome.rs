//! What became of a message.

use domain::delivery::DeliveryStatus;
use domain::phone::PhoneNumber;

use super::envelope::{Entry, OK, Reply};
use super::status::{Class, Method, class_of};
use super::transport::{Answer, CallError, NotSentReason, UnknownReason};

/// Digits of a receptor that are compared: the gateway answers with `09…` whatever was sent.
const COMPARED_DIGITS: usize = 10;

/// What became of one call that sends. The list is closed, and each case says what may be done
/// next; in none may the same call simply be repeated unless the case says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// The gateway has the message. Ask for its delivery by `messageid`.
    Accepted {
        /// The id at the gateway.
        messageid: i64,
        /// The first state of the message.
        status: DeliveryStatus,
        /// The price in rials, where it was given.
        cost: Option<i64>,
    },
    /// Not sent, and it will not be by trying again.
    Refused {
        /// Who refused, and how.
        refusal: RefusedBy,
        /// Whether this message is at fault, or a setting (alert).
        class: RefusalClass,
    },
    /// The request did not leave: repeat it later.
    NotSent {
        /// What failed.
        reason: NotSentReason,
    },
    /// The gateway did nothing and asks for patience (409, 451): repeat it later.
    Later {
        /// The gateway's code.
        code: i32,
        /// Whether too many calls are the cause (451): wait at least 30 seconds and send more
        /// slowly.
        slow_down: bool,
    },
    /// The gateway did nothing and will do nothing for any message until somebody acts (no
    /// credit, wrong key, wrong address…): stop sending, alert, probe with
    /// [`super::Gateway::account_info`].
    AccountWide {
        /// The gateway's code; 418 is "no credit".
        code: i32,
    },
    /// It may have been sent or not. Find out first: by the same `localid` after `sms/send`, by
    /// [`super::Gateway::status_by_receptor`] after `verify/lookup`.
    Unknown {
        /// What was seen instead of an answer.
        reason: UnknownReason,
    },
    /// The answer is about a message to another number: the `localid` was already taken, so
    /// nothing was sent. Repeat with a new one, and alert.
    Collision {
        /// The id of the other message.
        messageid: i64,
    },
    /// A call was asked for and there is no template for it. No request was made.
    NeedsTemplate,
    /// A notice has neither a template nor a line to go by. No request was made.
    NeedsSender,
}

/// Who refused a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedBy {
    /// The gateway, by the code of the call.
    Code(i32),
    /// The gateway accepted the call, and its entry had already failed.
    Entry {
        /// The id at the gateway.
        messageid: i64,
        /// Failed, undelivered, cancelled or blocked.
        status: DeliveryStatus,
    },
    /// Something in between, by this HTTP status: a redirect, or a 4xx that is not the gateway's.
    Http(u16),
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalClass {
    /// This message or its receiver.
    Message,
    /// A setting of ours or of the account; others will be refused too.
    Config,
}

impl SendOutcome {
    /// A short name of what went wrong, for the ledger and for metrics: one of a fixed list.
    /// `None` for an accepted message.
    pub fn error_class(&self) -> Option<&'static str> {
        Some(match self {
            Self::Accepted { .. } => return None,
            Self::Refused { refusal, class } => match (refusal, class) {
                (RefusedBy::Code(_), RefusalClass::Message) => "refused_message",
                (RefusedBy::Code(_), RefusalClass::Config) => "refused_config",
                (RefusedBy::Entry { .. }, _) => "refused_entry",
                (RefusedBy::Http(_), _) => "misdirected",
            },
            Self::NotSent { reason } => reason.as_str(),
            Self::Later {
                slow_down: false, ..
            } => "busy",
            Self::Later {
                slow_down: true, ..
            } => "slow_down",
            Self::AccountWide { .. } => "account",
            Self::Unknown { reason } => reason.as_str(),
            Self::Collision { .. } => "localid_collision",
            Self::NeedsTemplate => "needs_template",
            Self::NeedsSender => "needs_sender",
        })
    }

    /// The code of the call (`return.status`), where the gateway gave one.
    pub fn gateway_status(&self) -> Option<i32> {
        match *self {
            Self::Accepted { .. }
            | Self::Collision { .. }
            | Self::Refused {
                refusal: RefusedBy::Entry { .. },
                ..
            }
            | Self::Unknown {
                reason: UnknownReason::NoMessageId,
            } => Some(OK),
            Self::Refused {
                refusal: RefusedBy::Code(code),
                ..
            }
            | Self::Later { code, .. }
            | Self::AccountWide { code }
            | Self::Unknown {
                reason: UnknownReason::Status(code),
            } => Some(code),
            Self::Refused {
                refusal: RefusedBy::Http(_),
                ..
            }
            | Self::NotSent { .. }
            | Self::Unknown { .. }
            | Self::NeedsTemplate
            | Self::NeedsSender => None,
        }
    }

    /// Judges the end of a sending call.
    pub(super) fn judge(
        method: Method,
        phone: &PhoneNumber,
        answer: Result<Answer, CallError>,
    ) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(CallError::NotSent(reason)) => return Self::NotSent { reason },
            Err(CallError::Unknown(reason)) => return Self::Unknown { reason },
        };
        match Reply::read(&answer) {
            Reply::Success(entries) => match entries.rows().first() {
                Some(entry) => Self::of_entry(method, phone, entry),
                None => Self::NO_ID,
            },
            Reply::Failure(code) => Self::of_code(method, code),
            Reply::Misdirected(http) => Self::Refused {
                refusal: RefusedBy::Http(http),
                class: RefusalClass::Config,
            },
            Reply::Unreadable(reason) => Self::Unknown { reason },
        }
    }

    const NO_ID: Self = Self::Unknown {
        reason: UnknownReason::NoMessageId,
    };

    fn of_entry(method: Method, phone: &PhoneNumber, entry: &Entry<'_>) -> Self {
        let Some(messageid) = entry.id("messageid") else {
            return Self::NO_ID;
        };
        let receptor = entry.text("receptor");
        if method == Method::Send && receptor.is_some_and(|other| is_another(phone, &other)) {
            return Self::Collision { messageid };
        }
        let status = DeliveryStatus::from_code(entry.code("status").unwrap_or_default());
        let class = match status {
            DeliveryStatus::Failed | DeliveryStatus::Undelivered | DeliveryStatus::Blocked => {
                RefusalClass::Message
            }
            // The account's debug mode cancels every message.
            DeliveryStatus::Cancelled => RefusalClass::Config,
            _ => {
                return Self::Accepted {
                    messageid,
                    status,
                    cost: entry.integer("cost"),
                };
            }
        };
        Self::Refused {
            refusal: RefusedBy::Entry { messageid, status },
            class,
        }
    }

    fn of_code(method: Method, code: i32) -> Self {
        let refused = |class| Self::Refused {
            refusal: RefusedBy::Code(code),
            class,
        };
        match class_of(method, code) {
            Class::Transient => Self::Later {
                code,
                slow_down: code == 451,
            },
            Class::Message => refused(RefusalClass::Message),
            Class::Config => refused(RefusalClass::Config),
            Class::Account => Self::AccountWide { code },
            Class::Ok | Class::Empty | Class::Unclear => Self::Unknown {
                reason: UnknownReason::Status(code),
            },
        }
    }
}

/// Whether an answer's receptor is surely another number: enough digits to tell, and other ones.
pub(super) fn is_another(phone: &PhoneNumber, receptor: &str) -> bool {
    let tail = |text: &str| -> Vec<char> {
        let digits = text.chars().rev().filter(char::is_ascii_digit);
        digits.take(COMPARED_DIGITS).collect()
    };
    let (asked, answered) = (tail(&phone.gateway_receptor()), tail(receptor));
    answered.len() == COMPARED_DIGITS && answered != asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receptors_are_compared_in_every_form_the_gateway_knows() {
        let phone = PhoneNumber::from_e164("+989123004501").expect("canonical");
        for same in [
            "09123004501",
            "9123004501",
            "+989123004501",
            "00989123004501",
        ] {
            assert!(!is_another(&phone, same), "{same}");
        }
        for other in ["09123004502", "+989123004591", "00905321234567"] {
            assert!(is_another(&phone, other), "{other}");
        }
        for unclear in ["", "0912***4501", "45"] {
            assert!(!is_another(&phone, unclear), "{unclear}");
        }
    }
}

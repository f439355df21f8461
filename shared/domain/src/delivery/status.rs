//! The states of a message at the gateway (its manual, `entries[].status`).

/// The state of one message (`entries[].status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum DeliveryStatus {
    /// 1: waits at the gateway, for less than a second as a rule.
    Queued,
    /// 2: waits for its date.
    Scheduled,
    /// 4 or 5: handed to the operator; the first state of most template messages.
    HandedOver(i32),
    /// 6: the line or the operator failed.
    Failed,
    /// 10: reached the phone.
    Delivered,
    /// 11: did not reach the phone (switched off, out of reach).
    Undelivered,
    /// 13: cancelled with a refund; what the account's debug mode makes of every message.
    Cancelled,
    /// 14: the receiver blocks messages of this kind; refunded.
    Blocked,
    /// 100: the id is unknown here, somebody else's, or too old to be asked about.
    NotKnown,
    /// A code that the manual does not list.
    Other(i32),
}

impl DeliveryStatus {
    /// The state of this code.
    pub fn from_code(code: i32) -> Self {
        match code {
            1 => Self::Queued,
            2 => Self::Scheduled,
            4 | 5 => Self::HandedOver(code),
            6 => Self::Failed,
            10 => Self::Delivered,
            11 => Self::Undelivered,
            13 => Self::Cancelled,
            14 => Self::Blocked,
            100 => Self::NotKnown,
            other => Self::Other(other),
        }
    }

    /// The gateway's code.
    pub fn code(self) -> i32 {
        match self {
            Self::Queued => 1,
            Self::Scheduled => 2,
            Self::Failed => 6,
            Self::Delivered => 10,
            Self::Undelivered => 11,
            Self::Cancelled => 13,
            Self::Blocked => 14,
            Self::NotKnown => 100,
            Self::HandedOver(code) | Self::Other(code) => code,
        }
    }

    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether this state is final. An unlisted code is not, and "not known" says
    /// nothing about the message.
    pub fn is_final(self) -> bool {
        match self {
            Self::Failed
            | Self::Delivered
            | Self::Undelivered
            | Self::Cancelled
            | Self::Blocked => true,
            Self::Queued
            | Self::Scheduled
            | Self::HandedOver(_)
            | Self::NotKnown
            | Self::Other(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivery_codes_survive_the_way_there_and_back() {
        for code in -1..=120 {
            assert_eq!(DeliveryStatus::from_code(code).code(), code);
        }
        for code in [6, 10, 11, 13, 14] {
            assert!(DeliveryStatus::from_code(code).is_final(), "{code}");
        }
        for code in [1, 2, 4, 5, 50, 99, 100] {
            assert!(!DeliveryStatus::from_code(code).is_final(), "{code}");
        }
    }
}

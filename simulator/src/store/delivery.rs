//! Delivery states of a message and the path that it takes through them.

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;

/// A delivery state as it stands in `entries[].status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryStatus(u16);

impl DeliveryStatus {
    /// In the send queue.
    pub const QUEUED: Self = Self(1);
    /// Waiting for its date; the only state that can be cancelled.
    pub const SCHEDULED: Self = Self(2);
    /// Handed to the operator.
    pub const HANDED_OVER: Self = Self(4);
    /// Handed to the operator; the usual first state of a lookup.
    pub const HANDED_OVER_AT_ONCE: Self = Self(5);
    /// Failed at the line or the operator.
    pub const FAILED: Self = Self(6);
    /// Delivered.
    pub const DELIVERED: Self = Self(10);
    /// Not delivered: phone off or out of reach.
    pub const UNDELIVERED: Self = Self(11);
    /// Cancelled, by the user or by the account's debug mode; refunded.
    pub const CANCELLED: Self = Self(13);
    /// Blocked: the receiver opted out of advertising; refunded.
    pub const BLOCKED: Self = Self(14);
    /// Unknown, foreign or too old id.
    pub const UNKNOWN: Self = Self(100);

    /// The number of the state.
    pub fn code(self) -> u16 {
        self.0
    }

    /// The gateway's Persian text for the state.
    pub fn text(self) -> &'static str {
        match self.0 {
            1 => "در صف ارسال",
            2 => "زمان بندی شده",
            4 | 5 => "ارسال به مخابرات",
            6 => "خطا در ارسال",
            10 => "رسیده به گیرنده",
            11 => "نرسیده به گیرنده",
            13 => "لغو شده",
            14 => "فیلتر شده",
            _ => "شناسه نامعتبر",
        }
    }

    /// Whether a delivery rule may name this state as the end of a message.
    pub(crate) fn may_be_final(self) -> bool {
        [
            Self::FAILED,
            Self::DELIVERED,
            Self::UNDELIVERED,
            Self::BLOCKED,
        ]
        .contains(&self)
    }
}

/// How fast messages go and how they end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliverySettings {
    /// Milliseconds in the send queue (state 1).
    pub queue_ms: u32,
    /// Milliseconds at the operator (state 4 or 5) before the final state.
    pub operator_ms: u32,
    /// The final state: 10, 11, 6 or 14.
    pub final_status: DeliveryStatus,
    /// Other final states by the end of the receptor's number; the first that fits counts.
    pub rules: Vec<DeliveryRule>,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            queue_ms: 500,
            operator_ms: 3_000,
            final_status: DeliveryStatus::DELIVERED,
            rules: Vec::new(),
        }
    }
}

/// The end of the messages to some receptors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryRule {
    /// The last digits of the receptor's number.
    pub receptor_suffix: String,
    /// The final state: 10, 11, 6 or 14.
    pub status: DeliveryStatus,
}

impl DeliverySettings {
    /// The final state for a receptor.
    pub(crate) fn final_status_of(&self, receptor: &str) -> DeliveryStatus {
        self.rules
            .iter()
            .find(|rule| receptor.ends_with(&rule.receptor_suffix))
            .map_or(self.final_status, |rule| rule.status)
    }

    /// Says what is wrong with the settings, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        let named = self
            .rules
            .iter()
            .map(|rule| rule.status)
            .chain([self.final_status]);
        for status in named {
            if !status.may_be_final() {
                return Err(format!(
                    "delivery: {} is no final status, use 10, 11, 6 or 14",
                    status.code()
                ));
            }
        }
        Ok(())
    }
}

/// How a message starts its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// From the send queue.
    Queue,
    /// Handed over at once, on the priority route.
    HandedOver,
    /// From the send queue at a later moment.
    At(UnixMillis),
}

/// The whole path of a message, fixed when it is accepted: the state at a moment is the last one
/// entered by then, so no timer is needed and a moved clock moves every message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path(Vec<(UnixMillis, DeliveryStatus)>);

impl Path {
    /// The usual path to `final_status`.
    pub(crate) fn new(
        now: UnixMillis,
        start: Start,
        settings: &DeliverySettings,
        final_status: DeliveryStatus,
        resend_failed: bool,
    ) -> Self {
        let queue = UnixMillis::from(settings.queue_ms);
        let operator = UnixMillis::from(settings.operator_ms);
        let mut steps = Vec::with_capacity(5);
        let handed_over = match start {
            Start::HandedOver => {
                steps.push((now, DeliveryStatus::HANDED_OVER_AT_ONCE));
                now
            }
            Start::Queue => {
                steps.push((now, DeliveryStatus::QUEUED));
                steps.push((now + queue, DeliveryStatus::HANDED_OVER));
                now + queue
            }
            Start::At(date) => {
                steps.push((now, DeliveryStatus::SCHEDULED));
                steps.push((date, DeliveryStatus::QUEUED));
                steps.push((date + queue, DeliveryStatus::HANDED_OVER));
                date + queue
            }
        };
        steps.push((handed_over + operator, final_status));
        if resend_failed && final_status == DeliveryStatus::UNDELIVERED {
            steps.push((handed_over + 2 * operator, DeliveryStatus::HANDED_OVER));
            steps.push((handed_over + 3 * operator, DeliveryStatus::DELIVERED));
        }
        Self(steps)
    }

    /// The path in debug mode: accepted, never delivered, cancelled.
    pub(crate) fn debug(now: UnixMillis, settings: &DeliverySettings) -> Self {
        let cancelled = now + UnixMillis::from(settings.queue_ms);
        Self(vec![
            (now, DeliveryStatus::QUEUED),
            (cancelled, DeliveryStatus::CANCELLED),
        ])
    }

    /// The path of a message that is blocked at once.
    pub(crate) fn blocked(now: UnixMillis) -> Self {
        Self(vec![(now, DeliveryStatus::BLOCKED)])
    }

    /// The state at a moment.
    pub(crate) fn at(&self, now: UnixMillis) -> DeliveryStatus {
        let entered = self
            .0
            .iter()
            .rev()
            .find(|(at, _)| *at <= now)
            .or(self.0.first());
        entered.map_or(DeliveryStatus::UNKNOWN, |(_, status)| *status)
    }

    /// Ends the path here and now with a cancellation.
    pub(crate) fn cancel(&mut self, now: UnixMillis) {
        self.0.retain(|(at, _)| *at <= now);
        self.0.push((now, DeliveryStatus::CANCELLED));
    }

    /// Every change after the first state, with its moment.
    pub(crate) fn changes(&self) -> &[(UnixMillis, DeliveryStatus)] {
        self.0.get(1..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(path: &Path, moments: &[UnixMillis]) -> Vec<u16> {
        moments.iter().map(|at| path.at(*at).code()).collect()
    }

    #[test]
    fn a_send_goes_from_the_queue_to_the_operator_to_its_end() {
        let settings = DeliverySettings::default();
        let path = Path::new(
            1_000,
            Start::Queue,
            &settings,
            DeliveryStatus::DELIVERED,
            false,
        );
        assert_eq!(
            codes(&path, &[1_000, 1_499, 1_500, 4_499, 4_500]),
            [1, 1, 4, 4, 10]
        );
    }

    #[test]
    fn a_lookup_is_handed_over_at_once() {
        let settings = DeliverySettings::default();
        let path = Path::new(
            0,
            Start::HandedOver,
            &settings,
            DeliveryStatus::FAILED,
            false,
        );
        assert_eq!(codes(&path, &[0, 2_999, 3_000]), [5, 5, 6]);
    }

    #[test]
    fn a_scheduled_message_waits_for_its_date_and_can_be_cancelled() {
        let settings = DeliverySettings::default();
        let mut path = Path::new(
            0,
            Start::At(60_000),
            &settings,
            DeliveryStatus::DELIVERED,
            false,
        );
        assert_eq!(
            codes(&path, &[0, 59_999, 60_000, 60_500, 63_500]),
            [2, 2, 1, 4, 10]
        );
        path.cancel(10_000);
        assert_eq!(codes(&path, &[9_999, 10_000, 70_000]), [2, 13, 13]);
    }

    #[test]
    fn resendfailed_tries_an_undelivered_message_again() {
        let settings = DeliverySettings::default();
        let path = Path::new(
            0,
            Start::HandedOver,
            &settings,
            DeliveryStatus::UNDELIVERED,
            true,
        );
        assert_eq!(codes(&path, &[3_000, 6_000, 9_000]), [11, 4, 10]);
    }

    #[test]
    fn a_rule_needs_a_final_status() {
        let rule = |status| DeliveryRule {
            receptor_suffix: "1".to_owned(),
            status,
        };
        let with = |rule| DeliverySettings {
            rules: vec![rule],
            ..DeliverySettings::default()
        };
        assert!(with(rule(DeliveryStatus::UNDELIVERED)).check().is_ok());
        assert!(with(rule(DeliveryStatus::QUEUED)).check().is_err());
    }
}

//! The page of the code, and that of its message, in every state.

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::{Channel, SessionId};
use domain::random::Random;
use flows::RefusalCode;
use flows::inquiry::{Outlook, OwnMessage};

use super::{Easel, NOW, Scene, add, phone};
use crate::code_page::CodePage;
use crate::message::MessagePage;
use crate::pending::{Event, Intent, NoCode, PendingSignIn};

impl Easel<'_> {
    pub(super) fn pending(event: Event) -> PendingSignIn {
        PendingSignIn {
            session: SessionId::new(&Random::seeded(1)),
            phone: phone(),
            digits: 6,
            channel: if event == Event::Called {
                Channel::Call
            } else {
                Channel::Sms
            },
            expires_at: NOW + 74_000,
            resend_at: NOW - 16_000,
            life: 120,
            intent: Intent::LogIn,
            next: None,
            event,
        }
    }

    pub(super) fn code(&self, pending: &PendingSignIn, can_call: bool) -> CodePage {
        CodePage::new(self.look, &self.visitor, pending, NOW, can_call)
    }

    pub(super) fn codes(&self, scenes: &mut Vec<Scene>) {
        let fresh = PendingSignIn {
            expires_at: NOW + 120_000,
            resend_at: NOW + 30_000,
            ..Self::pending(Event::Asked)
        };
        add(scenes, "code-fresh", &self.code(&fresh, true));
        add(scenes, "code-no-call", &self.code(&fresh, false));
        let counting = PendingSignIn {
            expires_at: NOW + 108_000,
            resend_at: NOW + 18_000,
            ..Self::pending(Event::Asked)
        };
        add(scenes, "code-counting-down", &self.code(&counting, true));
        add(
            scenes,
            "code-countdown-over",
            &self.code(&Self::pending(Event::Asked), true),
        );
        let expired = PendingSignIn {
            expires_at: NOW - 1_000,
            ..Self::pending(Event::Asked)
        };
        add(scenes, "code-expired", &self.code(&expired, true));
        let before = PendingSignIn {
            event: Event::SentBefore(Channel::Sms),
            ..counting.clone()
        };
        add(scenes, "code-sent-before", &self.code(&before, true));
        let too_soon = PendingSignIn {
            event: Event::SentBefore(Channel::Call),
            ..counting
        };
        add(scenes, "code-call-too-soon", &self.code(&too_soon, true));
        let refused = |code, attempts_left, wait: Option<i64>| Event::Refused {
            code,
            attempts_left,
            until: wait.map(|seconds| NOW + seconds * 1_000),
        };
        for (name, event) in [
            ("code-sent-again", Event::SentAgain),
            ("code-call-asked", Event::Called),
            ("code-empty", Event::NoCode(NoCode::Empty)),
            ("code-too-short", Event::NoCode(NoCode::TooShort)),
            ("code-too-long", Event::NoCode(NoCode::TooLong)),
            ("code-not-digits", Event::NoCode(NoCode::NotDigits)),
            (
                "code-wrong-2-left",
                refused(RefusalCode::CodeWrong, Some(2), None),
            ),
            (
                "code-wrong-1-left",
                refused(RefusalCode::CodeWrong, Some(1), None),
            ),
            (
                "code-exhausted",
                refused(RefusalCode::AttemptsExhausted, None, None),
            ),
            ("code-used", refused(RefusalCode::CodeUsed, None, None)),
            (
                "code-gone",
                refused(RefusalCode::SessionUnknown, None, None),
            ),
            (
                "code-resend-too-often",
                refused(RefusalCode::TooManyRequestsPhone, None, Some(95)),
            ),
            (
                "code-gateway-out",
                refused(RefusalCode::GatewayUnavailable, None, Some(70)),
            ),
            (
                "code-no-call-possible",
                refused(RefusalCode::ChannelUnavailable, None, None),
            ),
            (
                "code-store-away",
                refused(RefusalCode::StoreUnavailable, None, Some(2)),
            ),
            (
                "code-key-away",
                refused(RefusalCode::KeyUnavailable, None, Some(2)),
            ),
        ] {
            add(scenes, name, &self.code(&Self::pending(event), true));
        }
    }

    pub(super) fn messages(&self, scenes: &mut Vec<Scene>) {
        let now = DateTime::<Utc>::from_timestamp_millis(NOW).unwrap_or_default();
        let ago = |seconds| now - TimeDelta::seconds(seconds);
        let message = OwnMessage {
            now,
            asked_at: ago(46),
            channel: Some(Channel::Sms),
            handed_over_at: None,
            arrived_at: None,
            outlook: Outlook::Waiting,
            code_until: now + TimeDelta::seconds(74),
        };
        let page = |message: &OwnMessage, resend_at| {
            MessagePage::new(self.look, &self.visitor, &phone(), message, true, resend_at)
        };
        let handed = OwnMessage {
            handed_over_at: Some(ago(45)),
            outlook: Outlook::HandedOver,
            ..message
        };
        for (name, message) in [
            ("message-waiting", message),
            (
                "message-interrupted",
                OwnMessage {
                    outlook: Outlook::Interrupted,
                    ..message
                },
            ),
            ("message-handed-over", handed),
            (
                "message-arrived",
                OwnMessage {
                    arrived_at: Some(ago(40)),
                    outlook: Outlook::Arrived,
                    ..handed
                },
            ),
            (
                "message-undelivered",
                OwnMessage {
                    outlook: Outlook::Undelivered,
                    ..handed
                },
            ),
            (
                "message-not-sent",
                OwnMessage {
                    outlook: Outlook::NotSent,
                    ..message
                },
            ),
            (
                "message-unknown",
                OwnMessage {
                    outlook: Outlook::Unknown,
                    ..message
                },
            ),
            (
                "message-code-over",
                OwnMessage {
                    code_until: ago(5),
                    ..handed
                },
            ),
        ] {
            add(scenes, name, &page(&message, NOW));
        }
        for (name, message) in [
            (
                "message-call-asked",
                OwnMessage {
                    channel: Some(Channel::Call),
                    ..handed
                },
            ),
            ("message-too-soon", handed),
            (
                "message-not-sent-too-soon",
                OwnMessage {
                    outlook: Outlook::NotSent,
                    ..message
                },
            ),
        ] {
            add(scenes, name, &page(&message, NOW + 18_000));
        }
    }
}

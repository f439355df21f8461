//! Notices: messages without a code that tell a person of a change to their account.
//!
//! Anyone who loses an account to somebody else learns it from them, so a notice of a new number goes
//! to the old one. It says nothing that helps a reader of the message: no link, no code, no number.

use chrono::TimeDelta;
use strum::VariantArray as _;

use crate::otp::Purpose;

/// A notice that could not be sent for so long is dropped: people would take news of the day before
/// yesterday for news of today.
pub const NOTICE_LIFE: TimeDelta = TimeDelta::hours(24);

/// What a notice tells of.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum NoticeKind {
    /// The account has another phone number now; goes to the old one.
    PhoneChanged,
    /// The account has another password now.
    PasswordChanged,
    /// Staff were asked to give the account another number; goes to the old one and to the new one.
    PhoneMoveAsked,
}

impl NoticeKind {
    /// The name in stores and in metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a message is for: it chooses words and template, and stands in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessagePurpose {
    /// It brings a code.
    Code(Purpose),
    /// It tells of a change.
    Notice(NoticeKind),
}

impl MessagePurpose {
    /// Every purpose of a message there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let codes = Purpose::VARIANTS.iter().copied().map(Self::Code);
        codes.chain(NoticeKind::VARIANTS.iter().copied().map(Self::Notice))
    }

    /// The name in stores and in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code(purpose) => purpose.as_str(),
            Self::Notice(kind) => kind.as_str(),
        }
    }

    /// The purpose of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|purpose| purpose.as_str() == name)
    }
}

impl From<Purpose> for MessagePurpose {
    fn from(purpose: Purpose) -> Self {
        Self::Code(purpose)
    }
}

impl From<NoticeKind> for MessagePurpose {
    fn from(kind: NoticeKind) -> Self {
        Self::Notice(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_one_purpose_each() {
        for purpose in MessagePurpose::all() {
            assert_eq!(MessagePurpose::from_name(purpose.as_str()), Some(purpose));
        }
        for &kind in NoticeKind::VARIANTS {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!(MessagePurpose::from_name("newsletter"), None);
    }
}

//! Which gateway a message goes over, and by what it is known there.

use std::borrow::Cow;
use std::fmt;

/// A gateway, by its name in settings and in the ledger. One that only a newer release knows can be read all the
/// same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route(Cow<'static, str>);

impl Route {
    /// `api.kavenegar.com`, the only one that is used.
    pub const KAVENEGAR: Self = Self(Cow::Borrowed("kavenegar"));

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The gateway that somebody names, whether or not it is one that is used.
    pub fn named(name: &str) -> Self {
        Self::stored(name.to_owned())
    }

    pub(super) fn stored(name: String) -> Self {
        if name == *Self::KAVENEGAR.0 {
            Self::KAVENEGAR
        } else {
            Self(Cow::Owned(name))
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message's number at its gateway, as text: what it looks like is the gateway's matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(Box<str>);

impl MessageId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number, where it is one, as Kavenegar's are.
    pub fn number(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The number that somebody names.
    pub fn named(text: &str) -> Self {
        Self(text.into())
    }

    pub(super) fn stored(text: String) -> Self {
        Self(text.into())
    }
}

impl From<i64> for MessageId {
    fn from(number: i64) -> Self {
        Self(number.to_string().into())
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

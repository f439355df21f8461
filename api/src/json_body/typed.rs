//! How members are read whose texts have rules of their own, for `#[serde(deserialize_with = "…")]`.

use std::fmt;

use domain::challenge::{Channel, Locale, SessionId};
use domain::password::{Password, PasswordError};
use domain::typed::visible_line;
use flows::RefusalCode;
use serde::de::{Deserialize, Deserializer, Visitor};

use super::body_error::refused;
use crate::error::{ErrorCode, RequestFault};

/// The longest name of a device.
const MAX_DEVICE_NAME_CHARS: usize = 64;

/// What is read from a text as somebody typed it, or a program spelt it.
pub(crate) trait Typed: Sized {
    /// Reads the whole text, or tells the code of what is wrong with it.
    fn read(text: String) -> Result<Self, ErrorCode>;
}

/// The client's handle of a challenge.
impl Typed for SessionId {
    fn read(text: String) -> Result<Self, ErrorCode> {
        text.parse().map_err(|_| RequestFault::FieldInvalid.into())
    }
}

/// How a code shall travel.
impl Typed for Channel {
    fn read(text: String) -> Result<Self, ErrorCode> {
        let channel = Self::from_name(&text.trim().to_ascii_lowercase());
        channel.ok_or(RequestFault::FieldInvalid.into())
    }
}

/// A language.
impl Typed for Locale {
    fn read(text: String) -> Result<Self, ErrorCode> {
        Self::from_tag(&text).ok_or(RequestFault::FieldInvalid.into())
    }
}

/// A password, as it was typed.
impl Typed for Password {
    fn read(text: String) -> Result<Self, ErrorCode> {
        Self::parse(text).map_err(|error| match error {
            PasswordError::Empty => RefusalCode::InputMissing.into(),
            PasswordError::TooLong => RefusalCode::PasswordTooLong.into(),
        })
    }
}

/// A member that must be there.
pub(crate) fn typed<'de, D: Deserializer<'de>, T: Typed>(member: D) -> Result<T, D::Error> {
    T::read(String::deserialize(member)?).map_err(refused)
}

/// A member that may be absent or `null`.
pub(crate) fn typed_or_none<'de, D, T>(member: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Typed,
{
    let text: Option<String> = Option::deserialize(member)?;
    text.map(T::read).transpose().map_err(refused)
}

/// The name that a person gives a device: a label, which is cut and cleaned where it has to be and
/// never a reason to refuse a sign-in.
pub(crate) fn device_name<'de, D: Deserializer<'de>>(
    member: D,
) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(member)?;
    let label = text.map(|text| {
        let cut: String = visible_line(&text)
            .chars()
            .take(MAX_DEVICE_NAME_CHARS)
            .collect();
        cut.trim_end().to_owned()
    });
    Ok(label.filter(|label| !label.is_empty()))
}

/// A member of a request that leaves alone what it does not name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is not named.
    Absent,
    /// It is `null`.
    Null,
    /// It has this value.
    Text(String),
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(member: D) -> Result<Self, D::Error> {
        member.deserialize_option(ChangeVisitor)
    }
}

struct ChangeVisitor;

impl<'de> Visitor<'de> for ChangeVisitor {
    type Value = Change;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or null")
    }

    fn visit_unit<E>(self) -> Result<Change, E> {
        Ok(Change::Absent)
    }

    fn visit_none<E>(self) -> Result<Change, E> {
        Ok(Change::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, member: D) -> Result<Change, D::Error> {
        String::deserialize(member).map(Change::Text)
    }
}

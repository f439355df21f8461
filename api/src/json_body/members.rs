//! The members of a JSON object, each taken by the name and in the form that a call expects.

use std::fmt;

use domain::challenge::{Channel, Locale, SessionId};
use domain::password::{Password, PasswordError};
use domain::typed::visible_line;
use flows::RefusalCode;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::Value;

use crate::error::{ApiError, RequestFault};

/// Of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The longest name of a device.
const MAX_DEVICE_NAME_CHARS: usize = 64;

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

/// The members of a JSON object that were not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Members(Vec<(String, Value)>);

impl Members {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ApiError> {
        // A receiver may pass over the mark that some programs put before a text (RFC 8259, section 8.1).
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let members = json.deserialize_any(ObjectVisitor);
        let members = members.and_then(|members| json.end().map(|()| members));
        let members = members.map_err(|error| {
            if error.is_data() {
                RequestFault::BodyNotObject
            } else {
                RequestFault::JsonMalformed
            }
        })?;
        for (index, (name, _)) in members.iter().enumerate() {
            if members[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(ApiError::field(RequestFault::FieldRepeated, name));
            }
        }
        Ok(Self(members))
    }

    /// A text, or nothing where the member is absent or `null`.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, ApiError> {
        let Some(index) = self.0.iter().position(|(of, _)| of == name) else {
            return Ok(None);
        };
        match self.0.swap_remove(index).1 {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            // A number has lost its zeros and signs on the way, so it cannot be taken for its text.
            _ => Err(ApiError::not_text(name)),
        }
    }

    /// A text, told apart from `null` and from nothing.
    pub(crate) fn change(&mut self, name: &'static str) -> Result<Change, ApiError> {
        let there = self.0.iter().any(|(of, _)| of == name);
        Ok(match self.text(name)? {
            Some(text) => Change::Text(text),
            None if there => Change::Null,
            None => Change::Absent,
        })
    }

    /// A text that must be there.
    pub(crate) fn required_text(&mut self, name: &'static str) -> Result<String, ApiError> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// The client's handle of a challenge.
    pub(crate) fn session_id(&mut self, name: &'static str) -> Result<Option<SessionId>, ApiError> {
        self.parsed(name, |text| text.parse().ok())
    }

    /// How a code shall travel.
    pub(crate) fn channel(&mut self, name: &'static str) -> Result<Option<Channel>, ApiError> {
        let read = |text: &str| Channel::from_name(&text.trim().to_ascii_lowercase());
        self.parsed(name, read)
    }

    /// A language.
    pub(crate) fn locale(&mut self, name: &'static str) -> Result<Option<Locale>, ApiError> {
        self.parsed(name, Locale::from_tag)
    }

    /// A password, as it was typed.
    pub(crate) fn password(&mut self, name: &'static str) -> Result<Option<Password>, ApiError> {
        let parsed = self.text(name)?.map(Password::parse);
        parsed.transpose().map_err(|error| match error {
            PasswordError::Empty => missing(name),
            PasswordError::TooLong => ApiError::field(RefusalCode::PasswordTooLong, name),
        })
    }

    /// A password that must be there.
    pub(crate) fn required_password(&mut self, name: &'static str) -> Result<Password, ApiError> {
        self.password(name)?.ok_or_else(|| missing(name))
    }

    /// Yes or no; no where the member is absent or `null`.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool, ApiError> {
        let Some(index) = self.0.iter().position(|(of, _)| of == name) else {
            return Ok(false);
        };
        match self.0.swap_remove(index).1 {
            Value::Null => Ok(false),
            Value::Bool(value) => Ok(value),
            _ => Err(invalid(name)),
        }
    }

    /// The name that a person gives a device: a label, which is cut and cleaned where it has to be and
    /// never a reason to refuse a sign-in.
    pub(crate) fn device_name(&mut self) -> Result<Option<String>, ApiError> {
        let text = self.text("device_name")?;
        let label = text.map(|text| {
            let cut: String = visible_line(&text)
                .chars()
                .take(MAX_DEVICE_NAME_CHARS)
                .collect();
            cut.trim_end().to_owned()
        });
        Ok(label.filter(|label| !label.is_empty()))
    }

    fn parsed<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        parse(&text).map(Some).ok_or_else(|| invalid(name))
    }

    pub(super) fn none_left(self) -> Result<(), ApiError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(ApiError::field(RequestFault::FieldUnknown, name)),
        }
    }
}

/// The error of a member whose value cannot be taken.
pub(crate) fn invalid(name: &str) -> ApiError {
    ApiError::field(RequestFault::FieldInvalid, name)
}

/// The error of a member that is required.
pub(crate) fn missing(name: &str) -> ApiError {
    ApiError::field(RefusalCode::InputMissing, name)
}

/// Keeps repeated members, which a map would hide.
struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(4);
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn error(json: &str) -> ErrorCode {
        Members::parse(json.as_bytes()).expect_err("refused").code
    }

    #[test]
    fn a_39_malformed_deep_and_repeated_json_is_told_apart() {
        let deep = "[".repeat(200);
        for (json, code) in [
            ("", RequestFault::JsonMalformed),
            ("{", RequestFault::JsonMalformed),
            ("{\"a\":1}{}", RequestFault::JsonMalformed),
            ("{a:1}", RequestFault::JsonMalformed),
            ("\u{feff}", RequestFault::JsonMalformed),
            ("{}\u{feff}", RequestFault::JsonMalformed),
            ("\u{feff}\u{feff}{}", RequestFault::JsonMalformed),
            ("\u{feff}[]", RequestFault::BodyNotObject),
            ("[]", RequestFault::BodyNotObject),
            ("\"text\"", RequestFault::BodyNotObject),
            ("null", RequestFault::BodyNotObject),
            (r#"{"a":"1","a":"2"}"#, RequestFault::FieldRepeated),
            (r#"{"a":"1","\u0061":"2"}"#, RequestFault::FieldRepeated),
            (&format!("{{\"a\":{deep}"), RequestFault::JsonMalformed),
        ] {
            assert_eq!(error(json), code.into(), "{json}");
        }
        let not_utf8 = Members::parse(b"{\"a\":\"\xff\"}").expect_err("refused");
        assert_eq!(not_utf8.code, RequestFault::JsonMalformed.into());
    }

    #[test]
    fn what_clients_spell_in_their_own_way_is_understood() {
        let json = "\u{feff}{\"channel\":\" SMS\",\"locale\":\"en_US\",\"device_name\":\" Pixel\u{202e} 9\u{200f}\"}";
        let mut members = Members::parse(json.as_bytes()).expect("an object");
        assert_eq!(members.channel("channel"), Ok(Some(Channel::Sms)));
        assert_eq!(members.locale("locale"), Ok(Some(Locale::En)));
        assert_eq!(members.device_name(), Ok(Some("Pixel 9".to_owned())));
        let long = format!("{{\"device_name\":\"{}\"}}", "آ".repeat(100));
        let mut members = Members::parse(long.as_bytes()).expect("an object");
        assert_eq!(members.device_name(), Ok(Some("آ".repeat(64))));
        let mut members = Members::parse(br#"{"device_name":" "}"#).expect("an object");
        assert_eq!(members.device_name(), Ok(None));
    }

    #[test]
    fn wrong_types_and_unknown_members_are_named() {
        let json = br#"{"text":1,"channel":"pigeon","session_id":"6e1f","more":{}}"#;
        let mut members = Members::parse(json).expect("an object");
        assert_eq!(members.text("text"), Err(ApiError::not_text("text")));
        assert_eq!(
            members.channel("channel").expect_err("wrong"),
            invalid("channel")
        );
        assert_eq!(
            members.session_id("session_id").expect_err("wrong"),
            invalid("session_id")
        );
        assert_eq!(members.text("absent"), Ok(None));
        assert_eq!(members.required_text("absent"), Err(missing("absent")));
        assert_eq!(members.change("absent"), Ok(Change::Absent));
        let left = members.none_left().expect_err("one is left");
        assert_eq!(left, ApiError::field(RequestFault::FieldUnknown, "more"));
    }

    /// Takes everything that a body of ours can have, and says how it went.
    fn take_all(mut members: Members) -> Result<(), ApiError> {
        members.session_id("session_id")?;
        members.channel("channel")?;
        members.locale("locale")?;
        members.password("password")?;
        members.flag("all")?;
        members.device_name()?;
        members.change("first_name")?;
        members.text("phone_number")?;
        members.none_left()
    }

    proptest::proptest! {
        /// No bytes make the reader panic, and a member that nobody asked for is never passed over.
        #[test]
        fn fuzz_a_39_no_body_makes_the_reader_panic(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120),
            name in "[a-z_]{1,12}",
            value in "(null|true|-?[0-9]{1,20}|\"[a-z۰-۹ \\\\n]{0,20}\"|\\[{0,140}|\\{\\}|1e9{1,3})",
        ) {
            let _read_or_not = Members::parse(&bytes).and_then(take_all);
            let _read_or_not = Members::parse(&[b"{", bytes.as_slice(), b"}"].concat()).and_then(take_all);
            let body = format!("{{\"{name}\":{value}}}");
            let read = Members::parse(body.as_bytes());
            let known = [
                "session_id", "channel", "locale", "password", "all", "device_name", "first_name", "phone_number",
            ];
            if !known.contains(&name.as_str()) {
                proptest::prop_assert!(read.and_then(take_all).is_err(), "{}", body);
            }
            let twice = format!("{{\"{name}\":1,\"{name}\":1}}");
            let told = Members::parse(twice.as_bytes()).expect_err("repeated").code;
            proptest::prop_assert_eq!(told, RequestFault::FieldRepeated.into());
        }
    }
}

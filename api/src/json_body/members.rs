//! The members of a JSON object, and the way from them into the type of a body.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::{fmt, slice};

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::Value;

use super::body_error::BodyError;
use super::member::Member;
use crate::error::{ApiError, RequestFault};

/// Of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The members of a JSON object, each there once.
#[derive(Debug, Default)]
pub(super) struct Members<'a>(Vec<(Name<'a>, Value)>);

/// The name of a member, which is not copied unless it is escaped.
#[derive(Debug, PartialEq, Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Members<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, ApiError> {
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
                return Err(ApiError::field(RequestFault::FieldRepeated, &name.0));
            }
        }
        Ok(Self(members))
    }

    /// Reads them into a type that has all of them: of several things that are wrong, that of the field which the
    /// type names first is told, and a member that it does not have comes last.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, ApiError> {
        Ok(T::deserialize(self)?)
    }
}

impl<'de> Deserializer<'de> for Members<'_> {
    type Error = BodyError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, BodyError> {
        visitor.visit_map(ByField {
            members: self.0,
            fields: fields.iter(),
            next: None,
        })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BodyError> {
        self.deserialize_struct("", &[], visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Hands out each field of the type in its order, those too that the body does not have; then nothing may be left.
struct ByField<'a> {
    members: Vec<(Name<'a>, Value)>,
    fields: slice::Iter<'static, &'static str>,
    next: Option<Member>,
}

impl<'de> MapAccess<'de> for ByField<'_> {
    type Error = BodyError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, BodyError> {
        let Some(&name) = self.fields.next() else {
            return match self.members.first() {
                None => Ok(None),
                Some((name, _)) => Err(BodyError::unknown_field(&name.0, &[])),
            };
        };
        let index = self.members.iter().position(|(of, _)| of.0 == name);
        let value = index.map(|index| self.members.swap_remove(index).1);
        self.next = Some(Member { name, value });
        seed.deserialize(BorrowedStrDeserializer::new(name))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, BodyError> {
        let Some(member) = self.next.take() else {
            return Err(BodyError::custom("a value was asked for before its name"));
        };
        let name = member.name;
        seed.deserialize(member).map_err(|error| error.about(name))
    }
}

/// Keeps repeated members, which a map would hide.
struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Vec<(Name<'de>, Value)>;

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

//! One member of a body, on its way into its type.

use serde::de::{Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::body_error::BodyError;

/// A member that the type has, whether the body has it or not.
pub(super) struct Member {
    pub(super) name: &'static str,
    /// Nothing where the body has no such member.
    pub(super) value: Option<Value>,
}

/// Bodies are flat: what is neither a text nor a boolean cannot be taken. What is required must be there and not
/// be `null`.
impl<'de> Deserializer<'de> for Member {
    type Error = BodyError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BodyError> {
        match self.value {
            None | Some(Value::Null) => Err(BodyError::missing_field(self.name)),
            Some(Value::String(text)) => visitor.visit_string(text),
            Some(Value::Bool(value)) => visitor.visit_bool(value),
            Some(_) => Err(BodyError::invalid(self.name)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BodyError> {
        match self.value {
            None | Some(Value::Null | Value::String(_)) => self.deserialize_any(visitor),
            // A number has lost its zeros and signs on the way, so it cannot be taken for its text.
            Some(_) => Err(BodyError::not_text(self.name)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BodyError> {
        self.deserialize_string(visitor)
    }

    /// An `Option` takes both for `None`: a unit is a member that is absent, none one that is `null`.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BodyError> {
        match self.value {
            None => visitor.visit_unit(),
            Some(Value::Null) => visitor.visit_none(),
            Some(_) => visitor.visit_some(self),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

//! What a dump says of a user, before anything of it is understood.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Where a number is looked for unless a column is named.
const PHONE_NAMES: [&str; 4] = ["phone_number", "phone", "mobile", "mobile_number"];

/// A column that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Column {
    Phone,
    Password,
    LastLogin,
    IsSuperuser,
    Username,
    FirstName,
    LastName,
    Email,
    IsStaff,
    IsActive,
    DateJoined,
}

impl Column {
    const COUNT: usize = 11;

    /// What Django calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Password => "password",
            Self::LastLogin => "last_login",
            Self::IsSuperuser => "is_superuser",
            Self::Username => "username",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Email => "email",
            Self::IsStaff => "is_staff",
            Self::IsActive => "is_active",
            Self::DateJoined => "date_joined",
        }
    }

    const NAMED: [Self; 10] = [
        Self::Password,
        Self::LastLogin,
        Self::IsSuperuser,
        Self::Username,
        Self::FirstName,
        Self::LastName,
        Self::Email,
        Self::IsStaff,
        Self::IsActive,
        Self::DateJoined,
    ];
}

/// Which names of columns mean what.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// `--phone-column`
    pub(super) phone: Option<String>,
}

impl Names {
    /// The column of this name. Of several with a number the one with the lowest rank counts.
    pub(super) fn column(&self, name: &str) -> Option<(Column, usize)> {
        let rank = match &self.phone {
            Some(phone) => (name == phone).then_some(0),
            None => PHONE_NAMES.iter().position(|candidate| *candidate == name),
        };
        if let Some(rank) = rank {
            return Some((Column::Phone, rank));
        }
        let named = Column::NAMED.into_iter();
        Some((named.into_iter().find(|column| column.name() == name)?, 0))
    }

    /// Whether the user name may stand in for the number.
    pub(super) fn username_may_be_phone(&self) -> bool {
        self.phone.is_none()
    }
}

/// One value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Value {
    /// No such column.
    #[default]
    Absent,
    /// An empty text or a JSON null.
    Empty,
    Text(String),
    Bool(bool),
    /// A JSON list or object.
    Nested,
}

/// The values of one row. Has no Debug output: it holds numbers and hashes.
#[derive(Clone, Default)]
pub(super) struct Fields {
    values: [Value; Column::COUNT],
    phone_rank: usize,
}

impl Fields {
    pub(super) fn set(&mut self, (column, rank): (Column, usize), value: Value) {
        if column == Column::Phone {
            let earlier = &self.values[Column::Phone as usize];
            if matches!(earlier, Value::Text(_)) && self.phone_rank <= rank {
                return;
            }
            self.phone_rank = rank;
        }
        self.values[column as usize] = value;
    }

    pub(super) fn get(&self, column: Column) -> &Value {
        &self.values[column as usize]
    }

    /// Whether these are of a model that derives from Django's `AbstractBaseUser`.
    pub(super) fn are_of_a_user(&self) -> bool {
        [Column::Password, Column::LastLogin]
            .into_iter()
            .all(|column| *self.get(column) != Value::Absent)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        match text.trim() {
            "" => Self::Empty,
            text => Self::Text(text.to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Empty)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Nested)
    }
}

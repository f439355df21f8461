//! `manage.py dumpdata`: a list of objects, or one object a line (`--format jsonl`).

use std::fmt;
use std::io::Read;

use serde::de::{
    DeserializeSeed, Deserializer as _, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::de::IoRead;
use serde_json::value::RawValue;
use serde_json::{Deserializer, error::Category};

use super::dump::{DumpError, Element, Rules};
use super::fields::{Fields, Value};

/// Reads a list. `each` says whether to go on.
pub(super) fn read_list(
    source: impl Read,
    rules: &Rules,
    each: &mut dyn FnMut(Element) -> bool,
) -> Result<(), DumpError> {
    let mut stopped = false;
    let mut json = Deserializer::from_reader(source);
    let result = json.deserialize_seq(List {
        rules,
        each,
        stopped: &mut stopped,
    });
    match result.and_then(|()| json.end()) {
        _ if stopped => Ok(()),
        result => result.map_err(json_error),
    }
}

/// Reads one object a line.
pub(super) fn read_lines(
    source: impl Read,
    rules: &Rules,
    each: &mut dyn FnMut(Element) -> bool,
) -> Result<(), DumpError> {
    let mut json = Deserializer::new(IoRead::new(source));
    while json.end().is_err() {
        if !each(
            EntrySeed(rules)
                .deserialize(&mut json)
                .map_err(json_error)?,
        ) {
            break;
        }
    }
    Ok(())
}

/// The texts of serde repeat what they found, which may be a hash; only the place is told of them.
fn json_error(error: serde_json::Error) -> DumpError {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Io => DumpError::File(error.into()),
        Category::Eof => DumpError::Json("the file ends in the middle", line, column),
        Category::Syntax => DumpError::Json("this is not JSON", line, column),
        Category::Data => DumpError::Json(
            "this is not a dump of Django: a list of objects with `model` and `fields`",
            line,
            column,
        ),
    }
}

struct List<'a> {
    rules: &'a Rules,
    each: &'a mut dyn FnMut(Element) -> bool,
    stopped: &'a mut bool,
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(element) = entries.next_element_seed(EntrySeed(self.rules))? {
            if !(self.each)(element) {
                *self.stopped = true;
                return Err(A::Error::custom("nobody wants more"));
            }
        }
        Ok(())
    }
}

/// `{"model": …, "pk": …, "fields": {…}}`
struct EntrySeed<'a>(&'a Rules);

impl<'de> DeserializeSeed<'de> for EntrySeed<'_> {
    type Value = Element;

    fn deserialize<D: serde::Deserializer<'de>>(self, entry: D) -> Result<Element, D::Error> {
        entry.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntrySeed<'_> {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Element, A::Error> {
        let (mut model, mut fields) = (None::<String>, None);
        while let Some(key) = entries.next_key::<String>()? {
            match key.as_str() {
                "model" => model = Some(entries.next_value()?),
                "fields" => fields = Some(entries.next_value_seed(FieldsOf(self.0))?),
                _ => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        let (Some(model), Some(fields)) = (model, fields) else {
            return Err(A::Error::custom("no entry of a dump"));
        };
        let is_user = match &self.0.model {
            Some(wanted) => wanted.eq_ignore_ascii_case(&model),
            None => fields.are_of_a_user(),
        };
        Ok(if is_user {
            Element::User(Box::new(fields))
        } else {
            Element::OtherModel
        })
    }
}

struct FieldsOf<'a>(&'a Rules);

impl<'de> DeserializeSeed<'de> for FieldsOf<'_> {
    type Value = Fields;

    fn deserialize<D: serde::Deserializer<'de>>(self, fields: D) -> Result<Fields, D::Error> {
        fields.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldsOf<'_> {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = entries.next_key::<String>()? {
            match self.0.names.column(&key) {
                Some(column) => {
                    let written = entries.next_value::<Box<RawValue>>()?;
                    fields.set(column, value(&written).map_err(A::Error::custom)?);
                }
                None => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(fields)
    }
}

/// A number as it is written: `9.13111E+09` must not become one that looks whole.
fn value(written: &RawValue) -> serde_json::Result<Value> {
    let text = written.get();
    if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Ok(Value::from(text));
    }
    serde_json::from_str(text)
}

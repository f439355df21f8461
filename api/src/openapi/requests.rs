//! What the schemas of request bodies say beyond what can be derived from types: what depends on the length of
//! codes, and patterns that several members share, since a derived one is a literal. A member names such a pattern
//! in braces.
//!
//! A body that fits its schema is never refused for its form, but for one rule: "one of these is needed" is
//! told in the words of its struct. As `anyOf` beside `properties` it makes generators of clients drop the other
//! members, the code among them.

use serde_json::{Value, json};

/// More than the longest code.
const EXAMPLE_DIGITS: &str = "1234567890";

/// An Iranian mobile number as people write it. What else is understood (Persian and Arabic digits,
/// separators, other countries where they are allowed) is not promised in the schema.
const MOBILE_NUMBER: &str = r"^(\+98|0098|98|0)?9[0-9]{9}$";

/// What is left out at both ends of a name: white space and what is ignored (UAX 44, `White_Space` and
/// `Default_Ignorable_Code_Point`).
macro_rules! around_a_name {
    () => {
        concat!(
            r"[\u0009-\u000D\u0020\u0085\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F",
            r"\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFF8]*"
        )
    };
}

/// A name that may be empty: of one line.
const NAME_OR_NONE: &str = concat!(
    "^",
    around_a_name!(),
    r"[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*",
    around_a_name!(),
    "$"
);

/// A name with something to see in it: not of spaces and of what is ignored alone.
const NAME: &str = concat!(
    "^",
    around_a_name!(),
    r"[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*",
    r"[^\s\u0000-\u001F\u007F-\u009F\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F",
    r"\u200B-\u200F\u2028-\u202E\u2060-\u206F\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFF8]",
    r"[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*",
    around_a_name!(),
    "$"
);

/// Completes the schemas of request bodies, for codes of this length.
pub(super) fn describe(document: &mut Value, code_length: u8) {
    allow_no_body(document);
    complete(document, code_length);
}

/// A body that may be absent is derived as one that may be `null`, which is not taken.
fn allow_no_body(document: &mut Value) {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.flat_map(|(_, path)| path.as_object_mut().into_iter().flatten());
    for (_, operation) in operations {
        let schema = operation.pointer_mut("/requestBody/content/application~1json/schema");
        if let Some(schema) = schema
            && let Some(one_of) = schema["oneOf"].as_array()
            && let Some(body) = one_of.iter().find(|of| of["$ref"].is_string())
        {
            *schema = body.clone();
        }
    }
}

/// The pattern that a member names, if it names one.
fn shared_pattern(name: &str, code_length: u8) -> Option<String> {
    match name {
        "{mobile_number}" => Some(MOBILE_NUMBER.to_owned()),
        "{name}" => Some(NAME.to_owned()),
        "{name_or_none}" => Some(NAME_OR_NONE.to_owned()),
        "{code}" => Some(format!("^[0-9]{{{code_length}}}$")),
        _ => None,
    }
}

/// Writes shared patterns out, and gives each code that is shown, and each length of one, the length that codes
/// have here.
fn complete(value: &mut Value, code_length: u8) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), &mut *member) {
                    ("code", Value::String(code)) => fit_code(code, code_length),
                    ("code", Value::Object(schema)) => {
                        if let Some(Value::String(code)) = schema.get_mut("example") {
                            fit_code(code, code_length);
                        }
                        complete(member, code_length);
                    }
                    ("code_length", Value::Number(_)) => *member = json!(code_length),
                    ("pattern", Value::String(pattern)) => {
                        if let Some(shared) = shared_pattern(pattern, code_length) {
                            *pattern = shared;
                        }
                    }
                    (_, member) => complete(member, code_length),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                complete(item, code_length);
            }
        }
        _ => {}
    }
}

/// The code of an error is a word and stays.
fn fit_code(code: &mut String, code_length: u8) {
    if code.bytes().all(|byte| byte.is_ascii_digit()) {
        EXAMPLE_DIGITS[..usize::from(code_length).min(EXAMPLE_DIGITS.len())].clone_into(code);
    }
}

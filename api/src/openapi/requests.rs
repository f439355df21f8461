//! What the schemas of request bodies say beyond what can be derived from types, so that a body
//! that fits its schema is never refused for its form, but for one rule: "one of these is needed" is
//! told in words. Written as `anyOf` beside `properties` it makes generators of clients drop the other
//! members, the code among them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Schemas of which at least one of the two named members must be there, and not `null`.
const NEEDS_ONE_OF: [(&str, [&str; 2]); 4] = [
    ("CodeRequest", ["phone_number", "session_id"]),
    ("Verification", ["session_id", "phone_number"]),
    ("StepRegistration", ["mobile_number", "session_id"]),
    ("StepLogIn", ["session_id", "mobile_number"]),
];

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

/// Completes the schemas of all request bodies: no other members than theirs, numbers and codes of
/// the form that is accepted, and the members of which one is needed. The codes in examples get the
/// length that codes have here.
pub(super) fn describe(document: &mut Value, code_length: u8) {
    fit_examples(document, code_length);
    let bodies = name_bodies(document);
    let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for (name, schema) in schemas {
        if let Some(schema) = schema.as_object_mut()
            && bodies.contains(name)
        {
            complete(name, schema, code_length);
        }
    }
}

/// The names of the schemas of request bodies. A body that may be absent is derived as one that may
/// be `null`, which is not taken: that is mended on the way.
fn name_bodies(document: &mut Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.flat_map(|(_, path)| path.as_object_mut().into_iter().flatten());
    let bodies = operations.filter_map(|(_, operation)| {
        let schema = operation.pointer_mut("/requestBody/content/application~1json/schema")?;
        let mut one_of = schema["oneOf"].as_array().into_iter().flatten();
        if let Some(body) = one_of.find(|of| of["$ref"].is_string()) {
            *schema = body.clone();
        }
        let name = schema["$ref"].as_str()?.rsplit('/').next()?;
        Some(name.to_owned())
    });
    bodies.collect()
}

fn complete(name: &str, schema: &mut Map<String, Value>, code_length: u8) {
    schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    if let Some((_, [one, other])) = NEEDS_ONE_OF.iter().find(|(of, _)| *of == name)
        && let Some(Value::String(description)) = schema.get_mut("description")
    {
        *description = format!(
            "{description}\n\nAt least one of `{one}` and `{other}` is needed, and not `null`; \
             without them the answer is `field_missing`."
        );
    }
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (member_name, member) in members.into_iter().flatten() {
        let pattern = match member_name.as_str() {
            "phone_number" | "mobile_number" => MOBILE_NUMBER.to_owned(),
            "code" => format!("^[0-9]{{{code_length}}}$"),
            "first_name" | "last_name" if name == "StepUserInfo" => NAME.to_owned(),
            "first_name" | "last_name" if name == "ProfileUpdate" => NAME_OR_NONE.to_owned(),
            _ => continue,
        };
        if let Some(member) = member.as_object_mut() {
            member.insert("pattern".to_owned(), pattern.into());
        }
    }
}

/// Gives each code that is shown, and each length of one, the length that codes have here.
fn fit_examples(value: &mut Value, code_length: u8) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), &mut *member) {
                    ("code", Value::String(code)) => fit_code(code, code_length),
                    ("code", Value::Object(schema)) => {
                        if let Some(Value::String(code)) = schema.get_mut("example") {
                            fit_code(code, code_length);
                        }
                    }
                    ("code_length", Value::Number(_)) => *member = json!(code_length),
                    (_, member) => fit_examples(member, code_length),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                fit_examples(item, code_length);
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

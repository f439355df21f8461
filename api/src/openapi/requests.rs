//! What the schemas of request bodies say beyond what can be derived from types, so that a body
//! that fits its schema is never refused for its form.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Schemas of which at least one of the named members must be there, and not `null`.
const NEEDS_ONE_OF: [(&str, &[&str]); 2] = [
    ("CodeRequest", &["phone_number", "session_id"]),
    ("Verification", &["session_id", "phone_number"]),
];

/// An Iranian mobile number as people write it. What else is understood (Persian and Arabic digits,
/// separators, other countries where they are allowed) is not promised in the schema.
const MOBILE_NUMBER: &str = r"^(\+98|0098|98|0)?9[0-9]{9}$";

/// Completes the schemas of all request bodies: no other members than theirs, numbers and codes of
/// the form that is accepted, and the members of which one is needed.
pub(super) fn describe(document: &mut Value, code_length: u8) {
    let bodies = body_schemas(document);
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

/// The names of the schemas of request bodies.
fn body_schemas(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(_, path)| path.as_object().into_iter().flatten());
    operations
        .filter_map(|(_, operation)| {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            // An optional body stands there as one of several.
            let reference = schema["$ref"]
                .as_str()
                .or_else(|| schema["oneOf"].as_array()?.last()?["$ref"].as_str())?;
            Some(reference.rsplit('/').next()?.to_owned())
        })
        .collect()
}

fn complete(name: &str, schema: &mut Map<String, Value>, code_length: u8) {
    schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    if let Some((_, needed)) = NEEDS_ONE_OF.iter().find(|(of, _)| *of == name) {
        let alternatives: Vec<Value> = needed
            .iter()
            .map(
                |name| json!({ "required": [name], "properties": { *name: { "type": "string" } } }),
            )
            .collect();
        schema.insert("anyOf".to_owned(), alternatives.into());
    }
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, member) in members.into_iter().flatten() {
        let pattern = match name.as_str() {
            "phone_number" | "mobile_number" => MOBILE_NUMBER.to_owned(),
            "code" => format!("^[0-9]{{{code_length}}}$"),
            _ => continue,
        };
        if let Some(member) = member.as_object_mut() {
            member.insert("pattern".to_owned(), pattern.into());
        }
    }
}

//! The OpenAPI document as generators of clients and Swagger UI read it: names that are unique,
//! schemas of the simple kind, and examples that work as they stand.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::stage::{Shape, Stage};

/// A call of the document.
struct Operation<'a> {
    method: Method,
    path: &'a str,
    value: &'a Value,
}

impl Operation<'_> {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The examples that Swagger UI offers for the body: those of the call, else that of its schema.
    fn body_examples(&self, document: &Value) -> Vec<Value> {
        let content = &self.value["requestBody"]["content"]["application/json"];
        if content.is_null() {
            return Vec::new();
        }
        let of_call = examples(content);
        if of_call.is_empty() {
            return examples(resolved(document, &content["schema"]));
        }
        of_call
    }

    /// Whether it needs a sign-in.
    fn needs_token(&self) -> bool {
        let ways = self.value["security"].as_array();
        ways.is_some_and(|ways| !ways.contains(&json!({})))
    }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("operations");
        item.iter().map(move |(method, value)| Operation {
            method: method.to_uppercase().parse().expect("a method"),
            path,
            value,
        })
    });
    operations.collect()
}

/// `example` and `examples` of a content, a schema or a parameter.
fn examples(of: &Value) -> Vec<Value> {
    let single = (!of["example"].is_null()).then(|| of["example"].clone());
    let named = of["examples"].as_object().into_iter().flatten();
    single
        .into_iter()
        .chain(named.map(|(_, example)| example["value"].clone()))
        .collect()
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str();
    let found = target.and_then(|target| document.pointer(target.trim_start_matches('#')));
    found.unwrap_or(schema)
}

/// What `look` says to each object of the document, with its place.
fn visit(value: &Value, place: &str, look: &mut impl FnMut(&str, &Value)) {
    look(place, value);
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                visit(member, &format!("{place}/{name}"), look);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit(item, &format!("{place}/{index}"), look);
            }
        }
        _ => {}
    }
}

pub(crate) async fn the_description_is_one_that_generators_read(shape: Shape) {
    let names = async |settings: &[(&str, &str)]| {
        let stage = Stage::with(shape, settings).await;
        let document = &stage.document;
        let mut names = BTreeSet::new();
        for operation in operations(document) {
            let name = operation.value["operationId"].as_str().expect("an id");
            let fresh = names.insert(name.to_owned());
            assert!(fresh, "{}: another call is {name} too", operation.name());
        }
        visit(document, "", &mut |place, value| {
            if let Some(target) = value["$ref"].as_str() {
                let pointer = target.trim_start_matches('#');
                assert!(document.pointer(pointer).is_some(), "{place}: {target}");
            }
            for word in ["anyOf", "oneOf", "not", "if", "dependentSchemas"] {
                assert!(
                    value[word].is_null() || value["properties"].is_null(),
                    "{place}: {word} beside properties hides them from generators"
                );
            }
        });
        names
    };
    let all = names(&[]).await;
    let without_steps = names(&[("STEP_FLOW", "off")]).await;
    let steps: Vec<&String> = all.difference(&without_steps).collect();
    assert_eq!(
        steps,
        [
            "register",
            "set_password",
            "set_user_info",
            "step_log_in",
            "verify_otp"
        ]
    );
    // The names that clients have been generated with.
    for name in [
        "log_in",
        "refresh_tokens",
        "request_code",
        "show_profile",
        "verify_code",
    ] {
        assert!(without_steps.contains(name), "{name}");
    }
}

pub(crate) async fn every_example_fits_its_schema_whatever_the_length_of_codes(shape: Shape) {
    for length in ["5", "6", "7", "8"] {
        let stage = Stage::with(shape, &[("OTP_LENGTH", length)]).await;
        let document = &stage.document;
        let mut seen = 0;
        let mut fits = |place: &str, schema: &Value, example: &Value| {
            // References lead into the document, so it goes along.
            let mut whole = json!({ "components": document["components"], "allOf": [schema] });
            whole["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
            let validator = jsonschema::options()
                .should_validate_formats(true)
                .build(&whole)
                .expect("a schema");
            let errors: Vec<String> = validator
                .iter_errors(example)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{place}: {example}: {errors:?}");
            seen += 1;
        };
        visit(document, "", &mut |place, value| {
            // The example of a schema stands in it, others stand beside one.
            let is_schema = !value["type"].is_null() || !value["allOf"].is_null();
            let schema = if is_schema { value } else { &value["schema"] };
            if place.contains("/example") || schema.is_null() {
                return;
            }
            for example in examples(value) {
                fits(place, schema, &example);
            }
        });
        assert!(seen > 150, "only {seen} examples were found");
        for operation in operations(document) {
            for example in operation.body_examples(document) {
                if let Some(code) = example["code"].as_str() {
                    assert_eq!(code.len().to_string(), length, "{}", operation.name());
                }
            }
        }
        let shown = &document["components"]["schemas"]["CodeSent"]["example"]["code_length"];
        assert_eq!(shown.to_string(), length);
    }
}

/// Whether a refusal says that the form of a request is wrong, or a value of it.
fn is_about_the_form(answer: &Answer) -> bool {
    matches!(answer.status, 400 | 413 | 415 | 422)
}

pub(crate) async fn every_example_of_a_body_is_taken_as_it_stands(shape: Shape) {
    let settings = [("OTP_LENGTH", "7"), ("LIMIT_PHONE_DAY", "1000")];
    let stage = Stage::with(shape, &settings).await;
    let document = &stage.document;
    let mut sent = 0;
    for operation in operations(document) {
        for example in operation.body_examples(document) {
            let request = || {
                let url = stage.url(operation.path);
                let request = stage.client.request(operation.method.clone(), url);
                request.json(&example)
            };
            let about = format!("{} {example}", operation.name());
            let stranger = stage.send(request()).await;
            assert!(!is_about_the_form(&stranger), "{about}: {stranger:?}");
            assert_eq!(
                stranger.status == 401 && stranger.member("code") == "unauthenticated",
                operation.needs_token(),
                "{about}: {stranger:?}"
            );
            // Anyone who signed in by the first example, again each time, because some calls end it.
            stage.pass(3_600_000).await;
            let token = stage.sign_in("09123456789").await.member("access_token");
            stage.pass(60_000).await;
            let bearing = stage.send(request().bearer_auth(&token)).await;
            assert!(!is_about_the_form(&bearing), "{about}: {bearing:?}");
            let browser = request()
                .header("sec-fetch-site", "same-origin")
                .header("cookie", format!("ramz_access={token}"));
            let browser = stage.send(browser).await;
            assert!(!is_about_the_form(&browser), "{about}: {browser:?}");
            sent += 1;
        }
    }
    assert!(sent >= 17, "{sent}");
}

/// A person at Swagger UI: the examples in the order of an account's life, of which only what an
/// earlier answer or a message gave is replaced.
pub(crate) async fn the_examples_lead_through_an_account_by_cookie_and_by_token(shape: Shape) {
    for by_cookie in [true, false] {
        let stage = Stage::new(shape).await;
        let mut person = Person {
            stage: &stage,
            by_cookie,
            tokens: Value::Null,
        };
        let usr = "/api/v1/usr";
        person.prove(&format!("{usr}/otp"), 202).await;
        person
            .call("GET", &format!("{usr}/me"), 0, json!({}), 200)
            .await;
        person
            .call("PATCH", &format!("{usr}/me"), 0, json!({}), 200)
            .await;
        let refresh = format!("{usr}/token/refresh");
        if by_cookie {
            person.call("POST", &refresh, 0, json!({}), 200).await;
        } else {
            let token = person.tokens["refresh_token"].clone();
            let live = json!({ "refresh_token": token });
            person.call("POST", &refresh, 1, live, 200).await;
        }
        let password = format!("{usr}/password");
        person.call("POST", &password, 0, json!({}), 204).await;
        person
            .call("POST", &format!("{usr}/login"), 0, json!({}), 200)
            .await;
        person.call("POST", "/api/login/", 0, json!({}), 200).await;
        person.call("POST", &password, 1, json!({}), 204).await;
        stage.pass(200_000).await;
        person.prove(&format!("{usr}/password/reset"), 202).await;
        stage.pass(200_000).await;
        person.prove(&format!("{usr}/otp"), 202).await;
        person.prove(&format!("{usr}/me/phone"), 202).await;
        person
            .call("GET", &format!("{usr}/sessions"), 0, json!({}), 200)
            .await;
        person
            .call("POST", &format!("{usr}/logout"), 0, json!({}), 204)
            .await;
    }
}

struct Person<'a> {
    stage: &'a Stage,
    by_cookie: bool,
    tokens: Value,
}

impl Person<'_> {
    /// Sends an example of a call with these members replaced.
    async fn call(
        &mut self,
        method: &str,
        path: &str,
        nth: usize,
        live: Value,
        status: u16,
    ) -> Value {
        let document = &self.stage.document;
        let all = operations(document);
        let operation = all
            .iter()
            .find(|operation| operation.path == path && operation.method == method)
            .unwrap_or_else(|| panic!("{method} {path}"));
        let url = self.stage.url(path);
        let mut request = self.stage.client.request(operation.method.clone(), url);
        if let Some(mut body) = operation.body_examples(document).into_iter().nth(nth) {
            for (name, value) in live.as_object().expect("members") {
                assert!(!body[name].is_null(), "{path}: no {name} in {body}");
                body[name] = value.clone();
            }
            request = request.json(&body);
        }
        if self.by_cookie {
            request = request.header("sec-fetch-site", "same-origin");
            let text = |name: &str| self.tokens[name].as_str().unwrap_or_default().to_owned();
            let (access, refresh) = (text("access_token"), text("refresh_token"));
            let cookies = format!("ramz_access={access}; ramz_refresh={refresh}");
            request = request.header("cookie", cookies);
        } else if let Some(token) = self.tokens["access_token"].as_str() {
            request = request.bearer_auth(token);
        }
        let answer = self.stage.send(request).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        if answer.body["access_token"].is_string() {
            self.tokens = answer.body.clone();
        }
        answer.body
    }

    /// Asks for a code and gives it back.
    async fn prove(&mut self, path: &str, status: u16) {
        let asked = self.call("POST", path, 0, json!({}), status).await;
        let session = asked["session_id"].as_str().expect("a session");
        let code = if path.ends_with("/me/phone") {
            let owner = self.call("GET", "/api/v1/usr/me", 0, json!({}), 200).await;
            let owner = owner["id"].as_str().expect("an id").parse();
            self.stage
                .code_of_change(session, owner.expect("a UUID"))
                .await
        } else {
            self.stage.code(session).await
        };
        let live = json!({ "session_id": session, "code": code });
        let path = format!("{path}/verify");
        self.call("POST", &path, 0, live, 200).await;
    }
}

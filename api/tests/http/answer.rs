//! An answer of the API, and what every one of them must have.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self {
            status,
            headers,
            text,
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn member(&self, member: &str) -> String {
        let value = self.body[member].as_str();
        value
            .unwrap_or_else(|| panic!("{member}: {self:?}"))
            .to_owned()
    }

    pub(crate) fn number(&self, member: &str) -> u64 {
        let value = self.body[member].as_u64();
        value.unwrap_or_else(|| panic!("{member}: {self:?}"))
    }

    /// Asserts the status and the code of an error.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.member("code").as_str()),
            (status, code),
            "{self:?}"
        );
    }

    /// Asserts that the body has each of these members with the same value.
    #[track_caller]
    pub(crate) fn shows_all_of(&self, members: &Value) {
        for (name, value) in members.as_object().expect("an object") {
            assert_eq!(&self.body[name], value, "{name}: {self:?}");
        }
    }

    /// What the client can tell two answers apart by: everything but the id and the date.
    pub(crate) fn seen(&self) -> (u16, Vec<(String, String)>, String) {
        let mut headers: Vec<(String, String)> = self
            .headers
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "x-request-id" | "date"))
            .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
            .collect();
        headers.sort();
        let id = self.header("x-request-id");
        (self.status, headers, self.text.replace(id, "ID"))
    }

    /// What holds for every answer; an error must stand in the OpenAPI document of its path.
    pub(crate) fn check(&self, document: &Value, method: &Method, path: &str) {
        assert_eq!(self.header("x-request-id").len(), 36, "{self:?}");
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert_eq!(self.header("referrer-policy"), "no-referrer");
        assert!(
            self.header("content-security-policy")
                .contains("default-src 'none'")
        );
        assert!(!self.header("cache-control").is_empty());
        if matches!(self.status, 429 | 503) {
            let seconds: u64 = self.header("retry-after").parse().expect("seconds");
            assert!(seconds >= 1);
            if self.body["code"].is_string() {
                assert_eq!(self.number("retry_after"), seconds);
            }
        }
        let method = method.as_str().to_ascii_lowercase();
        let operation = &paths_item(document, path)[&method];
        if operation.is_null() {
            return;
        }
        let status = self.status.to_string();
        let response = &operation["responses"][&status];
        assert!(
            response.is_object(),
            "{path} {status} is not documented: {self:?}"
        );
        if self.status >= 400 && path != "/readyz" {
            self.check_problem(response);
        }
    }

    fn check_problem(&self, response: &Value) {
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("vary"), "accept-language");
        let code = self.member("code");
        assert_eq!(self.member("type"), format!("urn:ramz:error:{code}"));
        assert_eq!(self.number("status"), u64::from(self.status));
        assert_eq!(self.member("request_id"), self.header("x-request-id"));
        assert!(!self.member("title").is_empty() && !self.member("detail").is_empty());
        let examples = &response["content"]["application/problem+json"]["examples"];
        assert!(
            examples[&code].is_object(),
            "{code} is not documented: {self:?}"
        );
    }
}

/// What the document says of a path; `{id}` in its paths stands for one part of any text.
fn paths_item<'a>(document: &'a Value, path: &str) -> &'a Value {
    let paths = &document["paths"];
    if paths[path].is_object() {
        return &paths[path];
    }
    let matches = |template: &str| {
        template.contains('{')
            && template.split('/').count() == path.split('/').count()
            && template
                .split('/')
                .zip(path.split('/'))
                .all(|(of_template, part)| of_template.starts_with('{') || of_template == part)
    };
    let templates = paths.as_object().expect("paths");
    templates
        .iter()
        .find_map(|(template, item)| matches(template).then_some(item))
        .unwrap_or(&Value::Null)
}

//! What an app of a customer does.

use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::simulator::reqwest_client;

/// A client of the JSON API.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
}

/// The answer to a request for a code.
#[derive(Clone, Debug, Deserialize)]
pub struct Asked {
    /// The canonical number.
    pub phone_number: String,
    /// The handle of the challenge.
    pub session_id: String,
    /// Whether a message was sent now.
    pub sent: bool,
    /// The length of the code.
    pub code_length: usize,
}

/// The answer to a right code.
#[derive(Clone, Debug, Deserialize)]
pub struct SignedIn {
    /// A JWT.
    pub access_token: String,
    /// An opaque token.
    pub refresh_token: String,
    /// By which the device is known.
    pub device_token: String,
    /// Whether the user was created now.
    pub is_new_user: bool,
    /// The user.
    pub user: Value,
}

/// An answer that is an error (RFC 9457).
#[derive(Clone, Debug)]
pub struct ErrorAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code.
    pub code: String,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

impl Client {
    /// A client of the API at this address.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            http: reqwest_client(),
            url: url.into(),
        }
    }

    /// The address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A GET, whatever it answers.
    pub async fn get(&self, path: &str) -> Response {
        self.try_get(path).await.expect("an answer")
    }

    /// A GET, whatever it answers; an error where there was no answer.
    pub async fn try_get(&self, path: &str) -> reqwest::Result<Response> {
        self.http.get(format!("{}{path}", self.url)).send().await
    }

    /// A POST, whatever it answers; an error where there was no answer.
    pub async fn try_post(&self, path: &str, body: &Value) -> reqwest::Result<Response> {
        self.http
            .post(format!("{}{path}", self.url))
            .json(body)
            .send()
            .await
    }

    /// A POST by the user of an access token, whatever it answers.
    pub async fn try_post_as(
        &self,
        access_token: &str,
        path: &str,
        body: &Value,
    ) -> reqwest::Result<Response> {
        self.http
            .post(format!("{}{path}", self.url))
            .bearer_auth(access_token)
            .json(body)
            .send()
            .await
    }

    /// A POST as part of a trace (W3C `traceparent`), whatever it answers.
    pub async fn post_traced(&self, path: &str, body: &Value, traceparent: &str) -> Response {
        let request = self.http.post(format!("{}{path}", self.url));
        let request = request.header("traceparent", traceparent).json(body);
        request.send().await.expect("an answer")
    }

    /// A PUT of a text, as from a page of a site where one is named, whatever it answers.
    pub async fn put_text(&self, path: &str, text: &str, origin: Option<&str>) -> Response {
        let mut request = self.http.put(format!("{}{path}", self.url));
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let request = request.body(text.to_owned());
        request.send().await.expect("an answer")
    }

    /// Asks for a code.
    pub async fn ask(&self, phone: &str) -> Result<Asked, ErrorAnswer> {
        self.post("/api/v1/usr/otp", &json!({ "phone_number": phone }))
            .await
    }

    /// Asks for the code of a session once more.
    pub async fn resend(&self, session_id: &str) -> Result<Asked, ErrorAnswer> {
        self.post("/api/v1/usr/otp", &json!({ "session_id": session_id }))
            .await
    }

    /// Signs in.
    pub async fn verify(&self, session_id: &str, code: &str) -> Result<SignedIn, ErrorAnswer> {
        let body = json!({ "session_id": session_id, "code": code });
        self.post("/api/v1/usr/otp/verify", &body).await
    }

    async fn post<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, ErrorAnswer> {
        let response = self.try_post(path, body).await.expect("an answer");
        if response.status().is_success() {
            return Ok(response.json().await.expect("the body of a success"));
        }
        Err(ErrorAnswer::read(response).await)
    }
}

impl ErrorAnswer {
    /// Reads an error; every error of the API has this form.
    pub async fn read(response: Response) -> Self {
        let status = response.status();
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let content_type = header("content-type").unwrap_or_default();
        assert!(
            content_type.starts_with("application/problem+json"),
            "{status}: {content_type}"
        );
        let retry_after = header("retry-after").and_then(|seconds| seconds.parse().ok());
        let body: Value = response.json().await.expect("a problem in JSON");
        let code = body["code"].as_str().expect("a stable code").to_owned();
        assert_eq!(body["status"], json!(status.as_u16()));
        Self {
            status,
            code,
            retry_after,
        }
    }
}

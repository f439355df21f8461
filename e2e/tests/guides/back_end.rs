//! What every back end that checks our tokens must do, whatever it is written in.

use std::time::Duration;

use e2e::PATIENCE;
use harness::{Process, eventually, free_port};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::guides::service::Service;
use crate::guides::tokens::{Keys, Mint};

/// Holds a back end to the table of tokens. `start` starts it on a port, with these settings.
pub(crate) async fn check(start: impl Fn(u16, &[(&str, &str)]) -> Process) {
    let keys = Keys::new();
    let service = Service::start(&[("JWT_PRIVATE_KEY", &keys.pem())]).await;
    let signed_in = service.sign_in("09123456789").await;
    let user = signed_in.user["id"].as_str().expect("an id");
    let mint = Mint::new(&keys, service.jwks().await, &signed_in.access_token);

    let back_end = BackEnd::start(&start, &[("RAMZ_URL", service.url())]).await;
    for (name, token) in mint.good() {
        let answer = back_end.get().bearer_auth(&token);
        assert_eq!(back_end.user(answer).await, user, "{name}");
        let answer = back_end.get().header("cookie", cookie(&token));
        assert_eq!(back_end.user(answer).await, user, "{name}, as a cookie");
    }

    let none = back_end.get().send().await.expect("an answer");
    assert_eq!(none.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(none.headers()["www-authenticate"], "Bearer");
    for (name, token) in mint.bad() {
        let refused = back_end.status(back_end.get().bearer_auth(&token)).await;
        assert_eq!(refused, StatusCode::UNAUTHORIZED, "{name}");
        let refused = back_end.get().header("cookie", cookie(&token));
        let refused = back_end.status(refused).await;
        assert_eq!(refused, StatusCode::UNAUTHORIZED, "{name}, as a cookie");
    }
    let basic = back_end.get().basic_auth("ramz", Some("x"));
    assert_eq!(back_end.status(basic).await, StatusCode::UNAUTHORIZED);

    check_cross_site(&back_end, &signed_in.access_token, service.url()).await;
    check_without_keys(&start, &signed_in.access_token, service.url()).await;
}

/// A cookie changes something only for a page of the own origin (CSR-02).
async fn check_cross_site(back_end: &BackEnd, token: &str, own: &str) {
    let bearer = back_end.request(Method::POST).bearer_auth(token);
    assert_eq!(back_end.status(bearer).await, StatusCode::OK);
    for (header, passes) in [
        (Some(("sec-fetch-site", "same-origin")), true),
        (Some(("sec-fetch-site", "same-site")), false),
        (Some(("sec-fetch-site", "cross-site")), false),
        (Some(("origin", own)), true),
        (Some(("origin", "https://evil.example")), false),
        (None, false),
    ] {
        let mut request = back_end
            .request(Method::POST)
            .header("cookie", cookie(token));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let expected = if passes {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(back_end.status(request).await, expected, "{header:?}");
    }
}

/// Nobody is signed out because the keys cannot be fetched.
async fn check_without_keys(
    start: &impl Fn(u16, &[(&str, &str)]) -> Process,
    token: &str,
    issuer: &str,
) {
    let closed = format!("http://127.0.0.1:{}/jwks.json", free_port());
    let settings = [("RAMZ_URL", issuer), ("RAMZ_JWKS_URL", &closed)];
    let back_end = BackEnd::start(start, &settings).await;
    let answer = back_end.get().bearer_auth(token).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "5");
}

/// On http loopback the name has no `__Host-`.
fn cookie(token: &str) -> String {
    format!("theme=dark; ramz_access={token}")
}

struct BackEnd {
    _process: Process,
    http: reqwest::Client,
    url: String,
}

impl BackEnd {
    async fn start(
        start: &impl Fn(u16, &[(&str, &str)]) -> Process,
        settings: &[(&str, &str)],
    ) -> Self {
        let port = free_port();
        let back_end = Self {
            _process: start(port, settings),
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(30))
                .build()
                .expect("a client"),
            url: format!("http://127.0.0.1:{port}/orders"),
        };
        eventually(PATIENCE, async || back_end.get().send().await.ok()).await;
        back_end
    }

    fn get(&self) -> RequestBuilder {
        self.request(Method::GET)
    }

    fn request(&self, method: Method) -> RequestBuilder {
        self.http.request(method, &self.url)
    }

    async fn status(&self, request: RequestBuilder) -> StatusCode {
        request.send().await.expect("an answer").status()
    }

    async fn user(&self, request: RequestBuilder) -> String {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let body: Value = answer.json().await.expect("JSON");
        body["user"].as_str().expect("a user").to_owned()
    }
}

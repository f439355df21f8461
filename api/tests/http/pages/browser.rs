//! A browser without JavaScript: it keeps cookies, sends forms as they stand, and says where from.

use std::collections::BTreeMap;

use domain::otp::KeyRing;
use domain::random::Random;
use domain::sealed::Seal;
use reqwest::header::{COOKIE, HeaderMap, SET_COOKIE};
use serde_json::Value;

use crate::stage::{ME, OTP_KEY, Stage};

pub(crate) const LOG_IN: &str = "/accounts/login/";
pub(crate) const SIGN_UP: &str = "/accounts/signup/";
pub(crate) const CODE: &str = "/accounts/verify/";
pub(crate) const RESEND: &str = "/accounts/verify/resend/";
pub(crate) const MESSAGE: &str = "/accounts/verify/message/";
pub(crate) const LOG_OUT: &str = "/accounts/logout/";
pub(crate) const PASSWORD_LOG_IN: &str = "/accounts/login/password/";
pub(crate) const RESET: &str = "/accounts/password/reset/";
pub(crate) const RESET_CODE: &str = "/accounts/password/reset/verify/";
pub(crate) const CONFIRM: &str = "/accounts/confirm/";
pub(crate) const PROFILE: &str = "/users/profile/update/";
pub(crate) const PASSWORD: &str = "/users/profile/password/";
pub(crate) const PHONE_PAGE: &str = "/users/profile/phone/";
pub(crate) const PHONE_CODE: &str = "/users/profile/phone/verify/";
pub(crate) const DEVICES: &str = "/users/profile/devices/";
pub(crate) const DELETE: &str = "/users/profile/delete/";

pub(crate) struct Browser<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) cookies: BTreeMap<String, String>,
    /// Sent with every request.
    pub(crate) headers: BTreeMap<&'static str, String>,
    /// Whether it keeps cookies.
    pub(crate) keeps_cookies: bool,
}

/// What it got.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location")
    }

    pub(crate) fn title(&self) -> &str {
        let (_, behind) = self.html.split_once("<title>").expect("a title");
        behind.split_once("</title>").expect("an end").0
    }

    /// Asserts the status and that the page says all of this.
    #[track_caller]
    pub(crate) fn says(&self, status: u16, words: &[&str]) {
        assert_eq!(self.status, status, "{self:?}");
        for words in words {
            assert!(
                self.html.contains(words),
                "{words} is not on\n{}",
                self.html
            );
        }
    }

    #[track_caller]
    pub(crate) fn is_silent_about(&self, words: &[&str]) {
        for words in words {
            assert!(!self.html.contains(words), "{words} is on\n{}", self.html);
        }
    }

    /// Asserts that it leads to a path.
    #[track_caller]
    pub(crate) fn leads_to(&self, path: &str) {
        assert_eq!((self.status, self.location()), (303, path), "{self:?}");
    }
}

impl<'a> Browser<'a> {
    pub(crate) fn new(stage: &'a Stage) -> Self {
        let headers = BTreeMap::from([
            (
                "accept",
                "text/html,application/xhtml+xml,*/*;q=0.8".to_owned(),
            ),
            ("sec-fetch-site", "same-origin".to_owned()),
        ]);
        Self {
            stage,
            cookies: BTreeMap::new(),
            headers,
            keeps_cookies: true,
        }
    }

    /// A browser whose person reads English.
    pub(crate) fn english(stage: &'a Stage) -> Self {
        let mut browser = Self::new(stage);
        browser.headers.insert("accept-language", "en".to_owned());
        browser
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        let request = self.stage.client.get(self.stage.url(path));
        self.send(request).await
    }

    /// Sends the form of the page that it has just got, with these fields.
    pub(crate) async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = self.cookies.get("ramz_form").cloned().unwrap_or_default();
        let mut all = vec![("token", token.as_str())];
        all.extend_from_slice(fields);
        self.post(path, &all).await
    }

    /// Sends exactly these fields.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let request = self.stage.client.post(self.stage.url(path)).form(fields);
        self.send(request).await
    }

    pub(crate) async fn send(&mut self, mut request: reqwest::RequestBuilder) -> Page {
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if !self.cookies.is_empty() {
            let pairs = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            request = request.header(COOKIE, pairs.collect::<Vec<_>>().join("; "));
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if self.keeps_cookies {
            for cookie in headers.get_all(SET_COOKIE) {
                let text = cookie.to_str().expect("text");
                let (pair, attributes) = text.split_once(';').expect("attributes");
                let (name, value) = pair.split_once('=').expect("a pair");
                if attributes.contains("Max-Age=0") {
                    self.cookies.remove(name);
                } else {
                    self.cookies.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        let page = Page {
            status,
            headers,
            html: response.text().await.expect("a body"),
        };
        check(&page);
        page
    }

    /// Opens the page with the field for the number and asks for a code.
    pub(crate) async fn ask(&mut self, number: &str) {
        self.get(LOG_IN).await;
        let sent = self.submit(LOG_IN, &[("phone", number)]).await;
        sent.leads_to(CODE);
    }

    /// Signs in from the first page to the last.
    pub(crate) async fn sign_in(&mut self, number: &str) {
        self.ask(number).await;
        let code = self.code().await;
        self.submit(CODE, &[("code", &code)]).await.leads_to("/");
    }

    /// Proves once more who it is, and comes to a path.
    pub(crate) async fn confirm(&mut self, next: &str) {
        self.submit(CONFIRM, &[("next", next)]).await.leads_to(CODE);
        let code = self.code().await;
        let proven = self.submit(CODE, &[("code", &code)]).await;
        proven.leads_to(next);
        self.get(next).await;
    }

    /// The code that the message to a new number holds.
    pub(crate) async fn code_of_change(&self) -> String {
        let token = &self.cookies["ramz_access"];
        let me = self.stage.bearing(token, http::Method::GET, ME, None).await;
        let owner = me.member("id").parse().expect("an id");
        self.stage.code_of_change(&self.session(), owner).await
    }

    /// What the browser keeps of the sign-in under way, unsealed.
    pub(crate) fn kept(&self) -> Value {
        let text = seal().open(&self.cookies["ramz_sign_in"]).expect("ours");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Lets it keep something else, as if we had sealed it.
    pub(crate) fn keep(&mut self, kept: &Value) {
        let sealed = seal()
            .seal(&kept.to_string(), &Random::seeded(3))
            .expect("sealed");
        self.cookies.insert("ramz_sign_in".to_owned(), sealed);
    }

    /// The handle of the challenge.
    pub(crate) fn session(&self) -> String {
        self.kept()["s"].as_str().expect("a handle").to_owned()
    }

    /// The code that the message holds.
    pub(crate) async fn code(&self) -> String {
        self.stage.code(&self.session()).await
    }

    pub(crate) async fn wrong_code(&self) -> String {
        self.stage.wrong_code(&self.session()).await
    }
}

fn seal() -> Seal {
    let ring = KeyRing::parse(OTP_KEY).expect("a ring");
    Seal::new(&ring, "pages sign-in v1")
}

/// What every page must have.
fn check(page: &Page) {
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("cache-control"), "no-store", "{page:?}");
    if !page.header("content-type").starts_with("text/html") {
        return;
    }
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    for inline in [
        " style=",
        "<style",
        "javascript:",
        " onclick",
        " onload",
        "http://",
        "https://",
    ] {
        assert!(!page.html.contains(inline), "{inline}: {}", page.html);
    }
    assert_eq!(
        page.html.matches("<script").count(),
        1,
        "one script, from our own host"
    );
    assert_eq!(page.html.matches("<h1").count(), 1);
    for place in page.html.split('{').skip(1) {
        assert!(
            !place.starts_with(|c: char| c.is_ascii_lowercase()),
            "{{{place}"
        );
    }
}

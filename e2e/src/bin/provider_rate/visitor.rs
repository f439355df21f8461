//! What a browser does that an application has led to the provider, without drawing anything.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::Production;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, Url};
use serde_json::Value;

const BACK: &str = "https://shop.example.ir/callback";
/// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// The client, which keeps no secret, so that nothing but the sign-in is measured.
pub(crate) const CLIENTS: &str = r#"
[[clients]]
id = "shop"
name = "Shop"
type = "spa"
redirect_uris = ["https://shop.example.ir/callback"]
"#;

pub(crate) struct Visitor {
    http: reqwest::Client,
    url: String,
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    pub(crate) fn new(url: String) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .redirect(Policy::none())
            .build();
        Self {
            http: http.expect("a client"),
            url,
            cookies: BTreeMap::new(),
        }
    }

    /// From the application to its tokens.
    pub(crate) async fn sign_in(&mut self, production: &Production, phone: &str) {
        let mut asked = Url::parse(&format!("{}/oidc/authorize", self.url)).expect("an address");
        asked.query_pairs_mut().extend_pairs([
            ("client_id", "shop"),
            ("redirect_uri", BACK),
            ("response_type", "code"),
            ("scope", "openid phone"),
            ("state", "s"),
            ("nonce", "n"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        let page = self.led(self.http.get(asked)).await;
        let next = parameter(&page, "next");
        self.send(self.http.get(self.address(&page))).await;
        let fields = [("phone", phone), ("next", &next)];
        let page = self.submit("/accounts/login/", &fields).await;
        self.send(self.http.get(self.address(&page))).await;
        let code = super::code_of(production, phone).await;
        let next = self.submit(&page, &[("code", &code)]).await;
        let back = self.led(self.http.get(self.address(&next))).await;
        let code = parameter(&back, "code");
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "shop"),
            ("redirect_uri", BACK),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ];
        let request = self.http.post(self.address("/oidc/token")).form(&form);
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let tokens: Value = answer.json().await.expect("JSON");
        assert!(tokens["id_token"].is_string(), "{status} {tokens}");
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Sends the form of the last page; where it leads to.
    async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let token = self.cookies.get("ramz_form").cloned().unwrap_or_default();
        let mut all = vec![("token", token.as_str())];
        all.extend_from_slice(fields);
        let request = self.http.post(self.address(path)).form(&all);
        self.led(request).await
    }

    async fn led(&mut self, request: RequestBuilder) -> String {
        let answer = self.send(request).await;
        let status = answer.status();
        let location = answer
            .headers()
            .get(LOCATION)
            .and_then(|to| to.to_str().ok());
        let location = location.map(str::to_owned);
        location.unwrap_or_else(|| panic!("{status} leads nowhere"))
    }

    async fn send(&mut self, request: RequestBuilder) -> Response {
        let pairs = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies = pairs.collect::<Vec<_>>().join("; ");
        let answer = request
            .header(COOKIE, cookies)
            .send()
            .await
            .expect("an answer");
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap_or_default().split(';').next();
            if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// A parameter of an address, which may be a path.
fn parameter(address: &str, name: &str) -> String {
    let base = Url::parse("http://127.0.0.1").expect("an address");
    let address = base.join(address).expect("an address");
    let found = address.query_pairs().find(|(one, _)| one == name);
    found.map_or_else(
        || panic!("no {name} in {address}"),
        |(_, value)| value.into_owned(),
    )
}

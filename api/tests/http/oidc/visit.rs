//! Applications that lead a browser to us, and what they do with what comes back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::random::Random;
use domain::tokens::{IdTokens, SigningKeys};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::answer::Answer;
use crate::pages::Browser;
use crate::pages::browser::{CODE, LOG_IN};
use crate::stage::{SECOND, Shape, Stage};

pub(crate) const AUTHORIZE: &str = "/oidc/authorize";
pub(crate) const TOKEN: &str = "/oidc/token";
pub(crate) const USERINFO: &str = "/oidc/userinfo";
pub(crate) const REVOKE: &str = "/oidc/revoke";
pub(crate) const ISSUER: &str = "http://127.0.0.1:8000";
pub(crate) const PHONE: &str = "09123456789";
pub(crate) const BACK: &str = "https://shop.example.ir/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Of the secret `test`.
const CLIENTS: &str = r#"
[[clients]]
id = "shop"
name = "فروشگاه <b>"
type = "web"
secret_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
redirect_uris = ["https://shop.example.ir/callback"]

[[clients]]
id = "other"
name = "Other"
type = "web"
secret_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
redirect_uris = ["https://other.example.ir/callback"]
require_pkce = false
offline = true
id_token_alg = "EdDSA"

[[clients]]
id = "spa"
name = "Page"
type = "spa"
redirect_uris = ["https://page.example.ir/back"]

[[clients]]
id = "app"
name = "App"
type = "native"
redirect_uris = ["ir.example.app:/callback"]
"#;

/// The keys of a client that proves itself by signing.
pub(crate) fn signer() -> IdTokens {
    let pem = SigningKeys::generate_pem(&Random::seeded(9));
    let keys = SigningKeys::from_pem(pem.expose_secret()).expect("a key");
    IdTokens::new(keys, String::new())
}

fn clients() -> String {
    let pem = SigningKeys::generate_pem(&Random::seeded(9));
    let jwks = SigningKeys::from_pem(pem.expose_secret())
        .expect("a key")
        .jwks();
    format!(
        "{CLIENTS}\n[[clients]]\nid = \"signing\"\nname = \"Signing\"\ntype = \"web\"\nredirect_uris = [\"{BACK}\"]\njwks = '{jwks}'\n"
    )
}

/// The API with a few applications.
pub(crate) struct Provided {
    pub(crate) stage: Stage,
    _folder: tempfile::TempDir,
}

impl Provided {
    pub(crate) async fn new(shape: Shape) -> Self {
        Self::with(shape, &[]).await
    }

    pub(crate) async fn with(shape: Shape, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("clients.toml");
        std::fs::write(&file, clients()).expect("written");
        let ed25519 = SigningKeys::generate_pem(&Random::seeded(7));
        let rsa = SigningKeys::generate_rsa_pem().expect("a key");
        let keys = format!("{}{}", ed25519.expose_secret(), rsa.expose_secret());
        let file = file.display().to_string();
        let mut all = vec![
            ("JWT_PRIVATE_KEY", keys.as_str()),
            ("OIDC_CLIENTS_FILE", &file),
        ];
        all.extend_from_slice(settings);
        Self {
            stage: Stage::with(shape, &all).await,
            _folder: folder,
        }
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser::english(&self.stage)
    }

    /// What an application gets for a form.
    pub(crate) async fn call(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.stage.client.post(self.stage.url(path)).form(form);
        self.stage.send(request).await
    }

    /// The shop gives a code back.
    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        self.call(TOKEN, &redemption(code)).await
    }

    pub(crate) async fn userinfo(&self, token: &str) -> Answer {
        let request = self
            .stage
            .client
            .get(self.stage.url(USERINFO))
            .bearer_auth(token);
        self.stage.send(request).await
    }

    /// A fresh browser signs in to the shop; gives the code.
    pub(crate) async fn code(&self) -> String {
        let mut browser = self.browser();
        parameter(&sign_in(&mut browser, &authorize(&[])).await, "code")
    }

    /// The same up to the tokens.
    pub(crate) async fn tokens(&self) -> Answer {
        let tokens = self.redeem(&self.code().await).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        tokens
    }
}

pub(crate) fn redemption(code: &str) -> [(&str, &str); 6] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
        ("client_id", "shop"),
        ("client_secret", "test"),
    ]
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// The shop's usual request with some parameters in place of its own.
pub(crate) fn authorize(changes: &[(&str, &str)]) -> String {
    let usual = [
        ("client_id", "shop"),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", "openid phone profile email"),
        ("state", "s/+ &ا"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(
        usual
            .iter()
            .filter(|(name, _)| changes.iter().all(|(of, _)| of != name)),
    );
    query.extend_pairs(changes.iter().filter(|(_, value)| !value.is_empty()));
    format!("{AUTHORIZE}?{}", query.finish())
}

/// A parameter of an address.
pub(crate) fn parameter(address: &str, name: &str) -> String {
    let (_, query) = address.split_once('?').expect("a query");
    let found: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    found
        .get(name)
        .cloned()
        .unwrap_or_else(|| panic!("{name}: {address}"))
}

/// Follows what an application asks for to the page of the number; gives where that leads afterwards.
pub(crate) async fn begin(browser: &mut Browser<'_>, asked: &str) -> String {
    let led = browser.get(asked).await;
    assert_eq!(led.status, 303, "{led:?}");
    let page = led.location().to_owned();
    assert!(page.starts_with(LOG_IN), "{page}");
    browser.get(&page).await.says(200, &["name=\"next\""]);
    parameter(&page, "next")
}

/// Signs in with a code and comes to where the sign-in leads.
pub(crate) async fn prove(browser: &mut Browser<'_>, next: &str) {
    let sent = browser
        .submit(LOG_IN, &[("phone", PHONE), ("next", next)])
        .await;
    sent.leads_to(CODE);
    browser.get(CODE).await.says(200, &[]);
    // People take their time; what they prove is newer than what the application has asked.
    browser.stage.clock.advance(SECOND);
    let code = browser.code().await;
    browser
        .submit(CODE, &[("code", &code)])
        .await
        .leads_to(next);
}

/// Signs in to an application; gives the address that the browser is led to.
pub(crate) async fn sign_in(browser: &mut Browser<'_>, asked: &str) -> String {
    let next = begin(browser, asked).await;
    prove(browser, &next).await;
    let back = browser.get(&next).await;
    assert_eq!(back.status, 303, "{back:?}");
    back.location().to_owned()
}

/// The claims of a JWT, unchecked.
pub(crate) fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

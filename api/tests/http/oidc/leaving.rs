//! Leaving: applications lead people here to log out, and are told when somebody has.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::random::Random;
use domain::tokens::SigningKeys;
use harness::eventually;
use http::{Method, StatusCode};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::receiver::Receiver;
use super::visit::{ISSUER, TOKEN, authorize, claims, parameter, redemption, sign_in};
use crate::answer::Answer;
use crate::pages::Browser;
use crate::pages::browser::LOG_OUT;
use crate::stage::{ME, SECOND, Shape, Stage};

const OUT: &str = "/oidc/logout";
const HOME: &str = "https://shop.example.ir/";
const PATIENCE: Duration = Duration::from_mins(2);

/// The API with two applications that are told of log-outs at this place.
struct Place {
    stage: Stage,
    settings: [(&'static str, String); 2],
    _folder: tempfile::TempDir,
}

impl Place {
    async fn new(shape: Shape, told_at: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let client = |id: &str| {
            format!(
                "[[clients]]\nid = \"{id}\"\nname = \"Shop\"\ntype = \"web\"\n\
                 secret_sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n\
                 redirect_uris = [\"https://shop.example.ir/callback\"]\n\
                 post_logout_redirect_uris = [\"{HOME}\", \"{HOME}bye?from=ramz\"]\n"
            )
        };
        let told = format!("backchannel_logout_uri = \"{told_at}\"\n");
        let file: PathBuf = folder.path().join("clients.toml");
        let text = format!("{}{told}{}", client("shop"), client("silent"));
        std::fs::write(&file, text).expect("written");
        let ed25519 = SigningKeys::generate_pem(&Random::seeded(7));
        let rsa = SigningKeys::generate_rsa_pem().expect("a key");
        let keys = format!("{}{}", ed25519.expose_secret(), rsa.expose_secret());
        let settings = [
            ("JWT_PRIVATE_KEY", keys),
            ("OIDC_CLIENTS_FILE", file.display().to_string()),
        ];
        let stage = Stage::with(shape, &borrowed(&settings)).await;
        Self {
            stage,
            settings,
            _folder: folder,
        }
    }

    fn browser(&self) -> Browser<'_> {
        Browser::english(&self.stage)
    }

    /// Signs in to an application; gives its tokens.
    async fn enter(&self, browser: &mut Browser<'_>, client: &str) -> Answer {
        let asked = authorize(&[("client_id", client)]);
        let led = if browser.cookies.contains_key("ramz_refresh") {
            browser.get(&asked).await.location().to_owned()
        } else {
            sign_in(browser, &asked).await
        };
        let code = parameter(&led, "code");
        let mut form = redemption(&code);
        form[4] = ("client_id", client);
        let request = self.stage.client.post(self.stage.url(TOKEN)).form(&form);
        let tokens = self.stage.send(request).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        tokens
    }

    /// What a logout token says, once the server of the shop has so many.
    async fn told(&self, receiver: &Receiver, count: usize) -> Value {
        let token = eventually(PATIENCE, async || {
            let tokens = receiver.tokens();
            (tokens.len() >= count).then(|| tokens[count - 1].clone())
        })
        .await;
        let keys = self.stage.get("/.well-known/jwks.json").await;
        let keys: JwkSet = serde_json::from_value(keys.body).expect("a key set");
        let header = jsonwebtoken::decode_header(&token).expect("a header");
        assert_eq!(header.typ.as_deref(), Some("logout+jwt"));
        let key = keys
            .find(header.kid.as_deref().expect("a kid"))
            .expect("published");
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&["shop"]);
        validation.set_issuer(&[ISSUER]);
        // The clock of the test stands still.
        validation.validate_exp = false;
        let key = DecodingKey::from_jwk(key).expect("a key");
        let read = jsonwebtoken::decode::<Value>(&token, &key, &validation);
        read.expect("signed by us for the shop").claims
    }

    /// Nobody is told for as long as it takes to tell somebody.
    async fn stays_silent(&self, receiver: &Receiver, count: usize) {
        eventually(PATIENCE, async || {
            (waiting(&self.stage).await == 0).then_some(())
        })
        .await;
        assert_eq!(receiver.tokens().len(), count);
    }
}

fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

fn out(parameters: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    format!("{OUT}?{}", query.finish())
}

/// Whether somebody is signed in in a browser, as an application sees it.
async fn is_in(browser: &mut Browser<'_>) -> bool {
    let led = browser.get(&authorize(&[("prompt", "none")])).await;
    let led = led.location().to_owned();
    if led.contains("code=") {
        return true;
    }
    assert_eq!(parameter(&led, "error"), "login_required");
    false
}

/// Logs out on our own pages.
async fn leave(browser: &mut Browser<'_>) {
    browser.get(LOG_OUT).await.says(200, &[]);
    browser.submit(LOG_OUT, &[]).await.leads_to("/");
}

async fn nowhere(shape: Shape) -> Place {
    Place::new(shape, "https://shop.example.ir/out").await
}

pub(crate) async fn rpil_a_user_with_their_id_token_is_logged_out_at_once(shape: Shape) {
    let place = nowhere(shape).await;
    for (parameters, leads_to) in [
        (
            &[("post_logout_redirect_uri", HOME), ("state", "s/+ &ا")][..],
            Some("https://shop.example.ir/?state=s%2F%2B+%26%D8%A7"),
        ),
        (
            &[("post_logout_redirect_uri", HOME), ("client_id", "shop")],
            Some(HOME),
        ),
        (
            &[
                (
                    "post_logout_redirect_uri",
                    "https://shop.example.ir/bye?from=ramz",
                ),
                ("state", "1"),
            ],
            Some("https://shop.example.ir/bye?from=ramz&state=1"),
        ),
        (
            &[("state", "1"), ("logout_hint", "x"), ("ui_locales", "en")],
            None,
        ),
    ] {
        let mut browser = place.browser();
        let tokens = place.enter(&mut browser, "shop").await;
        let hint = tokens.member("id_token");
        // However old it is.
        place.stage.pass(10 * 60 * SECOND).await;
        let all = [&[("id_token_hint", hint.as_str())], parameters].concat();
        let cookies = browser.cookies.clone();
        let led = browser.get(&out(&all)).await;
        led.leads_to(leads_to.unwrap_or("/"));
        assert!(!browser.cookies.contains_key("ramz_refresh"), "forgotten");
        // And dead, should somebody have kept them.
        browser.cookies = cookies;
        assert!(!is_in(&mut browser).await);
        let token = tokens.member("access_token");
        let userinfo = "/oidc/userinfo";
        let told = place
            .stage
            .bearing(&token, Method::GET, userinfo, None)
            .await;
        assert_eq!(told.status, 401);
        // Anyone who is out already is led back all the same.
        browser
            .get(&out(&all))
            .await
            .leads_to(leads_to.unwrap_or("/"));
    }
    // A form of the application's page brings no cookies along, and is asked once more.
    let mut browser = place.browser();
    let tokens = place.enter(&mut browser, "shop").await;
    let hint = tokens.member("id_token");
    let form = [
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", HOME),
    ];
    let mut bare = place.browser();
    bare.headers
        .insert("sec-fetch-site", "cross-site".to_owned());
    let led = bare.post(OUT, &form).await;
    assert_eq!((led.status, led.location()), (303, out(&form).as_str()));
    browser.get(led.location()).await.leads_to(HOME);
    // A later sign-on of the same person counts.
    place.enter(&mut browser, "shop").await;
    browser.get(&out(&form)).await.leads_to(HOME);
    assert!(!is_in(&mut browser).await);
}

pub(crate) async fn t17_a_log_out_without_a_hint_asks(shape: Shape) {
    let place = nowhere(shape).await;
    let mut browser = place.browser();
    place.enter(&mut browser, "shop").await;
    for asked in [
        OUT.to_owned(),
        out(&[("state", "1")]),
        out(&[("client_id", "shop")]),
    ] {
        browser
            .get(&asked)
            .await
            .says(200, &["action=\"/oidc/logout/confirm"]);
        assert!(is_in(&mut browser).await, "{asked}: a link logs nobody out");
    }
    // What another site sends confirms nothing.
    let mut forged = place.browser();
    forged.cookies.clone_from(&browser.cookies);
    forged
        .headers
        .insert("sec-fetch-site", "cross-site".to_owned());
    let refused = forged.submit("/oidc/logout/confirm", &[]).await;
    assert_eq!(refused.status, 403);
    assert!(is_in(&mut browser).await);
    browser
        .submit("/oidc/logout/confirm", &[])
        .await
        .leads_to("/");
    browser.get("/").await.says(200, &["You are logged out"]);
    assert!(!is_in(&mut browser).await);
    browser.get(OUT).await.leads_to("/");
}

pub(crate) async fn t17_somebody_elses_hint_asks_and_leads_back_then(shape: Shape) {
    let place = nowhere(shape).await;
    let mut other = place.browser();
    let hint = place.enter(&mut other, "shop").await.member("id_token");
    other
        .get(&out(&[("id_token_hint", &hint)]))
        .await
        .leads_to("/");
    let mut browser = place.browser();
    browser.sign_in("09350000001").await;
    let asked = out(&[("id_token_hint", &hint), ("post_logout_redirect_uri", HOME)]);
    let page = browser.get(&asked).await;
    page.says(200, &["action=\"/oidc/logout/confirm"]);
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' https://shop.example.ir;"),
        "{policy}"
    );
    assert!(is_in(&mut browser).await);
    let confirm = asked.replacen(OUT, "/oidc/logout/confirm", 1);
    browser.submit(&confirm, &[]).await.leads_to(HOME);
    assert!(!is_in(&mut browser).await);
}

pub(crate) async fn t17_what_is_wrong_is_asked_and_leads_nobody_anywhere(shape: Shape) {
    let place = nowhere(shape).await;
    let mut browser = place.browser();
    let tokens = place.enter(&mut browser, "shop").await;
    let hint = tokens.member("id_token");
    let access = tokens.member("access_token");
    let (head, rest) = hint.split_once('.').expect("parts");
    let (body, signature) = rest.split_once('.').expect("parts");
    let spoilt = if signature.starts_with('A') { "B" } else { "A" };
    let modified = format!("{head}.{body}.{spoilt}{}", &signature[1..]);
    let unsigned = format!(
        "{}.{body}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#)
    );
    let to = ("post_logout_redirect_uri", HOME);
    let good = ("id_token_hint", hint.as_str());
    for (number, wrong) in [
        vec![to],
        vec![to, ("state", "1")],
        vec![to, ("client_id", "shop")],
        vec![
            good,
            (
                "post_logout_redirect_uri",
                "https://shop.example.ir/elsewhere",
            ),
        ],
        vec![
            good,
            ("post_logout_redirect_uri", "https://shop.example.ir"),
        ],
        vec![
            good,
            (
                "post_logout_redirect_uri",
                "https://shop.example.ir/?more=1",
            ),
        ],
        vec![good, ("post_logout_redirect_uri", "https://evil.example/")],
        vec![
            good,
            (
                "post_logout_redirect_uri",
                "https://shop.example.ir/callback",
            ),
        ],
        vec![good, to, to],
        vec![good, to, ("client_id", "silent")],
        vec![good, to, ("client_id", "nobody")],
        vec![("id_token_hint", modified.as_str()), to],
        vec![("id_token_hint", unsigned.as_str()), to],
        vec![("id_token_hint", access.as_str()), to],
        vec![("id_token_hint", "nonsense"), to],
    ]
    .into_iter()
    .enumerate()
    {
        let asked = out(&wrong);
        browser
            .get(&asked)
            .await
            .says(200, &["action=\"/oidc/logout/confirm"]);
        assert!(is_in(&mut browser).await, "{asked}");
        let mut leaves = place.browser();
        leaves.sign_in(&format!("093500010{number:02}")).await;
        leaves.get(&asked).await.says(200, &[]);
        let confirm = asked.replacen(OUT, "/oidc/logout/confirm", 1);
        leaves.submit(&confirm, &[]).await.leads_to("/");
        place.stage.pass(SECOND).await;
    }
}

pub(crate) async fn bcl_an_application_is_told_of_log_out_block_and_deletion(shape: Shape) {
    let receiver = Receiver::start().await;
    let place = Place::new(shape, &format!("http://{}/out", receiver.address)).await;
    let mut jtis = Vec::new();
    for (round, way) in ["application", "page", "block", "deletion"]
        .into_iter()
        .enumerate()
    {
        let mut browser = place.browser();
        place.enter(&mut browser, "silent").await;
        let tokens = place.enter(&mut browser, "shop").await;
        // A second grant by the same sign-on is told of once.
        place.enter(&mut browser, "shop").await;
        assert_eq!(receiver.tokens().len(), round, "{way}");
        let id = claims(&tokens.member("id_token"));
        let user = id["sub"].as_str().expect("a sub").parse().expect("a UUID");
        let (records, now) = (&place.stage.stores.records, place.stage.clock.now());
        match way {
            "application" => {
                let hint = tokens.member("id_token");
                browser
                    .get(&out(&[("id_token_hint", &hint)]))
                    .await
                    .leads_to("/");
            }
            "page" => leave(&mut browser).await,
            "block" => {
                records.set_blocked(user, true, now).await.expect("blocked");
                records
                    .set_blocked(user, false, now)
                    .await
                    .expect("unblocked");
            }
            _ => {
                let own = browser.cookies["ramz_access"].clone();
                let deleted = place.stage.bearing(&own, Method::DELETE, ME, None).await;
                assert_eq!(deleted.status, 204, "{deleted:?}");
            }
        }
        let told = place.told(&receiver, round + 1).await;
        assert_eq!(
            (&told["sub"], &told["sid"]),
            (&id["sub"], &id["sid"]),
            "{way}"
        );
        let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
        assert_eq!(told["events"], event);
        assert!(told.get("nonce").is_none(), "{told}");
        let seconds = |name: &str| told[name].as_i64().expect("seconds");
        assert_eq!(seconds("exp") - seconds("iat"), 120);
        jtis.push(told["jti"].as_str().expect("a jti").to_owned());
        place.stays_silent(&receiver, round + 1).await;
        place.stage.pass(3_600 * SECOND).await;
    }
    jtis.sort();
    jtis.dedup();
    assert_eq!(jtis.len(), 4, "each token is another");
    assert_eq!(receiver.elsewhere(), Vec::<String>::new());
    assert!((told_of(&place.stage, "told") - 4.0).abs() < 0.5);
}

pub(crate) async fn bcl_who_is_away_hears_later_from_another_process(shape: Shape) {
    let address = ([127, 0, 0, 1], harness::free_port()).into();
    let place = Place::new(shape, &format!("http://{address}/out")).await;
    let mut browser = place.browser();
    place.enter(&mut browser, "shop").await;
    leave(&mut browser).await;
    eventually(PATIENCE, async || {
        (told_of(&place.stage, "again") > 0.0).then_some(())
    })
    .await;
    let beside = place.stage.beside(&borrowed(&place.settings)).await;
    place.stage.stop();
    let receiver = Receiver::at(address).await;
    receiver.answers(StatusCode::FOUND);
    let failed = eventually(PATIENCE, async || {
        beside.clock.advance(SECOND);
        let tokens = receiver.tokens();
        (!tokens.is_empty()).then_some(tokens)
    })
    .await;
    receiver.answers(StatusCode::NO_CONTENT);
    eventually(PATIENCE, async || {
        beside.clock.advance(SECOND);
        (told_of(&beside, "told") > 0.0).then_some(())
    })
    .await;
    assert!(receiver.tokens().len() > failed.len());
    assert_eq!(
        receiver.elsewhere(),
        Vec::<String>::new(),
        "no redirect is followed"
    );
    assert_eq!(waiting(&beside).await, 0);
}

pub(crate) async fn bcl_who_refuses_or_stays_away_for_a_day_is_told_no_more(shape: Shape) {
    let receiver = Receiver::start().await;
    let place = Place::new(shape, &format!("http://{}/out", receiver.address)).await;
    for (answer, result, after) in [
        (StatusCode::BAD_REQUEST, "refused", 0),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "given_up",
            24 * 3_600 * SECOND,
        ),
    ] {
        receiver.answers(answer);
        let mut browser = place.browser();
        place.enter(&mut browser, "shop").await;
        let before = receiver.tokens().len();
        leave(&mut browser).await;
        eventually(PATIENCE, async || {
            (receiver.tokens().len() > before).then_some(())
        })
        .await;
        place.stage.pass(after).await;
        eventually(PATIENCE, async || {
            (told_of(&place.stage, result) > 0.0).then_some(())
        })
        .await;
        assert_eq!(waiting(&place.stage).await, 0, "{result}");
        place.stage.pass(SECOND).await;
    }
}

/// How many log-outs have yet to be told of.
async fn waiting(stage: &Stage) -> usize {
    let tables = stage.stores.dump().await;
    let rows = tables
        .iter()
        .find(|(table, _)| table == "back_channel_logouts");
    rows.expect("a table").1.len()
}

fn told_of(stage: &Stage, result: &str) -> f64 {
    stage.metric(&format!("ramz_oidc_logouts_total{{result=\"{result}\"}}"))
}

//! Each line of the order of checks, and what follows from who is signed in.

use std::path::Path;

use chrono::{DateTime, Utc};
use domain::random::Random;
use domain::tokens::{
    AccessTokens, AccessTokensSettings, IdToken, IdTokenAlg, IdTokens, SigningKeys,
};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::*;
use crate::clients::Clients;
use crate::parameters::Parameters;

const ISSUER: &str = "https://login.example.ir";
const NOW: i64 = 1_700_000_000_000;
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CLIENTS: &str = r#"
[[clients]]
id = "shop"
name = "Shop"
type = "web"
secret_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
redirect_uris = ["https://shop.example.ir/callback", "https://shop.example.ir/other?a=b"]
scopes = ["openid", "phone"]

[[clients]]
id = "old"
name = "Old"
type = "web"
secret_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
redirect_uris = ["https://old.example.ir/callback"]
require_pkce = false
offline = true

[[clients]]
id = "app"
name = "App"
type = "native"
redirect_uris = ["ir.example.app:/callback", "http://127.0.0.1/callback", "https://app.example.ir/back"]
"#;

fn keys() -> SigningKeys {
    let pem = SigningKeys::generate_pem(&Random::seeded(1));
    SigningKeys::from_pem(pem.expose_secret()).expect("a key")
}

fn id_tokens() -> IdTokens {
    IdTokens::new(keys(), ISSUER.to_owned())
}

/// The usual request with some parameters in place of its own; an empty value leaves one out.
fn parameters(changes: &[(&str, &str)]) -> Parameters {
    let usual = [
        ("client_id", "shop"),
        ("redirect_uri", "https://shop.example.ir/callback"),
        ("response_type", "code"),
        ("scope", "openid phone"),
        ("state", "s"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let kept = usual
        .iter()
        .filter(|(name, _)| changes.iter().all(|(of, _)| of != name));
    query.extend_pairs(kept);
    query.extend_pairs(changes);
    Parameters::parse(query.finish().as_bytes())
}

fn ask(changes: &[(&str, &str)]) -> Result<AuthorizationRequest, Fault> {
    let clients = Clients::parse(CLIENTS, Path::new("clients.toml")).expect("clients");
    validate(&clients, &id_tokens(), &parameters(changes), NOW)
}

fn page(changes: &[(&str, &str)]) -> PageFault {
    match ask(changes) {
        Err(Fault::Page(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

fn error(changes: &[(&str, &str)]) -> &'static str {
    match ask(changes) {
        Err(Fault::Back {
            to,
            error,
            description,
        }) => {
            assert_eq!(to.redirect_uri, "https://shop.example.ir/callback");
            let plain = |byte: u8| (byte == b' ' || byte.is_ascii_graphic()) && byte != b'"';
            assert!(description.bytes().all(plain), "{description}");
            error
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn line_1_a_client_that_is_missing_doubled_or_unknown_gets_a_page() {
    assert_eq!(page(&[("client_id", "")]), PageFault::NoClient);
    assert_eq!(
        page(&[("client_id", "shop"), ("client_id", "shop")]),
        PageFault::TwoClients
    );
    for unknown in ["shopp", "Shop", " shop"] {
        assert_eq!(page(&[("client_id", unknown)]), PageFault::UnknownClient);
    }
    // Before anything else, the address too.
    assert_eq!(
        page(&[("client_id", "x"), ("redirect_uri", "")]),
        PageFault::UnknownClient
    );
    assert!(!PageFault::UnknownClient.advice().is_empty());
}

#[test]
fn line_2_t05_an_address_that_is_not_registered_gets_a_page() {
    let address = "https://shop.example.ir/callback";
    assert_eq!(page(&[("redirect_uri", "")]), PageFault::NoRedirect);
    let twice = [("redirect_uri", address), ("redirect_uri", address)];
    assert_eq!(page(&twice), PageFault::TwoRedirects);
    for other in [
        "https://shop.example.ir/callback/",
        "https://shop.example.ir/callbacl",
        "https://shop.example.ir/callback?x=y",
        "https://old.example.ir/callback",
    ] {
        // Also where other things are wrong, which it must not hear.
        let asked = [("redirect_uri", other), ("response_type", "token")];
        assert_eq!(page(&asked), PageFault::UnknownRedirect);
    }
}

#[test]
fn what_the_log_says_of_an_application_mends_it() {
    for (wrong, words) in [
        (&[("client_id", "shopp")][..], "check its spelling"),
        (&[("client_id", "")], "send the id"),
        (
            &[("redirect_uri", "")],
            "send one of the registered addresses",
        ),
        (
            &[("redirect_uri", "https://shop.example.ir/x")],
            "add it there or mend the application",
        ),
    ] {
        let advice = page(wrong).advice();
        assert!(advice.contains(words), "{advice}");
    }
    let (client, address) = ("shop", "https://shop.example.ir/callback");
    assert!(ask(&[("client_id", client), ("redirect_uri", address)]).is_ok());
    // An address that was added is one of the client's.
    let added = CLIENTS.replace("/callback\", \"https", "/x\", \"https");
    let clients = Clients::parse(&added, Path::new("clients.toml")).expect("clients");
    let asked = parameters(&[("redirect_uri", "https://shop.example.ir/x")]);
    assert!(validate(&clients, &id_tokens(), &asked, NOW).is_ok());
}

#[test]
fn line_3_doubled_parameters_and_other_response_modes_are_invalid() {
    assert_eq!(error(&[("state", "a"), ("state", "b")]), "invalid_request");
    assert_eq!(
        error(&[("strange", "a"), ("strange", "b")]),
        "invalid_request"
    );
    for mode in ["fragment", "form_post"] {
        assert_eq!(error(&[("response_mode", mode)]), "invalid_request");
    }
    assert!(ask(&[("response_mode", "query"), ("strange", "x"), ("nonce", "")]).is_ok());
}

#[test]
fn line_4_request_objects_are_not_supported() {
    for name in ["request", "request_uri", "registration"] {
        let told = error(&[(name, "x"), ("response_type", "")]);
        assert_eq!(told, format!("{name}_not_supported"));
    }
}

#[test]
fn line_5_the_response_type_is_code() {
    assert_eq!(
        error(&[("response_type", ""), ("scope", "")]),
        "invalid_request"
    );
    for other in ["token", "id_token", "code id_token", "Code"] {
        assert_eq!(
            error(&[("response_type", other)]),
            "unsupported_response_type"
        );
    }
}

#[test]
fn line_6_scopes_are_openid_and_what_the_client_may() {
    for wrong in ["", "phone", "OPENID", "openid email"] {
        assert_eq!(
            error(&[("scope", wrong), ("code_challenge", "")]),
            "invalid_scope",
            "{wrong}"
        );
    }
    let scope = |asked: &str| ask(&[("scope", asked)]).expect(asked).scope;
    assert_eq!(scope("phone address openid"), "openid phone");
    assert_eq!(
        scope("openid offline_access"),
        "openid",
        "the client has no offline"
    );
    let old = [
        ("client_id", "old"),
        ("redirect_uri", "https://old.example.ir/callback"),
        ("scope", "openid profile email offline_access"),
    ];
    assert_eq!(
        ask(&old).expect("good").scope,
        "openid profile email offline_access"
    );
}

#[test]
fn line_7_t06_pkce_is_there_and_s256() {
    for wrong in [
        &[("code_challenge", "")][..],
        &[("code_challenge_method", "")],
        &[("code_challenge_method", "plain")],
        &[("code_challenge_method", "s256")],
        &[("code_challenge", "short")],
        &[(
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM",
        )],
        &[("code_challenge", ""), ("code_challenge_method", "")],
    ] {
        let with_prompt = [wrong, &[("prompt", "none login")]].concat();
        assert_eq!(error(&with_prompt), "invalid_request", "{wrong:?}");
    }
    let old = |more: &[(&'static str, &'static str)]| {
        let base = [
            ("client_id", "old"),
            ("redirect_uri", "https://old.example.ir/callback"),
        ];
        ask(&[&base, more].concat())
    };
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    assert_eq!(old(&without).expect("it need not").challenge, None);
    assert_eq!(
        old(&[]).expect("it may").challenge.as_deref(),
        Some(CHALLENGE)
    );
    assert!(old(&[("code_challenge_method", "plain")]).is_err());
    assert!(
        old(&[("code_challenge", "")]).is_err(),
        "a method without a challenge"
    );
}

#[test]
fn line_8_prompt_and_max_age_are_what_is_known() {
    for wrong in ["none login", "consent none", "create", "LOGIN"] {
        assert_eq!(error(&[("prompt", wrong)]), "invalid_request", "{wrong}");
    }
    for wrong in ["-1", "1.5", "+5", "x", "99999999999999999999"] {
        assert_eq!(error(&[("max_age", wrong)]), "invalid_request", "{wrong}");
    }
    assert!(ask(&[("max_age", "0")]).expect("good").login);
    assert!(!ask(&[("max_age", "10000")]).expect("good").login);
    assert!(ask(&[("prompt", "login consent")]).expect("good").confirm);
    // What is known and asks for nothing never fails.
    let harmless = [
        ("display", "popup"),
        ("claims_locales", "se"),
        ("acr_values", "1 2"),
    ];
    assert!(ask(&harmless).is_ok());
}

#[test]
fn line_9_t16_a_hint_is_an_id_token_of_this_client_however_old() {
    let access = AccessTokens::new(
        keys(),
        AccessTokensSettings {
            issuer: ISSUER.to_owned(),
            audience: ISSUER.to_owned(),
            lifetime: std::time::Duration::from_mins(5),
        },
    );
    let user = Uuid::from_u128(7);
    let access = access
        .issue(user, user, NOW, &Random::seeded(2))
        .expect("signed");
    let hint = |client| {
        let token = IdToken {
            user,
            client,
            auth_time: 1,
            by_code: true,
            nonce: None,
            access: &access,
            sso_session: user,
        };
        id_tokens()
            .issue(token, IdTokenAlg::EdDsa, 0)
            .expect("signed")
    };
    let asked = ask(&[("id_token_hint", &hint("shop"))]).expect("good");
    assert_eq!(asked.hint, Some(user));
    for wrong in [hint("old"), access.expose().to_owned(), "x".to_owned()] {
        assert_eq!(error(&[("id_token_hint", &wrong)]), "invalid_request");
    }
}

#[test]
fn the_whole_request_reads_back_and_its_debug_output_shows_no_number() {
    let asked = ask(&[("login_hint", "09123456789"), ("nonce", "n")]).expect("good");
    let kept = serde_json::to_string(&asked).expect("JSON");
    let read: AuthorizationRequest = serde_json::from_str(&kept).expect("read");
    assert_eq!(read, asked);
    assert!(!format!("{asked:?}").contains("0912"), "{asked:?}");
}

fn at(millis: i64) -> Proof {
    Proof {
        user: Uuid::from_u128(7),
        at: DateTime::<Utc>::from_timestamp_millis(millis).expect("a time"),
    }
}

#[test]
fn line_10_what_is_missing_follows_from_who_is_signed_in() {
    let usual = ask(&[]).expect("good");
    assert_eq!(usual.standing(None, NOW), Standing::SignIn);
    assert_eq!(
        usual.standing(Some(at(NOW - 86_000_000)), NOW),
        Standing::Ready
    );
    let login = ask(&[("prompt", "login")]).expect("good");
    assert_eq!(
        login.standing(Some(at(NOW - 1)), NOW),
        Standing::SignInAgain
    );
    assert_eq!(login.standing(Some(at(NOW)), NOW), Standing::SignInAgain);
    assert_eq!(
        login.standing(Some(at(NOW + 1)), NOW + 2),
        Standing::Ready,
        "it is met once"
    );
    let max_age = ask(&[("max_age", "60")]).expect("good");
    assert_eq!(
        max_age.standing(Some(at(NOW - 60_000)), NOW),
        Standing::Ready
    );
    assert_eq!(
        max_age.standing(Some(at(NOW - 60_001)), NOW),
        Standing::SignInAgain
    );
    // Also where the person took longer than that to come back.
    assert_eq!(
        max_age.standing(Some(at(NOW + 1)), NOW + 90_000),
        Standing::Ready
    );
    for prompt in ["consent", "select_account"] {
        let confirm = ask(&[("prompt", prompt)]).expect("good");
        assert_eq!(confirm.standing(Some(at(NOW - 1)), NOW), Standing::Confirm);
        assert_eq!(
            confirm.standing(Some(at(NOW + 1)), NOW + 2),
            Standing::Ready
        );
    }
    let mut other = usual.clone();
    other.hint = Some(Uuid::from_u128(8));
    assert_eq!(
        other.standing(Some(at(NOW + 1)), NOW + 2),
        Standing::OtherPerson
    );
    other.hint = Some(Uuid::from_u128(7));
    assert_eq!(other.standing(Some(at(NOW - 1)), NOW), Standing::Ready);
    for (standing, error) in [
        (Standing::SignIn, "login_required"),
        (Standing::SignInAgain, "login_required"),
        (Standing::OtherPerson, "login_required"),
        (Standing::Confirm, "interaction_required"),
    ] {
        assert_eq!(standing.without_page().map(|(error, _)| error), Some(error));
    }
    assert_eq!(Standing::Ready.without_page(), None);
}

#[test]
fn an_app_that_can_be_imitated_is_confirmed() {
    for (address, standing) in [
        ("ir.example.app:/callback", Standing::Confirm),
        ("http://127.0.0.1:5004/callback", Standing::Confirm),
        ("https://app.example.ir/back", Standing::Ready),
    ] {
        let asked = ask(&[("client_id", "app"), ("redirect_uri", address)]).expect(address);
        assert_eq!(
            asked.standing(Some(at(NOW - 1)), NOW),
            standing,
            "{address}"
        );
        assert_eq!(
            asked.standing(Some(at(NOW + 1)), NOW + 2),
            Standing::Ready,
            "{address}"
        );
    }
}

#[test]
fn t07_line_11_the_way_back_has_state_and_issuer_in_success_and_error() {
    let state = format!("{}&=ا", "x".repeat(128));
    let asked = ask(&[("state", &state)]).expect("good");
    let read = |address: &str| {
        let url = url::Url::parse(address).expect("an address");
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        pairs
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let success = read(&asked.back().with_code("c", ISSUER));
    assert_eq!(
        success,
        [
            pair("code", "c"),
            pair("state", &state),
            pair("iss", ISSUER)
        ]
    );
    let error = read(&asked.back().with_error("access_denied", "No", ISSUER));
    assert_eq!(error[0], pair("error", "access_denied"));
    assert_eq!(error[2..], [pair("state", &state), pair("iss", ISSUER)]);
    let with_query = Back {
        redirect_uri: "https://shop.example.ir/other?a=b".to_owned(),
        state: None,
    };
    assert_eq!(
        with_query.with_code("c", "i"),
        "https://shop.example.ir/other?a=b&code=c&iss=i"
    );
    let app = Back {
        redirect_uri: "ir.example.app:/callback".to_owned(),
        state: None,
    };
    assert_eq!(
        app.with_code("c", "i"),
        "ir.example.app:/callback?code=c&iss=i"
    );
    assert_eq!(app.form_target(), "ir.example.app:");
    assert_eq!(with_query.form_target(), "https://shop.example.ir");
    let loopback = Back {
        redirect_uri: "http://127.0.0.1:5004/callback".to_owned(),
        state: None,
    };
    assert_eq!(loopback.form_target(), "http://127.0.0.1:5004");
}

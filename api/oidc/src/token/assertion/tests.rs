//! Which assertions prove who a client is.

use std::path::Path;

use domain::random::Random;
use domain::tokens::{IdTokenAlg, IdTokens, SigningKeys};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;
use crate::clients::Clients;

const NOW: UnixMillis = 1_700_000_000_000;
const OURS: [&str; 2] = [
    "https://login.example.ir",
    "https://login.example.ir/oidc/token",
];

fn signer(seed: u64) -> (IdTokens, Value) {
    let pem = SigningKeys::generate_pem(&Random::seeded(seed));
    let keys = SigningKeys::from_pem(pem.expose_secret()).expect("a key");
    let jwks = keys.jwks();
    (IdTokens::new(keys, String::new()), jwks)
}

fn client(jwks: &Value) -> Clients {
    let text = format!(
        "[[clients]]\nid = \"shop\"\nname = \"Shop\"\ntype = \"web\"\nredirect_uris = [\"https://shop.example.ir/\"]\njwks = '{jwks}'\n"
    );
    Clients::parse(&text, Path::new("clients.toml")).expect("a client")
}

fn usual() -> Value {
    json!({
        "iss": "shop", "sub": "shop", "aud": OURS[0], "jti": "1", "exp": NOW / 1000 + 60,
    })
}

#[test]
fn an_assertion_is_signed_by_the_client_for_us_and_soon_over() {
    let (signer, jwks) = signer(1);
    let clients = client(&jwks);
    let shop = clients.find("shop").expect("there");
    let judged = |claims: &Value| {
        let assertion = signer
            .sign(claims, "JWT", IdTokenAlg::EdDsa)
            .expect("signed");
        judge(shop, &assertion, &OURS, NOW)
    };
    assert_eq!(judged(&usual()), Ok("1".to_owned()));
    let changed = |name: &str, value: Value| {
        let mut claims = usual();
        claims[name] = value;
        claims
    };
    for good in [
        changed("aud", json!(OURS[1])),
        changed("aud", json!(["x", OURS[0]])),
        changed("nbf", json!(NOW / 1000)),
    ] {
        assert!(judged(&good).is_ok(), "{good}");
    }
    for wrong in [
        changed("iss", json!("other")),
        changed("sub", json!("other")),
        changed("aud", json!("https://login.example.ir/")),
        changed("aud", json!([])),
        changed("exp", json!(NOW / 1000)),
        changed("exp", json!(NOW / 1000 + 601)),
        changed("nbf", json!(NOW / 1000 + 60)),
        changed("jti", json!("")),
        changed("jti", Value::Null),
    ] {
        assert!(judged(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_assertion_of_another_key_or_with_another_header_is_refused() {
    let ((ours, jwks), (theirs, _)) = (signer(1), signer(2));
    let clients = client(&jwks);
    let shop = clients.find("shop").expect("there");
    let assertion = theirs
        .sign(&usual(), "JWT", IdTokenAlg::EdDsa)
        .expect("signed");
    assert!(judge(shop, &assertion, &OURS, NOW).is_err(), "another kid");
    let right = ours
        .sign(&usual(), "JWT", IdTokenAlg::EdDsa)
        .expect("signed");
    assert_eq!(named_client(&right).as_deref(), Some("shop"));
    let parts: Vec<&str> = right.split('.').collect();
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "RS256"}),
    ] {
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        for signature in ["", parts[2]] {
            let forged = format!("{header}.{}.{signature}", parts[1]);
            assert!(judge(shop, &forged, &OURS, NOW).is_err(), "{forged}");
        }
    }
    for garbage in ["", "a.b", "a.b.c", "a.b.c.d"] {
        assert!(judge(shop, garbage, &OURS, NOW).is_err(), "{garbage}");
        assert_eq!(named_client(garbage), None);
    }
}

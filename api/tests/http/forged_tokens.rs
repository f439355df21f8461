//! Forged access tokens at a door that needs one. Where a claim or a header is what is
//! wrong, the signature is right: it is made with the service's own key.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::forge::{Forge, Forgery, decoded, key, part, signed, with};
use crate::stage::{ME, START, Shape};

const NOW: i64 = START / 1000;
const CLAIMS: [&str; 8] = ["aud", "exp", "iat", "iss", "jti", "nbf", "sid", "sub"];
/// What stands before the 32 bytes of an Ed25519 public key in DER (RFC 8410, section 4).
const ED25519_SPKI_HEAD: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

pub(crate) async fn jwt_03_a_token_says_all_that_it_must(shape: Shape) {
    let forge = Forge::new(shape).await;
    let (stage, claims) = (&forge.stage, &forge.claims);
    let published = stage.get("/.well-known/jwks.json").await;
    assert_eq!(
        forge.header,
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": published.body["keys"][0]["kid"]})
    );
    let names: Vec<&String> = claims.as_object().expect("claims").keys().collect();
    assert_eq!(names, CLAIMS);
    let user = stage.user_id(&forge.tokens.access).await.to_string();
    let session = stage.current_session(&forge.tokens.access).await;
    for (claim, value) in [
        ("iss", json!("http://127.0.0.1:8000")),
        ("aud", json!("http://127.0.0.1:8000")),
        ("sub", json!(user)),
        ("sid", session["id"].clone()),
        ("iat", json!(NOW)),
        ("nbf", json!(NOW - 5)),
        ("exp", json!(NOW + 300)),
    ] {
        assert_eq!(claims[claim], value, "{claim}");
    }
    let renewed = stage.refreshed(&forge.tokens.refresh).await;
    let (_, renewed) = decoded(&renewed.access);
    assert_eq!(renewed["sid"], claims["sid"]);
    assert_ne!(renewed["jti"], claims["jti"]);
    assert!(renewed["jti"].as_str().is_some_and(|id| id.len() == 36));
}

pub(crate) async fn a_29_jwt_04_foreign_headers_are_refused(shape: Shape) {
    let forge = Forge::new(shape).await;
    // The forge makes good tokens, too: what is refused below is refused for what it says.
    let own = forge.with_header(&forge.header);
    assert_eq!(forge.statuses(&own).await[0].0, 200);
    let published = forge.stage.get("/.well-known/jwks.json").await.body["keys"][0].clone();
    let mut forgeries = Vec::new();
    for (member, value) in [
        ("alg", json!("ES256")),
        ("alg", json!("EDDSA")),
        ("alg", json!("eddsa")),
        ("alg", json!("Ed25519")),
        ("alg", Value::Null),
        ("kid", json!("another")),
        ("kid", json!("")),
        ("kid", json!("../../etc/passwd")),
        ("kid", json!("/dev/null")),
        ("kid", json!("' OR 1=1")),
        ("kid", json!("x' UNION SELECT 'key' --")),
        ("kid", json!(["a"])),
        ("kid", Value::Null),
        ("typ", json!("JWT")),
        ("typ", json!("rt+jwt")),
        ("typ", json!("At+Jwt")),
        ("typ", Value::Null),
        ("jwk", published),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
    ] {
        let header = with(&forge.header, member, &value);
        forgeries.push((header.to_string(), forge.with_header(&header)));
    }
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let header = with(&forge.header, "alg", &json!(none));
        let token = forge.with_header(&header);
        let unsigned = format!("{}.", token.rsplit_once('.').expect("a signature").0);
        let bare = json!({ "alg": none });
        let bare = format!(
            "{}.{}.",
            part(bare.to_string()),
            part(forge.claims.to_string())
        );
        for token in [token, unsigned, bare] {
            forgeries.push((format!("alg {none:?}: {token}"), token));
        }
    }
    forge.are_refused(forgeries).await;
}

pub(crate) async fn a_29_jwt_01_the_public_key_is_no_secret(shape: Shape) {
    let forge = Forge::new(shape).await;
    let set = forge.stage.get("/.well-known/jwks.json").await;
    let jwk = &set.body["keys"][0];
    let x = jwk["x"].as_str().expect("the public key");
    let raw = URL_SAFE_NO_PAD.decode(x).expect("base64url");
    let der = [ED25519_SPKI_HEAD, &raw].concat();
    let body = STANDARD.encode(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
    let mut forgeries = Vec::new();
    for (form, secret) in [
        ("raw", raw.clone()),
        ("base64url", x.as_bytes().to_vec()),
        ("DER", der),
        ("PEM", pem.clone().into_bytes()),
        ("PEM without its end", pem.trim_end().as_bytes().to_vec()),
        ("JWK", jwk.to_string().into_bytes()),
        ("JWK set", set.text.clone().into_bytes()),
        ("nothing", Vec::new()),
    ] {
        let secret = EncodingKey::from_secret(&secret);
        for (name, algorithm) in [
            ("HS256", Algorithm::HS256),
            ("HS384", Algorithm::HS384),
            ("HS512", Algorithm::HS512),
        ] {
            let with_kid = with(&forge.header, "alg", &json!(name));
            let without_kid = with(&with_kid, "kid", &Value::Null);
            for header in [&with_kid, &without_kid, &forge.header] {
                let token = signed(&secret, algorithm, header, &forge.claims.to_string());
                forgeries.push((format!("{name} with the key as {form}: {header}"), token));
            }
        }
    }
    forge.are_refused(forgeries).await;
}

pub(crate) async fn a_29_jwt_03_wrong_claims_are_refused(shape: Shape) {
    let forge = Forge::new(shape).await;
    let stranger = forge.stage.tokens("09123456780").await;
    let (_, foreign) = decoded(&stranger.access);
    let own = forge.with_claims(&forge.claims.to_string());
    assert_eq!(forge.statuses(&own).await[0].0, 200);
    let mut cases = Vec::new();
    for claim in CLAIMS {
        for value in [
            Value::Null,
            json!([forge.claims[claim]]),
            json!({ "value": forge.claims[claim] }),
            json!(true),
        ] {
            cases.push((claim, value));
        }
    }
    let late = NOW + 300;
    for time in ["exp", "nbf", "iat"] {
        let value = forge.claims[time].as_i64().expect("seconds");
        cases.push((time, json!(value.to_string())));
        cases.push((time, json!(1.5)));
        cases.push((time, json!(u64::MAX)));
        cases.push((time, json!("x")));
    }
    cases.extend([
        ("exp", json!(-1)),
        ("exp", json!(NOW - 1)),
        ("exp", json!(NOW)),
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999.5)),
        ("nbf", json!(NOW + 1)),
        ("nbf", json!(late)),
        ("aud", json!("http://127.0.0.1:8001")),
        ("aud", json!("")),
        ("aud", json!(["http://127.0.0.1:8000", "x"])),
        ("iss", json!("https://evil.example")),
        ("iss", json!("http://127.0.0.1:8000/")),
        ("sub", json!("1")),
        ("sub", json!("admin' --")),
        ("sub", json!(Uuid::nil())),
        ("sub", foreign["sub"].clone()),
        ("sid", json!(Uuid::nil())),
        ("sid", foreign["sid"].clone()),
        ("sid", json!("../x")),
        ("jti", json!("x")),
        ("jti", json!(1)),
    ]);
    let mut forgeries: Vec<Forgery> = cases
        .into_iter()
        .map(|(claim, value)| {
            let claims = with(&forge.claims, claim, &value).to_string();
            let token = forge.with_claims(&claims);
            (claims, token)
        })
        .collect();
    let text = forge.claims.to_string();
    let twice = format!("{},\"exp\":{late}}}", text.trim_end_matches('}'));
    for claims in [twice, "[]".to_owned(), "null".to_owned(), String::new()] {
        let token = forge.with_claims(&claims);
        forgeries.push((claims, token));
    }
    forge.are_refused(forgeries).await;
}

pub(crate) async fn a_29_jwt_05_jwt_06_other_texts_are_refused(shape: Shape) {
    let forge = Forge::new(shape).await;
    let good = &forge.tokens.access;
    let (message, signature) = good.rsplit_once('.').expect("a signature");
    let (header, claims) = message.split_once('.').expect("claims");
    let other = key(2);
    let other = EncodingKey::from_ed_pem(other.expose_secret().as_bytes()).expect("a key");
    let forged = signed(
        &other,
        Algorithm::EdDSA,
        &forge.header,
        &forge.claims.to_string(),
    );
    let zeros = part([0; 64]);
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let long = format!("{good}{}", "A".repeat(20_000));
    let texts = [
        ("a refresh token", forge.tokens.refresh.clone()),
        ("no signature", message.to_owned()),
        ("an empty signature", format!("{message}.")),
        (
            "half a signature",
            format!("{message}.{}", &signature[..43]),
        ),
        ("a signature of zeros", format!("{message}.{zeros}")),
        (
            "another signature",
            format!("{message}.{flipped}{}", &signature[1..]),
        ),
        ("another key", forged),
        ("a dot at the end", format!("{good}.")),
        ("a dot in front", format!(".{good}")),
        ("padding", format!("{good}==")),
        ("padding inside", format!("{header}=.{claims}.{signature}")),
        (
            "parts in another order",
            format!("{claims}.{header}.{signature}"),
        ),
        (
            "five parts",
            format!("{header}.{claims}.{claims}.{claims}.{signature}"),
        ),
        ("JSON", forge.claims.to_string().replace(['"', ','], "")),
        ("dots", "..".to_owned()),
        ("100 kB", long),
    ];
    let texts = texts.map(|(what, text)| (what.to_owned(), text));
    forge.are_refused(texts.to_vec()).await;
}

/// More than a server takes of a request's head: it is cut off before anything reads it.
pub(crate) async fn a_38_jwt_06_a_token_of_a_megabyte_is_cut_off(shape: Shape) {
    let forge = Forge::new(shape).await;
    let token = format!("{}{}", forge.tokens.access, "A".repeat(1 << 20));
    for (name, value) in [
        ("authorization", format!("Bearer {token}")),
        ("cookie", format!("ramz_access={token}")),
    ] {
        let request = forge.stage.client.get(forge.stage.url(ME));
        // Either the answer arrives, or only that the server has hung up.
        if let Ok(answer) = request.header(name, value).send().await {
            assert_eq!(answer.status(), 431);
        }
    }
    assert!(forge.stage.is_signed_in(&forge.tokens.access).await);
}

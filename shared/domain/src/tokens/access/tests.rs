use jsonwebtoken::{EncodingKey, crypto};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;
use crate::tokens::RefreshToken;

const NOW: UnixMillis = 1_763_700_000_000;
const ISSUED: i64 = NOW / 1000;

fn keys(seed: u64) -> SigningKeys {
    let pem = SigningKeys::generate_pem(&Random::seeded(seed));
    SigningKeys::from_pem(pem.expose_secret()).expect("a key")
}

fn tokens() -> AccessTokens {
    AccessTokens::new(keys(1), settings())
}

fn settings() -> AccessTokensSettings {
    AccessTokensSettings {
        issuer: "https://ramz.example".to_owned(),
        audience: "https://shop.example".to_owned(),
        lifetime: Duration::from_mins(5),
    }
}

fn good_header() -> Value {
    json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": tokens().keys.signing().kid })
}

fn good_claims() -> Value {
    json!({
        "iss": "https://ramz.example",
        "aud": "https://shop.example",
        "sub": "0190a5d0-0000-7000-8000-000000000001",
        "sid": "0190a5d0-0000-7000-8000-000000000002",
        "exp": ISSUED + 300,
        "nbf": ISSUED,
        "iat": ISSUED,
        "jti": "0190a5d0-0000-4000-8000-000000000003",
    })
}

/// A value with one field changed, added, or removed where `to` is null.
fn with(mut value: Value, field: &str, to: Value) -> Value {
    let fields = value.as_object_mut().expect("an object");
    if to.is_null() {
        fields.remove(field);
    } else {
        fields.insert(field.to_owned(), to);
    }
    value
}

fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token with this header and these claims, signed with the real key whatever they say.
fn really_signed(header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
    let keys = keys(1);
    let signature = keys.signing().signature(&message).expect("signed");
    format!("{message}.{signature}")
}

fn refusal(token: &str) -> AccessTokenError {
    tokens().verify(token, NOW).expect_err(token)
}

#[test]
fn an_issued_token_is_accepted_and_names_user_and_session() {
    let (tokens, random) = (tokens(), Random::seeded(2));
    let (user, session) = (random.uuid_v7(NOW), random.uuid_v7(NOW));
    let token = tokens.issue(user, session, NOW, &random).expect("signed");
    let claims = tokens.verify(token.expose(), NOW).expect("valid");
    assert_eq!((claims.sub, claims.sid), (user, session));
    assert_eq!((claims.iat, claims.exp), (ISSUED, ISSUED + 300));
    assert_eq!(format!("{token:?}"), "AccessToken(••••)");
    assert!(token.expose().len() < 1_000, "a cookie holds it");
}

#[test]
fn the_hand_made_token_of_these_tests_is_valid_before_it_is_forged() {
    let token = really_signed(&good_header(), &good_claims());
    assert!(tokens().verify(&token, NOW).is_ok());
}

#[test]
fn i_07_a_token_lives_from_its_first_to_its_last_second_and_not_longer() {
    let tokens = tokens();
    let token = really_signed(&good_header(), &good_claims());
    let at = |now| tokens.verify(&token, now).map(|_| ());
    assert_eq!(at(NOW - 1), Err(AccessTokenError::NotYetValid));
    assert_eq!(at(NOW), Ok(()));
    assert_eq!(at(NOW + 299_999), Ok(()));
    assert_eq!(at(NOW + 300_000), Err(AccessTokenError::Expired));
    assert_eq!(at(NOW + 301_000), Err(AccessTokenError::Expired));
}

#[test]
fn a_token_of_a_process_whose_clock_runs_a_little_ahead_is_accepted() {
    let (tokens, random) = (tokens(), Random::seeded(2));
    let token = tokens
        .issue(Uuid::nil(), Uuid::nil(), NOW + 5_000, &random)
        .expect("signed");
    assert!(tokens.verify(token.expose(), NOW).is_ok());
    assert_eq!(
        tokens.verify(token.expose(), NOW - 1).err(),
        Some(AccessTokenError::NotYetValid)
    );
}

#[test]
fn jwt_07_after_a_rotation_tokens_of_the_old_key_are_still_accepted() {
    let pem = |seed| SigningKeys::generate_pem(&Random::seeded(seed));
    let both = format!("{}{}", pem(2).expose_secret(), pem(1).expose_secret());
    let rotated = AccessTokens::new(SigningKeys::from_pem(&both).expect("two keys"), settings());
    let old = really_signed(&good_header(), &good_claims());
    assert!(rotated.verify(&old, NOW).is_ok());
    let new = rotated
        .issue(Uuid::nil(), Uuid::nil(), NOW, &Random::seeded(3))
        .expect("signed");
    assert_eq!(
        tokens().verify(new.expose(), NOW).err(),
        Some(AccessTokenError::UnknownKey)
    );
}

#[test]
fn a_29_every_foreign_header_is_refused_even_under_a_real_signature() {
    use AccessTokenError::{ForeignHeader, UnknownKey};
    let jwk = tokens().keys.jwks()["keys"][0].clone();
    let cases = [
        ("alg", json!("none"), ForeignHeader),
        ("alg", json!("None"), ForeignHeader),
        ("alg", json!(""), ForeignHeader),
        ("alg", json!("eddsa"), ForeignHeader),
        ("alg", json!("EDDSA"), ForeignHeader),
        ("alg", json!("hs256"), ForeignHeader),
        ("alg", json!("HS256"), ForeignHeader),
        ("alg", json!("ES256"), ForeignHeader),
        ("alg", json!("RS256"), ForeignHeader),
        ("alg", json!(["EdDSA"]), ForeignHeader),
        ("alg", Value::Null, ForeignHeader),
        ("typ", json!("JWT"), ForeignHeader),
        ("typ", json!("AT+JWT"), ForeignHeader),
        ("typ", json!("application/at+jwt"), ForeignHeader),
        ("typ", json!(1), ForeignHeader),
        ("typ", Value::Null, ForeignHeader),
        ("kid", Value::Null, ForeignHeader),
        ("kid", json!(0), ForeignHeader),
        ("kid", json!(""), UnknownKey),
        ("kid", json!("another"), UnknownKey),
        ("kid", json!("../../dev/null"), UnknownKey),
        ("kid", json!("' or 1=1 --"), UnknownKey),
        ("kid", json!("https://evil.example/key"), UnknownKey),
        ("jwk", jwk, ForeignHeader),
        ("jku", json!("https://evil.example/jwks"), ForeignHeader),
        ("x5u", json!("https://evil.example/cert"), ForeignHeader),
        ("x5c", json!(["AAAA"]), ForeignHeader),
        ("crit", json!(["exp"]), ForeignHeader),
        ("b64", json!(false), ForeignHeader),
        ("zip", json!("DEF"), ForeignHeader),
        ("cty", json!("JWT"), ForeignHeader),
    ];
    for (field, value, expected) in cases {
        let header = with(good_header(), field, value);
        assert_eq!(
            refusal(&really_signed(&header, &good_claims())),
            expected,
            "{header}"
        );
    }
}

#[test]
fn a_29_r_22_r_23_every_wrong_claim_is_refused_even_under_a_real_signature() {
    use AccessTokenError::{Expired, Malformed, NotYetValid, OtherService};
    let cases = [
        ("exp", json!("9999999999"), Malformed),
        ("exp", json!(9_999_999_999.5), Malformed),
        ("exp", json!([9_999_999_999_i64]), Malformed),
        ("exp", json!(true), Malformed),
        ("exp", json!(u64::MAX), Malformed),
        ("exp", json!(-1), Expired),
        ("exp", json!(ISSUED), Expired),
        ("exp", json!(ISSUED - 1), Expired),
        ("nbf", json!("x"), Malformed),
        ("nbf", json!(ISSUED.to_string()), Malformed),
        ("nbf", json!(ISSUED + 1), NotYetValid),
        ("iat", json!("now"), Malformed),
        ("iss", json!("https://evil.example"), OtherService),
        ("iss", json!("https://ramz.example/"), OtherService),
        ("iss", json!("HTTPS://RAMZ.EXAMPLE"), OtherService),
        ("iss", json!(["https://ramz.example"]), Malformed),
        ("aud", json!("https://other.example"), OtherService),
        ("aud", json!(""), OtherService),
        ("aud", json!(["https://shop.example"]), Malformed),
        ("sub", json!("admin"), Malformed),
        ("sub", json!(1), Malformed),
        ("sid", json!(""), Malformed),
        ("jti", json!(7), Malformed),
    ];
    for (field, value, expected) in cases {
        let claims = with(good_claims(), field, value);
        assert_eq!(
            refusal(&really_signed(&good_header(), &claims)),
            expected,
            "{claims}"
        );
    }
    for claim in ["iss", "aud", "sub", "sid", "exp", "nbf", "iat", "jti"] {
        let claims = with(good_claims(), claim, Value::Null);
        assert_eq!(
            refusal(&really_signed(&good_header(), &claims)),
            Malformed,
            "no {claim}"
        );
    }
}

#[test]
fn a_29_a_claim_given_twice_is_refused() {
    let claims = good_claims().to_string();
    let twice = format!("{},\"exp\":9999999999}}", claims.trim_end_matches('}'));
    let message = format!("{}.{}", part(good_header().to_string()), part(twice));
    let keys = keys(1);
    let signature = keys.signing().signature(&message).expect("signed");
    assert_eq!(
        refusal(&format!("{message}.{signature}")),
        AccessTokenError::Malformed
    );
}

#[test]
fn a_29_the_public_key_is_no_secret_to_sign_with() {
    let jwks = tokens().keys.jwks();
    let x = jwks["keys"][0]["x"].as_str().expect("the public key");
    let raw = URL_SAFE_NO_PAD.decode(x).expect("base64url");
    for secret in [raw.as_slice(), x.as_bytes(), jwks.to_string().as_bytes()] {
        let header = with(good_header(), "alg", json!("HS256"));
        let message = format!(
            "{}.{}",
            part(header.to_string()),
            part(good_claims().to_string())
        );
        let key = EncodingKey::from_secret(secret);
        let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("signed");
        let honest = really_signed(&good_header(), &good_claims());
        let under_the_real_header = format!(
            "{}.{signature}",
            &honest[..honest.rfind('.').expect("a dot")]
        );
        assert_eq!(
            refusal(&format!("{message}.{signature}")),
            AccessTokenError::ForeignHeader
        );
        assert_eq!(
            refusal(&under_the_real_header),
            AccessTokenError::WrongSignature
        );
    }
}

#[test]
fn a_29_wrong_signatures_are_refused() {
    let honest = really_signed(&good_header(), &good_claims());
    let (message, signature) = honest.rsplit_once('.').expect("three parts");
    let other_key = keys(9).signing().signature(message).expect("signed");
    let other_claims = with(good_claims(), "sub", json!(Uuid::max()));
    let swapped = format!(
        "{}.{}",
        part(good_header().to_string()),
        part(other_claims.to_string())
    );
    for forged in [
        format!("{message}."),
        format!("{message}.{other_key}"),
        format!("{message}.{}", &signature[..40]),
        format!("{message}.{signature}="),
        format!("{message}.{}", part([0; 64])),
        format!("{swapped}.{signature}"),
    ] {
        assert_eq!(
            refusal(&forged),
            AccessTokenError::WrongSignature,
            "{forged}"
        );
    }
}

#[test]
fn jwt_05_jwt_06_other_shapes_and_other_tokens_are_refused() {
    let honest = really_signed(&good_header(), &good_claims());
    let refresh = RefreshToken::new(&Random::seeded(1)).expose();
    let long = format!("{honest}{}", "A".repeat(MAX_TOKEN_CHARS));
    for shape in [
        "",
        ".",
        "..",
        "a.b",
        &refresh,
        &format!("{honest}.{honest}"),
        &format!("{honest}."),
        &format!("Bearer {honest}"),
        &format!("{honest}\n"),
        &long,
        "ی.ی.ی",
    ] {
        let refused = tokens().verify(shape, NOW).expect_err(shape);
        assert_ne!(refused, AccessTokenError::Expired);
    }
    assert_eq!(refusal(&long), AccessTokenError::Malformed);
    assert_eq!(refusal(&refresh), AccessTokenError::Malformed);
}

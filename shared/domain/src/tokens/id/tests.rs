//! What stands in an ID token, and what is taken for one of ours.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;
use crate::random::Random;
use crate::tokens::{AccessTokenError, AccessTokens, AccessTokensSettings, ForClient};

const ISSUER: &str = "https://login.example.ir";
const NOW: UnixMillis = 1_700_000_000_123;

fn keys() -> SigningKeys {
    let ed25519 = SigningKeys::generate_pem(&Random::seeded(1));
    let rsa = SigningKeys::generate_rsa_pem().expect("a key");
    let keys = SigningKeys::from_pem(ed25519.expose_secret()).expect("a key");
    keys.with_more(rsa.expose_secret()).expect("two keys")
}

fn access(keys: &SigningKeys) -> AccessTokens {
    let settings = AccessTokensSettings {
        issuer: ISSUER.to_owned(),
        audience: ISSUER.to_owned(),
        lifetime: Duration::from_mins(5),
    };
    AccessTokens::new(keys.clone(), settings)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("a part");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

struct Made {
    keys: SigningKeys,
    tokens: IdTokens,
    access: AccessToken,
    of_client: AccessToken,
}

fn made() -> Made {
    let keys = keys();
    let (user, session, random) = (Uuid::from_u128(1), Uuid::from_u128(2), Random::seeded(2));
    let access = access(&keys);
    let client = ForClient {
        id: "shop",
        scope: "openid phone",
    };
    Made {
        tokens: IdTokens::new(keys.clone(), ISSUER.to_owned()),
        access: access.issue(user, session, NOW, &random).expect("signed"),
        of_client: access
            .issue_for_client(client, user, session, NOW, &random)
            .expect("signed"),
        keys,
    }
}

fn issue(made: &Made, algorithm: IdTokenAlg) -> String {
    let token = IdToken {
        user: Uuid::from_u128(1),
        client: "shop",
        auth_time: 1_699_999_000,
        by_code: true,
        nonce: Some("n"),
        access: &made.of_client,
        sso_session: Uuid::from_u128(3),
    };
    made.tokens.issue(token, algorithm, NOW).expect("signed")
}

#[test]
fn an_id_token_says_who_signed_in_when_and_how_and_never_the_number() {
    let made = made();
    let token = issue(&made, IdTokenAlg::Rs256);
    let header = part(&token, 0);
    assert_eq!(
        (&header["typ"], &header["alg"]),
        (&json!("JWT"), &json!("RS256"))
    );
    let claims = part(&token, 1);
    let at_hash = Sha256::digest(made.of_client.expose().as_bytes());
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER,
            "sub": Uuid::from_u128(1),
            "aud": "shop",
            "exp": 1_700_000_300,
            "iat": 1_700_000_000,
            "auth_time": 1_699_999_000,
            "nonce": "n",
            "at_hash": URL_SAFE_NO_PAD.encode(&at_hash[..16]),
            "sid": Uuid::from_u128(3),
            "amr": ["otp", "sms"],
            "acr": "urn:ramz:acr:sms",
        })
    );
}

#[test]
fn the_hash_of_the_access_token_is_half_of_sha_512_with_ed25519() {
    let made = made();
    let claims = part(&issue(&made, IdTokenAlg::EdDsa), 1);
    let whole = Sha512::digest(made.of_client.expose().as_bytes());
    assert_eq!(claims["at_hash"], URL_SAFE_NO_PAD.encode(&whole[..32]));
    let token = IdToken {
        user: Uuid::from_u128(1),
        client: "shop",
        auth_time: 1,
        by_code: false,
        nonce: None,
        access: &made.access,
        sso_session: Uuid::from_u128(3),
    };
    let es256 = made.tokens.issue(token, IdTokenAlg::Es256, NOW);
    assert_eq!(es256, Err(IdTokenError::NoKey), "there is no P-256 key");
    let by_password = made
        .tokens
        .issue(token, IdTokenAlg::Rs256, NOW)
        .expect("signed");
    let claims = part(&by_password, 1);
    assert_eq!(claims["amr"], json!(["pwd"]));
    assert_eq!(claims.get("nonce"), None);
}

#[test]
fn t16_a_hint_is_one_that_we_signed_for_this_client_however_old() {
    let made = made();
    for algorithm in [IdTokenAlg::Rs256, IdTokenAlg::EdDsa] {
        let hint = issue(&made, algorithm);
        let read = made.tokens.read_hint(&hint, Some("shop")).expect("ours");
        assert_eq!(read.sub, Uuid::from_u128(1));
        assert!(made.tokens.read_hint(&hint, None).is_ok());
        assert!(made.tokens.read_hint(&hint, Some("other")).is_err());
        let elsewhere = IdTokens::new(made.keys.clone(), "https://other.example.ir".to_owned());
        assert!(elsewhere.read_hint(&hint, Some("shop")).is_err());
        let mut parts: Vec<String> = hint.split('.').map(str::to_owned).collect();
        let header = part(&hint, 0);
        for alg in ["none", "HS256"] {
            let mut forged = header.clone();
            forged["alg"] = json!(alg);
            parts[0] = URL_SAFE_NO_PAD.encode(forged.to_string());
            let forged = parts.join(".");
            assert!(
                made.tokens.read_hint(&forged, Some("shop")).is_err(),
                "{alg}"
            );
            let unsigned = format!("{}.{}.", parts[0], parts[1]);
            assert!(
                made.tokens.read_hint(&unsigned, Some("shop")).is_err(),
                "{alg}"
            );
        }
        let cut = &hint[..hint.len() - 4];
        assert!(made.tokens.read_hint(cut, Some("shop")).is_err());
    }
    for no_id_token in [made.access.expose(), made.of_client.expose(), "", "a.b.c"] {
        assert!(
            made.tokens.read_hint(no_id_token, None).is_err(),
            "{no_id_token}"
        );
    }
}

#[test]
fn t14_an_id_token_is_no_access_token() {
    let made = made();
    let access = access(&made.keys);
    for algorithm in [IdTokenAlg::Rs256, IdTokenAlg::EdDsa] {
        let id = issue(&made, algorithm);
        assert!(access.verify(&id, NOW).is_err());
        assert!(access.verify_of_client(&id, NOW).is_err());
    }
    // Not even one that the RSA key has signed as if it were one.
    let claims = part(made.access.expose(), 1);
    let forged = made
        .tokens
        .sign(&claims, "at+jwt", IdTokenAlg::Rs256)
        .expect("signed");
    assert_eq!(
        access.verify(&forged, NOW),
        Err(AccessTokenError::UnknownKey)
    );
}

#[test]
fn t01_the_token_of_a_client_is_none_of_ours_and_ours_none_of_a_client() {
    let made = made();
    let access = access(&made.keys);
    assert!(access.verify(made.access.expose(), NOW).is_ok());
    let claims = access
        .verify_of_client(made.of_client.expose(), NOW)
        .expect("valid");
    assert_eq!(claims.client_id.as_deref(), Some("shop"));
    assert_eq!(claims.scope.as_deref(), Some("openid phone"));
    assert_eq!(claims.aud, format!("{ISSUER}/oidc/userinfo"));
    for (token, wrong) in [
        (access.verify(made.of_client.expose(), NOW), "a client's"),
        (access.verify_of_client(made.access.expose(), NOW), "ours"),
    ] {
        assert_eq!(token, Err(AccessTokenError::OtherService), "{wrong}");
    }
    // One that has our audience and names a client is none of ours either.
    let mut mixed = part(made.access.expose(), 1);
    mixed["client_id"] = json!("shop");
    let mixed = made
        .tokens
        .sign(&mixed, "at+jwt", IdTokenAlg::EdDsa)
        .expect("signed");
    assert_eq!(
        access.verify(&mixed, NOW),
        Err(AccessTokenError::OtherService)
    );
}

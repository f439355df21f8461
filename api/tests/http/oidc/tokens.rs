//! What programs get: discovery, tokens, claims.

use domain::tokens::IdTokenAlg;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::visit::{
    BACK, ISSUER, Provided, REVOKE, TOKEN, USERINFO, VERIFIER, authorize, basic, claims, parameter,
    redemption, sign_in, signer,
};
use crate::stage::{SECOND, Shape};

pub(crate) async fn libraries_find_everything_by_the_issuer(shape: Shape) {
    let provided = Provided::new(shape).await;
    let stage = &provided.stage;
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        let found = stage.get(path).await;
        assert_eq!(found.status, 200, "{found:?}");
        assert_eq!(found.header("access-control-allow-origin"), "*");
        assert_eq!(found.header("cache-control"), "public, max-age=300");
        found.shows_all_of(&json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{ISSUER}/oidc/authorize"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "request_uri_parameter_supported": false,
            "id_token_signing_alg_values_supported": ["RS256", "EdDSA"],
        }));
        for member in [
            "token_endpoint",
            "userinfo_endpoint",
            "jwks_uri",
            "revocation_endpoint",
        ] {
            assert!(found.member(member).starts_with(ISSUER), "{member}");
        }
    }
    let keys = stage.get("/.well-known/jwks.json").await;
    assert_eq!(keys.header("access-control-allow-origin"), "*");
    let keys = keys.body["keys"].as_array().expect("keys").clone();
    assert_eq!(keys.len(), 2);
    for key in &keys {
        for member in ["kid", "use", "alg"] {
            assert!(key[member].is_string(), "{key}");
        }
    }
    assert_eq!(
        (&keys[1]["kty"], &keys[1]["alg"]),
        (&json!("RSA"), &json!("RS256"))
    );
}

/// T20: whatever a request says of its host.
pub(crate) async fn t20_no_header_changes_the_issuer(shape: Shape) {
    let provided = Provided::new(shape).await;
    let stage = &provided.stage;
    for name in [
        "x-forwarded-host",
        "forwarded",
        "x-forwarded-proto",
        "x-original-host",
    ] {
        let request = stage
            .client
            .get(stage.url("/.well-known/openid-configuration"));
        let found = stage.send(request.header(name, "evil.example")).await;
        assert_eq!(found.member("issuer"), ISSUER);
        assert!(!found.text.contains("evil"), "{found:?}");
    }
}

pub(crate) async fn a_client_proves_itself_in_one_way(shape: Shape) {
    let provided = Provided::new(shape).await;
    let stage = &provided.stage;
    let base = [
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("redirect_uri", BACK),
    ];
    let call = async |header: Option<String>, more: &[(&str, &str)]| {
        let form = [&base, more].concat();
        let mut request = stage.client.post(stage.url(TOKEN)).form(&form);
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let answer = stage.send(request).await;
        (answer.status, answer.member("error"), answer)
    };
    let by_header = |id: &str, secret: &str| Some(basic(id, secret));
    for (header, form, status, error) in [
        (by_header("shop", "test"), &[][..], 400, "invalid_grant"),
        (
            None,
            &[("client_id", "shop"), ("client_secret", "test")][..],
            400,
            "invalid_grant",
        ),
        (None, &[("client_id", "spa")], 400, "invalid_grant"),
        (by_header("spa", ""), &[], 400, "invalid_grant"),
        (
            by_header("shop", "test"),
            &[("client_id", "shop")],
            400,
            "invalid_grant",
        ),
        (by_header("shop", "wrong"), &[], 401, "invalid_client"),
        (by_header("nobody", "test"), &[], 401, "invalid_client"),
        (None, &[("client_id", "shop")], 401, "invalid_client"),
        (
            None,
            &[("client_id", "shop"), ("client_secret", "Test")],
            401,
            "invalid_client",
        ),
        (
            None,
            &[("client_id", "spa"), ("client_secret", "test")],
            401,
            "invalid_client",
        ),
        (
            by_header("shop", "test"),
            &[("client_secret", "test")],
            400,
            "invalid_request",
        ),
        (
            by_header("shop", "test"),
            &[("client_id", "other")],
            400,
            "invalid_request",
        ),
        (Some("Basic !".to_owned()), &[], 400, "invalid_request"),
        (None, &[], 400, "invalid_request"),
        (
            by_header("shop", "test"),
            &[("code", "y")],
            400,
            "invalid_request",
        ),
    ] {
        let (found, told, answer) = call(header.clone(), form).await;
        assert_eq!(
            (found, told.as_str()),
            (status, error),
            "{header:?} {form:?} {answer:?}"
        );
        let challenge = answer.header("www-authenticate");
        assert_eq!(
            challenge.starts_with("Basic"),
            status == 401 && header.is_some()
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.body.get("type").is_none(), "{answer:?}");
    }
}

pub(crate) async fn what_a_grant_lacks_is_told(shape: Shape) {
    let provided = Provided::new(shape).await;
    let stage = &provided.stage;
    for (form, error) in [
        (
            &[("client_id", "spa"), ("grant_type", "password")][..],
            "unsupported_grant_type",
        ),
        (&[("client_id", "spa")], "invalid_request"),
        (
            &[("client_id", "spa"), ("grant_type", "authorization_code")],
            "invalid_request",
        ),
        (
            &[("client_id", "spa"), ("grant_type", "refresh_token")],
            "invalid_request",
        ),
    ] {
        let answer = provided.call(TOKEN, form).await;
        assert_eq!(
            (answer.status, answer.member("error").as_str()),
            (400, error),
            "{form:?}"
        );
    }
    let request = stage
        .client
        .post(stage.url(TOKEN))
        .json(&json!({ "client_id": "spa" }));
    let answer = stage.send(request).await;
    assert_eq!(answer.member("error"), "invalid_request");
}

pub(crate) async fn tokens_are_renewed_narrowed_and_given_back(shape: Shape) {
    let provided = Provided::new(shape).await;
    let first = provided.tokens().await;
    let renew = async |token: &str, more: &[(&str, &str)]| {
        let base = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", "shop"),
            ("client_secret", "test"),
        ];
        provided.call(TOKEN, &[&base, more].concat()).await
    };
    provided.stage.pass(60 * SECOND).await;
    let wider = renew(
        &first.member("refresh_token"),
        &[("scope", "openid offline_access")],
    )
    .await;
    assert_eq!(wider.member("error"), "invalid_scope");
    let second = renew(&first.member("refresh_token"), &[("scope", "openid")]).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_eq!(second.member("scope"), "openid");
    let (before, after) = (
        claims(&first.member("id_token")),
        claims(&second.member("id_token")),
    );
    for name in ["iss", "sub", "aud", "auth_time", "sid", "amr"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    assert_eq!(after.get("nonce"), None);
    let told = provided.userinfo(&second.member("access_token")).await;
    assert_eq!(told.body, json!({ "sub": after["sub"] }));
    let third = renew(&second.member("refresh_token"), &[]).await;
    assert_eq!(
        third.member("scope"),
        "openid profile phone email",
        "it has all it had"
    );

    // Of an unknown token nothing is told, and another client's is one.
    let revoke = async |client: &str, token: &str| {
        let form = [
            ("client_id", client),
            ("client_secret", "test"),
            ("token", token),
        ];
        provided.call(REVOKE, &form).await
    };
    let (refresh, access) = (third.member("refresh_token"), third.member("access_token"));
    for token in ["x", refresh.as_str(), access.as_str()] {
        assert_eq!(revoke("other", token).await.status, 200);
    }
    assert_eq!(provided.userinfo(&access).await.status, 200);
    let without = provided
        .call(REVOKE, &[("client_id", "shop"), ("token", &refresh)])
        .await;
    assert_eq!(without.member("error"), "invalid_client");
    assert_eq!(revoke("shop", &refresh).await.status, 200);
    let told = provided.userinfo(&access).await;
    assert_eq!(told.status, 401);
    assert_eq!(
        told.header("www-authenticate"),
        "Bearer error=\"invalid_token\""
    );
    assert_eq!(renew(&refresh, &[]).await.member("error"), "invalid_grant");
    // By its access token, too.
    provided.stage.pass(60 * SECOND).await;
    let tokens = provided.tokens().await;
    assert_eq!(
        revoke("shop", &tokens.member("access_token")).await.status,
        200
    );
    assert_eq!(
        provided
            .userinfo(&tokens.member("access_token"))
            .await
            .status,
        401
    );
}

pub(crate) async fn claims_are_told_to_who_shows_a_token(shape: Shape) {
    let provided = Provided::new(shape).await;
    let stage = &provided.stage;
    let without = stage.get(USERINFO).await;
    assert_eq!(
        (without.status, without.header("www-authenticate")),
        (401, "Bearer")
    );
    let garbage = provided.userinfo("x").await;
    assert_eq!(garbage.status, 401);
    assert_eq!(garbage.header("access-control-allow-origin"), "*");
    let mut browser = provided.browser();
    let asked = authorize(&[("scope", "openid")]);
    let back = sign_in(&mut browser, &asked).await;
    let tokens = provided.redeem(&parameter(&back, "code")).await;
    let token = tokens.member("access_token");
    let told = provided.userinfo(&token).await;
    assert_eq!(
        told.body.as_object().map(serde_json::Map::len),
        Some(1),
        "{told:?}"
    );
    let posted = stage.client.post(stage.url(USERINFO)).bearer_auth(&token);
    assert_eq!(stage.send(posted).await.body, told.body);
    // A cookie is no token here.
    let page = browser.get(USERINFO).await;
    assert_eq!(page.status, 401);
    let header: Value = claims(&token);
    assert_eq!(
        (&header["client_id"], &header["scope"]),
        (&json!("shop"), &json!("openid"))
    );
    provided.stage.clock.advance(300 * SECOND);
    assert_eq!(
        provided.userinfo(&token).await.status,
        401,
        "its time is over"
    );
}

pub(crate) async fn id_tokens_are_signed_by_a_published_key_of_the_clients_choice(shape: Shape) {
    let provided = Provided::new(shape).await;
    let keys = provided.stage.get("/.well-known/jwks.json").await.text;
    let keys: JwkSet = serde_json::from_str(&keys).expect("a JWK set");
    let address = "https://other.example.ir/callback";
    let mut browser = provided.browser();
    for (client, back, algorithm) in [
        ("shop", BACK, Algorithm::RS256),
        ("other", address, Algorithm::EdDSA),
    ] {
        let asked = authorize(&[("client_id", client), ("redirect_uri", back)]);
        let led = if client == "shop" {
            sign_in(&mut browser, &asked).await
        } else {
            browser.get(&asked).await.location().to_owned()
        };
        let code = parameter(&led, "code");
        let mut form = redemption(&code);
        form[2].1 = back;
        form[4].1 = client;
        let tokens = provided.call(TOKEN, &form).await;
        let id_token = tokens.member("id_token");
        let header = jsonwebtoken::decode_header(&id_token).expect("a header");
        assert_eq!(
            (header.alg, header.typ.as_deref()),
            (algorithm, Some("JWT"))
        );
        let key = keys
            .find(header.kid.as_deref().expect("a kid"))
            .expect("published");
        let key = DecodingKey::from_jwk(key).expect("a key");
        let mut rules = Validation::new(algorithm);
        rules.set_audience(&[client]);
        rules.set_issuer(&[ISSUER]);
        rules.validate_exp = false;
        jsonwebtoken::decode::<Value>(&id_token, &key, &rules).expect("signed by it");
    }
}

pub(crate) async fn an_assertion_of_a_client_works_once(shape: Shape) {
    let provided = Provided::new(shape).await;
    let now = provided.stage.clock.now_millis() / 1_000;
    let assertion = |jti: &str, audience: &str| {
        let claims = json!({
            "iss": "signing", "sub": "signing", "aud": audience, "jti": jti, "exp": now + 60,
        });
        signer()
            .sign(&claims, "JWT", IdTokenAlg::EdDsa)
            .expect("signed")
    };
    let call = async |assertion: &str, kind: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", "x"),
            ("redirect_uri", BACK),
            ("client_assertion_type", kind),
            ("client_assertion", assertion),
        ];
        provided.call(TOKEN, &form).await.member("error")
    };
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let good = assertion("1", ISSUER);
    assert_eq!(
        call(&good, kind).await,
        "invalid_grant",
        "the client is proven"
    );
    assert_eq!(call(&good, kind).await, "invalid_client", "once");
    assert_eq!(call(&assertion("2", ISSUER), kind).await, "invalid_grant");
    assert_eq!(
        call(&assertion("3", "https://evil.example"), kind).await,
        "invalid_client"
    );
    assert_eq!(call(&assertion("4", ISSUER), "x").await, "invalid_request");
    assert_eq!(call("x", kind).await, "invalid_client");
    let by_id = provided.call(TOKEN, &[("client_id", "signing")]).await;
    assert_eq!(by_id.member("error"), "invalid_client");
}

/// T18: only pages of the client may read what it gets.
pub(crate) async fn t18_scripts_of_other_origins_read_nothing(shape: Shape) {
    let provided = Provided::new(shape).await;
    let stage = &provided.stage;
    let asked = authorize(&[
        ("client_id", "spa"),
        ("redirect_uri", "https://page.example.ir/back"),
    ]);
    let back = sign_in(&mut provided.browser(), &asked).await;
    let code = parameter(&back, "code");
    let ask = async |origin: &str, code: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", "https://page.example.ir/back"),
            ("code_verifier", VERIFIER),
            ("client_id", "spa"),
        ];
        let request = stage.client.post(stage.url(TOKEN)).form(&form);
        stage.send(request.header("origin", origin)).await
    };
    for origin in ["https://evil.example", "null", "https://shop.example.ir"] {
        let answer = ask(origin, "x").await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
    }
    for code in ["x", &code] {
        let answer = ask("https://page.example.ir", code).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            "https://page.example.ir"
        );
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(answer.header("vary").contains("Origin"));
    }
    let preflight = stage
        .client
        .request(reqwest::Method::OPTIONS, stage.url(TOKEN))
        .header("origin", "https://page.example.ir")
        .header("access-control-request-method", "POST");
    let preflight = stage.send(preflight).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(
        preflight.header("access-control-allow-origin"),
        "https://page.example.ir"
    );
    // Nobody may read where people are led.
    let request = stage.client.get(stage.url(&authorize(&[])));
    let led = stage
        .send(request.header("origin", "https://page.example.ir"))
        .await;
    assert_eq!(led.header("access-control-allow-origin"), "");
}

/// T19: only so many secrets may be tried, and the right one costs nothing.
pub(crate) async fn t19_wrong_secrets_are_limited(shape: Shape) {
    let limit = [("LIMIT_CLIENT_SECRET_ADDRESS", "5")];
    let provided = Provided::with(shape, &limit).await;
    let mut form = redemption("x");
    for _ in 0..12 {
        let answer = provided.call(TOKEN, &form).await;
        assert_eq!(
            answer.member("error"),
            "invalid_grant",
            "the secret is right"
        );
    }
    form[5].1 = "wrong";
    let mut seen = Vec::new();
    for _ in 0..8 {
        let answer = provided.call(TOKEN, &form).await;
        seen.push(answer.status);
    }
    assert_eq!(seen.first(), Some(&401));
    assert_eq!(seen.last(), Some(&429), "{seen:?}");
    provided.stage.clock.advance(60 * SECOND);
    assert_eq!(provided.call(TOKEN, &form).await.status, 401);
}

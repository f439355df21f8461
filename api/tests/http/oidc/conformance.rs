//! What the plan "Basic OP" of the OpenID Foundation's suite asks for and no other case shows. The table of its modules
//! stands in `docs/openid-connect.md`.

use serde_json::{Value, json};

use super::visit::{BACK, Provided, authorize, claims, parameter, sign_in};
use crate::answer::Answer;
use crate::pages::Browser;
use crate::stage::Shape;

/// Somebody who is signed in asks once more; gives the tokens.
async fn tokens(
    provided: &Provided,
    browser: &mut Browser<'_>,
    changes: &[(&str, &str)],
) -> Answer {
    let led = browser.get(&authorize(changes)).await;
    let led = led.location().to_owned();
    assert!(led.starts_with(BACK), "{changes:?}: {led}");
    let tokens = provided.redeem(&parameter(&led, "code")).await;
    assert_eq!(tokens.status, 200, "{changes:?}: {tokens:?}");
    tokens
}

pub(crate) async fn conformance_a_request_may_leave_out_or_add_what_it_likes(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    sign_in(&mut browser, &authorize(&[])).await;
    let without = tokens(&provided, &mut browser, &[("nonce", "")]).await;
    let id = claims(&without.member("id_token"));
    assert!(id.get("nonce").is_none(), "{id}");
    for added in [
        ("display", "page"),
        ("display", "popup"),
        ("display", "nonsense"),
        ("ui_locales", "se"),
        ("ui_locales", "xx-YY fa"),
        ("claims_locales", "se"),
        ("acr_values", "1 2"),
        ("claims", r#"{"userinfo":{"name":{"essential":true}}}"#),
        ("extra", "foobar"),
        ("login_hint", "bob@example.org"),
        ("state", ""),
    ] {
        let got = tokens(&provided, &mut browser, &[added]).await;
        let id = claims(&got.member("id_token"));
        assert_eq!(id["aud"], json!("shop"), "{added:?}");
        assert!(id["acr"].is_string() && id["at_hash"].is_string(), "{id}");
    }
    // More than a hundred characters come back as they were.
    let long = "Ab1-._~".repeat(30);
    let led = browser.get(&authorize(&[("state", &long)])).await;
    assert_eq!(parameter(led.location(), "state"), long);
}

pub(crate) async fn conformance_each_scope_gives_its_claims_and_unknown_ones_none(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    let first = sign_in(&mut browser, &authorize(&[])).await;
    let first = provided.redeem(&parameter(&first, "code")).await;
    let sub = claims(&first.member("id_token"))["sub"].clone();
    for (scope, granted, told) in [
        ("openid", "openid", &["sub"][..]),
        (
            "openid phone",
            "openid phone",
            &["phone_number", "phone_number_verified", "sub"],
        ),
        (
            "openid profile",
            "openid profile",
            &["preferred_username", "sub"],
        ),
        ("openid email", "openid email", &["sub"]),
        ("openid address", "openid", &["sub"]),
        (
            "openid telemetry phone",
            "openid phone",
            &["phone_number", "phone_number_verified", "sub"],
        ),
    ] {
        let got = tokens(&provided, &mut browser, &[("scope", scope)]).await;
        let mut names: Vec<String> = got.member("scope").split(' ').map(str::to_owned).collect();
        names.sort();
        let mut wanted: Vec<&str> = granted.split(' ').collect();
        wanted.sort_unstable();
        assert_eq!(names, wanted, "{scope}");
        let answer = provided.userinfo(&got.member("access_token")).await;
        let Value::Object(members) = &answer.body else {
            panic!("{answer:?}");
        };
        let mut found: Vec<&str> = members.keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, told, "{scope}");
        assert_eq!(members["sub"], sub);
        // The ID token is for who somebody is, not for what is known of them.
        let id = claims(&got.member("id_token"));
        assert!(
            id.get("phone_number").is_none() && id.get("name").is_none(),
            "{id}"
        );
    }
    let none = browser.get(&authorize(&[("scope", "phone")])).await;
    assert_eq!(parameter(none.location(), "error"), "invalid_scope");
}

pub(crate) async fn conformance_a_hint_of_the_signed_in_user_changes_nothing(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    let first = sign_in(&mut browser, &authorize(&[])).await;
    let first = provided.redeem(&parameter(&first, "code")).await;
    let hint = first.member("id_token");
    let hinted = [("id_token_hint", hint.as_str()), ("prompt", "none")];
    let again = tokens(&provided, &mut browser, &hinted).await;
    let (before, after) = (claims(&hint), claims(&again.member("id_token")));
    assert_eq!(
        (&before["sub"], &before["sid"]),
        (&after["sub"], &after["sid"])
    );
    assert_eq!(before["auth_time"], after["auth_time"]);
}

pub(crate) async fn conformance_request_objects_are_refused_by_name(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    let unsigned = "eyJhbGciOiJub25lIn0.eyJyZWRpcmVjdF91cmkiOiJodHRwczovL2V2aWwuZXhhbXBsZS8ifQ.";
    for (name, value, error) in [
        ("request", unsigned, "request_not_supported"),
        (
            "request_uri",
            "https://shop.example.ir/request.jwt",
            "request_uri_not_supported",
        ),
    ] {
        let led = browser.get(&authorize(&[(name, value)])).await;
        let led = led.location().to_owned();
        assert!(led.starts_with(BACK), "{led}");
        assert_eq!(parameter(&led, "error"), error);
    }
}

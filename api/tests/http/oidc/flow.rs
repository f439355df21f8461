//! What people see of an application that leads them here, and how they come back.

use serde_json::json;

use super::visit::{
    AUTHORIZE, BACK, ISSUER, PHONE, Provided, authorize, begin, claims, parameter, prove, sign_in,
};
use crate::pages::browser::{CODE, CONFIRM, LOG_IN, PASSWORD_LOG_IN};
use crate::stage::{SECOND, Shape, Stage};

pub(crate) async fn a_person_signs_in_to_an_application(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    let asked = authorize(&[("login_hint", "۰۹۱۲ ۳۴۵ ۶۷۸۹")]);
    let led = browser.get(&asked).await;
    // The number is out of the address with the first answer.
    let page = led.location().to_owned();
    assert!(!page.contains("912") && page.starts_with(LOG_IN), "{page}");
    let next = parameter(&page, "next");
    let shown = browser.get(&page).await;
    let words = [
        "فروشگاه &#60;b&#62;",
        "asks you to sign in",
        "value=\"09123456789\"",
        "Back to",
    ];
    shown.says(200, &words);
    // The page of the code lets the form lead on to the application, and to nobody else.
    browser
        .submit(LOG_IN, &[("phone", PHONE), ("next", &next)])
        .await
        .leads_to(CODE);
    let page = browser.get(CODE).await;
    page.says(200, &["asks you to sign in"]);
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' https://shop.example.ir;"),
        "{policy}"
    );
    // People who come back to change the number still see who asks.
    let back = browser.get(LOG_IN).await;
    back.says(200, &["asks you to sign in", &next]);
    let code = browser.code().await;
    browser
        .submit(CODE, &[("code", &code)])
        .await
        .leads_to(&next);
    let back = browser.get(&next).await;
    assert_eq!(back.header("referrer-policy"), "no-referrer");
    let back = back.location().to_owned();
    assert!(back.starts_with(&format!("{BACK}?code=")), "{back}");
    assert_eq!(parameter(&back, "state"), "s/+ &ا");
    assert_eq!(parameter(&back, "iss"), ISSUER);

    let tokens = provided.redeem(&parameter(&back, "code")).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    assert_eq!(
        (tokens.header("cache-control"), tokens.header("pragma")),
        ("no-store", "no-cache")
    );
    tokens.shows_all_of(&json!({
        "token_type": "Bearer", "expires_in": 300, "scope": "openid profile phone email",
    }));
    let id = claims(&tokens.member("id_token"));
    for (name, value) in [
        ("iss", json!(ISSUER)),
        ("aud", json!("shop")),
        ("nonce", json!("n-1")),
        ("amr", json!(["otp", "sms"])),
        ("acr", json!("urn:ramz:acr:sms")),
    ] {
        assert_eq!(id[name], value, "{id}");
    }
    let told = provided.userinfo(&tokens.member("access_token")).await;
    assert_eq!(told.status, 200, "{told:?}");
    told.shows_all_of(&json!({
        "sub": id["sub"], "phone_number": "+989123456789", "phone_number_verified": true,
        "preferred_username": "989123456789",
    }));
    assert!(
        told.body.get("email").is_none() && told.body.get("name").is_none(),
        "{told:?}"
    );

    // Back and a second click find nothing more to do.
    browser
        .get(&next)
        .await
        .says(410, &["This sign-in is over"]);
}

pub(crate) async fn a_signed_in_user_comes_back_at_once(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    let none = authorize(&[("prompt", "none")]);
    let refused = browser.get(&none).await.location().to_owned();
    assert_eq!(parameter(&refused, "error"), "login_required");
    let first = sign_in(&mut browser, &authorize(&[])).await;
    let first = provided.redeem(&parameter(&first, "code")).await;
    let proof = claims(&first.member("id_token"))["auth_time"].clone();
    provided.stage.clock.advance(20 * SECOND);
    let cookies = browser.cookies.clone();
    for asked in [&none, &authorize(&[]), &authorize(&[("max_age", "10000")])] {
        let back = browser.get(asked).await.location().to_owned();
        let tokens = provided.redeem(&parameter(&back, "code")).await;
        assert_eq!(
            claims(&tokens.member("id_token"))["auth_time"],
            proof,
            "{tokens:?}"
        );
    }
    assert_eq!(browser.cookies, cookies, "nothing is renewed by that");
    // By a form of the application's page, too, which brings no cookies at first.
    let query = authorize(&[])
        .split_once('?')
        .expect("a query")
        .1
        .to_owned();
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let mut stranger = provided.browser();
    stranger
        .headers
        .insert("sec-fetch-site", "cross-site".to_owned());
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let led = stranger.post(AUTHORIZE, &fields).await;
    assert_eq!(led.status, 303);
    let back = browser.get(led.location()).await.location().to_owned();
    assert_eq!(parameter(&back, "state"), "s/+ &ا");
}

pub(crate) async fn who_must_prove_themselves_again_does_so_once(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    sign_in(&mut browser, &authorize(&[])).await;
    provided.stage.pass(40 * SECOND).await;
    for asked in [("prompt", "login"), ("max_age", "30")] {
        let led = browser
            .get(&authorize(&[asked]))
            .await
            .location()
            .to_owned();
        assert!(led.starts_with(CONFIRM), "{asked:?} {led}");
        let next = parameter(&led, "next");
        browser.get(&led).await.says(200, &["asks you to sign in"]);
        provided.stage.pass(40 * SECOND).await;
        browser
            .submit(CONFIRM, &[("next", &next)])
            .await
            .leads_to(CODE);
        let code = browser.code().await;
        browser
            .submit(CODE, &[("code", &code)])
            .await
            .leads_to(&next);
        let back = browser.get(&next).await.location().to_owned();
        let tokens = provided.redeem(&parameter(&back, "code")).await;
        let proof = claims(&tokens.member("id_token"))["auth_time"].as_i64();
        assert_eq!(
            proof,
            Some(provided.stage.clock.now_millis() / 1_000),
            "{asked:?}"
        );
        provided.stage.pass(200 * SECOND).await;
    }
}

pub(crate) async fn an_app_is_confirmed_or_another_number_taken(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    let asked = authorize(&[
        ("client_id", "app"),
        ("redirect_uri", "ir.example.app:/callback"),
    ]);
    // People who sign in on the way have seen who asks.
    let back = sign_in(&mut browser, &asked).await;
    assert!(back.starts_with("ir.example.app:/callback?code="), "{back}");
    provided.stage.clock.advance(SECOND);
    let led = browser.get(&asked).await.location().to_owned();
    let page = browser.get(&led).await;
    page.says(200, &["Do you want to go on?", "0912 345 6789", "App"]);
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' ir.example.app:;"),
        "{policy}"
    );
    let back = browser.submit(&led, &[]).await.location().to_owned();
    let code = parameter(&back, "code");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", "ir.example.app:/callback"),
        ("code_verifier", super::visit::VERIFIER),
        ("client_id", "app"),
    ];
    let tokens = provided.call(super::visit::TOKEN, &form).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");

    let led = browser.get(&asked).await.location().to_owned();
    let other = led.replace("/continue/", "/other/");
    let led = browser.submit(&other, &[]).await.location().to_owned();
    assert!(led.starts_with(LOG_IN), "{led}");
    assert!(!browser.cookies.contains_key("ramz_refresh"));
    browser.get(&led).await.says(200, &["asks you to sign in"]);
    // What was signed in before is over, and so is what the app had by it.
    let told = provided.userinfo(&tokens.member("access_token")).await;
    assert_eq!(told.status, 401, "{told:?}");
}

pub(crate) async fn who_goes_back_is_led_to_the_application(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    let next = begin(&mut browser, &authorize(&[])).await;
    let page = browser.get(&format!("{PASSWORD_LOG_IN}?next={next}")).await;
    page.says(200, &["asks you to sign in"]);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("https://shop.example.ir"), "{policy}");
    let cancel = next.replace("/continue/", "/cancel/");
    let back = browser.get(&cancel).await.location().to_owned();
    assert_eq!(parameter(&back, "error"), "access_denied");
    assert_eq!(parameter(&back, "state"), "s/+ &ا");
    browser
        .get(&cancel)
        .await
        .says(410, &["This sign-in is over"]);
    // Anyone who signs in all the same learns that.
    prove(&mut browser, &next).await;
    browser.get(&next).await.says(410, &["begin again"]);
    // And so does who comes after a quarter of an hour.
    let mut late = provided.browser();
    let next = begin(&mut late, &authorize(&[("prompt", "login")])).await;
    provided.stage.pass(15 * 60 * SECOND).await;
    late.get(&next).await.says(410, &["begin again"]);
}

pub(crate) async fn the_application_chooses_the_language_until_the_person_does(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    let led = browser
        .get(&authorize(&[("ui_locales", "de fa-IR en")]))
        .await
        .location()
        .to_owned();
    browser
        .get(&led)
        .await
        .says(200, &["lang=\"fa\"", "از شما می‌خواهد وارد شوید"]);
    browser
        .cookies
        .insert("ramz_language".to_owned(), "en".to_owned());
    let led = browser
        .get(&authorize(&[("ui_locales", "fa")]))
        .await
        .location()
        .to_owned();
    browser.get(&led).await.says(200, &["lang=\"en\""]);
}

pub(crate) async fn without_a_file_of_applications_there_is_nothing(shape: Shape) {
    let stage = Stage::new(shape).await;
    for path in [
        AUTHORIZE,
        "/oidc/token",
        "/oidc/userinfo",
        "/oidc/continue/AAAAAAAAAAAAAAAAAAAAAA",
        "/.well-known/openid-configuration",
    ] {
        stage.get(path).await.is(404, "not_found");
    }
}

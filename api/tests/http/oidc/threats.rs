//! What is tried against an application and its people, and comes to nothing.

use http::Method;
use serde_json::json;
use uuid::Uuid;

use super::visit::{
    AUTHORIZE, BACK, CHALLENGE, PHONE, Provided, TOKEN, VERIFIER, authorize, begin, claims,
    parameter, prove, redemption, sign_in,
};
use crate::pages::browser::{CODE, LOG_IN};
use crate::stage::{ME, SECOND, Shape};

pub(crate) async fn t01_a_token_of_an_application_opens_no_account(shape: Shape) {
    let provided = Provided::new(shape).await;
    let tokens = provided.tokens().await;
    let token = tokens.member("access_token");
    let number = json!({ "phone_number": "09123456780" });
    for (method, path, body) in [
        (Method::GET, ME, None),
        (Method::PATCH, ME, Some(json!({ "first_name": "x" }))),
        (Method::DELETE, ME, None),
        (Method::POST, "/api/v1/usr/me/phone", Some(number)),
        (Method::GET, "/api/v1/usr/sessions", None),
        (Method::DELETE, "/api/v1/usr/sessions", None),
        (
            Method::POST,
            "/api/v1/usr/password",
            Some(json!({ "new_password": "glass river 7 moon" })),
        ),
    ] {
        let answer = provided
            .stage
            .bearing(&token, method.clone(), path, body)
            .await;
        assert_eq!(answer.status, 401, "{method} {path} {answer:?}");
    }
    // Nor does it log anybody out.
    let path = "/api/v1/usr/logout";
    provided
        .stage
        .bearing(&token, Method::POST, path, Some(json!({})))
        .await;
    assert_eq!(provided.userinfo(&token).await.status, 200);
    // Ours tells nothing there.
    let own = provided
        .stage
        .sign_in("09123456781")
        .await
        .member("access_token");
    assert_eq!(provided.userinfo(&own).await.status, 401);
}

pub(crate) async fn t02_twenty_parallel_redemptions_give_one_200(shape: Shape) {
    let provided = Provided::new(shape).await;
    let code = provided.code().await;
    let tries = (0..20).map(|_| provided.redeem(&code));
    let answers = futures::future::join_all(tries).await;
    let good = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(good.count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(
            (answer.status, answer.member("error").as_str()),
            (400, "invalid_grant")
        );
    }
}

pub(crate) async fn t03_a_code_is_bound_to_client_address_and_verifier(shape: Shape) {
    let provided = Provided::new(shape).await;
    let code = provided.code().await;
    let other_verifier = VERIFIER.replace('d', "e");
    for (place, value) in [
        (2, "https://other.example.ir/callback"),
        (3, other_verifier.as_str()),
        (3, "short"),
        (4, "other"),
    ] {
        let mut form = redemption(&code);
        form[place].1 = value;
        let answer = provided.call(TOKEN, &form).await;
        let told = (answer.status, answer.member("error"));
        assert_eq!(told, (400, "invalid_grant".to_owned()), "{value}");
    }
    let without = &redemption(&code)[..];
    let without: Vec<(&str, &str)> = without
        .iter()
        .copied()
        .filter(|(name, _)| *name != "code_verifier")
        .collect();
    assert_eq!(
        provided.call(TOKEN, &without).await.member("error"),
        "invalid_grant"
    );
    assert_eq!(provided.redeem(&code).await.status, 200, "it is as it was");
    let late = provided.code().await;
    provided.stage.clock.advance(61 * SECOND);
    assert_eq!(
        provided.redeem(&late).await.member("error"),
        "invalid_grant"
    );
}

pub(crate) async fn t04_a_replayed_code_ends_what_it_gave(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    let code = parameter(&sign_in(&mut browser, &authorize(&[])).await, "code");
    let tokens = provided.redeem(&code).await;
    let token = tokens.member("access_token");
    assert_eq!(provided.userinfo(&token).await.status, 200);
    assert_eq!(
        provided.redeem(&code).await.member("error"),
        "invalid_grant"
    );
    assert_eq!(provided.userinfo(&token).await.status, 401);
    let refresh = tokens.member("refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("client_id", "shop"),
        ("client_secret", "test"),
    ];
    assert_eq!(
        provided.call(TOKEN, &form).await.member("error"),
        "invalid_grant"
    );
    // The person stays signed in.
    let back = browser
        .get(&authorize(&[("prompt", "none")]))
        .await
        .location()
        .to_owned();
    assert!(back.contains("code="), "{back}");
}

pub(crate) async fn t05_other_addresses_get_a_page_and_nothing_else(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    for other in [
        "https://shop.example.ir/callback/",
        "https://shop.example.ir/Callback",
        "https://shop.example.ir/callback?x=y",
        "https://shop.example.ir:8443/callback",
        "https://shop.example.ir/%2e/callback",
        "https://user@shop.example.ir/callback",
        "https://a.shop.example.ir/callback",
        "https://shop.example.ir.evil.example/callback",
        "https://shop.example.ir/callbacl",
        "//shop.example.ir/callback",
        "javascript:alert(1)",
    ] {
        let page = browser.get(&authorize(&[("redirect_uri", other)])).await;
        page.says(400, &["The application is set up wrongly", "Reference"]);
        assert_eq!(page.location(), "", "{other}");
        page.is_silent_about(&["evil", "shop.example"]);
    }
    for changes in [
        &[("client_id", "")][..],
        &[("client_id", "nobody")],
        &[("redirect_uri", "")],
    ] {
        browser
            .get(&authorize(changes))
            .await
            .says(400, &["set up wrongly"]);
    }
}

pub(crate) async fn t06_pkce_cannot_be_left_out_or_weakened(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    for changes in [
        &[("code_challenge", "")][..],
        &[("code_challenge_method", "plain")],
        &[("code_challenge_method", "")],
    ] {
        let back = browser.get(&authorize(changes)).await.location().to_owned();
        assert_eq!(parameter(&back, "error"), "invalid_request", "{changes:?}");
    }
    // Where a client need not send one, a verifier out of nowhere is refused, too.
    let address = "https://other.example.ir/callback";
    let asked = authorize(&[
        ("client_id", "other"),
        ("redirect_uri", address),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ]);
    let code = parameter(&sign_in(&mut browser, &asked).await, "code");
    let mut form = redemption(&code);
    form[2].1 = address;
    form[4].1 = "other";
    assert_eq!(
        provided.call(TOKEN, &form).await.member("error"),
        "invalid_grant"
    );
    form[3].1 = "";
    assert_eq!(provided.call(TOKEN, &form).await.status, 200);
    assert_eq!(domain::tokens::s256(VERIFIER), CHALLENGE);
}

pub(crate) async fn t07_t11_every_way_back_is_a_303_with_the_issuer(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    for changes in [
        &[("response_type", "token")][..],
        &[("scope", "phone")],
        &[("request", "x")],
        &[("prompt", "none")],
        &[("max_age", "x")],
        &[("id_token_hint", "x")],
    ] {
        let led = browser.get(&authorize(changes)).await;
        assert_eq!(led.status, 303, "{led:?}");
        assert!(
            led.location().starts_with(&format!("{BACK}?error=")),
            "{led:?}"
        );
        assert_eq!(parameter(led.location(), "iss"), super::visit::ISSUER);
        assert_eq!(parameter(led.location(), "state"), "s/+ &ا");
        assert_eq!(led.header("referrer-policy"), "no-referrer");
    }
    let next = begin(&mut browser, &authorize(&[])).await;
    prove(&mut browser, &next).await;
    let led = browser.get(&next).await;
    assert_eq!(
        (led.status, parameter(led.location(), "iss").as_str()),
        (303, super::visit::ISSUER)
    );
}

pub(crate) async fn t08_no_page_on_the_way_can_be_framed(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    sign_in(&mut browser, &authorize(&[])).await;
    provided.stage.clock.advance(SECOND);
    let led = browser
        .get(&authorize(&[("prompt", "consent")]))
        .await
        .location()
        .to_owned();
    for path in [led, authorize(&[("client_id", "nobody")])] {
        let page = browser.get(&path).await;
        assert_eq!(page.header("x-frame-options"), "DENY");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    }
    // In a frame of another site nobody is signed in.
    browser
        .headers
        .insert("sec-fetch-site", "cross-site".to_owned());
    browser
        .headers
        .insert("sec-fetch-dest", "iframe".to_owned());
    let back = browser
        .get(&authorize(&[("prompt", "none")]))
        .await
        .location()
        .to_owned();
    assert_eq!(parameter(&back, "error"), "login_required");
}

pub(crate) async fn t09_no_link_sends_a_message_and_too_many_are_refused(shape: Shape) {
    let limit = [("LIMIT_AUTHORIZE_ADDRESS", "20")];
    let provided = Provided::with(shape, &limit).await;
    let mut led = Vec::new();
    for _ in 0..40 {
        let mut browser = provided.browser();
        let page = browser.get(&authorize(&[("login_hint", PHONE)])).await;
        let location = page.location().to_owned();
        if location.starts_with(LOG_IN) {
            browser.get(&location).await;
        }
        led.push(location);
    }
    assert!(provided.stage.jobs().await.is_empty());
    let refused = led
        .iter()
        .filter(|location| location.contains("temporarily_unavailable"));
    assert!(refused.count() >= 15, "{led:?}");
    assert!(led[0].starts_with(LOG_IN), "{led:?}");
}

pub(crate) async fn t10_nobody_goes_on_with_what_another_browser_was_asked(shape: Shape) {
    let provided = Provided::new(shape).await;
    let (mut attacker, mut victim) = (provided.browser(), provided.browser());
    let next = begin(&mut attacker, &authorize(&[])).await;
    victim.sign_in(PHONE).await;
    let (cancel, other) = (
        next.replace("/continue/", "/cancel/"),
        next.replace("/continue/", "/other/"),
    );
    for path in [&next, &cancel] {
        victim.get(path).await.says(410, &["This sign-in is over"]);
    }
    for path in [&next, &other] {
        victim
            .submit(path, &[])
            .await
            .says(410, &["This sign-in is over"]);
    }
    // Nor where it has a request of its own.
    begin(&mut provided.browser(), &authorize(&[])).await;
    victim.get(&authorize(&[("prompt", "login")])).await;
    assert!(victim.cookies.contains_key("ramz_application"));
    victim.get(&next).await.says(410, &["This sign-in is over"]);
    victim
        .get(&format!("{LOG_IN}?next={next}"))
        .await
        .leads_to(&next);
    // The attacker's own goes on.
    prove(&mut attacker, &next).await;
    assert!(attacker.get(&next).await.location().contains("code="));
    for garbage in [
        "",
        "x",
        "../../x",
        "AAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAA/x",
    ] {
        let page = attacker.get(&format!("/oidc/continue/{garbage}")).await;
        assert!(matches!(page.status, 404 | 410), "{garbage} {page:?}");
    }
}

pub(crate) async fn t10_what_another_site_sends_confirms_nothing(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    sign_in(&mut browser, &authorize(&[])).await;
    provided.stage.clock.advance(SECOND);
    let led = browser
        .get(&authorize(&[("prompt", "consent")]))
        .await
        .location()
        .to_owned();
    browser
        .get(&led)
        .await
        .says(200, &["Do you want to go on?"]);
    browser
        .headers
        .insert("sec-fetch-site", "cross-site".to_owned());
    let refused = browser.submit(&led, &[]).await;
    assert_eq!(refused.status, 403);
    let other = led.replace("/continue/", "/other/");
    assert_eq!(browser.submit(&other, &[]).await.status, 403);
    browser
        .headers
        .insert("sec-fetch-site", "same-origin".to_owned());
    assert!(browser.submit(&led, &[]).await.location().contains("code="));
}

pub(crate) async fn t13_refresh_tokens_stay_with_their_client(shape: Shape) {
    let provided = Provided::new(shape).await;
    let tokens = provided.tokens().await;
    let refresh = tokens.member("refresh_token");
    let renew = async |client: &str, token: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", client),
            ("client_secret", "test"),
        ];
        provided.call(TOKEN, &form).await
    };
    assert_eq!(
        renew("other", &refresh).await.member("error"),
        "invalid_grant"
    );
    let body = json!({ "refresh_token": refresh });
    let ours = provided
        .stage
        .post("/api/v1/usr/token/refresh", body.clone())
        .await;
    ours.is(401, "refresh_token_invalid");
    // Nor is anybody logged out by it, or signed on.
    provided.stage.post("/api/v1/usr/logout", body).await;
    let mut browser = provided.browser();
    browser
        .cookies
        .insert("ramz_refresh".to_owned(), refresh.clone());
    let back = browser
        .get(&authorize(&[("prompt", "none")]))
        .await
        .location()
        .to_owned();
    assert_eq!(parameter(&back, "error"), "login_required");
    let own = provided
        .stage
        .sign_in("09123456781")
        .await
        .member("refresh_token");
    assert_eq!(renew("shop", &own).await.member("error"), "invalid_grant");
    let next = renew("shop", &refresh).await;
    assert_eq!(next.status, 200, "{next:?}");
    provided.stage.clock.advance(60 * SECOND);
    // A copy that comes back ends the family of its client.
    assert_eq!(
        renew("shop", &refresh).await.member("error"),
        "invalid_grant"
    );
    assert_eq!(
        renew("shop", &next.member("refresh_token"))
            .await
            .member("error"),
        "invalid_grant"
    );
}

pub(crate) async fn t14_an_id_token_is_no_access_token(shape: Shape) {
    let provided = Provided::new(shape).await;
    let id_token = provided.tokens().await.member("id_token");
    assert_eq!(provided.userinfo(&id_token).await.status, 401);
    let answer = provided
        .stage
        .bearing(&id_token, Method::GET, ME, None)
        .await;
    assert_eq!(answer.status, 401);
}

pub(crate) async fn t15_a_blocked_user_and_an_ended_session_are_out(shape: Shape) {
    let provided = Provided::new(shape).await;
    let stage = &provided.stage;
    let mut browser = provided.browser();
    let first = parameter(&sign_in(&mut browser, &authorize(&[])).await, "code");
    let tokens = provided.redeem(&first).await;
    let user: Uuid = claims(&tokens.member("id_token"))["sub"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .expect("an id");
    let code = parameter(browser.get(&authorize(&[])).await.location(), "code");
    browser.get("/accounts/logout/").await;
    browser.submit("/accounts/logout/", &[]).await.leads_to("/");
    assert_eq!(
        provided
            .userinfo(&tokens.member("access_token"))
            .await
            .status,
        401
    );
    assert_eq!(
        provided.redeem(&code).await.member("error"),
        "invalid_grant"
    );

    stage.pass(200 * SECOND).await;
    let code = provided.code().await;
    let tokens = provided.redeem(&code).await;
    let blocked = stage
        .stores
        .records
        .set_blocked(user, true, stage.clock.now())
        .await;
    assert!(blocked.expect("an answer"));
    assert_eq!(
        provided
            .userinfo(&tokens.member("access_token"))
            .await
            .status,
        401
    );
}

pub(crate) async fn t16_forged_hints_are_refused(shape: Shape) {
    let provided = Provided::new(shape).await;
    let id_token = provided.tokens().await.member("id_token");
    let parts: Vec<&str> = id_token.split('.').collect();
    let mut browser = provided.browser();
    // {"alg":"none"} and {"alg":"HS256"}
    for header in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiJ9"] {
        for signature in ["", parts[2]] {
            let forged = format!("{header}.{}.{signature}", parts[1]);
            let asked = authorize(&[("id_token_hint", &forged)]);
            let back = browser.get(&asked).await.location().to_owned();
            assert_eq!(parameter(&back, "error"), "invalid_request");
        }
    }
    // The real one says whom the client means, long after its time.
    provided.stage.pass(3_600 * SECOND).await;
    let asked = authorize(&[("id_token_hint", &id_token)]);
    browser.sign_in("09123456780").await;
    let led = browser.get(&asked).await.location().to_owned();
    let page = browser.get(&led).await;
    page.says(
        200,
        &["expects somebody else", "0912 345 6780", "Another number"],
    );
    page.is_silent_about(&[">Continue<"]);
    let none = authorize(&[("id_token_hint", &id_token), ("prompt", "none")]);
    let back = browser.get(&none).await.location().to_owned();
    assert_eq!(parameter(&back, "error"), "login_required");
}

pub(crate) async fn t12_what_is_secret_is_in_no_figure_and_no_store(shape: Shape) {
    let provided = Provided::new(shape).await;
    let mut browser = provided.browser();
    let next = begin(&mut browser, &authorize(&[("login_hint", PHONE)])).await;
    prove(&mut browser, &next).await;
    let code = parameter(browser.get(&next).await.location(), "code");
    let tokens = provided.redeem(&code).await;
    let metrics = provided.stage.metrics();
    for secret in [
        code.as_str(),
        VERIFIER,
        CHALLENGE,
        &tokens.member("refresh_token"),
        &tokens.member("access_token"),
        "989123456789",
    ] {
        assert!(!metrics.contains(secret), "{secret}");
    }
    // Long questions are not kept.
    let long = "x".repeat(9_000);
    let asked = format!("{AUTHORIZE}?state={long}");
    assert_eq!(browser.get(&asked).await.status, 400);
    let state = "s".repeat(1_000);
    let back = browser
        .get(&authorize(&[("state", &state)]))
        .await
        .location()
        .to_owned();
    assert_eq!(parameter(&back, "state"), state);
    browser.get(CODE).await;
}

//! What others may try: forms and frames of other sites, planted cookies, addresses that lead away,
//! markup in what is typed.

use super::Browser;
use super::browser::{
    CODE, CONFIRM, DELETE, DEVICES, LOG_IN, LOG_OUT, PASSWORD, PASSWORD_LOG_IN, PHONE_PAGE,
    PROFILE, RESEND, RESET, SIGN_UP,
};
use super::sign_in::PHONE;
use crate::stage::{Shape, Stage};

const FORMS: [&str; 14] = [
    LOG_IN,
    SIGN_UP,
    CODE,
    RESEND,
    RESET,
    PASSWORD_LOG_IN,
    CONFIRM,
    PROFILE,
    PASSWORD,
    PHONE_PAGE,
    DEVICES,
    DELETE,
    LOG_OUT,
    "/accounts/language/",
];

pub(crate) async fn a_31_csr_02_forms_of_other_sites_do_nothing(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.sign_in(PHONE).await;
    let cookies = browser.cookies.clone();
    let own = format!("http://127.0.0.1:{}", 8000);
    for (name, value, passes) in [
        ("sec-fetch-site", "cross-site", false),
        ("sec-fetch-site", "same-site", false),
        ("sec-fetch-site", "", false),
        ("origin", "https://evil.example", false),
        ("origin", "null", false),
        ("origin", own.as_str(), true),
    ] {
        for path in FORMS {
            browser.cookies.clone_from(&cookies);
            browser.get("/").await;
            browser.headers.remove("sec-fetch-site");
            browser.headers.insert(
                if name == "origin" {
                    "origin"
                } else {
                    "sec-fetch-site"
                },
                value.to_owned(),
            );
            let page = browser
                .submit(
                    path,
                    &[("phone", "09123456780"), ("code", "1"), ("language", "fa")],
                )
                .await;
            assert_eq!(
                page.status != 403,
                passes,
                "{path} {name}: {value}: {page:?}"
            );
            if !passes {
                page.says(403, &["came from another site"]);
                assert!(!page.headers.contains_key("set-cookie"), "{page:?}");
            }
            browser.headers.remove("origin");
            browser
                .headers
                .insert("sec-fetch-site", "same-origin".to_owned());
            if !passes {
                browser.get("/").await.says(200, &["0912 345 6789"]);
            }
        }
    }
    assert_eq!(
        stage.jobs().await.len(),
        4,
        "of the sign-in, of the next one, which both pages share, of the reset, and to the own number"
    );
}

pub(crate) async fn a_browser_that_tells_nothing_shows_the_token_of_its_form(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.headers.remove("sec-fetch-site");
    browser.get(LOG_IN).await;
    let kept = browser.cookies["ramz_form"].clone();
    for token in ["", "AAAAAAAAAAAAAAAAAAAAAA", &kept[1..]] {
        let page = browser
            .post(LOG_IN, &[("token", token), ("phone", PHONE)])
            .await;
        page.says(
            403,
            &[
                "This page has become too old",
                "value=\"09123456789\"",
                &kept,
            ],
        );
    }
    browser.sign_in(PHONE).await;
    browser.get("/").await.says(200, &["0912 345 6789"]);
    browser.post(LOG_OUT, &[]).await.says(403, &["too old"]);
    browser.get("/").await.says(200, &["0912 345 6789"]);
    browser.submit(LOG_OUT, &[]).await.leads_to("/");
    browser.get("/").await.is_silent_about(&["0912 345 6789"]);
}

pub(crate) async fn who_takes_no_cookies_is_told_at_the_second_try(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.keeps_cookies = false;
    browser.get(LOG_IN).await;
    let page = browser.submit(LOG_IN, &[("phone", PHONE)]).await;
    page.says(
        403,
        &[
            "too old",
            "name=\"again\" value=\"1\"",
            "value=\"09123456789\"",
        ],
    );
    let page = browser
        .submit(LOG_IN, &[("phone", PHONE), ("again", "1")])
        .await;
    page.says(403, &["Your browser takes no cookies"]);
    for path in [CODE, RESEND, LOG_OUT] {
        browser
            .submit(path, &[])
            .await
            .says(403, &["too old", LOG_IN]);
    }
    assert!(stage.jobs().await.is_empty());
    // It takes them now.
    browser.keeps_cookies = true;
    browser
        .submit(LOG_IN, &[("phone", PHONE), ("again", "1")])
        .await;
    browser
        .submit(LOG_IN, &[("phone", PHONE), ("again", "1")])
        .await
        .leads_to(CODE);
}

pub(crate) async fn a_40_nobody_is_led_to_another_site(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut number = 9_123_456_700_u64;
    for (next, place) in [
        ("/users/profile/update/?a=b", "/users/profile/update/?a=b"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/\t/evil.example/", "/"),
        ("/..//evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: a=b", "/"),
    ] {
        let mut browser = Browser::english(&stage);
        let encoded: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let page = browser.get(&format!("{LOG_IN}?next={encoded}")).await;
        for attribute in page
            .html
            .split(" href=\"")
            .chain(page.html.split(" action=\""))
            .skip(1)
        {
            let (address, _) = attribute.split_once('"').expect("an end");
            assert!(
                !address.contains("evil") && !address.contains("javascript"),
                "{address}"
            );
        }
        number += 1;
        let phone = format!("0{number}");
        browser
            .submit(LOG_IN, &[("phone", &phone), ("next", next)])
            .await
            .leads_to(CODE);
        let code = browser.code().await;
        browser
            .submit(CODE, &[("code", &code)])
            .await
            .leads_to(place);
        browser
            .get(&format!("{LOG_IN}?next={encoded}"))
            .await
            .leads_to(place);
    }
}

pub(crate) async fn a_25_markup_in_what_is_typed_is_text(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.get(LOG_IN).await;
    for typed in [
        "\"><script>alert(1)</script>",
        "' onfocus=alert(1) autofocus='",
        "</input><img src=x onerror=alert(1)>",
        "{{7*7}}",
    ] {
        let page = browser.submit(LOG_IN, &[("phone", typed)]).await;
        assert_eq!(page.status, 422, "{page:?}");
        page.is_silent_about(&["<script>alert", "<img src=x", "' onfocus", "49"]);
        let path = format!(
            "/accounts/login/?next=/{}",
            url::form_urlencoded::byte_serialize(typed.as_bytes()).collect::<String>()
        );
        browser
            .get(&path)
            .await
            .is_silent_about(&["<script>alert", "<img src=x", "' onfocus"]);
        browser
            .get(&format!("/no{path}"))
            .await
            .is_silent_about(&["<script>alert", "<img src=x"]);
    }
}

pub(crate) async fn a_31_ses_01_nothing_from_before_the_sign_in_is_good_after_it(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.ask(PHONE).await;
    let before = browser.cookies.clone();
    let code = browser.code().await;
    browser.submit(CODE, &[("code", &code)]).await.leads_to("/");
    assert!(!browser.cookies.contains_key("ramz_sign_in"));
    assert!(!browser.cookies.contains_key("ramz_form"));
    browser.get("/").await;
    assert_ne!(browser.cookies["ramz_form"], before["ramz_form"]);
    let mut other = Browser::english(&stage);
    other.cookies = before;
    other.get("/").await.is_silent_about(&["0912 345 6789"]);

    // A cookie that somebody planted is none of ours.
    for planted in ["x", "eyJzIjoiYSJ9", "AAAA", &"A".repeat(300)] {
        let mut victim = Browser::english(&stage);
        victim
            .cookies
            .insert("ramz_sign_in".to_owned(), planted.to_owned());
        victim.get(CODE).await.leads_to(LOG_IN);
    }
    let mut victim = Browser::english(&stage);
    victim
        .cookies
        .insert("ramz_access".to_owned(), "planted".to_owned());
    victim
        .cookies
        .insert("ramz_refresh".to_owned(), "planted".to_owned());
    victim.get("/").await.says(200, &[LOG_IN]);
}

pub(crate) async fn numbers_and_codes_stand_in_no_address_title_or_open_cookie(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.get(LOG_IN).await;
    let mut answers = vec![browser.submit(LOG_IN, &[("phone", PHONE)]).await];
    let code = browser.code().await;
    let session = browser.session();
    answers.push(browser.get(CODE).await);
    answers.push(browser.submit(RESEND, &[]).await);
    answers.push(
        browser
            .submit(CODE, &[("code", &browser.wrong_code().await)])
            .await,
    );
    answers.push(browser.get(CODE).await);
    answers.push(browser.submit(CODE, &[("code", &code)]).await);
    answers.push(browser.get("/").await);
    for answer in answers {
        for secret in ["9123456789", &code, &session] {
            for (name, value) in &answer.headers {
                let value = value.to_str().expect("text");
                assert!(!value.contains(secret), "{name}: {value}");
            }
            assert!(
                !answer.html.contains(secret) || secret == "9123456789",
                "{answer:?}"
            );
            if !answer.html.is_empty() {
                assert!(!answer.title().contains(secret), "{}", answer.title());
            }
        }
    }
}

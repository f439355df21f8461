//! From the first page to the greeting and out again.

use serde_json::json;

use super::browser::{CODE, LOG_IN, LOG_OUT, RESEND, SIGN_UP};
use super::{Browser, Page};
use crate::stage::{ME, SECOND, Shape, Stage};

pub(crate) const PHONE: &str = "09123456789";
pub(crate) const SHOWN: &str = r#"<bdi class="number" dir="ltr">0912 345 6789</bdi>"#;

pub(crate) async fn a_newcomer_signs_up_is_greeted_and_logs_out(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::new(&stage);
    let home = browser.get("/").await;
    home.says(200, &["lang=\"fa\" dir=\"rtl\"", LOG_IN, SIGN_UP]);
    browser
        .get(SIGN_UP)
        .await
        .says(200, &["ثبت‌نام", "autocomplete=\"tel\""]);
    let sent = browser.submit(SIGN_UP, &[("phone", "۰۹۱۲ ۳۴۵ ۶۷۸۹")]).await;
    sent.leads_to(CODE);
    let page = browser.get(CODE).await;
    page.says(
        200,
        &[
            SHOWN,
            "autocomplete=\"one-time-code\"",
            "data-expires-in=\"120\"",
            "data-resend-in=\"30\"",
        ],
    );
    page.is_silent_about(&["maxlength", "pattern=", "تماس بگیرید"]);

    let wrong = browser.wrong_code().await;
    browser
        .submit(CODE, &[("code", &wrong)])
        .await
        .leads_to(CODE);
    for _reload in 0..3 {
        let page = browser.get(CODE).await;
        page.says(
            200,
            &[
                "کد نادرست است.",
                "2 بار دیگر",
                "aria-invalid",
                "autofocus id=\"trouble\"",
            ],
        );
        assert!(page.title().starts_with("خطا: "), "{}", page.title());
        page.is_silent_about(&[&wrong]);
    }
    browser
        .submit(CODE, &[("code", &browser.wrong_code().await)])
        .await;
    browser.get(CODE).await.says(200, &["فقط یک بار دیگر"]);

    // Pasted with what phones put around it.
    let code = browser.code().await;
    let pasted = format!("\u{200e}{} {}\r\n", &code[..3], &code[3..]);
    browser
        .submit(CODE, &[("code", &pasted)])
        .await
        .leads_to("/");
    let home = browser.get("/").await;
    home.says(200, &["خوش آمدید", "حساب شما ساخته شد.", SHOWN, LOG_OUT]);
    browser
        .get("/")
        .await
        .is_silent_about(&["حساب شما ساخته شد."]);

    browser.get(LOG_OUT).await.says(200, &["خارج می‌شوید؟"]);
    browser.submit(LOG_OUT, &[]).await.leads_to("/");
    browser.get("/").await.says(200, &["خارج شدید", LOG_IN]);
    assert!(
        !browser.cookies.contains_key("ramz_access"),
        "{:?}",
        browser.cookies
    );
    assert!(
        !browser.cookies.contains_key("ramz_refresh"),
        "{:?}",
        browser.cookies
    );
}

pub(crate) async fn a_person_is_told_of_an_account_after_the_right_code_only(shape: Shape) {
    let stage = Stage::new(shape).await;
    for (path, number, first, then) in [
        (
            LOG_IN,
            "09123456781",
            "We have made one",
            "You are in your account.",
        ),
        (
            SIGN_UP,
            "09123456782",
            "Your account is ready.",
            "This number already has an account.",
        ),
    ] {
        let mut said = Vec::new();
        for welcome in [first, then] {
            let mut browser = Browser::english(&stage);
            browser.get(path).await;
            browser
                .submit(path, &[("phone", number)])
                .await
                .leads_to(CODE);
            said.push(without_token(&browser.get(CODE).await, &browser));
            let code = browser.code().await;
            browser.submit(CODE, &[("code", &code)]).await.leads_to("/");
            let home = browser.get("/").await;
            let welcome = welcome.strip_prefix("We ").unwrap_or(welcome);
            home.says(200, &[welcome]);
            stage.pass(130 * SECOND).await;
        }
        assert_eq!(
            said[0], said[1],
            "the same page before the code, known or not"
        );
    }
}

/// The bytes of a page but for what differs between two browsers.
fn without_token(page: &Page, browser: &Browser<'_>) -> String {
    page.html.replace(&browser.cookies["ramz_form"], "TOKEN")
}

pub(crate) async fn a_code_is_sent_again_by_a_form_of_its_own(shape: Shape) {
    let without = Stage::new(shape).await;
    let settings = [
        ("KAVENEGAR_TEMPLATE", "login"),
        ("LIMIT_PHONE_SHORT", "4/120"),
    ];
    let stage = without.beside(&settings).await;
    let mut browser = Browser::english(&stage);
    browser.ask(PHONE).await;
    let (session, code) = (browser.session(), browser.code().await);
    browser
        .get(CODE)
        .await
        .says(200, &["Call me", "Send again in 30 seconds"]);

    stage.pass(12 * SECOND).await;
    let again = [("channel", "sms")];
    browser.submit(RESEND, &again).await.leads_to(CODE);
    let page = browser.get(CODE).await;
    page.says(
        200,
        &[
            "The code is on its way",
            "ask again in 18 seconds",
            "data-resend-in=\"18\"",
        ],
    );
    stage.pass(18 * SECOND).await;
    browser.submit(RESEND, &again).await.leads_to(CODE);
    let page = browser.get(CODE).await;
    page.says(
        200,
        &["Sent again", "the same code", "data-expires-in=\"120\""],
    );
    assert_eq!(
        (browser.session(), browser.code().await),
        (session, code.clone())
    );

    stage.pass(30 * SECOND).await;
    browser
        .submit(RESEND, &[("channel", "call")])
        .await
        .leads_to(CODE);
    browser
        .get(CODE)
        .await
        .says(200, &["We are calling you", "We are calling <bdi"]);
    browser.submit(CODE, &[("code", &code)]).await.leads_to("/");
}

pub(crate) async fn a_code_that_is_over_leads_on_to_a_new_one(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.ask(PHONE).await;
    let (session, code) = (browser.session(), browser.code().await);
    stage.pass(121 * SECOND).await;
    let page = browser.get(CODE).await;
    page.says(
        200,
        &[
            "This code has expired",
            "Send a new code",
            "data-alive=\"false\"",
        ],
    );
    page.is_silent_about(&["one-time-code"]);
    browser
        .submit(CODE, &[("code", &code)])
        .await
        .leads_to(CODE);
    browser
        .get(CODE)
        .await
        .says(200, &["This code has expired"]);
    browser
        .submit(RESEND, &[("channel", "sms")])
        .await
        .leads_to(CODE);
    browser
        .get(CODE)
        .await
        .says(200, &["data-alive=\"true\"", "data-expires-in=\"120\""]);
    assert_ne!(browser.session(), session);

    for left in [2, 1, 0] {
        browser
            .submit(CODE, &[("code", &browser.wrong_code().await)])
            .await;
        let page = browser.get(CODE).await;
        match left {
            2 => page.says(200, &["You can try 2 more times."]),
            1 => page.says(200, &["You can try one more time."]),
            _ => {
                page.says(200, &["No attempts left", "Send a new code"]);
                assert!(page.title().starts_with("Error: "), "{}", page.title());
            }
        }
    }
    stage.pass(121 * SECOND).await;
    browser.submit(RESEND, &[]).await.leads_to(CODE);
    let code = browser.code().await;
    let before = browser.cookies.clone();
    browser.submit(CODE, &[("code", &code)]).await.leads_to("/");

    // The same form once more, much later, from a browser that knows nothing of the first answer.
    stage.pass(61 * SECOND).await;
    let mut late = Browser::english(&stage);
    late.cookies = before;
    late.submit(CODE, &[("code", &code)]).await.leads_to(CODE);
    late.get(CODE)
        .await
        .says(200, &["This code was used", "Send a new code"]);
}

pub(crate) async fn the_greeting_has_the_name_that_the_account_has(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.sign_in(PHONE).await;
    let token = browser.cookies["ramz_access"].clone();
    let name = "<b>Maryam</b> & \"co\"";
    let body = json!({ "first_name": name });
    let changed = stage
        .bearing(&token, http::Method::PATCH, ME, Some(body))
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let home = browser.get("/").await;
    home.says(
        200,
        &["Hello &#60;b&#62;Maryam&#60;/b&#62; &#38; &#34;co&#34;"],
    );
    home.is_silent_about(&["<b>"]);
}

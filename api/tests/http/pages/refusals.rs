//! What can go wrong, as people read it; each ends with a way on.

use http::StatusCode;

use super::Browser;
use super::browser::{CODE, LOG_IN, RESEND, SIGN_UP};
use super::sign_in::PHONE;
use crate::outages;
use crate::stage::{SECOND, START, Shape, Stage};

pub(crate) async fn a_number_that_gets_no_code_is_told_why(shape: Shape) {
    let stage = Stage::new(shape).await;
    let (mut persian, mut english) = (Browser::new(&stage), Browser::english(&stage));
    for (number, fa, en) in [
        ("", "شمارهٔ موبایل را ننوشته‌اید.", "The number is missing."),
        ("  ", "شمارهٔ موبایل را ننوشته‌اید.", "The number is missing."),
        (
            "0912345678",
            "این شماره درست نیست.",
            "This is not a mobile number.",
        ),
        (
            "۰۹۱۲۳۴۵۶۷۸۹۰",
            "این شماره درست نیست.",
            "This is not a mobile number.",
        ),
        (
            "maryam",
            "این شماره درست نیست.",
            "This is not a mobile number.",
        ),
        (
            "02188776655",
            "این شماره موبایل نیست.",
            "A landline gets no messages.",
        ),
        (
            "+905321234567",
            "به این کشور پیامک نمی‌فرستیم.",
            "We send no messages to this country.",
        ),
    ] {
        for path in [LOG_IN, SIGN_UP] {
            for (browser, words, error) in
                [(&mut persian, fa, "خطا: "), (&mut english, en, "Error: ")]
            {
                browser.get(path).await;
                let page = browser.submit(path, &[("phone", number)]).await;
                page.says(
                    422,
                    &[
                        words,
                        "aria-invalid=\"true\"",
                        "aria-describedby=\"trouble phone-hint\"",
                    ],
                );
                page.says(422, &[&format!("value=\"{number}\"")]);
                assert!(page.title().starts_with(error), "{}", page.title());
                page.is_silent_about(&["phone_number", "field_"]);
            }
        }
    }
}

pub(crate) async fn asking_too_often_is_answered_with_how_long_to_wait(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    for _ in 0..3 {
        browser.ask(PHONE).await;
        stage.pass(31 * SECOND).await;
        browser.cookies.remove("ramz_sign_in");
    }
    let page = browser.submit(LOG_IN, &[("phone", PHONE)]).await;
    page.says(
        429,
        &[
            "We have sent several codes to this number.",
            "in 27 seconds",
            "value=\"09123456789\"",
        ],
    );
    assert_eq!(page.header("retry-after"), "27");
    page.is_silent_about(&["aria-invalid"]);

    // On the page of the code the wait is told for as long as it lasts, and the code stays good.
    let once = stage.beside(&[("LIMIT_PHONE_SHORT", "1/120")]).await;
    let mut browser = Browser::english(&once);
    browser.ask("09123456785").await;
    stage.pass(31 * SECOND).await;
    browser.submit(RESEND, &[]).await.leads_to(CODE);
    let page = browser.get(CODE).await;
    page.says(
        200,
        &[
            "We have sent several codes",
            "in 89 seconds",
            "one-time-code",
            "data-resend-in=\"89\"",
        ],
    );
    let code = browser.code().await;
    stage.pass(60 * SECOND).await;
    browser.get(CODE).await.says(200, &["in 29 seconds"]);
    browser.submit(CODE, &[("code", &code)]).await.leads_to("/");

    // What was proven a moment ago would allow more.
    stage.pass(180 * SECOND).await;
    let proxied = stage.beside(&[("LIMIT_ADDRESS_PER_MINUTE", "1")]).await;
    let mut browser = Browser::english(&proxied);
    browser.ask("09123456780").await;
    browser.cookies.remove("ramz_sign_in");
    let page = browser.submit(LOG_IN, &[("phone", "09123456781")]).await;
    page.says(429, &["Many requests came from your connection."]);
}

pub(crate) async fn a_gateway_or_queue_that_takes_nothing_is_told(shape: Shape) {
    let stage = Stage::new(shape).await;
    let until = (START + 41 * SECOND).to_string();
    let sql = "INSERT INTO hot_breaker (id, until) VALUES (1, 1763700041000)";
    stage
        .stores
        .meddle(&["HSET", "breaker", "until", &until], sql)
        .await;
    let mut browser = Browser::new(&stage);
    browser.get(LOG_IN).await;
    let page = browser.submit(LOG_IN, &[("phone", PHONE)]).await;
    page.says(503, &["اکنون پیامک فرستاده نمی‌شود.", "۴۱ ثانیه"]);
    assert_eq!(page.header("retry-after"), "41");
    stage.pass(41 * SECOND).await;
    let small = stage.beside(&[("QUEUE_MAX", "1")]).await;
    let mut browser = Browser::new(&small);
    browser.ask(PHONE).await;
    browser.cookies.remove("ramz_sign_in");
    let page = browser.submit(LOG_IN, &[("phone", "09123456780")]).await;
    page.says(503, &["پیامک‌های زیادی در صف‌اند."]);
}

pub(crate) async fn what_is_no_code_is_told_apart_and_costs_no_attempt(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.ask(PHONE).await;
    for (typed, words) in [
        ("", "The code is missing."),
        (" \u{200e}\n", "The code is missing."),
        ("12345", "The code is too short."),
        ("۱۲۳ ۴۵", "The code is too short."),
        ("1234567", "The code is too long."),
        ("12345a", "A code has digits only."),
        ("<b>", "A code has digits only."),
    ] {
        browser
            .submit(CODE, &[("code", typed)])
            .await
            .leads_to(CODE);
        let page = browser.get(CODE).await;
        page.says(200, &[words, "aria-invalid=\"true\""]);
        page.is_silent_about(&["<b>", "12345"]);
    }
    let challenge = stage.challenge(&browser.session()).await;
    assert_eq!(challenge.session_attempts, 0);
}

pub(crate) async fn wrong_paths_and_methods_are_pages_for_people(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser
        .get("/nothing/here")
        .await
        .says(404, &["There is no such page", LOG_IN]);
    browser
        .post("/accounts/of/before/", &[("phone", PHONE)])
        .await
        .says(404, &["There is no such page", LOG_IN]);
    let delete = stage.client.delete(stage.url(LOG_IN));
    let page = browser.send(delete).await;
    page.says(405, &["cannot be opened in this way"]);
    assert_eq!(page.header("allow"), "GET,HEAD,POST");
    let json = stage
        .client
        .post(stage.url(LOG_IN))
        .json(&serde_json::json!({"phone": PHONE}));
    browser
        .send(json)
        .await
        .says(400, &["did not arrive as it should"]);
    let long = "1".repeat(5_000);
    browser
        .submit(LOG_IN, &[("phone", &long)])
        .await
        .says(400, &["did not arrive"]);
    // Programs get what they always got.
    stage.get("/nothing/here").await.is(404, "not_found");
    stage
        .post("/nothing/here", serde_json::json!({}))
        .await
        .is(404, "not_found");
    let api = browser.get("/api/nothing").await;
    assert_eq!(api.header("content-type"), "application/problem+json");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_store_is_away_pages_say_so_and_anonymous_ones_need_none() {
    let (stage, mut redis, mut postgres) = outages::stage().await;
    let mut member = Browser::english(&stage);
    member.sign_in("09123456780").await;
    let mut browser = Browser::english(&stage);
    browser.ask(PHONE).await;
    let code = browser.code().await;
    redis.flush_aof().await;
    redis.kill();
    postgres.kill();
    browser.get("/").await.says(200, &[LOG_IN]);
    browser.get(LOG_IN).await.says(200, &["Mobile number"]);
    browser.get(CODE).await.says(200, &["one-time-code"]);
    let page = browser.submit(LOG_IN, &[("phone", "09123456781")]).await;
    page.says(
        503,
        &["The service is away for a moment.", "value=\"09123456781\""],
    );
    browser
        .submit(CODE, &[("code", &code)])
        .await
        .leads_to(CODE);
    let page = browser.get(CODE).await;
    page.says(200, &["The service is away for a moment.", "one-time-code"]);
    let page = member.get("/").await;
    page.says(
        StatusCode::SERVICE_UNAVAILABLE.as_u16(),
        &["away for a moment", "Try again"],
    );
    assert!(!page.header("retry-after").is_empty());
}

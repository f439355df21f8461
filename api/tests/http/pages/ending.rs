//! The end of an account, and proving once more who one is, which it asks for.

use super::Browser;
use super::browser::{CODE, CONFIRM, DELETE, DEVICES, LOG_IN};
use super::sign_in::PHONE;
use crate::stage::{HOUR, Shape, Stage};

pub(crate) async fn typing_the_word_deletes_the_account(shape: Shape) {
    let stage = Stage::new(shape).await;
    for (mut browser, word, wrong, done) in [
        (
            Browser::new(&stage),
            "حذف",
            "چیزی حذف نشد.",
            "حساب شما حذف شد",
        ),
        (
            Browser::english(&stage),
            " Delete ",
            "Nothing was deleted.",
            "Your account is deleted",
        ),
    ] {
        browser.sign_in(PHONE).await;
        stage.pass(HOUR).await;
        let confirm = format!("{CONFIRM}?next=%2Fusers%2Fprofile%2Fdelete%2F");
        browser.get("/").await;
        browser.get(DELETE).await.leads_to(&confirm);
        browser
            .submit(DELETE, &[("word", word)])
            .await
            .leads_to(&confirm);
        browser.confirm(DELETE).await;
        browser.get(DELETE).await.says(200, &["id=\"word\""]);
        for typed in ["", "yes", "حذف کن"] {
            browser
                .submit(DELETE, &[("word", typed)])
                .await
                .says(422, &[wrong]);
        }
        browser.get("/").await.says(200, &["0912 345 6789"]);
        browser
            .submit(DELETE, &[("word", word)])
            .await
            .leads_to("/");
        assert!(!browser.cookies.contains_key("ramz_refresh"));
        let home = browser.get("/").await;
        home.says(200, &[done, LOG_IN]);
        home.is_silent_about(&["0912 345 6789"]);
        stage.pass(HOUR).await;
    }
}

pub(crate) async fn who_proves_themselves_once_more_keeps_one_session(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.sign_in(PHONE).await;
    let before = browser.cookies.clone();
    stage.pass(HOUR).await;
    browser.get(DELETE).await;
    browser.get(CONFIRM).await;
    let sent = browser
        .submit(CONFIRM, &[("next", "//evil.example/")])
        .await;
    sent.leads_to(CODE);
    let page = browser.get(CODE).await;
    page.says(200, &["Confirm it is you", "0912 345 6789"]);
    page.is_silent_about(&["Change the number"]);
    let wrong = browser.wrong_code().await;
    browser
        .submit(CODE, &[("code", &wrong)])
        .await
        .leads_to(CODE);
    browser
        .get(CODE)
        .await
        .says(200, &["You can try 2 more times."]);
    let code = browser.code().await;
    browser.submit(CODE, &[("code", &code)]).await.leads_to("/");
    browser
        .get(DEVICES)
        .await
        .says(200, &["on this device only"]);
    browser.get(DELETE).await.says(200, &["id=\"word\""]);
    let mut old = Browser::english(&stage);
    old.cookies = before;
    old.get("/").await.is_silent_about(&["0912 345 6789"]);
}

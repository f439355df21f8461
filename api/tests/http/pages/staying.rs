//! Reload, Back, two tabs, bookmarks, and coming back later: each ends where a person would expect.

use super::Browser;
use super::browser::{CODE, LOG_IN, LOG_OUT, RESEND, SIGN_UP};
use super::sign_in::PHONE;
use crate::stage::{SECOND, Shape, Stage};

pub(crate) async fn back_reload_and_a_second_tab_find_the_same_sign_in(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.get(CODE).await.leads_to(LOG_IN);
    browser.get(RESEND).await.leads_to(CODE);
    browser.ask(PHONE).await;
    let session = browser.session();
    stage.pass(7 * SECOND).await;
    browser
        .get(CODE)
        .await
        .says(200, &["data-expires-in=\"113\"", "data-resend-in=\"23\""]);
    // The address field holds what was reached by a form.
    browser.get(RESEND).await.leads_to(CODE);

    // Back, and the same number once more.
    browser
        .get(LOG_IN)
        .await
        .says(200, &["value=\"09123456789\""]);
    browser
        .submit(LOG_IN, &[("phone", "+98 912 345 6789")])
        .await
        .leads_to(CODE);
    assert_eq!(browser.session(), session);
    browser
        .get(CODE)
        .await
        .says(200, &["The code is on its way", "data-resend-in=\"23\""]);

    // Another number is another sign-in.
    browser
        .submit(LOG_IN, &[("phone", "09123456780")])
        .await
        .leads_to(CODE);
    assert_ne!(browser.session(), session);
    browser.get(CODE).await.says(200, &["0912 345 6780"]);

    // In the second tab the person has signed in meanwhile.
    let code = browser.code().await;
    browser.submit(CODE, &[("code", &code)]).await.leads_to("/");
    for path in [CODE, LOG_IN, SIGN_UP] {
        browser.get(path).await.leads_to("/");
    }
    browser
        .submit(CODE, &[("code", &code)])
        .await
        .says(403, &["too old"]);
    browser.get("/").await.says(200, &["0912 345 6780"]);
    browser
        .submit(CODE, &[("code", &code)])
        .await
        .leads_to(CODE);
    browser.get(CODE).await.leads_to("/");
}

pub(crate) async fn a_double_click_without_scripts_signs_in(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.ask(PHONE).await;
    let code = browser.code().await;
    // The browser shows the answer of the second click only, and both were sent with the same cookies.
    let mut first = Browser::english(&stage);
    first.cookies = browser.cookies.clone();
    first.submit(CODE, &[("code", &code)]).await.leads_to("/");
    browser.submit(CODE, &[("code", &code)]).await.leads_to("/");
    browser.get("/").await.says(200, &["0912 345 6789"]);
    browser
        .get("/users/profile/devices/")
        .await
        .says(200, &["on this device only"]);
}

pub(crate) async fn who_comes_back_later_is_still_signed_in(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.sign_in(PHONE).await;
    browser.get("/").await;
    stage.pass(3_600 * SECOND).await;
    // The browser has let go of the access token by then.
    browser.cookies.remove("ramz_access");
    let before = browser.cookies["ramz_refresh"].clone();
    // By a link on another site.
    browser
        .headers
        .insert("sec-fetch-site", "cross-site".to_owned());
    browser
        .headers
        .insert("sec-fetch-dest", "document".to_owned());
    browser
        .get("/")
        .await
        .says(200, &["Hello", "0912 345 6789"]);
    assert!(browser.cookies.contains_key("ramz_access"));
    assert_ne!(browser.cookies["ramz_refresh"], before);
    // Inside a page of another site nobody is known.
    browser
        .headers
        .insert("sec-fetch-dest", "iframe".to_owned());
    browser.get("/").await.is_silent_about(&["0912 345 6789"]);
    browser
        .headers
        .insert("sec-fetch-site", "same-origin".to_owned());

    stage.pass(25 * 3_600 * SECOND).await;
    let home = browser.get("/").await;
    home.says(200, &[LOG_IN]);
    assert!(
        !browser.cookies.contains_key("ramz_refresh"),
        "what opens nothing is forgotten"
    );
    browser.get(LOG_OUT).await.leads_to("/");
}

pub(crate) async fn the_chosen_language_wins_over_that_of_the_browser(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::new(&stage);
    browser
        .get(LOG_IN)
        .await
        .says(200, &["dir=\"rtl\"", "lang=\"en\">English"]);
    let fields = [("language", "en"), ("next", "/accounts/login?next=%2Fa")];
    browser
        .submit("/accounts/language/", &fields)
        .await
        .leads_to("/accounts/login?next=%2Fa");
    let page = browser.get(LOG_IN).await;
    page.says(200, &["lang=\"en\" dir=\"ltr\"", "Mobile number"]);
    assert_eq!(page.header("content-language"), "en");
    let elsewhere = [("language", "fa"), ("next", "//evil.example")];
    browser
        .submit("/accounts/language/", &elsewhere)
        .await
        .leads_to("/");
    browser.get(LOG_IN).await.says(200, &["dir=\"rtl\""]);
    browser
        .submit("/accounts/language/", &[("language", "xx")])
        .await
        .says(400, &[]);
    browser.get("/accounts/language/").await.leads_to("/");
}

pub(crate) async fn addresses_of_other_sign_in_pages_lead_to_ours(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::new(&stage);
    for (path, place) in [
        ("/users/auth/register/", SIGN_UP),
        ("/users/auth/login/", LOG_IN),
        ("/users/auth/login", LOG_IN),
        ("/users/auth/login/?next=/a", "/accounts/login/?next=/a"),
        ("/users/auth/logout/", LOG_OUT),
        ("/accounts/", "/"),
    ] {
        browser.get(path).await.leads_to(place);
    }
    let off = stage.beside(&[("PAGES", "off")]).await;
    let mut browser = Browser::new(&off);
    for path in [LOG_IN, CODE, "/users/auth/login/"] {
        let page = browser.get(path).await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (404, "application/problem+json")
        );
    }
    browser.get("/").await.leads_to("/api/docs/");
}

//! What holds for every page of an account, and names and address.

use super::Browser;
use super::browser::{CONFIRM, DELETE, DEVICES, LOG_IN, PASSWORD, PHONE_PAGE, PROFILE};
use super::sign_in::PHONE;
use crate::stage::{HOUR, Shape, Stage};

const PAGES: [&str; 6] = [PROFILE, PHONE_PAGE, PASSWORD, DEVICES, DELETE, CONFIRM];

pub(crate) async fn pages_of_an_account_lead_to_the_sign_in_and_back(shape: Shape) {
    let stage = Stage::new(shape).await;
    for path in PAGES {
        let mut browser = Browser::english(&stage);
        let page = browser.get(path).await;
        let next: String =
            url::form_urlencoded::byte_serialize(path.trim_end_matches('/').as_bytes()).collect();
        page.leads_to(&format!("{LOG_IN}?next={next}"));
        browser
            .get(page.location())
            .await
            .says(200, &["name=\"next\""]);
        browser.submit(path, &[]).await.leads_to(page.location());
    }
    let mut browser = Browser::english(&stage);
    browser.sign_in(PHONE).await;
    let home = browser.get("/").await;
    for path in PAGES {
        if path != CONFIRM {
            home.says(200, &[&format!("href=\"{path}\"")]);
        }
        // The head of each greets the number.
        browser.get(path).await.says(
            200,
            &["class=\"hello\">Hello</span> <bdi dir=\"ltr\">0912 345 6789"],
        );
    }
    browser.get("/users/profile/").await.leads_to(PROFILE);

    // A session that is renewed on the way to a form that is refused stays.
    stage.pass(HOUR).await;
    browser.cookies.remove("ramz_access");
    let before = browser.cookies["ramz_refresh"].clone();
    browser
        .submit(PROFILE, &[("email", "wrong")])
        .await
        .says(422, &["not an email"]);
    assert_ne!(browser.cookies["ramz_refresh"], before);
}

pub(crate) async fn names_and_address_are_saved(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::new(&stage);
    browser.sign_in(PHONE).await;
    browser.get(PROFILE).await.says(
        200,
        &["autocomplete=\"given-name\"", "autocomplete=\"email\""],
    );
    let long = "م".repeat(151);
    for (first, email, words, field) in [
        ("مریم", "maryam", "ایمیل درست نیست", "email"),
        ("مریم", "maryam@localhost", "ایمیل درست نیست", "email"),
        (
            "مریم",
            "a@b.example\r\nBcc: x@b.example",
            "ایمیل درست نیست",
            "email",
        ),
        (&long, "", "این نام بلند است.", "first_name"),
        ("مر\nیم", "", "این نام بلند است.", "first_name"),
    ] {
        let fields = [
            ("first_name", first),
            ("last_name", "<b>رضایی</b>"),
            ("email", email),
        ];
        let page = browser.submit(PROFILE, &fields).await;
        page.says(422, &[words, "&#60;b&#62;رضایی"]);
        page.is_silent_about(&["<b>"]);
        let field = page
            .html
            .split(&format!("id=\"{field}\""))
            .nth(1)
            .expect("the field");
        assert!(
            field
                .split('>')
                .next()
                .expect("an end")
                .contains("aria-invalid")
        );
    }
    let fields = [
        ("first_name", " مریم\u{200f} "),
        ("last_name", "رضایی"),
        ("email", "\u{200e}maryam@example.com "),
    ];
    browser.submit(PROFILE, &fields).await.leads_to("/");
    browser.get("/").await.says(200, &["ذخیره شد", "سلام مریم"]);
    browser
        .get(PROFILE)
        .await
        .says(200, &["value=\"مریم\"", "value=\"maryam@example.com\""]);
    let fields = [
        ("first_name", ""),
        ("last_name", ""),
        ("email", " \u{200e}"),
    ];
    browser.submit(PROFILE, &fields).await.leads_to("/");
    browser
        .get(PROFILE)
        .await
        .is_silent_about(&["مریم", "maryam@example.com\"", "رضایی"]);
}

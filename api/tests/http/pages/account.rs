//! What members see and change of their account.

use super::Browser;
use super::browser::{
    CODE, CONFIRM, DELETE, DEVICES, LOG_IN, PHONE_CODE, PHONE_PAGE, PROFILE, RESEND,
};
use super::sign_in::PHONE;
use crate::stage::{SECOND, Shape, Stage};

const HOUR: i64 = 3_600 * SECOND;
const PAGES: [&str; 6] = [
    PROFILE,
    PHONE_PAGE,
    "/users/profile/password/",
    DEVICES,
    DELETE,
    CONFIRM,
];

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
        .says(422, &["not an e-mail"]);
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

pub(crate) async fn a_number_is_changed_by_a_code_to_the_new_one(shape: Shape) {
    const NEW: &str = "09123456781";
    let stage = Stage::new(shape).await;
    let mut taken = Browser::english(&stage);
    taken.sign_in("09123456782").await;
    let mut browser = Browser::english(&stage);
    browser.sign_in(PHONE).await;
    stage.pass(HOUR).await;
    let confirm = format!("{CONFIRM}?next=%2Fusers%2Fprofile%2Fphone%2F");
    browser.get("/").await;
    browser.get(PHONE_PAGE).await.leads_to(&confirm);
    browser
        .submit(PHONE_PAGE, &[("phone", NEW)])
        .await
        .leads_to(&confirm);
    browser.confirm(PHONE_PAGE).await;

    browser.get(PHONE_CODE).await.leads_to("/");
    browser
        .get(PHONE_PAGE)
        .await
        .says(200, &["Change your number", "New mobile number"]);
    browser
        .submit(PHONE_PAGE, &[("phone", PHONE)])
        .await
        .says(422, &["your present number"]);
    browser
        .submit(PHONE_PAGE, &[("phone", "0912")])
        .await
        .says(422, &["count its digits"]);
    browser
        .submit(PHONE_PAGE, &[("phone", NEW)])
        .await
        .leads_to(PHONE_CODE);
    browser.get(CODE).await.leads_to(PHONE_CODE);
    let page = browser.get(PHONE_CODE).await;
    page.says(
        200,
        &["0912 345 6781", "Confirm the new number", PHONE_PAGE],
    );
    page.is_silent_about(&["/accounts/verify/message/"]);
    browser
        .submit(PHONE_CODE, &[("code", "12")])
        .await
        .leads_to(PHONE_CODE);
    browser.get(PHONE_CODE).await.says(200, &["too short"]);
    let code = browser.code_of_change().await;
    let wrong = format!(
        "{:06}",
        (code.parse::<u32>().expect("digits") + 1) % 1_000_000
    );
    browser
        .submit(PHONE_CODE, &[("code", &wrong)])
        .await
        .leads_to(PHONE_CODE);
    browser
        .get(PHONE_CODE)
        .await
        .says(200, &["You can try 2 more times."]);
    stage.pass(30 * SECOND).await;
    browser.submit(RESEND, &[]).await.leads_to(PHONE_CODE);
    browser.get(PHONE_CODE).await.says(200, &["Sent again"]);
    browser
        .submit(PHONE_CODE, &[("code", &code)])
        .await
        .leads_to("/");
    browser
        .get("/")
        .await
        .says(200, &["Your number has changed", "0912 345 6781"]);
    browser.get(PHONE_CODE).await.leads_to("/");

    browser
        .submit(PHONE_PAGE, &[("phone", "09123456782")])
        .await
        .leads_to(PHONE_CODE);
    let code = browser.code_of_change().await;
    browser
        .submit(PHONE_CODE, &[("code", &code)])
        .await
        .leads_to(PHONE_CODE);
    let page = browser.get(PHONE_CODE).await;
    page.says(
        200,
        &["belongs to another account", "Choose another number"],
    );
    page.is_silent_about(&[RESEND]);
    // The code of a change is of no use to whoever takes the browser along without the account.
    browser.cookies.remove("ramz_access");
    browser.cookies.remove("ramz_refresh");
    browser
        .submit(RESEND, &[])
        .await
        .leads_to("/accounts/login/?next=%2Fusers%2Fprofile%2Fphone%2F");
}

pub(crate) async fn devices_are_listed_and_ended(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser.headers.insert(
        "user-agent",
        "Mozilla/5.0 (Android 16; Mobile) Firefox/144.0".to_owned(),
    );
    browser.sign_in(PHONE).await;
    let page = browser.get(DEVICES).await;
    page.says(
        200,
        &[
            "on this device only",
            "Firefox, Android",
            "This device",
            "127.0.0.1",
        ],
    );
    page.is_silent_about(&["name=\"end\""]);
    let mut others = Vec::new();
    for _ in 0..3 {
        stage.pass(130 * SECOND).await;
        let mut other = Browser::english(&stage);
        other.headers.insert(
            "user-agent",
            "Mozilla/5.0 (Windows NT 10.0) Chrome/141.0".to_owned(),
        );
        other.sign_in(PHONE).await;
        others.push(other);
    }
    let page = browser.get(DEVICES).await;
    assert_eq!(
        page.html.matches("Chrome, Windows").count(),
        6,
        "a name and a label each"
    );
    let ids: Vec<&str> = page
        .html
        .split("name=\"end\" value=\"")
        .skip(1)
        .map(|part| part.split('"').next().expect("an end"))
        .collect();
    assert_eq!((ids.len(), ids[3]), (4, "others"));
    browser
        .submit(DEVICES, &[("end", ids[0])])
        .await
        .leads_to(DEVICES);
    let page = browser.get(DEVICES).await;
    page.says(200, &["That device is signed out."]);
    assert_eq!(page.html.matches("Chrome, Windows").count(), 4);
    for gone in [ids[0], "x", "", "019a7f3e-5c1b-7d4e-9a6f-0b2c4d6e8f10"] {
        browser
            .submit(DEVICES, &[("end", gone)])
            .await
            .leads_to(DEVICES);
        browser
            .get(DEVICES)
            .await
            .says(200, &["It was signed out already"]);
    }
    // Somebody else's is not theirs to end.
    stage.pass(60 * SECOND).await;
    let mut stranger = Browser::english(&stage);
    stranger.sign_in("09123456780").await;
    stranger.get(DEVICES).await;
    stranger
        .submit(DEVICES, &[("end", ids[1])])
        .await
        .leads_to(DEVICES);
    stranger
        .get(DEVICES)
        .await
        .says(200, &["It was signed out already"]);
    let page = browser.get(DEVICES).await;
    assert_eq!(page.html.matches("Chrome, Windows").count(), 4);
    browser
        .submit(DEVICES, &[("end", "others")])
        .await
        .leads_to(DEVICES);
    browser
        .get(DEVICES)
        .await
        .says(200, &["All your other devices", "on this device only"]);
    for mut other in others {
        other.get("/").await.is_silent_about(&["0912 345 6789"]);
    }
}

pub(crate) async fn an_account_is_deleted_by_whoever_types_the_word(shape: Shape) {
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

pub(crate) async fn forms_that_cannot_be_read_are_counted(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    for (series, paths) in [
        (
            "ramz_otp_requests_total{result=\"invalid\"}",
            &[
                LOG_IN,
                "/accounts/signup",
                RESEND,
                PHONE_PAGE,
                CONFIRM,
                "/accounts/password/reset/",
            ][..],
        ),
        (
            "ramz_otp_verifications_total{result=\"invalid\"}",
            &[CODE, PHONE_CODE, "/accounts/password/reset/verify/"],
        ),
        (
            "ramz_password_logins_total{result=\"invalid\"}",
            &["/accounts/login/password/"],
        ),
    ] {
        for path in paths {
            let before = stage.metric(series);
            let request = stage
                .client
                .post(stage.url(path))
                .json(&serde_json::json!({}));
            browser.send(request).await.says(400, &["did not arrive"]);
            let large = "x".repeat(5_000);
            browser
                .post(path, &[("code", large.as_str())])
                .await
                .says(400, &["did not arrive"]);
            let more = stage.metric(series) - before;
            assert!((1.5..2.5).contains(&more), "{path}: {more}");
        }
    }
    // What is not counted as any of them.
    let before = stage.metrics();
    browser
        .post(PROFILE, &[("first_name", "x".repeat(5_000).as_str())])
        .await
        .says(400, &[]);
    let counted = |text: &str| {
        text.lines()
            .filter(|line| line.contains("result=\"invalid\""))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(counted(&before), counted(&stage.metrics()));
}

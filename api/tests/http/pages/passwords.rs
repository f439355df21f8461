//! Passwords on the pages: logging in, a new one by a code, setting and changing one.

use std::thread::available_parallelism;

use futures::future::join_all;

use super::Browser;
use super::browser::{
    CODE, CONFIRM, LOG_IN, PASSWORD, PASSWORD_LOG_IN, RESEND, RESET, RESET_CODE, SIGN_UP,
};
use super::sign_in::PHONE;
use crate::stage::{HOUR, SECOND, Shape, Stage};

const GOOD: &str = "tahdig-va-ghormeh";
const OTHER: &str = "sabzi-polo-ba-mahi";

pub(crate) async fn a_password_is_set_and_logs_in(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::new(&stage);
    // Chosen while signing up: after the code comes the page of the password.
    browser
        .get(SIGN_UP)
        .await
        .says(200, &["?next=%2Fusers%2Fprofile%2Fpassword%2F"]);
    browser
        .get(&format!("{SIGN_UP}?next=%2Fusers%2Fprofile%2Fpassword%2F"))
        .await;
    let fields = [("phone", PHONE), ("next", PASSWORD)];
    browser.submit(SIGN_UP, &fields).await.leads_to(CODE);
    let code = browser.code().await;
    browser
        .submit(CODE, &[("code", &code)])
        .await
        .leads_to(PASSWORD);
    let page = browser.get(PASSWORD).await;
    page.says(
        200,
        &[
            "انتخاب گذرواژه",
            "autocomplete=\"new-password\"",
            "autocomplete=\"username\"",
        ],
    );
    page.is_silent_about(&["current-password", "maxlength", "onpaste"]);
    for (typed, words) in [
        ("", "گذرواژهٔ تازه را ننوشته‌اید."),
        ("kutah", "گذرواژه کوتاه است"),
        ("password1", "زود حدس زده می‌شود"),
        ("09123456789", "زود حدس زده می‌شود"),
        (&"x".repeat(129), "گذرواژه بلند است"),
    ] {
        let page = browser.submit(PASSWORD, &[("new_password", typed)]).await;
        page.says(
            422,
            &[
                words,
                "aria-describedby=\"trouble new-password-hint\" aria-invalid",
            ],
        );
        assert!(page.title().starts_with("خطا: "), "{}", page.title());
        // The number is there for the password manager.
        assert!(
            typed.is_empty()
                || typed == PHONE
                || !page.html.contains(&format!("value=\"{typed}\""))
        );
    }
    browser
        .submit(PASSWORD, &[("new_password", GOOD)])
        .await
        .leads_to("/");
    browser
        .get("/")
        .await
        .says(200, &["گذرواژه ثبت شد", "تغییر گذرواژه"]);

    for (mut other, greeting) in [
        (Browser::new(&stage), "وارد حساب خود شدید."),
        (Browser::english(&stage), "You are in your account."),
    ] {
        let page = other
            .get(&format!("{PASSWORD_LOG_IN}?next=/users/profile/devices/"))
            .await;
        page.says(
            200,
            &[
                "autocomplete=\"username\"",
                "autocomplete=\"current-password\"",
                "value=\"/users/profile/devices/\"",
            ],
        );
        let fields = [
            ("phone", "۰۹۱۲ ۳۴۵ ۶۷۸۹"),
            ("password", GOOD),
            ("next", "/users/profile/devices/"),
        ];
        other
            .submit(PASSWORD_LOG_IN, &fields)
            .await
            .leads_to("/users/profile/devices/");
        other.get("/").await.says(200, &[greeting, "0912 345 6789"]);
        other.get(PASSWORD_LOG_IN).await.leads_to("/");
    }
    let mut away = Browser::english(&stage);
    away.get(PASSWORD_LOG_IN).await;
    let fields = [
        ("phone", PHONE),
        ("password", GOOD),
        ("next", "//evil.example"),
    ];
    away.submit(PASSWORD_LOG_IN, &fields).await.leads_to("/");
}

pub(crate) async fn a_log_in_that_fails_says_why_and_what_to_do(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut owner = Browser::english(&stage);
    owner.sign_in(PHONE).await;
    owner.get(PASSWORD).await;
    owner
        .submit(PASSWORD, &[("new_password", GOOD)])
        .await
        .leads_to("/");

    let mut browser = Browser::english(&stage);
    browser.get(PASSWORD_LOG_IN).await;
    for (phone, password, status, words) in [
        ("", GOOD, 422, "The number is missing."),
        ("0912", GOOD, 422, "count its digits"),
        ("02188776655", GOOD, 422, "A landline"),
        (PHONE, "", 422, "The password is missing."),
        (PHONE, OTHER, 403, "The number or the password is wrong"),
        (
            "09123456780",
            GOOD,
            403,
            "The number or the password is wrong",
        ),
    ] {
        let fields = [("phone", phone), ("password", password)];
        let page = browser.submit(PASSWORD_LOG_IN, &fields).await;
        page.says(
            status,
            &[words, &format!("value=\"{phone}\""), RESET, LOG_IN],
        );
        page.is_silent_about(&[GOOD, OTHER, "phone_number"]);
        assert!(page.title().starts_with("Error: "), "{}", page.title());
    }
    for _ in 0..9 {
        // An address that fails over and over is slowed down.
        stage.pass(5 * SECOND).await;
        let fields = [("phone", PHONE), ("password", OTHER)];
        browser
            .submit(PASSWORD_LOG_IN, &fields)
            .await
            .says(403, &["is wrong"]);
    }
    for (mut browser, words) in [
        (browser, "in with it, or try again after"),
        (Browser::new(&stage), "یک کد تازه بخواهید و با آن وارد شوید"),
    ] {
        browser.get(PASSWORD_LOG_IN).await;
        let page = browser
            .submit(PASSWORD_LOG_IN, &[("phone", PHONE), ("password", GOOD)])
            .await;
        page.says(429, &[words]);
        assert_ne!(page.header("retry-after"), "");
        // The way out that the page names.
        browser.cookies.remove("ramz_sign_in");
        browser.sign_in(PHONE).await;
        stage.pass(40 * SECOND).await;
    }
}

pub(crate) async fn a_forgotten_password_is_replaced_by_a_code(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut before = Browser::english(&stage);
    before.sign_in(PHONE).await;
    before.get(PASSWORD).await;
    before
        .submit(PASSWORD, &[("new_password", GOOD)])
        .await
        .leads_to("/");
    stage.pass(HOUR).await;

    let mut browser = Browser::english(&stage);
    browser.get(RESET_CODE).await.leads_to(RESET);
    browser
        .get(RESET)
        .await
        .says(200, &["Forgot your password?"]);
    browser
        .submit(RESET, &[("phone", "12")])
        .await
        .says(422, &["count its digits"]);
    browser
        .submit(RESET, &[("phone", PHONE)])
        .await
        .leads_to(RESET_CODE);
    // Every address that a sign-in has leads to where this code belongs.
    browser.get(CODE).await.leads_to(RESET_CODE);
    browser
        .submit(CODE, &[("code", "123456")])
        .await
        .leads_to(RESET_CODE);
    let page = browser.get(RESET_CODE).await;
    page.says(
        200,
        &["one-time-code", "autocomplete=\"new-password\"", RESET],
    );
    page.is_silent_about(&["data-auto", "submits itself", "Call me"]);
    let code = browser.code().await;
    for (password, words) in [
        ("", "The new password is missing."),
        ("short", "too short"),
        ("12345678", "too easy"),
    ] {
        for _reload in 0..2 {
            let fields = [("code", code.as_str()), ("new_password", password)];
            let page = browser.submit(RESET_CODE, &fields).await;
            page.says(422, &[words, &format!("value=\"{code}\"")]);
        }
    }
    let wrong = browser.wrong_code().await;
    for (typed, words) in [
        ("", "The code is missing."),
        ("12", "too short"),
        (wrong.as_str(), "You can try 2 more times."),
    ] {
        let fields = [("code", typed), ("new_password", OTHER)];
        browser
            .submit(RESET_CODE, &fields)
            .await
            .leads_to(RESET_CODE);
        browser.get(RESET_CODE).await.says(200, &[words]);
    }
    stage.pass(30 * SECOND).await;
    browser.submit(RESEND, &[]).await.leads_to(RESET_CODE);
    browser.get(RESET_CODE).await.says(200, &["Sent again"]);
    let fields = [("code", code.as_str()), ("new_password", OTHER)];
    browser.submit(RESET_CODE, &fields).await.leads_to("/");
    browser
        .get("/")
        .await
        .says(200, &["Your password is set", "0912 345 6789"]);
    for path in [RESET_CODE, RESET] {
        browser.get(path).await.leads_to("/");
    }
    before.get("/").await.is_silent_about(&["0912 345 6789"]);
    let mut again = Browser::english(&stage);
    again.get(PASSWORD_LOG_IN).await;
    again
        .submit(PASSWORD_LOG_IN, &[("phone", PHONE), ("password", GOOD)])
        .await
        .says(403, &["is wrong"]);
    again
        .submit(PASSWORD_LOG_IN, &[("phone", PHONE), ("password", OTHER)])
        .await
        .leads_to("/");
}

pub(crate) async fn a_change_needs_the_password_or_a_code_of_a_moment_ago(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    browser
        .get(PASSWORD)
        .await
        .leads_to("/accounts/login/?next=%2Fusers%2Fprofile%2Fpassword");
    browser.sign_in(PHONE).await;
    stage.pass(HOUR).await;
    // Anyone who has no password is led to the code before they think of one.
    let confirm = format!("{CONFIRM}?next=%2Fusers%2Fprofile%2Fpassword%2F");
    browser.get("/").await;
    browser.get(PASSWORD).await.leads_to(&confirm);
    browser
        .submit(PASSWORD, &[("new_password", GOOD)])
        .await
        .leads_to(&confirm);
    browser
        .get(&confirm)
        .await
        .says(200, &["Confirm it is you", "0912 345 6789"]);
    browser.confirm(PASSWORD).await;
    browser
        .get(PASSWORD)
        .await
        .says(200, &["Choose a password"]);
    browser
        .submit(PASSWORD, &[("new_password", GOOD)])
        .await
        .leads_to("/");
    stage.pass(HOUR).await;

    let page = browser.get(PASSWORD).await;
    page.says(
        200,
        &[
            "Change your password",
            "autocomplete=\"current-password\"",
            CONFIRM,
        ],
    );
    for (current, new, status, words) in [
        ("", OTHER, 422, "The current password is missing."),
        ("wrong-one", OTHER, 403, "The current password is wrong"),
        (GOOD, "short", 422, "too short"),
    ] {
        let fields = [("current_password", current), ("new_password", new)];
        let page = browser.submit(PASSWORD, &fields).await;
        page.says(status, &[words]);
        page.is_silent_about(&[GOOD, OTHER]);
    }
    let fields = [("current_password", GOOD), ("new_password", OTHER)];
    browser.submit(PASSWORD, &fields).await.leads_to("/");
    browser.get("/").await.says(200, &["Your password is set"]);
}

pub(crate) async fn a_flood_of_passwords_is_told_to_come_back_on_every_page(shape: Shape) {
    let limits = [
        ("LIMIT_FAILURES_ADDRESS", "1000"),
        ("LIMIT_FAILURES_GROUP", "off"),
    ];
    let stage = Stage::with(shape, &limits).await;
    let mut member = Browser::english(&stage);
    member.sign_in(PHONE).await;
    member.get(PASSWORD).await;
    // More than may run and wait.
    let times = available_parallelism().map_or(1, usize::from) * 17 + 60;
    for path in [PASSWORD_LOG_IN, PASSWORD] {
        let answers = (0..times).map(|index| {
            let mut browser = Browser::english(&stage);
            browser.cookies.clone_from(&member.cookies);
            async move {
                let phone = format!("0912{index:07}");
                let fields = [
                    ("phone", phone.as_str()),
                    ("password", OTHER),
                    ("new_password", GOOD),
                ];
                (phone.clone(), browser.submit(path, &fields).await)
            }
        });
        let answers = join_all(answers).await;
        let (number, busy) = answers
            .iter()
            .find(|(_, page)| page.status == 503)
            .expect("a page that tells of it");
        busy.says(
            503,
            &["Many people are signing in right now.", "Nothing is lost."],
        );
        busy.is_silent_about(&[OTHER, GOOD]);
        assert!(busy.title().starts_with("Error: "), "{}", busy.title());
        if path == PASSWORD_LOG_IN {
            busy.says(503, &[&format!("value=\"{number}\""), LOG_IN, RESET]);
        }
        assert!(
            answers.iter().any(|(_, page)| page.status != 503),
            "{path}: somebody's turn comes"
        );
    }
    // When it is over the same goes through.
    let mut again = Browser::english(&stage);
    again.get(PASSWORD_LOG_IN).await;
    let fields = [("phone", PHONE), ("password", GOOD)];
    again.submit(PASSWORD_LOG_IN, &fields).await.leads_to("/");
}

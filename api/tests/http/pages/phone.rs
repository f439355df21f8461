//! Another number for an account.

use super::Browser;
use super::browser::{CODE, CONFIRM, PHONE_CODE, PHONE_PAGE, RESEND};
use super::sign_in::PHONE;
use crate::stage::{HOUR, SECOND, Shape, Stage};

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
    // The code of a change is of no use to the one who takes the browser along without the account.
    browser.cookies.remove("ramz_access");
    browser.cookies.remove("ramz_refresh");
    browser
        .submit(RESEND, &[])
        .await
        .leads_to("/accounts/login/?next=%2Fusers%2Fprofile%2Fphone%2F");
}

//! Setting a password, and changing it.

use http::Method;
use serde_json::json;

use crate::passwords::{GOOD, OTHER, PASSWORD, PHONE};
use crate::stage::{ME, SECOND, Shape, Stage};

const MINUTE: i64 = 60 * SECOND;

pub(crate) async fn a_first_password_needs_a_fresh_sign_in_by_a_code(shape: Shape) {
    let stage = Stage::new(shape).await;
    let body = json!({ "new_password": GOOD });
    stage
        .post(PASSWORD, body.clone())
        .await
        .is(401, "unauthenticated");
    let long_lived = ("ACCESS_TOKEN_LIFETIME", "3600");
    let stage = stage.beside(&[long_lived]).await;
    let token = stage.sign_in(PHONE).await.member("access_token");
    stage.pass(10 * MINUTE + 1).await;
    stage
        .set(&token, body.clone())
        .await
        .is(403, "fresh_sign_in_required");
    let with_current = json!({ "new_password": GOOD, "current_password": OTHER });
    let refused = stage.set(&token, with_current).await;
    refused.is(403, "fresh_sign_in_required");
    let token = stage.sign_in(PHONE).await.member("access_token");
    stage.pass(10 * MINUTE).await;
    assert_eq!(stage.set(&token, body).await.status, 204);
}

pub(crate) async fn a_change_needs_the_current_password_or_a_fresh_code(shape: Shape) {
    let first = Stage::new(shape).await;
    let stage = first.beside(&[("ACCESS_TOKEN_LIFETIME", "3600")]).await;
    stage.with_password(PHONE, GOOD).await;
    let by_password = stage.log_in(PHONE, GOOD).await.member("access_token");
    let alone = json!({ "new_password": OTHER });
    let refused = stage.set(&by_password, alone.clone()).await;
    refused.is(422, "field_missing");
    assert_eq!(refused.member("field"), "current_password");
    let wrong = json!({ "new_password": OTHER, "current_password": OTHER });
    stage
        .set(&by_password, wrong.clone())
        .await
        .is(403, "password_wrong");
    let right = json!({ "new_password": OTHER, "current_password": GOOD });
    assert_eq!(stage.set(&by_password, right).await.status, 204);
    stage.log_in(PHONE, GOOD).await.is(403, "credentials_wrong");
    assert_eq!(stage.log_in(PHONE, OTHER).await.status, 200);

    let by_code = stage.sign_in(PHONE).await.member("access_token");
    let back = json!({ "new_password": GOOD });
    let given_wrong = json!({ "new_password": GOOD, "current_password": GOOD });
    stage
        .set(&by_code, given_wrong)
        .await
        .is(403, "password_wrong");
    assert_eq!(stage.set(&by_code, back.clone()).await.status, 204);
    stage.pass(10 * MINUTE + 1).await;
    stage.set(&by_code, back).await.is(422, "field_missing");
}

pub(crate) async fn ses_05_a_change_ends_every_other_session(shape: Shape) {
    let stage = Stage::new(shape).await;
    let other = stage.sign_in(PHONE).await.member("access_token");
    let bystander = stage.sign_in("09123456780").await.member("access_token");
    let mine = stage.with_password(PHONE, GOOD).await;
    let get = async |token: &str| stage.bearing(token, Method::GET, ME, None).await;
    get(&other).await.is(401, "unauthenticated");
    assert_eq!(get(&mine).await.status, 200);
    assert_eq!(get(&bystander).await.status, 200);
}

pub(crate) async fn new_passwords_are_judged_before_anything_is_counted(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.with_password(PHONE, GOOD).await;
    let long = "a".repeat(129);
    for (password, code) in [
        ("Xq7vT2#", "password_too_short"),
        ("رمز۱۲۳۴", "password_too_short"),
        (long.as_str(), "password_too_long"),
        ("password1", "password_too_easy"),
        ("۱۲۳۴۵۶۷۸۹", "password_too_easy"),
        ("09123456789", "password_too_easy"),
        ("989123456789", "password_too_easy"),
    ] {
        let body = json!({ "new_password": password, "current_password": OTHER });
        for _ in 0..3 {
            let refused = stage.set(&token, body.clone()).await;
            refused.is(422, code);
            assert_eq!(refused.member("field"), "new_password");
        }
    }
    let empty = stage.set(&token, json!({ "new_password": "" })).await;
    empty.is(422, "field_missing");
    assert_eq!(stage.log_in(PHONE, GOOD).await.status, 200);
}

pub(crate) async fn csr_02_a_page_of_another_site_changes_no_password(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.sign_in(PHONE).await.member("access_token");
    let request = stage
        .client
        .post(stage.url(PASSWORD))
        .header("cookie", format!("ramz_access={token}"))
        .header("origin", "https://evil.example")
        .json(&json!({ "new_password": GOOD }));
    stage.send(request).await.is(403, "cross_site_request");
}

pub(crate) async fn r_08_a_password_is_changed_five_times_a_day(shape: Shape) {
    let stage = Stage::new(shape).await;
    let token = stage.with_password(PHONE, GOOD).await;
    for index in 0..5 {
        let password = if index % 2 == 0 { OTHER } else { GOOD };
        let set = stage.set(&token, json!({ "new_password": password })).await;
        assert_eq!(set.status, 204, "{set:?}");
    }
    let refused = stage.set(&token, json!({ "new_password": GOOD })).await;
    refused.is(429, "too_many_password_changes");
    assert_eq!(refused.number("retry_after"), 24 * 60 * 60);
    assert_eq!(stage.notice_jobs().await.len(), 5);
    let logged_in = stage.log_in(PHONE, OTHER).await;
    assert_eq!(logged_in.status, 200, "the password stayed: {logged_in:?}");
}

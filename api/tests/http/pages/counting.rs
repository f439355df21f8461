//! What the pages count for the figures of the flows.

use super::Browser;
use super::browser::{
    CODE, CONFIRM, LOG_IN, PASSWORD_LOG_IN, PHONE_CODE, PHONE_PAGE, PROFILE, RESEND, RESET,
    RESET_CODE, SIGN_UP,
};
use crate::stage::{Shape, Stage};

pub(crate) async fn forms_that_cannot_be_read_are_counted(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut browser = Browser::english(&stage);
    for (series, paths) in [
        (
            "ramz_otp_requests_total{result=\"invalid\"}",
            &[LOG_IN, SIGN_UP, RESEND, PHONE_PAGE, CONFIRM, RESET][..],
        ),
        (
            "ramz_otp_verifications_total{result=\"invalid\"}",
            &[CODE, PHONE_CODE, RESET_CODE],
        ),
        (
            "ramz_password_logins_total{result=\"invalid\"}",
            &[PASSWORD_LOG_IN],
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

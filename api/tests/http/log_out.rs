//! Logging out, with whatever token is at hand.

use http::{HeaderValue, Method};
use serde_json::json;

use crate::stage::{SECOND, Shape, Stage};
use crate::tokens::{LOG_OUT, REFRESH};

const PHONE: &str = "09123456789";

pub(crate) async fn ses_04_an_app_logs_out_with_its_access_token(shape: Shape) {
    let stage = Stage::new(shape).await;
    let tokens = stage.tokens(PHONE).await;
    let elsewhere = stage.tokens(PHONE).await;
    for _ in 0..2 {
        let answer = stage
            .bearing(&tokens.access, Method::POST, LOG_OUT, None)
            .await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        answer.clears_cookies();
    }
    assert!(!stage.is_signed_in(&tokens.access).await);
    stage
        .refresh(&tokens.refresh)
        .await
        .is(401, "refresh_token_invalid");
    assert_eq!(stage.refreshes("reused"), 0);
    assert!(stage.is_signed_in(&elsewhere.access).await);
}

pub(crate) async fn ses_04_a_refresh_token_logs_out_when_the_access_token_is_dead(shape: Shape) {
    let stage = Stage::new(shape).await;
    let tokens = stage.tokens(PHONE).await;
    let user = stage.user_id(&tokens.access).await;
    stage.pass(301 * SECOND).await;
    let dead = stage
        .bearing(&tokens.access, Method::POST, LOG_OUT, None)
        .await;
    assert_eq!(dead.status, 204, "there was nothing to end");
    assert_eq!(stage.live_sessions(user).await, 1);
    let body = json!({ "refresh_token": tokens.refresh });
    let answer = stage
        .bearing(&tokens.access, Method::POST, LOG_OUT, Some(body))
        .await;
    assert_eq!(answer.status, 204);
    assert_eq!(stage.live_sessions(user).await, 0);
    let nothing = stage.send(stage.client.post(stage.url(LOG_OUT))).await;
    assert_eq!(nothing.status, 204);
    nothing.clears_cookies();
}

pub(crate) async fn csr_02_a_browser_logs_out_and_other_sites_cannot_do_it(shape: Shape) {
    let stage = Stage::new(shape).await;
    let tokens = stage.tokens(PHONE).await;
    let user = stage.user_id(&tokens.access).await;
    for (cookies, path) in [
        (tokens.cookies(), LOG_OUT),
        (tokens.refresh_cookie(), LOG_OUT),
    ] {
        let request = stage.client.post(stage.url(path)).header("cookie", cookies);
        let foreign = request.header("sec-fetch-site", "cross-site");
        let answer = stage.send(foreign).await;
        answer.is(403, "cross_site_request");
        assert_eq!(answer.cookies(), [""; 0]);
    }
    let form = stage.by_cookie(Method::POST, LOG_OUT, &tokens.cookies());
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    stage.send(form).await.is(415, "content_type_unsupported");
    assert_eq!(stage.live_sessions(user).await, 1);

    stage.pass(301 * SECOND).await;
    let answer = stage
        .send(stage.by_cookie(Method::POST, LOG_OUT, &tokens.cookies()))
        .await;
    assert_eq!(answer.status, 204);
    answer.clears_cookies();
    assert_eq!(stage.live_sessions(user).await, 0, "by the refresh token");
    let again = stage
        .send(stage.by_cookie(Method::POST, LOG_OUT, &tokens.cookies()))
        .await;
    assert_eq!(again.status, 204);
}

pub(crate) async fn a_doubled_cookie_is_logged_out_and_never_only_called_so(shape: Shape) {
    let stage = Stage::with(shape, &[("LIMIT_PHONE_SHORT", "100/120")]).await;
    let (one, other) = (stage.tokens(PHONE).await, stage.tokens(PHONE).await);
    let user = stage.user_id(&one.access).await;
    let cookies = format!(
        "city=تهران; {}; {}",
        one.refresh_cookie(),
        other.refresh_cookie()
    );
    let value = HeaderValue::from_bytes(cookies.as_bytes()).expect("a value");
    let request = stage
        .client
        .post(stage.url(LOG_OUT))
        .header("cookie", value);
    let answer = stage
        .send(request.header("sec-fetch-site", "same-origin"))
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    answer.clears_cookies();
    assert_eq!(
        stage.live_sessions(user).await,
        0,
        "both, as the answer says"
    );
}

pub(crate) async fn ses_04_all_devices_are_logged_out_with_either_token(shape: Shape) {
    let stage = Stage::with(shape, &[("LIMIT_PHONE_SHORT", "100/120")]).await;
    let stranger = stage.tokens("09123456780").await;
    let everywhere = json!({ "all_devices": true });
    for by_access in [true, false] {
        let (here, there) = (stage.tokens(PHONE).await, stage.tokens(PHONE).await);
        let answer = if by_access {
            let body = Some(everywhere.clone());
            stage
                .bearing(&here.access, Method::POST, LOG_OUT, body)
                .await
        } else {
            let body = json!({ "all_devices": true, "refresh_token": here.refresh });
            stage.post(LOG_OUT, body).await
        };
        assert_eq!(answer.status, 204, "{answer:?}");
        for tokens in [&here, &there] {
            assert!(!stage.is_signed_in(&tokens.access).await);
            stage
                .refresh(&tokens.refresh)
                .await
                .is(401, "refresh_token_invalid");
        }
        // A session that is over says nothing about the others.
        let body = Some(everywhere.clone());
        let again = stage
            .bearing(&here.access, Method::POST, LOG_OUT, body)
            .await;
        again.is(401, "unauthenticated");
        again.clears_cookies();
    }
    stage
        .post(LOG_OUT, everywhere)
        .await
        .is(401, "unauthenticated");
    stage
        .post(LOG_OUT, json!({ "all_devices": "yes" }))
        .await
        .is(422, "field_invalid");
    stage.refreshed(&stranger.refresh).await;
    assert_eq!(stage.post(REFRESH, json!({})).await.status, 401);
}

//! Renewing tokens, as apps and browsers do it.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::limits::{Rule, Step};
use http::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::stage::{SECOND, Shape, Stage};
use crate::tokens::{REFRESH, Tokens};

const PHONE: &str = "09123456789";

pub(crate) async fn ses_08_an_app_renews_its_tokens_and_a_copy_ends_the_session(shape: Shape) {
    let stage = Stage::new(shape).await;
    let first = stage.tokens(PHONE).await;
    stage.pass(301 * SECOND).await;
    assert!(!stage.is_signed_in(&first.access).await);

    let answer = stage.refresh(&first.refresh).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    let second = Tokens::of(&answer);
    assert_ne!(second.refresh, first.refresh);
    assert_eq!(answer.member("token_type"), "Bearer");
    assert_eq!(answer.number("expires_in"), 300);
    assert_eq!(answer.body.as_object().expect("an object").len(), 4);
    assert_eq!(
        answer.cookies(),
        [
            format!("ramz_access={}", second.access),
            format!("ramz_refresh={}", second.refresh)
        ]
    );
    assert!(stage.is_signed_in(&second.access).await);

    stage.pass(11 * SECOND).await;
    let copy = stage.refresh(&first.refresh).await;
    copy.is(401, "refresh_token_invalid");
    assert_eq!(copy.cookies(), [""; 0], "an app has none");
    assert!(!stage.is_signed_in(&second.access).await, "at once");
    let owner = stage.refresh(&second.refresh).await;
    owner.is(401, "refresh_token_invalid");
    for (result, count) in [("rotated", 1), ("reused", 1), ("refused", 1)] {
        assert_eq!(stage.refreshes(result), count, "{result}");
    }
}

pub(crate) async fn ses_09_a_lost_answer_is_given_again(shape: Shape) {
    let stage = Stage::new(shape).await;
    let first = stage.tokens(PHONE).await;
    let lost = stage.refreshed(&first.refresh).await;
    stage.pass(10 * SECOND).await;
    let again = stage.refreshed(&first.refresh).await;
    assert_eq!(again.refresh, lost.refresh);
    assert_ne!(again.access, lost.access, "an access token of its own");
    assert_eq!(
        (stage.refreshes("rotated"), stage.refreshes("repeated")),
        (1, 1)
    );
    assert!(stage.is_signed_in(&lost.access).await && stage.is_signed_in(&again.access).await);
    stage.refreshed(&again.refresh).await;
}

pub(crate) async fn ses_09_an_answer_lost_for_minutes_is_given_again(shape: Shape) {
    let stage = Stage::with(shape, &[("REFRESH_GRACE", "300")]).await;
    let first = stage.tokens(PHONE).await;
    let lost = stage.refreshed(&first.refresh).await;
    stage.pass(299 * SECOND).await;
    let again = stage.refreshed(&first.refresh).await;
    assert_eq!(again.refresh, lost.refresh);
    assert_eq!(stage.refreshes("repeated_late"), 1);
    stage.refreshed(&again.refresh).await;
    stage
        .refresh(&first.refresh)
        .await
        .is(401, "refresh_token_invalid");
    assert_eq!(stage.refreshes("reused"), 1, "its successor was presented");
}

pub(crate) async fn csr_01_a_browser_renews_by_its_cookie_with_or_without_a_body(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut tokens = stage.tokens(PHONE).await;
    for body in [
        None,
        Some(""),
        Some("{}"),
        Some(r#"{"refresh_token":null}"#),
    ] {
        let request = stage.by_cookie(Method::POST, REFRESH, &tokens.cookies());
        let answer = stage
            .send(match body {
                None => request,
                Some(body) => request.header(CONTENT_TYPE, "application/json").body(body),
            })
            .await;
        assert_eq!(answer.status, 200, "{body:?}: {answer:?}");
        assert_eq!(answer.cookies().len(), 2);
        let next = Tokens::of(&answer);
        assert_ne!(next.refresh, tokens.refresh);
        tokens = next;
    }
    for (kind, body) in [
        ("text/plain", ""),
        ("application/x-www-form-urlencoded", ""),
        ("text/plain", "{}"),
        ("", "{}"),
    ] {
        let request = stage.by_cookie(Method::POST, REFRESH, &tokens.refresh_cookie());
        let request = request.header(CONTENT_TYPE, kind);
        let answer = stage.send(request.body(body)).await;
        answer.is(415, "content_type_unsupported");
    }
    let untyped = stage.by_cookie(Method::POST, REFRESH, &tokens.refresh_cookie());
    let answer = stage.send(untyped.body("{}")).await;
    answer.is(415, "content_type_unsupported");
    assert_eq!(stage.refreshes("invalid"), 5);
    stage.refreshed(&tokens.refresh).await;
}

pub(crate) async fn csr_02_another_site_cannot_use_the_cookie(shape: Shape) {
    let stage = Stage::new(shape).await;
    let tokens = stage.tokens(PHONE).await;
    for origin in [
        None,
        Some(("sec-fetch-site", "cross-site")),
        Some(("sec-fetch-site", "same-site")),
        Some(("origin", "https://evil.example")),
    ] {
        let mut request = stage.client.post(stage.url(REFRESH));
        if let Some((name, value)) = origin {
            request = request.header(name, value);
        }
        let answer = stage.send(request.header("cookie", tokens.cookies())).await;
        answer.is(403, "cross_site_request");
        assert_eq!(answer.cookies(), [""; 0], "the browser stays signed in");
    }
    stage.refreshed(&tokens.refresh).await;
    assert_eq!(stage.refreshes("repeated"), 0, "nothing was used up before");
}

pub(crate) async fn the_token_in_the_body_counts_where_both_are_there(shape: Shape) {
    let stage = Stage::new(shape).await;
    let (app, browser) = (stage.tokens(PHONE).await, stage.tokens(PHONE).await);
    let both = async |in_body: &str, cookie: &str| {
        let request = stage.by_cookie(Method::POST, REFRESH, cookie);
        let body = json!({ "refresh_token": in_body });
        stage.send(request.json(&body)).await
    };
    let answer = both(&app.refresh, "ramz_refresh=garbage").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let refused = both("garbage", &browser.refresh_cookie()).await;
    refused.is(401, "refresh_token_invalid");
    assert_eq!(refused.cookies(), [""; 0], "its cookie was not looked at");
    stage.refreshed(&browser.refresh).await;
    assert_eq!(stage.refreshes("rotated"), 2);
}

pub(crate) async fn jwt_05_every_refused_token_gets_the_same_bytes(shape: Shape) {
    let stage = Stage::new(shape).await;
    let expired = stage.tokens(PHONE).await;
    stage.pass(24 * 3_600 * SECOND).await;
    let blocked = stage.tokens("09123456780").await;
    let user = stage.user_id(&blocked.access).await;
    let records = &stage.stores.records;
    let block = records.set_blocked(user, true, stage.clock.now()).await;
    assert!(block.expect("an answer"));
    let reused = stage.tokens(PHONE).await;
    let successor = stage.refreshed(&reused.refresh).await;
    stage.pass(11 * SECOND).await;
    let live = stage.tokens(PHONE).await;
    let long = "A".repeat(3_000);

    let unknown = stage.refresh(&"A".repeat(43)).await;
    unknown.is(401, "refresh_token_invalid");
    assert_eq!(unknown.header("www-authenticate"), "Bearer");
    for (why, token) in [
        ("expired", &expired.refresh),
        ("blocked", &blocked.refresh),
        ("reused", &reused.refresh),
        ("ended", &successor.refresh),
        ("an access token", &live.access),
        ("padded", &format!("{}=", live.refresh)),
        ("long", &long),
        ("empty", &String::new()),
    ] {
        let answer = stage.refresh(token).await;
        assert_eq!(answer.seen(), unknown.seen(), "{why}");
    }
    let none = stage.send(stage.client.post(stage.url(REFRESH))).await;
    assert_eq!(none.seen(), unknown.seen());

    let cleared = |cookies: &str| {
        let request = stage.by_cookie(Method::POST, REFRESH, cookies);
        let stage = &stage;
        async move {
            let answer: Answer = stage.send(request).await;
            answer.is(401, "refresh_token_invalid");
            answer.clears_cookies();
        }
    };
    cleared(&successor.cookies()).await;
    cleared("ramz_refresh=garbage").await;
    cleared(&format!("ramz_refresh={0}; ramz_refresh={0}", live.refresh)).await;
    stage.refreshed(&live.refresh).await;
}

pub(crate) async fn bodies_that_are_no_refresh_are_refused_by_name(shape: Shape) {
    let stage = Stage::new(shape).await;
    for (body, status, code) in [
        ("[]", 422, "body_not_object"),
        ("{", 400, "json_malformed"),
        (r#"{"refresh_token":1}"#, 422, "field_invalid"),
        (r#"{"refresh":"x"}"#, 422, "field_unknown"),
        (
            r#"{"refresh_token":"x","refresh_token":"y"}"#,
            422,
            "field_repeated",
        ),
    ] {
        let request = stage.client.post(stage.url(REFRESH));
        let request = request.header(CONTENT_TYPE, "application/json");
        stage.send(request.body(body)).await.is(status, code);
    }
    let body = json!({ "refresh_token": "A".repeat(5_000) });
    stage.post(REFRESH, body).await.is(413, "body_too_large");
    assert_eq!(stage.refreshes("invalid"), 6);
}

pub(crate) async fn a_30_of_20_parallel_refreshes_in_two_processes_all_get_one_successor(
    shape: Shape,
) {
    const AT_ONCE: usize = 20;
    let first = Arc::new(Stage::new(shape).await);
    let second = Arc::new(first.beside(&[]).await);
    let tokens = first.tokens(PHONE).await;
    let user = first.user_id(&tokens.access).await;
    let barrier = Arc::new(Barrier::new(AT_ONCE));
    let mut tries = JoinSet::new();
    for number in 0..AT_ONCE {
        let stage = Arc::clone(if number % 2 == 0 { &first } else { &second });
        let (barrier, token) = (Arc::clone(&barrier), tokens.refresh.clone());
        tries.spawn(async move {
            barrier.wait().await;
            loop {
                let answer = stage.refresh(&token).await;
                // What a busy machine refuses is asked for again, as clients do.
                if answer.status != 503 {
                    break answer;
                }
            }
        });
    }
    let answers = tries.join_all().await;
    let successors: BTreeSet<String> = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.member("refresh_token")
        })
        .collect();
    assert_eq!(successors.len(), 1);
    let total = |result| first.refreshes(result) + second.refreshes(result);
    assert!(total("rotated") <= 1, "one of them replaced it");
    assert_eq!(first.live_sessions(user).await, 1);
    let successor = successors.first().expect("one");
    second.refreshed(successor).await;
}

pub(crate) async fn a_20_renewing_has_limits_by_session_and_by_address(shape: Shape) {
    let stage = Stage::new(shape).await;
    let mut token = stage.tokens(PHONE).await.refresh;
    let other = stage.tokens("09123456780").await.refresh;
    for _ in 0..30 {
        token = stage.refreshed(&token).await.refresh;
    }
    let refused = stage.refresh(&token).await;
    refused.is(429, "too_many_refreshes");
    assert_eq!(refused.number("retry_after"), 60);
    assert_eq!(refused.headers["retry-after"], "60");
    stage.pass(60 * SECOND).await;
    stage.refreshed(&token).await;

    stage.pass(SECOND).await;
    stage.fill_bucket(Step::Refresh, Rule::RefreshGroup).await;
    let refused = stage.refresh(&other).await;
    refused.is(429, "too_many_requests_address");
    stage.pass(10).await;
    stage.refreshed(&other).await;
    for rule in ["refresh_session", "refresh_group"] {
        let series = format!("ramz_limit_refused_total{{rule=\"{rule}\"}}");
        assert!((stage.metric(&series) - 1.0).abs() < f64::EPSILON, "{rule}");
    }
    assert_eq!(stage.refreshes("limited"), 2);
}

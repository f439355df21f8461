//! The list of one's devices.

use http::{HeaderValue, Method};
use serde_json::{Value, json};

use crate::stage::{SECOND, Shape, Stage, VERIFY};
use crate::tokens::SESSIONS;

const PHONE: &str = "09123456789";

pub(crate) async fn ses_06_one_sees_where_one_is_signed_in(shape: Shape) {
    let stage = Stage::new(shape).await;
    let phone = stage.tokens_of_device(PHONE, "گوشی من").await;
    stage.tokens("09123456780").await;
    stage.pass(60 * SECOND).await;
    let laptop = stage.tokens_of_device(PHONE, "Laptop").await;
    let request = stage.client.post(stage.url(crate::tokens::REFRESH));
    let request = request.header("user-agent", "app/2.0");
    stage.pass(60 * SECOND).await;
    let body = json!({ "refresh_token": phone.refresh });
    assert_eq!(stage.send(request.json(&body)).await.status, 200);

    let list = stage
        .bearing(&laptop.access, Method::GET, SESSIONS, None)
        .await;

    assert_eq!(list.status, 200, "{list:?}");
    let mut sessions = list.body["sessions"].as_array().expect("a list").clone();
    assert_eq!(sessions.len(), 2, "of nobody else");
    for session in &mut sessions {
        let id = session.as_object_mut().expect("an object").remove("id");
        assert_eq!(id.expect("an id").as_str().expect("text").len(), 36);
    }
    let shown = |name: &str, agent: Value, created: &str, used: &str, current: bool| {
        json!({
            "device_name": name, "user_agent": agent, "address": "127.0.0.1",
            "created_at": format!("2025-11-21T04:{created}Z"),
            "last_used_at": format!("2025-11-21T04:{used}Z"),
            "idle_expires_at": format!("2025-11-22T04:{used}Z"),
            "expires_at": format!("2025-12-21T04:{created}Z"),
            "current": current,
        })
    };
    assert_eq!(
        sessions,
        [
            shown("گوشی من", json!("app/2.0"), "40:00", "42:00", false),
            shown("Laptop", Value::Null, "41:00", "41:00", true),
        ]
    );
}

pub(crate) async fn a_device_is_listed_whatever_it_calls_itself(shape: Shape) {
    let stage = Stage::with(shape, &[("LIMIT_PHONE_SHORT", "100/120")]).await;
    for (agent, name, seen_agent, seen_name) in [
        (
            "مرورگر/1.0".as_bytes(),
            json!("Pixel 9"),
            "مرورگر/1.0",
            json!("Pixel 9"),
        ),
        (
            b"caf\xe9/2",
            json!("آ".repeat(100)),
            "caf\u{fffd}/2",
            json!("آ".repeat(64)),
        ),
        (b"app/3", json!("\u{202e} \u{200b}"), "app/3", Value::Null),
        (
            b"app/4",
            json!(" \u{feff}Pixel\u{2066} 9\n"),
            "app/4",
            json!("Pixel 9"),
        ),
    ] {
        let session = stage.ask(PHONE).await;
        let code = stage.code(&session).await;
        let body = json!({ "session_id": session, "code": code, "device_name": name });
        let agent = HeaderValue::from_bytes(agent).expect("a value");
        let request = stage
            .client
            .post(stage.url(VERIFY))
            .header("user-agent", agent);
        let signed_in = stage.send(request.json(&body)).await;
        assert_eq!(signed_in.status, 200, "{name}: {signed_in:?}");
        let access = signed_in.member("access_token");
        let shown = stage.current_session(&access).await;
        assert_eq!(shown["user_agent"], seen_agent);
        assert_eq!(shown["device_name"], seen_name);
    }
}

pub(crate) async fn ses_06_one_ends_a_session_from_another_device(shape: Shape) {
    let stage = Stage::new(shape).await;
    let (lost, here) = (stage.tokens(PHONE).await, stage.tokens(PHONE).await);
    let stranger = stage.tokens("09123456780").await;
    let path = |session: &Value| format!("{SESSIONS}/{}", session["id"].as_str().expect("an id"));
    let (lost_one, foreign) = (
        path(&stage.current_session(&lost.access).await),
        path(&stage.current_session(&stranger.access).await),
    );
    let end = async |path: &str| {
        stage
            .bearing(&here.access, Method::DELETE, path, None)
            .await
    };

    let answer = end(&lost_one).await;

    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(answer.cookies(), [""; 0], "this one stays");
    assert!(!stage.is_signed_in(&lost.access).await);
    stage
        .refresh(&lost.refresh)
        .await
        .is(401, "refresh_token_invalid");

    let ended = end(&lost_one).await;
    ended.is(404, "session_not_found");
    let nobody = format!("{SESSIONS}/0b8a0b5e-58cf-4a0c-9e62-0f3a8f1f6a11");
    for path in [
        foreign,
        nobody,
        format!("{SESSIONS}/1"),
        format!("{SESSIONS}/%ff"),
    ] {
        assert_eq!(end(&path).await.seen(), ended.seen(), "{path}");
    }
    assert!(stage.is_signed_in(&stranger.access).await);

    let this_one = path(&stage.current_session(&here.access).await);
    let answer = end(&this_one).await;
    assert_eq!(answer.status, 204);
    answer.clears_cookies();
    end(&this_one).await.is(401, "unauthenticated");
}

pub(crate) async fn ses_06_one_ends_all_other_sessions(shape: Shape) {
    let stage = Stage::new(shape).await;
    let stranger = stage.tokens("09123456780").await;
    let mut others = Vec::new();
    for _ in 0..2 {
        others.push(stage.tokens(PHONE).await);
    }
    let here = stage.tokens(PHONE).await;
    for _ in 0..2 {
        let answer = stage
            .bearing(&here.access, Method::DELETE, SESSIONS, None)
            .await;
        assert_eq!(answer.status, 204, "{answer:?}");
        assert_eq!(answer.cookies(), [""; 0]);
    }
    for other in &others {
        assert!(!stage.is_signed_in(&other.access).await);
        stage
            .refresh(&other.refresh)
            .await
            .is(401, "refresh_token_invalid");
    }
    stage.refreshed(&here.refresh).await;
    stage.refreshed(&stranger.refresh).await;
}

pub(crate) async fn csr_02_the_list_needs_a_sign_in_and_our_own_page(shape: Shape) {
    let stage = Stage::new(shape).await;
    let tokens = stage.tokens(PHONE).await;
    let session = stage.current_session(&tokens.access).await;
    let one = format!("{SESSIONS}/{}", session["id"].as_str().expect("an id"));
    for (method, path) in [
        (Method::GET, SESSIONS),
        (Method::DELETE, SESSIONS),
        (Method::DELETE, &one),
    ] {
        let request = |headers: &[(&str, &str)]| {
            let mut request = stage.client.request(method.clone(), stage.url(path));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            stage.send(request)
        };
        request(&[]).await.is(401, "unauthenticated");
        let cookies = tokens.cookies();
        let foreign = [
            ("cookie", cookies.as_str()),
            ("sec-fetch-site", "cross-site"),
        ];
        let answer = request(&foreign).await;
        if method == Method::DELETE {
            answer.is(403, "cross_site_request");
        } else {
            assert_eq!(answer.status, 200, "reading is no change");
        }
    }
    let own = stage.by_cookie(Method::DELETE, &one, &tokens.cookies());
    assert_eq!(stage.send(own).await.status, 204);
}

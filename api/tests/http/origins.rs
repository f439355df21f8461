//! Pages of other origins: what a browser is told about them, and that cookies have no part in it.

use reqwest::Method;
use reqwest::header::{HeaderMap, SET_COOKIE, VARY};
use serde_json::json;

use crate::answer::Answer;
use crate::stage::{ME, OTP, SECOND, Shape, Stage, VERIFY};

const APP: &str = "https://app.example.ir";
const OWN: &str = "http://127.0.0.1:8000";
const LISTED: [(&str, &str); 1] = [(
    "ALLOWED_ORIGINS",
    "https://app.example.ir, http://localhost:5173",
)];
const REFRESH: &str = "/api/v1/usr/token/refresh";
const OPEN: [&str; 2] = ["/.well-known/jwks.json", "/api/openapi.json"];

/// What CORS says in an answer: `access-control-…` without those words, sorted.
fn said(answer: &Answer) -> Vec<(String, String)> {
    let mut said: Vec<_> = answer
        .headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("access-control-")?;
            Some((name.to_owned(), value.to_str().expect("text").to_owned()))
        })
        .collect();
    said.sort();
    said
}

fn varies_by_origin(headers: &HeaderMap) -> bool {
    headers.get_all(VARY).iter().any(|value| value == "Origin")
}

async fn preflight(stage: &Stage, origin: &str, method: &str, path: &str) -> Answer {
    let request = stage
        .client
        .request(Method::OPTIONS, stage.url(path))
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        )
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "cors");
    stage.send(request).await
}

/// A request of a page, as a browser makes it.
fn from_page(
    stage: &Stage,
    origin: &str,
    site: &str,
    method: Method,
    path: &str,
) -> reqwest::RequestBuilder {
    stage
        .client
        .request(method, stage.url(path))
        .header("origin", origin)
        .header("sec-fetch-site", site)
}

pub(crate) async fn a_page_of_a_listed_origin_is_told_what_it_may(shape: Shape) {
    let stage = Stage::with(shape, &LISTED).await;
    for origin in [APP, "http://localhost:5173"] {
        for (method, path) in [
            ("POST", OTP),
            ("POST", "/api/login/"),
            ("PATCH", ME),
            ("DELETE", "/api/v1/usr/sessions/1"),
            ("GET", "/nowhere"),
        ] {
            let answer = preflight(&stage, origin, method, path).await;
            assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}");
            let expected = [
                (
                    "allow-headers",
                    "Authorization, Content-Type, Accept-Language, traceparent, tracestate, baggage",
                ),
                ("allow-methods", "GET, POST, PATCH, DELETE"),
                ("allow-origin", origin),
                ("expose-headers", "Retry-After, X-Request-Id"),
                ("max-age", "7200"),
            ];
            let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(said(&answer), expected, "{method} {path}");
            assert!(varies_by_origin(&answer.headers));
        }
        // A question that is no preflight is answered as ever.
        for request in [
            from_page(&stage, origin, "cross-site", Method::OPTIONS, OTP),
            stage
                .client
                .request(Method::OPTIONS, stage.url(OTP))
                .header("access-control-request-method", "POST"),
        ] {
            let answer = stage.send(request).await;
            answer.is(405, "method_not_allowed");
        }
    }
    let asked = stage.ask("09123456789").await;
    let body = json!({ "phone_number": "09123456789" });
    // Whatever the answer is, its page may read it, and how long to wait.
    for _ in 0..4 {
        stage.pass(31 * SECOND).await;
        let request = from_page(&stage, APP, "cross-site", Method::POST, OTP);
        let answer = stage.send(request.json(&body)).await;
        let expected = [
            ("allow-origin".to_owned(), APP.to_owned()),
            (
                "expose-headers".to_owned(),
                "Retry-After, X-Request-Id".to_owned(),
            ),
        ];
        assert_eq!(said(&answer), expected, "{answer:?}");
        assert!(varies_by_origin(&answer.headers));
    }
    for (method, path, status) in [
        (Method::GET, "/nowhere", 404),
        (Method::GET, OTP, 405),
        (Method::GET, ME, 401),
        (Method::POST, VERIFY, 415),
        (Method::GET, "/livez", 200),
    ] {
        let request = from_page(&stage, APP, "same-site", method, path);
        let answer = stage.send(request).await;
        assert_eq!(
            (answer.status, answer.header("access-control-allow-origin")),
            (status, APP)
        );
    }
    assert!(!asked.is_empty());
}

pub(crate) async fn a_31_csr_03_cookies_are_neither_made_nor_taken_across_origins(shape: Shape) {
    let stage = Stage::with(shape, &LISTED).await;
    let session = stage.ask("09123456789").await;
    let code = stage.code(&session).await;
    let body = json!({ "session_id": session, "code": code });
    let request = from_page(&stage, APP, "cross-site", Method::POST, VERIFY);
    let signed_in = stage.send(request.json(&body)).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert_eq!(signed_in.header("set-cookie"), "");

    // The tokens of the body are all it needs.
    let (access, refresh) = (
        signed_in.member("access_token"),
        signed_in.member("refresh_token"),
    );
    let me = from_page(&stage, APP, "cross-site", Method::GET, ME);
    let me = stage.send(me.bearer_auth(&access)).await;
    assert_eq!(me.status, 200, "{me:?}");
    let again = from_page(&stage, APP, "cross-site", Method::POST, REFRESH);
    let again = again.json(&json!({ "refresh_token": refresh }));
    let again = stage.send(again).await;
    assert_eq!((again.status, again.header("set-cookie")), (200, ""));

    // A cookie does not count, whether it comes from a browser of today or of yesterday.
    let (access, refresh) = (again.member("access_token"), again.member("refresh_token"));
    let cookies = format!("ramz_access={access}; ramz_refresh={refresh}");
    for site in ["cross-site", "same-site", ""] {
        let request = |method, path| {
            let request = stage.client.request(method, stage.url(path));
            let request = request.header("origin", APP).header("cookie", &cookies);
            if site.is_empty() {
                request
            } else {
                request.header("sec-fetch-site", site)
            }
        };
        for path in [ME, "/api/v1/usr/sessions"] {
            let reads = stage.send(request(Method::GET, path)).await;
            reads.is(401, "unauthenticated");
        }
        for (method, path) in [
            (Method::POST, REFRESH),
            (Method::POST, "/api/v1/usr/logout"),
            (Method::DELETE, ME),
            (Method::DELETE, "/api/v1/usr/sessions"),
        ] {
            let changes = stage.send(request(method, path)).await;
            changes.is(403, "cross_site_request");
        }
    }
    // Nothing of that has ended it; the page of the app ends it by its token.
    let out = from_page(
        &stage,
        APP,
        "cross-site",
        Method::POST,
        "/api/v1/usr/logout",
    );
    let out = stage.send(out.bearer_auth(&access)).await;
    assert_eq!((out.status, out.header("set-cookie")), (204, ""));
    stage
        .bearing(&access, Method::GET, ME, None)
        .await
        .is(401, "unauthenticated");
}

pub(crate) async fn a_31_csr_03_who_is_not_listed_hears_nothing_of_it(shape: Shape) {
    let listed = Stage::with(shape, &LISTED).await;
    let off = listed.beside(&[]).await;
    for origin in [
        "https://evil.example",
        "https://app.example.ir.evil.example",
        "https://evil.app.example.ir",
        "http://app.example.ir",
        "https://app.example.ir:8443",
        "https://App.example.ir",
        "https://app.example.ir/",
        "https://app.example.ir, http://localhost:5173",
        "http://localhost",
        "null",
        "*",
        "",
        OWN,
    ] {
        for stage in [&listed, &off] {
            let refused = preflight(stage, origin, "POST", OTP).await;
            refused.is(405, "method_not_allowed");
            let reads = from_page(stage, origin, "cross-site", Method::GET, "/livez");
            let reads = stage.send(reads).await;
            for answer in [refused, reads] {
                assert_eq!(said(&answer), [], "{origin}");
                let by_origin = varies_by_origin(&answer.headers);
                assert_eq!(
                    by_origin,
                    std::ptr::eq(stage, &raw const listed),
                    "{origin}"
                );
            }
        }
    }
    for stage in [&listed, &off] {
        let two = from_page(stage, APP, "cross-site", Method::GET, "/livez");
        let two = stage
            .send(two.header("origin", "https://evil.example"))
            .await;
        assert_eq!(said(&two), []);
    }
    let none = preflight(&off, APP, "POST", OTP).await;
    none.is(405, "method_not_allowed");
    assert_eq!(said(&none), []);
}

pub(crate) async fn a_page_of_our_own_keeps_its_cookies(shape: Shape) {
    let both = format!("{OWN},{APP}");
    let stage = Stage::with(shape, &[("ALLOWED_ORIGINS", both.as_str())]).await;
    // Our own address is listed needlessly; and a proxy serves us under the app's address.
    for (number, origin, site) in [
        ("09123456789", OWN, "same-origin"),
        ("09121234567", APP, "same-origin"),
        ("09123334455", OWN, ""),
    ] {
        let session = stage.ask(number).await;
        let code = stage.code(&session).await;
        let request = stage
            .client
            .post(stage.url(VERIFY))
            .header("origin", origin);
        let request = request.json(&json!({ "session_id": session, "code": code }));
        let request = if site.is_empty() {
            request
        } else {
            request.header("sec-fetch-site", site)
        };
        let answer = stage.send(request).await;
        assert_eq!(
            answer.headers.get_all(SET_COOKIE).iter().count(),
            3,
            "{origin}"
        );
        let cookie = format!("ramz_access={}", answer.member("access_token"));
        let me = stage.client.get(stage.url(ME)).header("cookie", cookie);
        let me = me.header("origin", origin);
        let me = if site.is_empty() {
            me
        } else {
            me.header("sec-fetch-site", site)
        };
        assert_eq!(stage.send(me).await.status, 200, "{origin}");
    }
}

pub(crate) async fn what_is_public_is_open_to_all_origins(shape: Shape) {
    let listed = Stage::with(shape, &LISTED).await;
    let off = listed.beside(&[]).await;
    for stage in [&listed, &off] {
        for path in OPEN {
            for origin in [APP, "https://evil.example", "null"] {
                let read = from_page(stage, origin, "cross-site", Method::GET, path);
                let read = stage.send(read).await;
                assert_eq!(read.status, 200);
                let allowed = read.header("access-control-allow-origin");
                assert_eq!(allowed, "*", "{path} {origin}");
                assert!(!varies_by_origin(&read.headers));
            }
            let asked = preflight(stage, "https://evil.example", "GET", path).await;
            assert_eq!(asked.status, 204);
            assert_eq!(asked.header("access-control-allow-origin"), "*");
            // Also without an `Origin`, for caches that keep one answer for all.
            let plain = stage.get(path).await;
            assert_eq!(plain.header("access-control-allow-origin"), "*");
            let wrong = stage.post(path, json!({})).await;
            wrong.is(405, "method_not_allowed");
        }
    }
}

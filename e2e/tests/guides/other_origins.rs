//! `other-origins.md`: pages on other ports and under other names, in a real browser.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::guides::browser::{Browser, done};
use crate::guides::guide::Guide;
use crate::guides::service::Service;

const PAGE: &str = "<!doctype html><title>app</title><script type=\"module\">\
    import * as ramz from './ramz-client.js'; window.ramz = ramz;</script>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_settings_of_the_guide_let_its_apps_in() {
    let guide = Guide::read("other-origins.md");
    let lines = guide.file("ramz.env").lines();
    let settings: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once('=')).collect();
    let service = Service::start(&settings).await;
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.expect("a client");
    for (origin, status) in [
        ("https://app.example.ir", 204),
        ("https://panel.example.ir:8443", 204),
        ("https://panel.example.ir", 405),
    ] {
        let url = format!("{}/api/v1/usr/otp", service.url());
        let asked = client
            .request(reqwest::Method::OPTIONS, url)
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let answer = asked.send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{origin}");
    }
}

/// Serves a page with the client of the guide on a port of its own, which is returned.
fn serve_app(listener: TcpListener, service: &str) {
    let client = Guide::read("other-origins.md");
    let client = client
        .file("ramz-client.js")
        .replace("https://login.example.ir", service);
    let app = Router::new()
        .route("/", get(|| async { ([(CONTENT_TYPE, "text/html")], PAGE) }))
        .route(
            "/ramz-client.js",
            get(|| async { ([(CONTENT_TYPE, "text/javascript")], client) }),
        );
    tokio::spawn(async { axum::serve(listener, app).await });
}

async fn open(browser: &Browser, origin: &str) {
    done(browser.page.goto(&format!("{origin}/")).await);
    harness::eventually(e2e::PATIENCE, async || {
        let there = browser.evaluate("return !!window.ramz").await;
        (there == json!(true)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_a_listed_origin_signs_in_and_no_other_can() {
    let [listed, other] = [
        TcpListener::bind("127.0.0.1:0").await.expect("a port"),
        TcpListener::bind("127.0.0.1:0").await.expect("a port"),
    ];
    let ports = [&listed, &other].map(|at| at.local_addr().expect("an address").port());
    // The same site on another port, and another site, of which each port is an origin.
    let origins =
        ports.map(|port| ["127.0.0.1", "localhost"].map(|host| format!("http://{host}:{port}")));
    let settings = [
        ("ALLOWED_ORIGINS", origins[0].join(", ")),
        ("LIMIT_ADDRESS_PER_MINUTE", "6".to_owned()),
    ];
    let settings = settings
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let service = Service::start(&settings).await;
    serve_app(listed, service.url());
    serve_app(other, service.url());
    let browser = Browser::start(([127, 0, 0, 1], 9).into()).await;

    for (phone, origin) in ["09121110021", "09121110022"].iter().zip(&origins[0]) {
        open(&browser, origin).await;
        signs_in(&service, &browser, phone).await;
    }
    for (phone, origin) in ["09121110031", "09121110032"].iter().zip(&origins[1]) {
        open(&browser, origin).await;
        let refused = browser.settled(&format!("await ramz.ask('{phone}')")).await;
        assert_eq!(refused, "TypeError", "{origin}");
        // Sent without being asked for leave, as forms of other sites are.
        let url = format!("{}/api/v1/usr/otp", service.url());
        let blind = format!(
            "(await fetch('{url}', {{ method: 'POST', mode: 'no-cors', \
             body: '{{\"phone_number\": \"{phone}\"}}' }})).type"
        );
        assert_eq!(browser.settled(&blind).await, "opaque");
        assert_eq!(service.messages(phone).await, 0, "{origin}");
        public_things_can_be_read(&service, &browser).await;
    }
    open(&browser, &origins[0][0]).await;
    too_many_requests_say_when_to_come_back(&browser).await;
    browser.close().await;
}

async fn signs_in(service: &Service, browser: &Browser, phone: &str) {
    let asked = browser.settled(&format!("await ramz.ask('{phone}')")).await;
    let session = asked["session_id"].as_str().expect("a session").to_owned();
    let wrong = format!("await ramz.verify('{session}', '12').catch((p) => [p.code, p.requestId])");
    let wrong = browser.settled(&wrong).await;
    assert_eq!(wrong[0], "code_malformed", "{wrong}");
    assert_eq!(wrong[1].as_str().map(str::len), Some(36), "{wrong}");
    let code = service.code(phone).await;
    let user = format!("await ramz.verify('{session}', '{code}')");
    let user = browser.settled(&user).await;
    assert_eq!(user["phone_number"], format!("+98{}", &phone[1..]));
    for (method, path, body) in [
        ("GET", "me", "undefined"),
        ("PATCH", "me", "{ first_name: 'مریم' }"),
    ] {
        let call = format!("await ramz.call('{method}', '{path}', {body})");
        let profile = browser.settled(&call).await;
        assert_eq!(profile["id"], user["id"], "{method} {profile}");
    }

    // The person is signed in to the app, and to nothing else: the browser has got no cookie.
    assert_eq!(service_cookies(service, browser).await, Vec::<Value>::new());
    // And none would be sent or taken, however it is asked for.
    let with_cookies = |method: &str| {
        format!(
            "(await fetch('{}/api/v1/usr/me', {{ method: '{method}', credentials: 'include' }})).status",
            service.url()
        )
    };
    for method in ["GET", "DELETE"] {
        let kept_from_script = browser.settled(&with_cookies(method)).await;
        assert_eq!(kept_from_script, "TypeError", "{method}");
    }
    let out = browser.settled("(await ramz.logOut()) ?? 'out'").await;
    assert_eq!(out, "out");
    let over = browser
        .settled("await ramz.call('GET', 'me').catch((p) => p.code)")
        .await;
    assert_eq!(over, "unauthenticated");
}

/// The cookies of the browser for the address of the service.
async fn service_cookies(service: &Service, browser: &Browser) -> Vec<Value> {
    let app = done(browser.page.window().await);
    let tab = done(browser.page.new_window(true).await).handle;
    done(browser.page.switch_to_window(tab).await);
    done(browser.page.goto(&format!("{}/livez", service.url())).await);
    let cookies = done(browser.page.get_all_cookies().await);
    done(browser.page.close_window().await);
    done(browser.page.switch_to_window(app).await);
    let names = cookies.iter().map(|cookie| cookie.name().into());
    names.collect()
}

async fn public_things_can_be_read(service: &Service, browser: &Browser) {
    for (path, member) in [
        ("/.well-known/jwks.json", "keys"),
        ("/api/openapi.json", "paths"),
    ] {
        let url = format!("{}{path}", service.url());
        // A header of traces makes the browser ask for leave first.
        for options in ["{}", "{ headers: { traceparent: '00-' } }"] {
            let read = format!("'{member}' in await (await fetch('{url}', {options})).json()");
            assert_eq!(
                browser.settled(&read).await,
                json!(true),
                "{path} {options}"
            );
        }
    }
}

async fn too_many_requests_say_when_to_come_back(browser: &Browser) {
    let refused = harness::eventually(e2e::PATIENCE, async || {
        let ask = "await ramz.ask(`0912111${4000 + (window.asked = (window.asked ?? 0) + 1)}`)\
                   .catch((p) => [p.code, p.retryAfter])";
        let answer = browser.settled(ask).await;
        answer.is_array().then_some(answer)
    })
    .await;
    assert_eq!(refused[0], "too_many_requests_address");
    let seconds = refused[1].as_f64().expect("seconds");
    assert!((1.0..=60.0).contains(&seconds), "{refused}");
}

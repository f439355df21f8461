//! `web.md`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::guides::browser::{Browser, done};
use crate::guides::guide::Guide;
use crate::guides::service::{Service, another_code};
use crate::guides::site::{HOST, Site};

const PHONE: &str = "09123456789";
const SHOWN: &str = "+989123456789";
const REFRESH: &str = "/api/v1/usr/token/refresh";
const ACCESS: &str = "__Host-ramz_access";
const REFRESH_COOKIE: &str = "__Host-ramz_refresh";

/// Ramz as the guide says, and its site in front.
async fn start(more: &[(&str, &str)]) -> (Service, Site) {
    let guide = Guide::read("web.md");
    let environment = guide.file("ramz.env");
    let lines = environment.lines().filter(|line| !line.starts_with('#'));
    let mut settings: Vec<(&str, &str)> = lines
        .map(|line| line.split_once('=').expect("NAME=value"))
        .collect();
    settings.extend(more);
    let service = Service::start(&settings).await;
    let upstream = service.url().trim_start_matches("http://");
    let site = Site::start(&guide, upstream).await;
    (service, site)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_stays_signed_in_and_logs_out() {
    let (service, site) = start(&[]).await;
    let browser = Browser::start(site.address()).await;
    done(browser.page.goto(&format!("https://{HOST}/")).await);

    ask_and_mistype(&service, &browser).await;
    let code = service.code(PHONE).await;
    browser.enter("code", &code).await;
    browser.says("signed-in", &[SHOWN]).await;
    assert_no_token_in_javascript(&browser).await;
    fits(&browser).await;

    stays_signed_in(&service, &browser).await;
    tabs_share_a_refresh(&service, &browser).await;

    browser.click("logout").await;
    browser.shown("ask").await;
    assert_eq!(browser.cookie(ACCESS).await, None);
    assert_eq!(browser.cookie(REFRESH_COOKIE).await, None);
    done(browser.page.refresh().await);
    browser.shown("ask").await;
    browser.close().await;
}

/// Another script of the site has its own cookies, with bytes that are no ASCII, and the code is pasted with
/// the marks that stand around it in the message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_of_others_and_marks_around_a_code_keep_nobody_out() {
    let (service, site) = start(&[]).await;
    let browser = Browser::start(site.address()).await;
    done(browser.page.goto(&format!("https://{HOST}/")).await);
    let foreign = r#"document.cookie = "city=تهران; path=/; secure";
        document.cookie = "prefs={\"a\": \"b, c\"}; path=/; secure"; return document.cookie"#;
    let set = browser.evaluate(foreign).await;
    assert!(
        set.as_str().is_some_and(|text| text.contains("تهران")),
        "{set}"
    );

    for (round, phone, spelling, shown) in [
        (1, PHONE, "\u{2066}+98 (0)912 345 6789\u{2069}", SHOWN),
        (2, "09123456780", "tel:+98-912-345-6780", "+989123456780"),
    ] {
        browser.enter("phone", spelling).await;
        browser.says("sent-to", &[shown]).await;
        let code = service.code(phone).await;
        browser
            .enter("code", &format!("\u{200e}{code}\u{a0}"))
            .await;
        browser.says("signed-in", &[shown]).await;

        done(browser.page.delete_cookie(ACCESS).await);
        done(browser.page.refresh().await);
        browser.says("signed-in", &[shown]).await;
        assert!(
            browser.cookie(ACCESS).await.is_some(),
            "{round}: renewed beside them"
        );
        browser.click("logout").await;
        browser.shown("ask").await;
        assert_eq!(browser.cookie(REFRESH_COOKIE).await, None, "{round}");
    }
    assert!(browser.cookie("city").await.is_some(), "theirs is theirs");
    browser.close().await;
}

/// Up to a wrong code, with everything that can go wrong before.
async fn ask_and_mistype(service: &Service, browser: &Browser) {
    fits(browser).await;
    browser.enter("phone", "021 8888 0000").await;
    browser.says("error", &["تلفن ثابت"]).await;
    browser.enter("phone", "۰۹۱۲ ۳۴۵ ۶۷۸۹").await;
    browser.says("sent-to", &[SHOWN]).await;
    fits(browser).await;

    let resend = browser.shown("resend").await;
    assert!(!done(resend.is_enabled().await));
    browser.says("resend", &["ثانیه"]).await;
    let code = service.code(PHONE).await;
    browser.enter("code", &another_code(&code)).await;
    browser.says("error", &["کد نادرست است", "۲ بار"]).await;
    fits(browser).await;
}

async fn assert_no_token_in_javascript(browser: &Browser) {
    assert_eq!(browser.evaluate("return document.cookie").await, json!(""));
    let stored = browser.evaluate("return Object.keys(localStorage)").await;
    assert_eq!(stored, json!([]));
    for name in [ACCESS, REFRESH_COOKIE] {
        let cookie = browser.cookie(name).await.expect("a cookie");
        assert_eq!(cookie.http_only(), Some(true), "{name}");
        assert_eq!(cookie.secure(), Some(true), "{name}");
    }
}

/// The browser drops the access cookie when its five minutes are over.
async fn stays_signed_in(service: &Service, browser: &Browser) {
    let before = browser.cookie(REFRESH_COOKIE).await.expect("a cookie");
    done(browser.page.delete_cookie(ACCESS).await);
    done(browser.page.refresh().await);
    browser.says("signed-in", &[SHOWN]).await;
    assert_eq!(service.requests_of(REFRESH).await, 2);
    assert!(browser.cookie(ACCESS).await.is_some());
    let after = browser.cookie(REFRESH_COOKIE).await.expect("a cookie");
    assert_ne!(before.value(), after.value());
}

/// Two tabs that find the access token gone at the same moment.
async fn tabs_share_a_refresh(service: &Service, browser: &Browser) {
    let page = &browser.page;
    let first = done(page.window().await);
    let second = done(page.new_window(true).await).handle;
    done(page.switch_to_window(second.clone()).await);
    done(page.goto(&format!("https://{HOST}/")).await);
    browser.says("signed-in", &[SHOWN]).await;
    let before = service.requests_of(REFRESH).await;

    done(page.delete_cookie(ACCESS).await);
    let now = browser.evaluate("return Date.now()").await;
    let moment = now.as_i64().expect("milliseconds") + 1500;
    let reload =
        format!("setTimeout(() => location.reload(), {moment} - Date.now()); window.old = 1");
    for tab in [&second, &first] {
        done(page.switch_to_window(tab.clone()).await);
        browser.evaluate(&reload).await;
    }
    for tab in [&first, &second] {
        done(page.switch_to_window(tab.clone()).await);
        harness::eventually(e2e::PATIENCE, async || {
            let script = "return window.old !== 1 && document.readyState === 'complete'";
            let reloaded = page.execute(script, Vec::new()).await.ok()?;
            (reloaded == json!(true)).then_some(())
        })
        .await;
        browser.says("signed-in", &[SHOWN]).await;
    }
    assert_eq!(service.requests_of(REFRESH).await, before + 1);
    done(page.switch_to_window(second).await);
    done(page.close_window().await);
    done(page.switch_to_window(first).await);
}

/// Nothing is cut off on a small phone, and the page is right to left.
async fn fits(browser: &Browser) {
    let script = "return [innerWidth, document.documentElement.scrollWidth, \
                  getComputedStyle(document.body).direction]";
    assert_eq!(browser.evaluate(script).await, json!([360, 360, "rtl"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_the_proxy_each_client_has_a_limit_of_its_own() {
    let (_service, site) = start(&[("LIMIT_ADDRESS_PER_MINUTE", "3")]).await;
    let ask = async |from: u8, number: u32, forged: Option<&str>| {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .tls_danger_accept_invalid_certs(true)
            .resolve(HOST, site.address())
            .local_address(IpAddr::from(Ipv4Addr::new(127, 0, 0, from)))
            .build()
            .expect("a client");
        let url = format!("https://{HOST}:{}/api/v1/usr/otp", site.address().port());
        let mut request = client.post(url);
        if let Some(address) = forged {
            request = request.header("x-forwarded-for", address);
        }
        let body = json!({ "phone_number": format!("0912000{number:04}") });
        let answer = request.json(&body).send().await.expect("an answer");
        answer.status()
    };
    for number in 0..3 {
        assert_eq!(ask(2, number, None).await, StatusCode::ACCEPTED);
    }
    assert_eq!(ask(2, 3, None).await, StatusCode::TOO_MANY_REQUESTS);
    let forged = ask(2, 4, Some("203.0.113.9")).await;
    assert_eq!(forged, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask(3, 5, None).await, StatusCode::ACCEPTED);
}

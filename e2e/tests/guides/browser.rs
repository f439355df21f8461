//! Chromium as on a small phone, driven by chromedriver.

use std::fmt;
use std::net::SocketAddr;

use e2e::PATIENCE;
use fantoccini::cookies::Cookie;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use harness::{Process, eventually, free_port, wait_for_http};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::guides::site::HOST;

pub(crate) struct Browser {
    // Its end closes the pipe to Chromium, which then ends too.
    driver: Process,
    pub(crate) page: Client,
}

impl Browser {
    /// Starts it with a profile of its own; the site's name leads to this address.
    pub(crate) async fn start(site: SocketAddr) -> Self {
        let port = free_port();
        let driver = Process::program("chromedriver")
            .arg(format!("--port={port}"))
            .start();
        let url = format!("http://127.0.0.1:{port}");
        wait_for_http(&format!("{url}/status"), PATIENCE).await;
        let profile = driver.directory().join("profile");
        let Value::Object(capabilities) = json!({
            "acceptInsecureCerts": true,
            "goog:chromeOptions": {
                "args": [
                    "--headless",
                    // Chromium refuses its sandbox to root.
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--no-first-run",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                    "--no-proxy-server",
                    "--remote-debugging-pipe",
                    format!("--user-data-dir={}", profile.display()),
                    format!("--host-resolver-rules=MAP {HOST}:443 {site}"),
                ],
                "mobileEmulation": {
                    "deviceMetrics": { "width": 360, "height": 640, "pixelRatio": 2, "touch": true }
                }
            }
        }) else {
            unreachable!("it is an object");
        };
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&url)
            .await
            .expect("a browser");
        Self { driver, page }
    }

    /// The element of this id, once it is shown.
    pub(crate) async fn shown(&self, id: &str) -> Element {
        eventually(PATIENCE, async || {
            let found = self.page.find(Locator::Id(id)).await.ok()?;
            found.is_displayed().await.ok()?.then_some(found)
        })
        .await
    }

    /// Waits until the element of this id says something with all of these in it, and returns it.
    pub(crate) async fn says(&self, id: &str, parts: &[&str]) -> String {
        eventually(PATIENCE, async || {
            let found = self.page.find(Locator::Id(id)).await.ok()?;
            let text = found.text().await.ok()?;
            parts.iter().all(|part| text.contains(part)).then_some(text)
        })
        .await
    }

    /// Types into an empty field and presses Enter.
    pub(crate) async fn enter(&self, id: &str, text: &str) {
        let field = self.shown(id).await;
        done(field.clear().await);
        done(field.send_keys(&format!("{text}\u{e007}")).await);
    }

    pub(crate) async fn click(&self, id: &str) {
        done(self.shown(id).await.click().await);
    }

    /// What a script gives; it ends with `return`.
    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        done(self.page.execute(script, Vec::new()).await)
    }

    /// What a promise gives, or the name of the error that it is refused with.
    pub(crate) async fn settled(&self, promise: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             Promise.resolve().then(async () => ({promise})).then(done, (error) => done(error.name));"
        );
        done(self.page.execute_async(&script, Vec::new()).await)
    }

    pub(crate) async fn cookie(&self, name: &str) -> Option<Cookie<'static>> {
        let cookies = done(self.page.get_all_cookies().await);
        cookies.into_iter().find(|cookie| cookie.name() == name)
    }

    /// Ends the browser, then its driver.
    pub(crate) async fn close(mut self) {
        done(self.page.close().await);
        self.driver.terminate();
        self.driver.wait(PATIENCE).await;
    }
}

/// The result of a command that the browser has no reason to refuse.
pub(crate) fn done<T: fmt::Debug>(result: Result<T, CmdError>) -> T {
    result.expect("the browser does it")
}

//! `/api/docs/`: "Try it out" with the examples as they stand, before and after a sign-in by cookie.

use fantoccini::Locator;
use fantoccini::elements::Element;
use serde_json::{Value, json};

use crate::guides::browser::{Browser, done};
use crate::guides::service::Service;

const PHONE: &str = "09123456789";
const OTHER: &str = "09121234567";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_work_in_swagger_ui_signed_in_or_not() {
    let service = Service::start(&[]).await;
    let browser = Browser::start(([127, 0, 0, 1], 9).into()).await;
    done(
        browser
            .page
            .goto(&format!("{}/api/docs/", service.url()))
            .await,
    );
    let page = SwaggerUi { browser: &browser };

    // Nobody is signed in: examples are understood, and those who must be signed in are told so.
    for (call, status) in [
        ("account-show_profile", 401),
        ("account-change_password", 401),
        ("sessions-refresh_tokens", 401),
        ("sessions-log_out", 204),
        ("step_flow-step_log_in", 403),
        ("sign-in-log_in", 403),
        ("tokens-jwks", 200),
        ("health-readyz", 200),
    ] {
        let answer = page.execute(call, None).await;
        assert_eq!(answer.status, status, "{call}: {}", answer.text);
    }

    // The browser keeps the cookies by itself.
    page.prove(
        &service,
        "sign-in-request_code",
        "sign-in-verify_code",
        PHONE,
    )
    .await;
    for (call, status) in [
        ("account-show_profile", 200),
        ("account-update_profile", 200),
        ("sessions-refresh_tokens", 200),
        ("account-change_password", 204),
        ("sign-in-log_in", 200),
        ("step_flow-step_log_in", 200),
        ("sessions-list_sessions", 200),
        ("sessions-end_other_sessions", 204),
        ("sessions-log_out", 204),
        ("account-show_profile", 401),
    ] {
        let answer = page.execute(call, None).await;
        assert_eq!(answer.status, status, "{call}: {}", answer.text);
    }

    // Another number needs a fresh code on the present one; the password of a moment ago does not do.
    assert_eq!(page.execute("sign-in-log_in", None).await.status, 200);
    let refused = page.execute("account-request_phone_change", None).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let (ask, verify) = ("sign-in-request_code", "sign-in-verify_code");
    page.prove(&service, ask, verify, PHONE).await;
    let (ask, verify) = (
        "account-request_phone_change",
        "account-verify_phone_change",
    );
    page.prove(&service, ask, verify, OTHER).await;
    browser.close().await;
}

struct SwaggerUi<'a> {
    browser: &'a Browser,
}

struct Shown {
    status: u64,
    text: String,
}

impl SwaggerUi<'_> {
    /// Asks for a code and gives it back: of the examples only what came meanwhile is replaced.
    async fn prove(&self, service: &Service, ask: &str, verify: &str, phone: &str) {
        let before = service.messages(phone).await;
        let asked = self.execute(ask, None).await;
        assert_eq!(asked.status, 202, "{ask}: {}", asked.text);
        let asked: Value = serde_json::from_str(&asked.text).expect("JSON");
        harness::eventually(e2e::PATIENCE, async || {
            (service.messages(phone).await > before).then_some(())
        })
        .await;
        let code = service.code(phone).await;
        let body = json!({ "session_id": asked["session_id"], "code": code }).to_string();
        let verified = self.execute(verify, Some(&body)).await;
        assert_eq!(verified.status, 200, "{verify}: {}", verified.text);
    }

    /// Opens a call, puts in a body if one is given, executes it, and reads what is shown.
    async fn execute(&self, call: &str, body: Option<&str>) -> Shown {
        let block = format!("#operations-{call}");
        let open = self
            .find(&format!("{block} .opblock-summary-control"))
            .await;
        done(open.click().await);
        let execute = self.find(&format!("{block} button.execute")).await;
        if let Some(body) = body {
            let field = self
                .find(&format!("{block} textarea.body-param__text"))
                .await;
            // Everything is selected and typed over, as a person does.
            done(field.send_keys("\u{e009}a\u{e000}").await);
            done(field.send_keys(body).await);
        }
        done(execute.click().await);
        let live = format!("{block} .live-responses-table .response");
        let status = self.find(&format!("{live} .response-col_status")).await;
        let status = done(status.text().await);
        let status = status
            .split_whitespace()
            .next()
            .and_then(|text| text.parse().ok());
        let text = format!(
            "return document.querySelector('{live} .response-col_description pre')?.textContent ?? ''"
        );
        let text = self.browser.evaluate(&text).await;
        // Closed and forgotten, so that the next answer is not this one.
        let clear = self.find(&format!("{block} button.btn-clear")).await;
        done(clear.click().await);
        let open = self
            .find(&format!("{block} .opblock-summary-control"))
            .await;
        done(open.click().await);
        Shown {
            status: status.expect("a status"),
            text: text.as_str().expect("a text").to_owned(),
        }
    }

    /// An element, once it is there; a person would scroll to it.
    async fn find(&self, selector: &str) -> Element {
        let page = &self.browser.page;
        let element = harness::eventually(e2e::PATIENCE, async || {
            let found = page.find(Locator::Css(selector)).await.ok()?;
            found.is_displayed().await.ok()?.then_some(found)
        })
        .await;
        let scroll = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
        let handle = serde_json::to_value(&element).expect("a handle");
        done(page.execute(scroll, vec![handle]).await);
        element
    }
}

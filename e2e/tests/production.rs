//! The main job in the production shape.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use e2e::{Client, ErrorAnswer, PATIENCE, Production};
use futures::StreamExt as _;
use harness::eventually;
use reqwest::StatusCode;
use serde_json::json;
use tokio::time::sleep;

const REQUESTS: usize = 10_000;
const AT_ONCE: usize = 64;
/// One address asks for all of them here.
const NO_ADDRESS_LIMITS: [(&str, &str); 2] = [
    ("LIMIT_ADDRESS_PER_MINUTE", "100000"),
    ("LIMIT_GROUP_PER_MINUTE", "off"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_asked_for_sent_and_opens_a_session() {
    let production = Production::start(1, &[]).await;
    let client = production.client();
    let asked = client.ask("۰۹۱۲۳۴۵۶۷۸۹").await.expect("accepted");
    assert_eq!(
        (asked.phone_number.as_str(), asked.sent),
        ("+989123456789", true)
    );
    let code = production.simulator.wait_for_code("09123456789").await;
    assert_eq!(code.len(), asked.code_length);
    let first = client
        .verify(&asked.session_id, &code)
        .await
        .expect("signed in");
    assert!(first.is_new_user);
    assert_eq!(first.user["phone_number"], "+989123456789");

    // The answer may have been lost: it is the same session, until its token is used.
    let repeated = client.verify(&asked.session_id, &code).await;
    let token = repeated.expect("the same answer").refresh_token;
    assert_eq!(token, first.refresh_token);
    let body = json!({ "refresh_token": token });
    let path = "/api/v1/usr/token/refresh";
    let refreshed = client.try_post(path, &body).await.expect("an answer");
    assert_eq!(refreshed.status(), 200);
    let replay = client
        .verify(&asked.session_id, &code)
        .await
        .expect_err("refused");
    assert_eq!(
        (replay.status.as_u16(), replay.code.as_str()),
        (409, "code_used")
    );
    let again = client.ask("09123456789").await.expect("accepted");
    let codes = async || production.simulator.codes("09123456789").await;
    let newest = eventually(PATIENCE, async || {
        let codes = codes().await;
        (codes.len() == 2).then(|| codes[0].clone())
    })
    .await;
    let second = client
        .verify(&again.session_id, &newest)
        .await
        .expect("signed in");
    assert!(!second.is_new_user);
    assert_eq!(second.user["id"], first.user["id"]);
}

/// On a machine that stands still for a second a request may be refused; nothing was promised then, and whoever asked is
/// told to ask again.
async fn ask_again_if_refused(client: &Client, number: &str) -> Result<bool, ErrorAnswer> {
    let mut times = 1;
    loop {
        match client.ask(number).await {
            Err(refused) if refused.status == StatusCode::SERVICE_UNAVAILABLE && times <= 10 => {
                sleep(Duration::from_secs(refused.retry_after.unwrap_or(1))).await;
            }
            answer => return answer.map(|asked| asked.sent),
        }
        times += 1;
    }
}

/// 10,000 requests, two workers: exactly 10,000 sends, none doubled, none missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_01_i_02_ten_thousand_requests_are_ten_thousand_sends() {
    let mut production = Production::start(2, &NO_ADDRESS_LIMITS).await;
    let client = Arc::new(production.client());
    let numbers = (0..REQUESTS).map(|number| format!("0912{number:07}"));
    let not_accepted: Vec<String> = futures::stream::iter(numbers)
        .map(|number| {
            let client = Arc::clone(&client);
            async move { ask_again_if_refused(&client, &number).await }
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(async |answer| match answer {
            Ok(true) => None,
            other => Some(format!("{other:?}")),
        })
        .collect()
        .await;
    assert_eq!(not_accepted, [""; 0]);
    eventually(PATIENCE, async || {
        (production.simulator.sends().len() >= REQUESTS).then_some(())
    })
    .await;
    let shares = [
        production.messages_accepted_by_worker(0).await,
        production.messages_accepted_by_worker(1).await,
    ];
    // Everything is settled before the last look, so a late duplicate would be seen.
    production.stop().await;

    let mut sends: HashMap<String, u32> = HashMap::new();
    for line in production.simulator.sends() {
        for receptor in line.receptors {
            *sends.entry(receptor).or_default() += 1;
        }
    }
    let doubled = sends.values().filter(|count| **count > 1).count();
    assert_eq!((sends.len(), doubled), (REQUESTS, 0), "missing or doubled");
    let mut calls = production.simulator.journal();
    // Of the account, and of what became of accepted messages, the workers ask anyway.
    calls.retain(|call| !call.method.starts_with("account/") && call.method != "sms/status");
    assert_eq!(calls.len(), REQUESTS, "calls besides the sends");
    assert!(
        shares.iter().all(|share| *share > 0),
        "one worker did everything: {shares:?}"
    );
}

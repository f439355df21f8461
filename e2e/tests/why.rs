//! `api why` on a service at work: what really happened is what it tells.

use e2e::{PATIENCE, Production};
use harness::{Process, eventually};
use serde_json::{Value, json};

/// What the command says, as programs read it.
async fn why(production: &Production, subject: &str) -> Value {
    let mut process = Process::ramz("api")
        .args(["why", subject, "--json"])
        .envs(production.settings().to_vec())
        .start();
    let status = process.wait(PATIENCE).await;
    let printed = process.log();
    assert!(status.success(), "{printed}");
    serde_json::from_str(&printed).expect("one JSON object and nothing else")
}

/// Asks until the matter stands so; gives the sentence.
async fn concludes(production: &Production, subject: &str, code: &str) -> String {
    let sentence = eventually(PATIENCE, async || {
        let said = why(production, subject).await;
        let conclusion = &said["conclusion"];
        (conclusion["code"] == code).then(|| conclusion["text"].to_string())
    });
    sentence.await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_of_each_code_is_told_as_it_was() {
    let mut production = Production::start(1, &[]).await;
    let client = production.client();

    let body = json!({ "phone_number": "09120000001" });
    let asked = client.try_post("/api/v1/usr/otp", &body).await;
    let asked = asked.expect("an answer");
    let request = asked.headers()["x-request-id"]
        .to_str()
        .expect("text")
        .to_owned();
    let asked: Value = asked.json().await.expect("JSON");
    let session = asked["session_id"].as_str().expect("an id");
    let code = production.simulator.wait_for_code("09120000001").await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    client.verify(session, wrong).await.expect_err("refused");
    let said = why(&production, "09120000001").await;
    assert_eq!(said["codes"][0]["session_attempts"], 1, "{said:#}");
    client.verify(session, &code).await.expect("signed in");
    concludes(&production, "09120000001", "verified").await;
    let said = why(&production, &request).await;
    assert_eq!(said["conclusion"]["code"], "verified", "{said:#}");
    assert_eq!(said["sends"][0]["request_id"], request, "{said:#}");
    for secret in [session, "9120000001"] {
        assert!(!said.to_string().contains(secret), "{said:#}");
    }
    assert!(
        !said.to_string().contains(&format!("\"{code}\"")),
        "{said:#}"
    );

    let invalid = json!([{
        "method": "verify/lookup", "times": 1, "fault": { "kind": "status", "status": 411 }
    }]);
    production.simulator.set_faults(invalid).await;
    client.ask("09120000002").await.expect("accepted");
    let sentence = concludes(&production, "09120000002", "refused").await;
    assert!(
        sentence.contains("411: the number is not valid"),
        "{sentence}"
    );

    for _ in 0..3 {
        client.ask("09120000003").await.expect("accepted");
    }
    client.ask("09120000003").await.expect_err("refused");
    let sentence = concludes(&production, "09120000003", "limited").await;
    assert!(sentence.contains("3 messages in 2 minutes"), "{sentence}");

    production
        .simulator
        .change_account(json!({ "credit": 0 }))
        .await;
    client.ask("09120000004").await.expect("accepted");
    let sentence = concludes(&production, "09120000004", "breaker_open").await;
    assert!(sentence.contains("418, no credit"), "{sentence}");
    production
        .simulator
        .change_account(json!({ "credit": 1_000_000 }))
        .await;
    production.simulator.wait_for_code("09120000004").await;

    production.workers[0].terminate();
    assert!(production.workers[0].wait(PATIENCE).await.success());
    eventually(PATIENCE, async || client.ask("09120000005").await.ok()).await;
    let sentence = concludes(&production, "09120000005", "no_worker").await;
    assert!(sentence.contains("Start a worker."), "{sentence}");
    production.add_worker();
    production.simulator.wait_for_code("09120000005").await;
    let sentence = concludes(&production, "09120000005", "delivered").await;
    assert!(
        sentence.contains("the operator reports it delivered"),
        "{sentence}"
    );
}

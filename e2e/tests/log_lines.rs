//! What the log tells of a trouble: that it begins, once, and that it ends, once; and no line says the opposite of
//! another about the same moment.

use std::collections::BTreeMap;

use e2e::{PATIENCE, Production};
use harness::{eventually, whole_lines};
use serde_json::{Value, json};

/// A line that tells of a trouble, that of its end, and what tells one trouble from another.
const PAIRS: [(&str, &str, &[&str]); 5] = [
    (
        "a store cannot be used",
        "a store can be used again",
        &["store"],
    ),
    (
        "the queue cannot be used; waiting for it",
        "the queue can be used again",
        &[],
    ),
    (
        "deliveries cannot be followed",
        "deliveries are followed again",
        &[],
    ),
    (
        "the ledger cannot be written; waiting for it",
        "the ledger can be written again",
        &["trace_id", "send", "attempt"],
    ),
    (
        "the gateway refuses every message: nothing is sent until the account works again",
        "the account works again: messages are sent",
        &[],
    ),
];

fn lines(log: &str) -> Vec<Value> {
    whole_lines(log)
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn count(log: &str, message: &str) -> usize {
    lines(log)
        .iter()
        .filter(|line| line["message"] == message)
        .count()
}

/// Whether each trouble that began has ended; each end follows a beginning.
fn all_over(log: &str) -> bool {
    let mut open: BTreeMap<String, bool> = BTreeMap::new();
    for line in lines(log) {
        for (begins, ends, fields) in PAIRS {
            let of: Vec<String> = fields
                .iter()
                .map(|field| line[*field].to_string())
                .collect();
            let trouble = format!("{begins} {of:?}");
            if line["message"] == begins {
                open.insert(trouble, true);
            } else if line["message"] == ends {
                let was = open.insert(trouble.clone(), false);
                assert_eq!(was, Some(true), "{trouble} ends and has not begun: {log}");
            }
        }
    }
    open.values().all(|open| !open)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trouble_is_told_when_it_begins_and_when_it_ends_and_nothing_contradicts() {
    let mut production = Production::start(1, &[]).await;
    let client = production.client();
    let no_credit = production.simulator.change_account(json!({ "credit": 0 }));
    no_credit.await;
    client.ask("09120000001").await.expect("accepted");
    let worker = |production: &Production| production.workers[0].log();
    eventually(PATIENCE, async || {
        (count(&worker(&production), PAIRS[4].0) > 0).then_some(())
    })
    .await;
    production
        .simulator
        .change_account(json!({ "credit": 1_000_000 }))
        .await;
    production.simulator.wait_for_code("09120000001").await;

    production.postgres.kill();
    client.ask("09120000002").await.expect("Redis is there");
    eventually(PATIENCE, async || {
        (count(&worker(&production), PAIRS[3].0) > 0).then_some(())
    })
    .await;
    production.redis.kill();
    client.ask("09120000003").await.expect_err("refused");
    eventually(PATIENCE, async || {
        let both = [production.api.log(), worker(&production)];
        both.iter()
            .all(|log| count(log, PAIRS[0].0) >= 2)
            .then_some(())
    })
    .await;
    tokio::join!(production.redis.restart(), production.postgres.restart());
    eventually(PATIENCE, async || {
        let both = [production.api.log(), worker(&production)];
        both.iter().all(|log| all_over(log)).then_some(())
    })
    .await;
    let asked = eventually(PATIENCE, async || client.ask("09120000004").await.ok()).await;
    assert!(!asked.session_id.is_empty());
    production.simulator.wait_for_code("09120000004").await;

    production.stop().await;
    for log in [production.api.log(), worker(&production)] {
        assert!(all_over(&log), "{log}");
        let told = lines(&log);
        let stopped: Vec<&Value> = told
            .iter()
            .filter(|line| {
                line["message"]
                    .as_str()
                    .is_some_and(|message| message.to_lowercase().contains("stopped"))
            })
            .collect();
        assert_eq!(stopped.len(), 1, "{stopped:?}");
        assert_eq!(told.last(), Some(stopped[0]), "something follows the end");
        for name in ["a store cannot be used", "not ready"] {
            for line in told.iter().filter(|line| line["message"] == name) {
                let cause = line["cause"]
                    .as_str()
                    .or(line["error"].as_str())
                    .unwrap_or_default();
                assert!(!cause.is_empty(), "{line}");
            }
        }
    }
}

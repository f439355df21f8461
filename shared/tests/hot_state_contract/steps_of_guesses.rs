//! A wrong code with the number alone takes the same steps whether the number has a live code or not.

use std::collections::BTreeMap;

use domain::clock::Clock;
use domain::root::RootId;
use harness::RedisServer;
use shared::hot_state::Verdict;

use crate::stage::{MINUTE, START, Stage};

const NOBODY: &str = "+989350000001";
const ONE: &str = "+989350000002";
const TWO: &str = "+989350000003";
const EXHAUSTED: &str = "+989350000004";
const SIGNED_IN: &str = "+989350000005";

/// Numbers in every state that a stranger must not be able to tell apart.
async fn numbers(stage: &Stage) -> [&'static str; 5] {
    stage.granted(TWO).await;
    for _ in 0..3 {
        stage.granted(EXHAUSTED).await;
        stage.clock.advance(2 * MINUTE);
    }
    // One root is over, and one lives.
    stage.clock.advance(2 * MINUTE + 1);
    stage.granted(TWO).await;
    assert_eq!(stage.roots(TWO).await.len(), 2);
    stage.granted(ONE).await;
    for _ in 0..3 {
        stage.guess_by_phone(EXHAUSTED, None).await;
    }
    let signed_in = stage.granted(SIGNED_IN).await;
    assert!(matches!(
        stage.count(&signed_in, true).await,
        Verdict::Right { .. }
    ));
    [NOBODY, ONE, TWO, EXHAUSTED, SIGNED_IN]
}

/// How often each command ran, in scripts too.
async fn calls(server: &RedisServer) -> BTreeMap<String, u64> {
    let client = redis::Client::open(server.url()).expect("an address");
    let connection = client.get_multiplexed_async_connection().await;
    let stats: String = redis::cmd("INFO")
        .arg("commandstats")
        .query_async(&mut connection.expect("a connection"))
        .await
        .expect("figures");
    let mut calls = BTreeMap::new();
    for line in stats.lines() {
        let Some((name, figures)) = line
            .strip_prefix("cmdstat_")
            .and_then(|line| line.split_once(":calls="))
        else {
            continue;
        };
        let kind = match name {
            "hset" | "hincrby" => "writes",
            "get" | "hmget" | "evalsha" => name,
            _ => continue,
        };
        let count: u64 = figures
            .split_once(',')
            .and_then(|(count, _)| count.parse().ok())
            .expect("a count");
        *calls.entry(kind.to_owned()).or_default() += count;
    }
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_code_by_number_takes_the_same_steps_with_and_without_a_live_code_in_redis() {
    let server = RedisServer::start().await;
    let stage = Stage::redis_on(&server, Clock::manual(START));
    let numbers = numbers(&stage).await;
    // So that each script is there.
    stage.guess_by_phone("+989350000009", None).await;
    let mut steps = Vec::new();
    for number in numbers {
        let before = calls(&server).await;
        stage.guess_by_phone(number, None).await;
        let mut after = calls(&server).await;
        for (name, calls) in &mut after {
            *calls -= before.get(name).copied().unwrap_or_default();
        }
        steps.push((number, after));
    }
    for (number, taken) in &steps {
        assert_eq!(*taken, steps[0].1, "{number}");
    }
    assert_eq!(steps[0].1["evalsha"], 2);
}

/// In a file a commit that writes waits for the disk, and one that does not does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_code_by_number_writes_with_and_without_a_live_code_in_a_file() {
    let stage = Stage::sqlite().await;
    let mut changes = Vec::new();
    for number in numbers(&stage).await {
        let before = stage.changes_of_the_writer().await;
        stage.guess_by_phone(number, None).await;
        changes.push(stage.changes_of_the_writer().await - before);
    }
    assert_eq!(changes, [3; 5]);
}

/// What stands for a root that is not there is no root.
pub(crate) async fn a_number_without_a_code_has_no_root(stage: &Stage) {
    for _ in 0..10 {
        assert_eq!(stage.guess_by_phone(NOBODY, None).await, Verdict::Gone);
    }
    assert_eq!(stage.roots(NOBODY).await, []);
    let none = RootId::from_bytes([0; 16]);
    assert_eq!(stage.hot.root(none).await.expect("an answer"), None);
}

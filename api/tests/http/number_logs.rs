//! What hot state keeps of a number for a day is short when its codes are over.

use std::time::Duration;

use futures::future::join_all;
use harness::eventually;
use shared::records::LedgerWriter;

use crate::deletion::attempt;
use crate::stage::{Shape, Stage};
use crate::stores::Raw;

/// More than two pages of the ledger.
const NUMBERS: u32 = 1_201;
const PATIENCE: Duration = Duration::from_mins(2);

fn number(index: u32) -> String {
    format!("+98912{index:07}")
}

/// The logs of all numbers that name a root.
async fn long_logs(stage: &Stage) -> Vec<String> {
    let Raw::Redis { url, tag } = &stage.stores.raw else {
        return Vec::new();
    };
    let client = redis::Client::open(url.as_str()).expect("an address");
    let connection = client.get_multiplexed_async_connection().await;
    let mut connection = connection.expect("a connection");
    let logs: Vec<String> = redis::cmd("KEYS")
        .arg(format!("{{{tag}}}:s:*"))
        .query_async(&mut connection)
        .await
        .expect("keys");
    let texts: Vec<String> = redis::cmd("MGET")
        .arg(&logs)
        .query_async(&mut connection)
        .await
        .expect("logs");
    texts.into_iter().filter(|log| log.contains('=')).collect()
}

/// Begins in the ledger what a worker would send to all numbers.
async fn send_to_all(stage: &Stage) {
    let (records, clock) = (stage.stores.records.clone(), stage.clock.clone());
    let worker = LedgerWriter::start(records, clock);
    let begun =
        join_all((0..NUMBERS).map(|index| worker.begin(attempt(stage, &number(index))))).await;
    assert!(begun.iter().all(Result::is_ok));
}

pub(crate) async fn thr_05_a_21_logs_of_numbers_are_short_when_their_codes_are_over(shape: Shape) {
    let stage = Stage::new(shape).await;
    if !stage.stores.hot.has_long_logs() {
        return;
    }
    for index in [0, 700, NUMBERS - 1] {
        stage.ask(&number(index)).await;
    }
    send_to_all(&stage).await;
    assert_eq!(long_logs(&stage).await.len(), 3);
    stage.pass(36 * 60_000).await;
    // Their codes may live.
    stage.ask(&number(5)).await;
    send_to_all(&stage).await;

    // Two start at the same moment, and go on beside the first, which looks now and then.
    let (one, other) = tokio::join!(stage.beside(&[]), stage.beside(&[]));
    let left = eventually(PATIENCE, async || {
        let left = long_logs(&stage).await;
        (left.len() == 1).then_some(left)
    })
    .await;
    let now = stage.clock.now().timestamp_millis();
    assert!(left[0].starts_with(&now.to_string()), "{left:?}");
    one.stop();
    other.stop();

    // What was noted under a clock that was ahead keeps nothing long.
    stage.stop();
    let far = "9999999999999999-07070707070707070707070707070707-1-1";
    let hot = &stage.stores.hot;
    eventually(PATIENCE, async || {
        let noted = hot.logs_shortened_to().await.expect("an answer");
        let shortened = hot.shorten_logs(&[], noted.as_deref(), far).await;
        shortened.expect("an answer")
    })
    .await;
    // No other looks any more.
    assert_eq!(long_logs(&stage).await.len(), 1);
    stage.clock.advance(36 * 60_000);
    let third = stage.beside(&[]).await;
    eventually(PATIENCE, async || {
        long_logs(&stage).await.is_empty().then_some(())
    })
    .await;
    third.stop();
}

//! A Redis that stands still for a time: what its clients were refused meanwhile is not carried out when
//! it goes on.

use domain::clock::Clock;
use harness::{RedisServer, eventually};
use shared::hot_state::{AcceptRequest, Accepted, HotStateError};

use crate::stage::{Stage, sent};

/// As long as somebody who asks waits at most, and some.
const STALL: std::time::Duration = std::time::Duration::from_millis(1_500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_07_what_was_refused_in_a_stall_of_redis_is_not_carried_out_later() {
    let mut server = RedisServer::start().await;
    let stage = Stage::redis_on(&server, Clock::system());
    let numbers = |from: usize| (from..from + 40).map(|number| format!("+98912{number:07}"));
    sent(stage.ask(&stage.new_challenge("+989123456789")).await);

    server.pause();
    let asked: Vec<_> = numbers(0)
        .map(|phone| stage.new_challenge(&phone))
        .collect();
    let answers = asked.iter().map(|new| async {
        let accept = stage.accept(AcceptRequest::New(new));
        stage.hot.accept(&accept, &stage.policy).await
    });
    let stalled = async {
        tokio::time::sleep(STALL).await;
        server.resume();
    };
    let (answers, ()) = tokio::join!(futures::future::join_all(answers), stalled);
    let refused = answers
        .iter()
        .filter(|answer| matches!(answer, Err(HotStateError::Unavailable(_))))
        .count();
    // All that was sent before goes first, on connections that are read in turn.
    eventually(STALL * 10, async || stage.hot.ping().await.ok()).await;
    tokio::time::sleep(STALL / 3).await;
    let granted = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Accepted::Sent(_))))
        .count();
    assert_eq!(refused + granted, 40, "{answers:?}");
    assert!(refused >= 30, "{refused}");
    assert_eq!(
        stage.jobs().await.len(),
        1 + granted,
        "nothing that was refused"
    );

    // It heals by itself, with no more than its limits ask.
    for phone in numbers(100) {
        sent(stage.ask(&stage.new_challenge(&phone)).await);
    }
}

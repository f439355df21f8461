//! Redis is at its `maxmemory`, or near it.

use std::time::Duration;

use domain::clock::Clock;
use harness::{RedisServer, eventually};
use shared::hot_state::{AcceptRequest, Admission, HotStateError, Verdict};
use shared::records::Route;
use uuid::Uuid;

use crate::stage::{PATIENCE, START, Stage, Watched, sent};

const PHONE: &str = "+989123456789";
const OTHER: &str = "+989123456780";
const THIRD: &str = "+989123456781";

fn is_full<T: std::fmt::Debug>(answer: &Result<T, HotStateError>) {
    let told = matches!(answer, Err(HotStateError::Unavailable(why)) if why.contains("OOM"));
    assert!(told, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_a_full_redis_lets_out_what_it_holds_and_takes_nothing_more() {
    let server = RedisServer::start().await;
    let stage = Stage::redis_on(&server, Clock::manual(START));
    let by_session = stage.granted(PHONE).await;
    let by_phone = stage.granted(OTHER).await;
    server.is_full_to(1.5).await;
    let hot = &stage.hot;

    // A worker: the gate and the breaker, none of which was ever written.
    let admission = hot.admit_call(100, Duration::ZERO).await;
    let go = Admission::Go {
        after: Duration::ZERO,
    };
    assert_eq!(admission.expect("an answer"), go);
    assert!(hot.slow_down().await.expect("slowed down"));
    assert!(hot.open_breaker(418).await.expect("opened"));
    stage.clock.advance(5_000);
    let lease = Duration::from_secs(15);
    assert!(hot.take_probe(lease).await.expect("taken"));
    assert!(hot.put_off_probe().await.expect("put off"));
    assert!(hot.close_breaker().await.expect("closed"));
    let (route, holder) = (Route::KAVENEGAR, Uuid::from_u128(1));
    let follows = hot.follow(&route, holder, Duration::from_mins(1)).await;
    assert!(follows.expect("followed"));
    let stopped = hot.stop_following(&route, holder).await;
    assert!(stopped.expect("given back"));

    // Anyone who has a code gives it back.
    assert_eq!(stage.count(&by_session, false).await.as_str(), "wrong");
    assert_eq!(stage.count(&by_session, true).await.as_str(), "right");
    hot.reopen_root(by_session.root.id).await.expect("reopened");
    assert!(hot.close_root(by_session.root.id).await.expect("closed"));
    let guess = stage.guess_by_phone(OTHER, Some(by_phone.root.id)).await;
    assert!(matches!(guess, Verdict::Right { .. }), "{guess:?}");

    // What begins something is refused, and leaves nothing.
    let new = stage.new_challenge(THIRD);
    let accept = stage.accept(AcceptRequest::New(&new));
    is_full(&hot.accept(&accept, &stage.policy).await);
    is_full(
        &hot.enqueue_notice(Uuid::from_u128(7), i64::MAX, None, None)
            .await,
    );
    is_full(&hot.ping().await);

    server.has_room().await;
    sent(stage.ask(&new).await);
    assert_eq!(stage.take_jobs().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_new_requests_are_refused_before_redis_is_full() {
    let server = RedisServer::start().await;
    let stage = Stage::redis_on(&server, Clock::manual(START));
    let challenge = stage.granted(PHONE).await;
    let hot = &stage.hot;
    assert_eq!(
        hot.measure_room().await.expect("an answer"),
        None,
        "no limit"
    );

    server.is_full_to(0.93).await;
    let fill = hot
        .measure_room()
        .await
        .expect("an answer")
        .expect("a limit");
    assert!((0.9..1.0).contains(&fill.used), "{fill:?}");
    let new = stage.new_challenge(OTHER);
    let accept = stage.accept(AcceptRequest::New(&new));
    let refused = hot.accept(&accept, &stage.policy).await;
    assert!(matches!(refused, Err(HotStateError::Full)), "{refused:?}");
    hot.ping().await.expect("there is a reserve");
    assert_eq!(stage.count(&challenge, true).await.as_str(), "right");

    // Not at the first byte, so that it does not flap.
    server.is_full_to(0.88).await;
    hot.measure_room().await.expect("an answer");
    assert!(hot.is_full());
    server.is_full_to(0.8).await;
    hot.measure_room().await.expect("an answer");
    sent(stage.ask(&new).await);
    assert_eq!(stage.take_jobs().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_the_watch_shows_how_full_redis_is_and_closes_and_opens_the_door() {
    let server = RedisServer::start().await;
    let stage = Stage::redis_on(&server, Clock::manual(START));
    // Any records will do.
    let records = Stage::sqlite().await.records();
    let watched = Watched::over(&stage, records);
    let shown = |name: &'static str| watched.gauge(name);
    eventually(PATIENCE, async || {
        (shown("ramz_store_full")? < 0.5).then_some(())
    })
    .await;
    assert_eq!(shown("ramz_store_used_ratio"), Some(0.0), "no limit");

    server.is_full_to(0.95).await;
    eventually(PATIENCE, async || {
        (shown("ramz_store_full")? > 0.5).then_some(())
    })
    .await;
    assert!(shown("ramz_store_used_ratio").is_some_and(|used| used > 0.9));
    let new = stage.new_challenge(PHONE);
    let accept = stage.accept(AcceptRequest::New(&new));
    let refused = stage.hot.accept(&accept, &stage.policy).await;
    assert!(matches!(refused, Err(HotStateError::Full)), "{refused:?}");

    server.has_room().await;
    eventually(PATIENCE, async || {
        let accepted = stage.hot.accept(&accept, &stage.policy).await;
        accepted.is_ok().then_some(())
    })
    .await;
    eventually(PATIENCE, async || {
        (shown("ramz_store_used_ratio")? < 0.5).then_some(())
    })
    .await;
}

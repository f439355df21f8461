//! In Redis, requests for codes that come together share calls (`hot_state/redis/accept_batch.rs`), and so do
//! admissions of the gateway's calls and looks at challenges. Calls are counted by the server, so each has its own.

use std::time::Duration;

use domain::challenge::NewChallenge;
use domain::clock::Clock;
use domain::limits::Rule;
use futures::FutureExt as _;
use futures::future::join_all;
use harness::RedisServer;
use redis::aio::MultiplexedConnection;
use shared::hot_state::{Accept, AcceptRequest, Accepted, Admission, HotStateError};

use crate::stage::{START, Stage, caller, sent};

const PHONE: &str = "+989123456789";

fn challenges(stage: &Stage, count: usize) -> Vec<NewChallenge> {
    (0..count)
        .map(|index| stage.new_challenge(&format!("+98912000{index:04}")))
        .collect()
}

async fn ask(stage: &Stage, new: &NewChallenge) -> Result<Accepted, HotStateError> {
    let accept = stage.accept(AcceptRequest::New(new));
    stage.hot.accept(&accept, &stage.policy).await
}

async fn is_known(stage: &Stage, new: &NewChallenge) -> bool {
    let found = stage.hot.challenge(new.id).await;
    found.expect("an answer").is_some()
}

/// How many scripts the server has run.
async fn scripts(connection: &mut MultiplexedConnection) -> u64 {
    let info: String = redis::cmd("INFO")
        .arg("commandstats")
        .query_async(connection)
        .await
        .expect("figures");
    let line = info
        .lines()
        .find(|line| line.starts_with("cmdstat_evalsha:"));
    let calls = line.and_then(|line| line.split("calls=").nth(1)?.split(',').next()?.parse().ok());
    calls.unwrap_or_default()
}

/// Puts something of another form in the place of a challenge.
async fn spoil(connection: &mut MultiplexedConnection, new: &NewChallenge) {
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg(format!("*:{}", new.id))
        .query_async(connection)
        .await
        .expect("its keys");
    assert!(!keys.is_empty());
    for key in keys {
        let spoilt: redis::RedisResult<String> = redis::cmd("SET")
            .arg(key)
            .arg("no record")
            .query_async(connection)
            .await;
        spoilt.expect("spoilt");
    }
}

fn refused(accepted: &[Accepted], by: Rule) -> usize {
    let by_it = |one: &&Accepted| matches!(one, Accepted::Refused { rule, .. } if *rule == by);
    accepted.iter().filter(by_it).count()
}

fn granted(accepted: &[Accepted]) -> usize {
    let is_granted = |one: &&Accepted| matches!(one, Accepted::Sent(_));
    accepted.iter().filter(is_granted).count()
}

// One thread: all have come before the first call is made.
#[tokio::test]
async fn requests_that_come_together_share_calls() {
    let server = RedisServer::start().await;
    let stage = Stage::redis_on(&server, Clock::manual(START));
    sent(stage.ask(&stage.new_challenge(PHONE)).await);
    let (mut raw, _) = stage.raw_redis().await;
    let before = scripts(&mut raw).await;
    let challenges = challenges(&stage, 64);
    for accepted in join_all(challenges.iter().map(|new| stage.ask(new))).await {
        sent(accepted);
    }
    let calls = scripts(&mut raw).await - before;
    // Sixteen in each at most; on a busy machine some calls go before all have come.
    assert!((4..=32).contains(&calls), "{calls} for sixty-four");
    for challenge in &challenges {
        assert!(is_known(&stage, challenge).await);
    }
    assert_eq!(stage.jobs().await.len(), 65);
}

#[tokio::test]
async fn a_14_the_limits_of_a_number_and_of_an_address_hold_within_a_call() {
    let server = RedisServer::start().await;
    let stage = Stage::redis_on(&server, Clock::manual(START));
    let of_number: Vec<_> = (0..16).map(|_| stage.new_challenge(PHONE)).collect();
    let accepted = join_all(of_number.iter().map(|new| stage.ask(new))).await;
    assert_eq!(granted(&accepted), 3, "{accepted:?}");
    assert_eq!(refused(&accepted, Rule::PhoneShort), 13, "{accepted:?}");

    let challenges = challenges(&stage, 48);
    let from_one: Vec<Accept<'_>> = challenges
        .iter()
        .map(|new| Accept {
            caller: Some(caller("192.0.2.7")),
            ..stage.accept(AcceptRequest::New(new))
        })
        .collect();
    let accepted = join_all(from_one.iter().map(|accept| stage.run(accept))).await;
    assert_eq!(granted(&accepted), 30, "{accepted:?}");
    assert_eq!(refused(&accepted, Rule::Address), 18, "{accepted:?}");
}

#[tokio::test]
async fn f_16_the_queue_is_counted_with_what_the_same_call_has_put_there() {
    let mut stage = Stage::redis().await;
    stage.policy.queue_max = 10;
    let challenges = challenges(&stage, 16);
    let accepted = join_all(challenges.iter().map(|new| stage.ask(new))).await;
    assert_eq!(granted(&accepted), 10, "{accepted:?}");
    assert_eq!(refused(&accepted, Rule::QueueFull), 6, "{accepted:?}");
    assert_eq!(stage.jobs().await.len(), 10);
}

#[tokio::test]
async fn what_is_stored_for_one_is_in_nobody_elses_way() {
    let server = RedisServer::start().await;
    let stage = Stage::redis_on(&server, Clock::manual(START));
    let challenges = challenges(&stage, 16);
    let (mut raw, _) = stage.raw_redis().await;
    // A record of another form, in the place of the challenge of one of them.
    sent(stage.ask(&challenges[5]).await);
    spoil(&mut raw, &challenges[5]).await;
    let accepted = join_all(challenges.iter().map(|new| ask(&stage, new))).await;
    for (index, accepted) in accepted.into_iter().enumerate() {
        if index == 5 {
            assert!(
                matches!(&accepted, Err(HotStateError::Unavailable(why)) if why.contains("WRONGTYPE")),
                "{accepted:?}"
            );
        } else {
            sent(accepted.expect("its own answer"));
        }
    }
    // And an id that somebody has.
    let taken = stage.accept(AcceptRequest::New(&challenges[0]));
    let others = self::challenges(&stage, 4);
    let (taken, others) = futures::join!(
        stage.hot.accept(&taken, &stage.policy),
        join_all(others.iter().map(|new| ask(&stage, new)))
    );
    assert!(matches!(taken, Err(HotStateError::Corrupt(_))), "{taken:?}");
    assert!(others.iter().all(Result::is_ok), "{others:?}");
}

#[tokio::test]
async fn a_request_that_comes_twice_at_once_is_granted_once() {
    let server = RedisServer::start().await;
    let stage = Stage::redis_on(&server, Clock::manual(START));
    let challenges = challenges(&stage, 20);
    let accepts: Vec<Accept<'_>> = challenges
        .iter()
        .map(|new| stage.accept(AcceptRequest::New(new)))
        .collect();
    let twice = accepts.iter().chain(&accepts);
    let accepted = join_all(twice.map(|accept| stage.run(accept))).await;
    let (first, second) = accepted.split_at(accepts.len());
    assert_eq!(granted(first), 20);
    assert_eq!(first, second, "told the same");
    assert_eq!(stage.jobs().await.len(), 20);
}

#[tokio::test]
async fn who_goes_away_takes_nobody_along() {
    let server = RedisServer::start().await;
    let stage = Stage::redis_on(&server, Clock::manual(START));
    let challenges = challenges(&stage, 8);
    let (gone, stay) = challenges.split_at(4);
    for new in gone {
        assert!(stage.ask(new).now_or_never().is_none(), "it has to wait");
    }
    for accepted in join_all(stay.iter().map(|new| stage.ask(new))).await {
        sent(accepted);
    }
    for new in gone {
        assert!(!is_known(&stage, new).await, "nobody waited for it");
    }
    assert_eq!(stage.jobs().await.len(), 4);
}

#[tokio::test]
async fn calls_of_the_gateway_are_admitted_together_and_no_more_of_them_than_the_rate_allows() {
    let server = RedisServer::start().await;
    let stage = Stage::redis_on(&server, Clock::manual(START));
    let (mut raw, _) = stage.raw_redis().await;
    let admit = async |patience: u64| {
        let admitted = stage.hot.admit_call(20, Duration::from_millis(patience));
        admitted.await.expect("an answer")
    };
    admit(0).await;
    let before = scripts(&mut raw).await;
    // A place every 50 ms, five of them at once: one is taken, and so far ahead as each has patience.
    let patiences = (0..64).map(|index| if index % 2 == 0 { 0 } else { 200 });
    let admitted = join_all(patiences.map(admit)).await;
    let calls = scripts(&mut raw).await - before;
    assert!((1..=32).contains(&calls), "{calls} for sixty-four");
    let mut places: Vec<Duration> = admitted
        .iter()
        .filter_map(|one| match one {
            Admission::Go { after } => Some(*after),
            Admission::Wait(_) | Admission::Closed { .. } => None,
        })
        .collect();
    places.sort_unstable();
    let millis = [0, 0, 0, 0, 50, 100, 150, 200].map(Duration::from_millis);
    assert_eq!(places, millis);
    // All is as it would be one by one.
    assert_eq!(admit(200).await, Admission::Wait(Duration::from_millis(50)));
}

#[tokio::test]
async fn challenges_are_found_together_and_one_that_is_spoilt_is_in_nobody_elses_way() {
    let server = RedisServer::start().await;
    let stage = Stage::redis_on(&server, Clock::manual(START));
    let challenges = challenges(&stage, 64);
    for new in &challenges[1..] {
        sent(stage.ask(new).await);
    }
    let (mut raw, _) = stage.raw_redis().await;
    spoil(&mut raw, &challenges[9]).await;
    let before = scripts(&mut raw).await;
    let found = join_all(challenges.iter().map(|new| stage.hot.challenge(new.id))).await;
    let calls = scripts(&mut raw).await - before;
    assert!((4..=32).contains(&calls), "{calls} for sixty-four");
    for (index, (new, found)) in challenges.iter().zip(found).enumerate() {
        match (index, found) {
            (0, found) => assert_eq!(found.expect("an answer"), None),
            (9, found) => assert!(
                matches!(&found, Err(HotStateError::Unavailable(why)) if why.contains("WRONGTYPE")),
                "{found:?}"
            ),
            (_, found) => {
                let found = found.expect("an answer").expect("a challenge");
                assert_eq!((found.id, &found.root.phone), (new.id, &new.root.phone));
            }
        }
    }
}

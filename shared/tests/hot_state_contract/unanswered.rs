//! Requests whose clients were refused although they were granted, because the answer was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::challenge::NewChallenge;
use domain::clock::Clock;
use domain::limits::{Form, Rule};
use harness::{RedisServer, Relay, eventually};
use shared::hot_state::{
    Accept, AcceptPolicy, AcceptRequest, Accepted, Cancelled, HotState, HotStateError, Unanswered,
};
use shared::redis_store::RedisStore;
use strum::VariantArray as _;

use crate::stage::{DAY, MINUTE, PATIENCE, SECOND, START, Stage, caller, limits, sent, window};

const PHONE: &str = "+989123456789";

/// The limits of a phone, its address and group, and budgets of a day that four use up.
fn policy(stage: &Stage) -> AcceptPolicy {
    let budget = |count: &str| {
        let form = Form::Budget {
            millis: DAY,
            group_part: 0,
        };
        form.read(count, DAY).expect("a quota")
    };
    let rate = |count: u32| crate::stage::per_minute(count);
    AcceptPolicy {
        quotas: limits(window(3, 2 * MINUTE), window(10, DAY))
            .with(Rule::Address, rate(4))
            .with(Rule::Group, rate(4))
            .with(Rule::PrefixDay, budget("4"))
            .with(Rule::ServiceDay, budget("4")),
        ..stage.policy.clone()
    }
}

fn asked<'a>(stage: &Stage, request: AcceptRequest<'a>) -> Accept<'a> {
    Accept {
        caller: Some(caller("192.0.2.7")),
        ..stage.accept(request)
    }
}

async fn run(stage: &Stage, accept: &Accept<'_>) -> Accepted {
    let accepted = stage.hot.accept(accept, &policy(stage)).await;
    accepted.expect("an answer")
}

async fn cancel(stage: &Stage, accept: &Accept<'_>) -> Cancelled {
    let request = Unanswered::of(accept, &policy(stage), false);
    stage.hot.cancel(&request).await.expect("an answer")
}

/// As if it had never been made: nothing is left, and the limits have it back.
pub(crate) async fn f_07_a_request_that_is_taken_back_leaves_nothing(stage: &Stage) {
    let empty = stage.size().await;
    for _ in 0..20 {
        let new = stage.new_challenge(PHONE);
        let accept = asked(stage, AcceptRequest::New(&new));
        assert_eq!(cancel(stage, &accept).await, Cancelled::NotGranted);
        sent(run(stage, &accept).await);
        assert_eq!(stage.jobs().await.len(), 1);
        assert_eq!(cancel(stage, &accept).await, Cancelled::Cancelled);
        assert_eq!(stage.jobs().await, []);
        assert_eq!(stage.hot.challenge(new.id).await.expect("an answer"), None);
        assert_eq!(stage.roots(PHONE).await, []);
        assert_eq!(cancel(stage, &accept).await, Cancelled::NotGranted, "once");
    }
    // What counts by address and in budgets is there, and counts nothing; of Redis the epoch and the list of jobs stay too.
    assert!(stage.size().await <= empty + 6, "{}", stage.size().await);
    for _ in 0..3 {
        let new = stage.new_challenge(PHONE);
        sent(run(stage, &asked(stage, AcceptRequest::New(&new))).await);
    }
}

/// What is on its way is sent, and charged.
pub(crate) async fn f_07_what_a_worker_has_is_not_taken_back(stage: &Stage) {
    let new = stage.new_challenge(PHONE);
    let accept = asked(stage, AcceptRequest::New(&new));
    sent(run(stage, &accept).await);
    assert_eq!(stage.take_jobs().await.len(), 1);
    assert_eq!(cancel(stage, &accept).await, Cancelled::TooLate);
    assert_eq!(stage.read(new.id).await.root.sends, 1);
    let other = stage.new_challenge(PHONE);
    let second = asked(stage, AcceptRequest::New(&other));
    sent(run(stage, &second).await);
    // Nobody else asked since, and it has no message of its own.
    assert_eq!(cancel(stage, &second).await, Cancelled::Cancelled);
    assert_eq!(stage.roots(PHONE).await.len(), 1);
    assert_eq!(
        stage.hot.challenge(other.id).await.expect("an answer"),
        None
    );
}

/// Anyone who shares the root was told that a message is on its way.
pub(crate) async fn f_07_a_message_that_others_wait_for_is_not_taken_back(stage: &Stage) {
    let (first, second) = (stage.new_challenge(PHONE), stage.new_challenge(PHONE));
    let accept = asked(stage, AcceptRequest::New(&first));
    sent(run(stage, &accept).await);
    stage.clock.advance(SECOND);
    let joins = asked(stage, AcceptRequest::New(&second));
    assert!(!sent(run(stage, &joins).await).texted);
    assert_eq!(cancel(stage, &accept).await, Cancelled::TooLate);
    assert_eq!(stage.jobs().await.len(), 1);
    assert_eq!(cancel(stage, &joins).await, Cancelled::Cancelled);
    // Now that they are gone, it can be.
    assert_eq!(cancel(stage, &accept).await, Cancelled::Cancelled);
    assert_eq!(stage.jobs().await, []);
}

/// A session that was there stays, and gets its message at the next request.
pub(crate) async fn f_07_a_resend_that_is_taken_back_can_be_asked_for_again(stage: &Stage) {
    let new = stage.new_challenge(PHONE);
    sent(run(stage, &asked(stage, AcceptRequest::New(&new))).await);
    stage.clock.advance(31 * SECOND);
    let secret = stage.secret();
    let resend = |root| {
        asked(
            stage,
            AcceptRequest::Resend {
                id: new.id,
                phone: None,
                root,
                secret: &secret,
            },
        )
    };
    let root = domain::root::RootId::new(&stage.random);
    let accept = resend(root);
    assert_eq!(sent(run(stage, &accept).await).sends, 2);
    assert_eq!(cancel(stage, &accept).await, Cancelled::Cancelled);
    assert_eq!(cancel(stage, &accept).await, Cancelled::NotGranted);
    assert_eq!(stage.jobs().await.len(), 1, "the first goes");
    stage.clock.advance(SECOND);
    let again = sent(run(stage, &resend(root)).await);
    // Each message has a number of its own, also one that never went.
    assert!(again.texted && again.sends == 3, "{again:?}");
    assert_eq!(stage.jobs().await.len(), 2);
}

async fn ask(hot: &HotState, stage: &Stage, new: &NewChallenge) -> Result<Accepted, HotStateError> {
    let accept = asked(stage, AcceptRequest::New(new));
    hot.accept(&accept, &policy(stage)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_07_what_was_granted_and_whose_reply_was_lost_is_taken_back() {
    let mut server = RedisServer::start().await;
    // By a clock that stands still: Redis does not see that it is too late.
    let stage = Stage::redis_on(&server, Clock::manual(START));
    let mut relay = Relay::start(server.address()).await;
    let (_, tag) = stage.raw_redis().await;
    let url = relay.in_place_of(&server.address(), &server.url());
    let store = RedisStore::connect_tagged(&url, &tag).expect("an address");
    let hot = HotState::redis(store, stage.clock.clone());
    sent(
        ask(&hot, &stage, &stage.new_challenge(PHONE))
            .await
            .expect("an answer"),
    );

    server.pause();
    let lost = stage.new_challenge("+989123456780");
    let answer = ask(&hot, &stage, &lost).await;
    assert!(
        matches!(answer, Err(HotStateError::Unavailable(_))),
        "{answer:?}"
    );
    relay.close().await;
    server.resume();
    eventually(PATIENCE, async || {
        (stage.jobs().await.len() == 2).then_some(())
    })
    .await;
    let ends = Arc::new([const { AtomicU32::new(0) }; Cancelled::VARIANTS.len()]);
    let counted = Arc::clone(&ends);
    let running = hot.clone();
    let cancelling = tokio::spawn(async move {
        let told = |ended| {
            let place = Cancelled::VARIANTS.iter().position(|each| *each == ended);
            counted[place.expect("one of them")].fetch_add(1, Ordering::Relaxed);
        };
        running.cancel_unanswered(told).await;
    });
    relay.open().await;
    eventually(PATIENCE, async || {
        (stage.jobs().await.len() == 1).then_some(())
    })
    .await;
    eventually(PATIENCE, async || {
        (ends[0].load(Ordering::Relaxed) == 1).then_some(())
    })
    .await;
    assert_eq!(stage.hot.challenge(lost.id).await.expect("an answer"), None);
    assert_eq!(stage.roots("+989123456780").await, []);
    // And one that Redis never heard of.
    relay.close().await;
    let unheard = ask(&hot, &stage, &stage.new_challenge("+989123456780")).await;
    assert!(
        matches!(unheard, Err(HotStateError::Unavailable(_))),
        "{unheard:?}"
    );
    relay.open().await;
    eventually(PATIENCE, async || {
        (ends[2].load(Ordering::Relaxed) == 1).then_some(())
    })
    .await;
    assert_eq!(stage.jobs().await.len(), 1);
    cancelling.abort();
}

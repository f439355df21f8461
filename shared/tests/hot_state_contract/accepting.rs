//! Requests for a code.

use domain::challenge::{Channel, Locale};
use domain::limits::{Rule, Step};
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::RootId;
use shared::hot_state::{
    Accept, AcceptPolicy, AcceptRequest, Accepted, Count, Previous, Subjects, Verdict,
};
use shared::queue::{Job, JobTask};

use crate::stage::{DAY, MINUTE, SECOND, START, Stage, caller, limits, per_minute, sent, window};

const PHONE: &str = "+989123456789";
const OTHER: &str = "+989123456780";

pub(crate) async fn a_granted_request_leaves_a_challenge_and_one_job(stage: &Stage) {
    let new = stage.new_challenge(PHONE);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = stage.random.uuid_v4();
    let accept = Accept {
        channel: Channel::Call,
        trace: Some(trace),
        request_id: Some(request),
        ..stage.accept(AcceptRequest::New(&new))
    };
    let grant = sent(stage.run(&accept).await);
    assert_eq!(grant.phone.as_e164(), PHONE);
    assert_eq!(
        (grant.now, grant.expires_at, grant.resend_at),
        (START, START + 120 * SECOND, START + 30 * SECOND)
    );
    assert_eq!(
        (grant.sends, grant.digits, grant.purpose),
        (1, 6, Purpose::SignIn)
    );

    let stored = stage.read(new.id).await;
    assert_eq!(
        (stored.id, &stored.root.phone, stored.root.purpose),
        (new.id, &new.root.phone, new.root.purpose)
    );
    assert_eq!(
        (
            stored.root.id,
            &stored.root.kid,
            &stored.root.salt,
            stored.root.digits,
            stored.locale
        ),
        (
            new.id.into(),
            &new.root.secret.kid,
            &new.root.secret.salt,
            6,
            Locale::Fa
        )
    );
    assert_eq!(
        (stored.created_at, stored.expires_at, stored.last_asked_at),
        (START, START + 120 * SECOND, START)
    );
    assert_eq!(
        (
            stored.root.sends,
            stored.session_attempts,
            stored.root.phone_attempts,
            stored.root.closed
        ),
        (1, 0, 0, None)
    );

    let deadline = START + 90 * SECOND;
    let job = Job::send(
        new.id,
        new.root.id,
        1,
        Channel::Call,
        START,
        deadline,
        Some(trace.to_owned()),
    )
    .of_request(Some(request));
    assert_eq!(stage.jobs().await, [job]);
    assert_eq!(stored.trace.as_deref(), Some(trace));
    stage.hot.ping().await.expect("hot state answers");
    assert!(["redis", "sqlite"].contains(&stage.hot.back_end()));
}

pub(crate) async fn a_repeated_request_is_granted_once(stage: &Stage) {
    let new = stage.new_challenge(PHONE);
    let first = stage.accept(AcceptRequest::New(&new));
    let grant = sent(stage.run(&first).await);
    stage.clock.advance(SECOND);
    let again = sent(stage.run(&first).await);
    assert_eq!((again.expires_at, again.sends), (grant.expires_at, 1));

    stage.clock.advance(30 * SECOND);
    let secret = stage.secret();
    let resend = stage.accept(AcceptRequest::Resend {
        id: new.id,
        phone: None,
        root: new.root.id,
        secret: &secret,
    });
    assert_eq!(sent(stage.run(&resend).await).sends, 2);
    assert_eq!(sent(stage.run(&resend).await).sends, 2);
    assert_eq!(stage.jobs().await.len(), 2);
    // A third send is still allowed: the repetitions consumed nothing.
    stage.clock.advance(30 * SECOND);
    assert_eq!(sent(stage.resend(new.id).await).sends, 3);
}

pub(crate) async fn a_resend_keeps_the_code_and_extends_its_life(stage: &Stage) {
    let mut policy = stage.policy.clone();
    policy.quotas = limits(window(100, 1), window(100, 1));
    let new = stage.new_challenge(PHONE);
    sent(
        stage
            .hot
            .accept(&stage.accept(AcceptRequest::New(&new)), &policy)
            .await
            .expect("an answer"),
    );
    let first = stage.read(new.id).await;
    let code = first.code(&stage.keys).expect("a key");
    let mut expected_sends = 1;
    for _ in 0..4 {
        stage.clock.advance(110 * SECOND);
        let secret = stage.secret();
        let resend = stage.accept(AcceptRequest::Resend {
            id: new.id,
            phone: Some(&new.root.phone),
            root: RootId::new(&stage.random),
            secret: &secret,
        });
        let grant = sent(stage.hot.accept(&resend, &policy).await.expect("an answer"));
        expected_sends += 1;
        let now = stage.clock.now_millis();
        assert_eq!(grant.expires_at, now + 120 * SECOND);
        assert_eq!(grant.sends, expected_sends);
    }
    let last = stage.read(new.id).await;
    assert_eq!(last.expires_at, START + 560 * SECOND);
    assert!(last.code(&stage.keys).expect("a key").matches(&code));
    let sends: Vec<u32> = stage
        .jobs()
        .await
        .iter()
        .map(|job| match job.task {
            JobTask::Send { send, .. } => send,
            JobTask::Notice { .. } => panic!("a notice"),
        })
        .collect();
    assert_eq!(sends, [1, 2, 3, 4, 5]);
}

pub(crate) async fn during_the_cooldown_nothing_is_sent_and_the_seconds_left_are_told(
    stage: &Stage,
) {
    let challenge = stage.granted(PHONE).await;
    stage.clock.advance(29 * SECOND);
    let Accepted::Cooldown(grant) = stage.resend(challenge.id).await else {
        panic!("a cooldown")
    };
    assert_eq!(
        (grant.resend_at - grant.now, grant.expires_at),
        (SECOND, challenge.expires_at)
    );
    assert_eq!(stage.read(challenge.id).await, challenge);
    assert_eq!(stage.jobs().await.len(), 1);
    stage.clock.advance(SECOND);
    sent(stage.resend(challenge.id).await);
}

pub(crate) async fn a_resend_for_another_phone_is_told_apart(stage: &Stage) {
    let challenge = stage.granted(PHONE).await;
    stage.clock.advance(MINUTE);
    let other = PhoneNumber::from_e164(OTHER).expect("canonical");
    let secret = stage.secret();
    let resend = stage.accept(AcceptRequest::Resend {
        id: challenge.id,
        phone: Some(&other),
        root: RootId::new(&stage.random),
        secret: &secret,
    });
    assert_eq!(stage.run(&resend).await, Accepted::OtherPhone);
    assert_eq!(stage.jobs().await.len(), 1);
}

pub(crate) async fn a_challenge_that_no_longer_lives_names_what_a_new_one_needs(stage: &Stage) {
    let unknown = stage.new_challenge(PHONE);
    assert_eq!(stage.resend(unknown.id).await, Accepted::NotLive(None));

    let previous = Previous {
        phone: unknown.root.phone.clone(),
        purpose: Purpose::SignIn,
        locale: Locale::Fa,
    };
    let consumed = stage.granted(PHONE).await;
    let root = consumed.root.id;
    assert_eq!(stage.count(&consumed, true).await, Verdict::Right { root });
    stage.clock.advance(40 * SECOND);
    assert_eq!(
        stage.resend(consumed.id).await,
        Accepted::NotLive(Some(previous.clone()))
    );

    let exhausted = stage.granted(PHONE).await;
    for _ in 0..3 {
        stage.count(&exhausted, false).await;
    }
    stage.clock.advance(40 * SECOND);
    assert_eq!(
        stage.resend(exhausted.id).await,
        Accepted::NotLive(Some(previous.clone()))
    );

    let expired = stage.granted(PHONE).await;
    stage.clock.advance(120 * SECOND);
    assert_eq!(
        stage.resend(expired.id).await,
        Accepted::NotLive(Some(previous))
    );
}

pub(crate) async fn a_14_a_phone_gets_three_sends_in_two_minutes_and_ten_a_day(stage: &Stage) {
    let mut granted = 0;
    for round in 0..4 {
        for _ in 0..3 {
            match stage.ask(&stage.new_challenge(PHONE)).await {
                Accepted::Sent(_) => granted += 1,
                Accepted::Refused { rule, .. } => assert_eq!((rule, granted), (Rule::PhoneDay, 10)),
                other => panic!("{other:?}"),
            }
        }
        if round < 3 {
            let refused = stage.ask(&stage.new_challenge(PHONE)).await;
            let expected = Accepted::Refused {
                rule: Rule::PhoneShort,
                retry_after_millis: 2 * MINUTE,
            };
            assert_eq!(refused, expected);
            stage.clock.advance(2 * MINUTE);
        }
    }
    assert_eq!(granted, 10);
    sent(stage.ask(&stage.new_challenge(OTHER)).await);
    // The first three sends leave the window of a day together.
    let passed = stage.clock.now_millis() - START;
    stage.clock.advance(DAY - passed - 1);
    let refused = stage.ask(&stage.new_challenge(PHONE)).await;
    assert_eq!(
        refused,
        Accepted::Refused {
            rule: Rule::PhoneDay,
            retry_after_millis: 1
        }
    );
    stage.clock.advance(1);
    for _ in 0..3 {
        sent(stage.ask(&stage.new_challenge(PHONE)).await);
    }
}

pub(crate) async fn an_address_gets_its_requests_a_minute_and_no_more(stage: &Stage) {
    let mut number = 9_120_000_000_u64;
    let mut ask = async |address: &'static str| {
        number += 1;
        let new = stage.new_challenge(&format!("+98{number}"));
        let accept = Accept {
            caller: Some(caller(address)),
            ..stage.accept(AcceptRequest::New(&new))
        };
        stage.run(&accept).await
    };
    for _ in 0..30 {
        sent(ask("192.0.2.7").await);
    }
    let refused = Accepted::Refused {
        rule: Rule::Address,
        retry_after_millis: 2 * SECOND,
    };
    assert_eq!(ask("192.0.2.7").await, refused);
    sent(ask("2001:db8::7").await);
    stage.clock.advance(2 * SECOND);
    sent(ask("192.0.2.7").await);
    assert_eq!(ask("192.0.2.7").await, refused);
    stage.clock.advance(MINUTE);
    for _ in 0..30 {
        sent(ask("192.0.2.7").await);
    }
    assert_eq!(ask("192.0.2.7").await, refused);
}

pub(crate) async fn requests_for_no_code_share_the_bucket_of_their_address(stage: &Stage) {
    const ADDRESS: &str = "192.0.2.7";
    let count = async |address: &str| {
        let subjects = Subjects {
            caller: Some(caller(address)),
            ..Subjects::default()
        };
        let counted = stage
            .hot
            .count(Step::Question, &subjects, &stage.policy.quotas);
        match counted.await.expect("an answer") {
            Count::Counted => None,
            Count::Refused {
                rule,
                retry_after_millis,
            } => {
                assert_eq!(rule, Rule::Address);
                Some(retry_after_millis)
            }
        }
    };
    let mut number = 9_120_000_000_u64;
    let mut ask = async || {
        number += 1;
        let new = stage.new_challenge(&format!("+98{number}"));
        let accept = Accept {
            caller: Some(caller(ADDRESS)),
            ..stage.accept(AcceptRequest::New(&new))
        };
        stage.run(&accept).await
    };
    for _ in 0..15 {
        sent(ask().await);
        assert_eq!(count(ADDRESS).await, None);
    }
    for _ in 0..3 {
        assert_eq!(count(ADDRESS).await, Some(2 * SECOND), "nothing is counted");
    }
    let refused = Accepted::Refused {
        rule: Rule::Address,
        retry_after_millis: 2 * SECOND,
    };
    assert_eq!(ask().await, refused);
    assert_eq!(count("2001:db8::7").await, None);
    stage.clock.advance(2 * SECOND - 1);
    assert_eq!(count(ADDRESS).await, Some(1));
    stage.clock.advance(1);
    assert_eq!(count(ADDRESS).await, None);
    assert_eq!(ask().await, refused);
    assert_eq!(stage.jobs().await.len(), 15);
}

pub(crate) async fn a_refused_request_consumes_nothing(stage: &Stage) {
    for _ in 0..3 {
        sent(stage.ask(&stage.new_challenge(PHONE)).await);
    }
    let new = stage.new_challenge(PHONE);
    for _ in 0..40 {
        let accept = Accept {
            caller: Some(caller("192.0.2.7")),
            ..stage.accept(AcceptRequest::New(&new))
        };
        assert!(matches!(
            stage.run(&accept).await,
            Accepted::Refused {
                rule: Rule::PhoneShort,
                ..
            }
        ));
    }
    assert_eq!(stage.hot.challenge(new.id).await.expect("an answer"), None);
    assert_eq!(stage.jobs().await.len(), 1);
    // The forty refusals did not use up the address.
    let other = stage.new_challenge(OTHER);
    let accept = Accept {
        caller: Some(caller("192.0.2.7")),
        ..stage.accept(AcceptRequest::New(&other))
    };
    sent(stage.run(&accept).await);
    // Nor did they prolong the phone's window.
    stage.clock.advance(2 * MINUTE);
    sent(stage.ask(&stage.new_challenge(PHONE)).await);
}

pub(crate) async fn the_rule_that_takes_longest_is_told(stage: &Stage) {
    let mut policy = stage.policy.clone();
    policy.quotas =
        limits(window(3, 2 * MINUTE), window(1, DAY)).with(Rule::Address, per_minute(1));
    let ask = async || {
        let new = stage.new_challenge(PHONE);
        let accept = Accept {
            caller: Some(caller("192.0.2.7")),
            ..stage.accept(AcceptRequest::New(&new))
        };
        stage.hot.accept(&accept, &policy).await.expect("an answer")
    };
    sent(ask().await);
    assert_eq!(
        ask().await,
        Accepted::Refused {
            rule: Rule::PhoneDay,
            retry_after_millis: DAY
        }
    );
}

pub(crate) async fn f_16_a_full_queue_refuses_instead_of_promising(stage: &Stage) {
    let mut policy = stage.policy.clone();
    policy.queue_max = 2;
    for phone in [PHONE, OTHER] {
        let new = stage.new_challenge(phone);
        sent(
            stage
                .hot
                .accept(&stage.accept(AcceptRequest::New(&new)), &policy)
                .await
                .expect("an answer"),
        );
    }
    let new = stage.new_challenge("+989351112233");
    let refused = stage
        .hot
        .accept(&stage.accept(AcceptRequest::New(&new)), &policy)
        .await
        .expect("an answer");
    assert!(matches!(
        refused,
        Accepted::Refused {
            rule: Rule::QueueFull,
            ..
        }
    ));
    assert_eq!(stage.jobs().await.len(), 2);
}

pub(crate) async fn f_16_a_queue_that_is_behind_refuses_instead_of_promising(stage: &Stage) {
    let mut policy = stage.policy.clone();
    policy.queue_max_age_millis = 40 * SECOND;
    let ask = async |phone: &str| {
        let new = stage.new_challenge(phone);
        stage
            .hot
            .accept(&stage.accept(AcceptRequest::New(&new)), &policy)
            .await
            .expect("an answer")
    };
    sent(ask(PHONE).await);
    stage.clock.advance(40 * SECOND);
    sent(ask(OTHER).await);
    stage.clock.advance(1);
    let refused = ask("+989351112233").await;
    assert!(
        matches!(
            refused,
            Accepted::Refused {
                rule: Rule::QueueSlow,
                ..
            }
        ),
        "{refused:?}"
    );
}

/// Nobody moves this clock: an age that every job has reached, and one that none has.
pub(crate) async fn the_age_of_the_oldest_job_is_told_by_the_clock_of_redis(stage: &Stage) {
    let ask = async |phone: &str, queue_max_age_millis: i64| {
        let policy = AcceptPolicy {
            queue_max_age_millis,
            ..stage.policy.clone()
        };
        let new = stage.new_challenge(phone);
        let accept = stage.accept(AcceptRequest::New(&new));
        stage.hot.accept(&accept, &policy).await.expect("an answer")
    };
    sent(ask(PHONE, -1).await);
    sent(ask(OTHER, 10 * MINUTE).await);
    sent(ask(OTHER, i64::MAX).await);
    let refused = ask("+989351112233", -1).await;
    let behind = matches!(&refused, Accepted::Refused { rule, .. } if *rule == Rule::QueueSlow);
    assert!(behind, "{refused:?}");
}

pub(crate) async fn a_14_parallel_requests_never_exceed_the_limit(stage: &Stage) {
    let challenges: Vec<_> = (0..50).map(|_| stage.new_challenge(PHONE)).collect();
    let asked = challenges.iter().map(|new| stage.ask(new));
    let granted = futures::future::join_all(asked)
        .await
        .into_iter()
        .filter(|accepted| matches!(accepted, Accepted::Sent(_)))
        .count();
    assert_eq!(granted, 3);
    assert_eq!(stage.jobs().await.len(), 1, "they share one message");
}

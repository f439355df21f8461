//! What can be told of a number, and what it costs to remember refusals.

use domain::limits::{Quota, Quotas, Rule, Step};
use domain::phone::PhoneNumber;
use shared::hot_state::{
    Accept, AcceptPolicy, AcceptRequest, PhoneRefusals, PhoneState, Subjects, Verdict,
};

use crate::stage::{DAY, MINUTE, SECOND, START, Stage, caller, limits, sent, window};

const PHONE: &str = "+989123456789";

async fn state(stage: &Stage) -> PhoneState {
    let phone = PhoneNumber::from_e164(PHONE).expect("canonical");
    stage.hot.phone_state(&phone).await.expect("an answer")
}

async fn refuse(stage: &Stage, times: usize, rule: Rule) {
    for _ in 0..times {
        let accepted = stage.ask(&stage.new_challenge(PHONE)).await;
        let refused =
            matches!(accepted, shared::hot_state::Accepted::Refused { rule: by, .. } if by == rule);
        assert!(refused, "{accepted:?}");
    }
}

pub(crate) async fn of_a_number_that_never_asked_nothing_is_known(stage: &Stage) {
    let expected = PhoneState {
        now: START,
        ..PhoneState::default()
    };
    assert_eq!(state(stage).await, expected);
}

pub(crate) async fn the_sends_and_the_failed_tries_of_a_number_are_told(stage: &Stage) {
    let phone = PhoneNumber::from_e164(PHONE).expect("canonical");
    sent(stage.ask(&stage.new_challenge(PHONE)).await);
    stage.clock.advance(40 * SECOND);
    sent(stage.ask(&stage.new_challenge(PHONE)).await);
    sent(stage.ask(&stage.new_challenge("+989120000001")).await);
    let quotas = Quotas::NONE.with(
        Rule::FailuresPhone,
        Quota::Lock {
            failures: 10,
            millis: 60 * MINUTE,
        },
    );
    let subjects = Subjects {
        phone: Some(&phone),
        caller: Some(caller("192.0.2.7")),
        session: None,
        device: None,
    };
    for _ in 0..2 {
        stage.clock.advance(SECOND);
        let counted = stage.hot.count(Step::Password, &subjects, &quotas).await;
        counted.expect("an answer");
    }
    let expected = PhoneState {
        now: START + 42 * SECOND,
        sends: vec![START, START + 40 * SECOND],
        untexted: Vec::new(),
        refusals: Vec::new(),
        failures: 2,
        last_failure_at: Some(START + 42 * SECOND),
    };
    assert_eq!(state(stage).await, expected);
    let succeeded = stage
        .hot
        .take_back(Step::Password, &subjects, &quotas, None)
        .await;
    succeeded.expect("an answer");
    let after = state(stage).await;
    assert_eq!((after.failures, after.last_failure_at), (0, None));
}

/// Otherwise people who give codes back at once could have as many messages as they like.
pub(crate) async fn a_14_a_consumed_challenge_is_still_a_send_to_its_number(stage: &Stage) {
    for sends in 1..=3 {
        let challenge = stage.granted(PHONE).await;
        let root = challenge.root.id;
        assert_eq!(stage.count(&challenge, true).await, Verdict::Right { root });
        assert_eq!(state(stage).await.sends, vec![START; sends]);
    }
    refuse(stage, 1, Rule::PhoneShort).await;
}

pub(crate) async fn short_limits_hide_no_challenge_of_a_number(stage: &Stage) {
    let policy = AcceptPolicy {
        quotas: limits(window(1, SECOND), window(1, SECOND)),
        ..stage.policy.clone()
    };
    let mut asked = Vec::new();
    for _ in 0..3 {
        let new = stage.new_challenge(PHONE);
        let accept = stage.accept(AcceptRequest::New(&new));
        sent(stage.hot.accept(&accept, &policy).await.expect("an answer"));
        asked.push(new.root.id);
        stage.clock.advance(8 * MINUTE + 1);
    }
    let seen = stage.roots(PHONE).await;
    let seen: Vec<_> = seen.iter().map(|root| root.id).collect();
    assert_eq!(seen, asked);
}

pub(crate) async fn what_the_limits_of_a_number_refuse_is_counted_by_rule(stage: &Stage) {
    for _ in 0..3 {
        sent(stage.ask(&stage.new_challenge(PHONE)).await);
    }
    refuse(stage, 1, Rule::PhoneShort).await;
    stage.clock.advance(MINUTE);
    refuse(stage, 2, Rule::PhoneShort).await;
    let short = PhoneRefusals {
        rule: Rule::PhoneShort,
        count: 3,
        last_at: START + MINUTE,
    };
    assert_eq!(state(stage).await.refusals, [short]);
    for count in [3, 3, 1] {
        stage.clock.advance(2 * MINUTE);
        for _ in 0..count {
            sent(stage.ask(&stage.new_challenge(PHONE)).await);
        }
    }
    refuse(stage, 1, Rule::PhoneDay).await;
    let day = PhoneRefusals {
        rule: Rule::PhoneDay,
        count: 1,
        last_at: START + 7 * MINUTE,
    };
    assert_eq!(state(stage).await.refusals, [short, day]);
    assert_eq!(state(stage).await.sends.len(), 10, "they are no sends");
}

/// A refused request is free for anyone who makes it, so not each may be a write.
pub(crate) async fn a_flood_of_refusals_is_counted_once_a_minute(stage: &Stage) {
    for _ in 0..3 {
        sent(stage.ask(&stage.new_challenge(PHONE)).await);
    }
    refuse(stage, 100, Rule::PhoneShort).await;
    stage.clock.advance(59 * SECOND);
    refuse(stage, 5, Rule::PhoneShort).await;
    let mut counted = PhoneRefusals {
        rule: Rule::PhoneShort,
        count: 100,
        last_at: START,
    };
    assert_eq!(state(stage).await.refusals, [counted]);
    stage.clock.advance(SECOND);
    refuse(stage, 5, Rule::PhoneShort).await;
    counted = PhoneRefusals {
        count: 101,
        last_at: START + MINUTE,
        ..counted
    };
    assert_eq!(state(stage).await.refusals, [counted]);
}

/// A stranger who asks for many numbers from few addresses, or while the service is closed, fills
/// no memory.
pub(crate) async fn refusals_that_are_not_the_numbers_own_leave_nothing(stage: &Stage) {
    for number in 0..30 {
        let new = stage.new_challenge(&format!("+98912{number:07}"));
        let accept = Accept {
            caller: Some(caller("192.0.2.7")),
            ..stage.accept(AcceptRequest::New(&new))
        };
        sent(stage.run(&accept).await);
    }
    let before = stage.size().await;
    for number in 0..30 {
        let new = stage.new_challenge(&format!("+98935{number:07}"));
        let accept = Accept {
            caller: Some(caller("192.0.2.7")),
            ..stage.accept(AcceptRequest::New(&new))
        };
        stage.run(&accept).await;
    }
    assert!(stage.hot.open_breaker(418).await.expect("an answer"));
    let opened = stage.size().await;
    refuse(stage, 5, Rule::BreakerOpen).await;
    assert!(opened <= before + 1, "one record of the breaker at most");
    assert_eq!(stage.size().await, opened);
    assert_eq!(state(stage).await.refusals, []);
}

pub(crate) async fn refusals_take_little_room_and_are_forgotten_after_a_day(stage: &Stage) {
    for _ in 0..3 {
        sent(stage.ask(&stage.new_challenge(PHONE)).await);
    }
    refuse(stage, 1_000, Rule::PhoneShort).await;
    for count in [3, 3, 1] {
        stage.clock.advance(2 * MINUTE);
        for _ in 0..count {
            sent(stage.ask(&stage.new_challenge(PHONE)).await);
        }
    }
    refuse(stage, 1_000, Rule::PhoneDay).await;
    assert_eq!(state(stage).await.refusals.len(), 2);
    if let Some((bytes, ttl)) = stage.refusals_in_redis(PHONE).await {
        assert!(bytes <= 200, "{bytes} bytes");
        assert!((DAY..=DAY + 60 * MINUTE).contains(&ttl), "{ttl}");
        return;
    }
    stage.clock.advance(DAY + 60 * MINUTE);
    assert_eq!(
        state(stage).await.refusals,
        [],
        "forgotten before it is swept"
    );
    stage.clock.advance(1);
    stage.hot.sweep().await.expect("swept");
    assert_eq!(stage.rows("hot_phone_refusals").await, 0);
}

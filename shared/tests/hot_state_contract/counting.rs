//! Attempts at a code.

use domain::challenge::Way;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use shared::hot_state::{Accepted, Attempt, Verdict, Window};

use crate::stage::{DAY, MINUTE, SECOND, Stage, sent};

const PHONE: &str = "+989123456789";

pub(crate) async fn a_01_after_the_cap_right_and_wrong_are_told_the_same(stage: &Stage) {
    let challenge = stage.granted(PHONE).await;
    for attempts_left in [2, 1, 0] {
        let verdict = stage.count(Way::Session, &challenge, false).await;
        assert_eq!(verdict, Verdict::Wrong { attempts_left });
    }
    assert_eq!(
        stage.count(Way::Session, &challenge, true).await,
        Verdict::Exhausted
    );
    assert_eq!(
        stage.count(Way::Session, &challenge, false).await,
        Verdict::Exhausted
    );

    let challenge = stage.granted(PHONE).await;
    stage.count(Way::Session, &challenge, false).await;
    let right = stage.count(Way::Session, &challenge, true).await;
    assert_eq!(right, Verdict::Right { id: challenge.id });
    assert_eq!(stage.read(challenge.id).await.session_attempts, 2);
}

pub(crate) async fn a_05_r_02_wrong_codes_in_parallel_never_exceed_the_cap(stage: &Stage) {
    let challenge = stage.granted(PHONE).await;
    let tries = (0..200).map(|_| stage.count(Way::Session, &challenge, false));
    let verdicts = futures::future::join_all(tries).await;
    let honoured = verdicts
        .iter()
        .filter(|verdict| matches!(verdict, Verdict::Wrong { .. }))
        .count();
    assert_eq!(honoured, 3);
    assert!(
        verdicts
            .iter()
            .all(|verdict| matches!(verdict, Verdict::Wrong { .. } | Verdict::Exhausted))
    );
    assert_eq!(stage.read(challenge.id).await.session_attempts, 3);
}

pub(crate) async fn a_15_the_two_ways_count_apart(stage: &Stage) {
    let challenge = stage.granted(PHONE).await;
    for _ in 0..10 {
        stage.guess_by_phone(PHONE, None).await;
    }
    assert_eq!(
        stage.guess_by_phone(PHONE, Some(challenge.id)).await,
        Verdict::Exhausted
    );
    let verdict = stage.count(Way::Session, &challenge, true).await;
    assert_eq!(
        verdict,
        Verdict::Right { id: challenge.id },
        "a stranger burnt the owner's attempts"
    );
    let stored = stage.read(challenge.id).await;
    assert_eq!((stored.session_attempts, stored.phone_attempts), (1, 3));
}

pub(crate) async fn a_02_the_phone_way_shares_one_cap_over_all_live_challenges(stage: &Stage) {
    let mut challenges = Vec::new();
    for _ in 0..3 {
        challenges.push(stage.granted(PHONE).await);
    }
    for attempts_left in [2, 1, 0] {
        assert_eq!(
            stage.guess_by_phone(PHONE, None).await,
            Verdict::Wrong { attempts_left }
        );
    }
    for challenge in &challenges {
        let verdict = stage.guess_by_phone(PHONE, Some(challenge.id)).await;
        assert_eq!(verdict, Verdict::Exhausted);
    }
}

/// Ten sends a day, each with three comparisons by session and three by phone: sixty at most,
/// which is 6 in 100,000 for six digits.
pub(crate) async fn i_04_guesses_a_day_are_bounded_by_sixty(stage: &Stage) {
    let (mut granted, mut compared) = (0, 0);
    for _ in 0..60 {
        let new = stage.new_challenge(PHONE);
        if matches!(stage.ask(&new).await, Accepted::Sent(_)) {
            granted += 1;
        }
        let phone = PhoneNumber::from_e164(PHONE).expect("canonical");
        for _ in 0..5 {
            let before = stage.hot.phone_challenges(&phone).await.expect("an answer");
            stage.guess_by_phone(PHONE, None).await;
            for challenge in &before {
                let after = stage.read(challenge.id).await;
                compared += after.phone_attempts - challenge.phone_attempts;
                if matches!(
                    stage.count(Way::Session, challenge, false).await,
                    Verdict::Wrong { .. }
                ) {
                    compared += 1;
                }
            }
        }
        stage.clock.advance(20 * MINUTE);
    }
    assert_eq!((granted, compared), (10, 60));
}

pub(crate) async fn r_07_a_resend_gives_no_attempts_back(stage: &Stage) {
    let challenge = stage.granted(PHONE).await;
    stage.count(Way::Session, &challenge, false).await;
    stage.count(Way::Session, &challenge, false).await;
    stage.guess_by_phone(PHONE, None).await;
    stage.clock.advance(30 * SECOND);
    sent(stage.resend(challenge.id).await);
    let stored = stage.read(challenge.id).await;
    assert_eq!((stored.session_attempts, stored.phone_attempts), (2, 1));
    assert_eq!(
        stage.count(Way::Session, &challenge, false).await,
        Verdict::Wrong { attempts_left: 0 }
    );
    assert_eq!(
        stage.count(Way::Session, &challenge, true).await,
        Verdict::Exhausted
    );
}

pub(crate) async fn r_16_an_expired_code_is_refused(stage: &Stage) {
    let challenge = stage.granted(PHONE).await;
    stage.clock.advance(120 * SECOND - 1);
    let right = stage.count(Way::Session, &challenge, true).await;
    assert_eq!(right, Verdict::Right { id: challenge.id });
    stage.clock.advance(1);
    assert_eq!(
        stage.count(Way::Session, &challenge, true).await,
        Verdict::Expired
    );
    assert_eq!(
        stage.guess_by_phone(PHONE, Some(challenge.id)).await,
        Verdict::Expired
    );
}

pub(crate) async fn a_consumed_challenge_is_told_to_its_session_and_hidden_from_the_phone(
    stage: &Stage,
) {
    let challenge = stage.granted(PHONE).await;
    assert!(stage.hot.consume(challenge.id).await.expect("an answer"));
    assert!(stage.read(challenge.id).await.consumed);
    assert_eq!(
        stage.count(Way::Session, &challenge, true).await,
        Verdict::Used
    );
    let wrong = stage.count(Way::Session, &challenge, false).await;
    assert_eq!(wrong, Verdict::Wrong { attempts_left: 1 });
    assert_eq!(
        stage.guess_by_phone(PHONE, Some(challenge.id)).await,
        Verdict::Gone
    );
    let attempts = [Attempt {
        challenge: &challenge,
        right: true,
    }];
    let late = stage
        .hot
        .count_attempt(Way::Phone, 3, &attempts)
        .await
        .expect("an answer");
    assert_eq!(
        late,
        Verdict::Gone,
        "read before it was consumed, tried after"
    );
    let unknown = stage.new_challenge(PHONE).id;
    assert!(!stage.hot.consume(unknown).await.expect("an answer"));
}

pub(crate) async fn a_record_that_was_replaced_is_gone(stage: &Stage) {
    let mut challenge = stage.granted(PHONE).await;
    challenge.salt = stage.new_challenge(PHONE).salt;
    assert_eq!(
        stage.count(Way::Session, &challenge, true).await,
        Verdict::Gone
    );
    challenge.id = stage.new_challenge(PHONE).id;
    assert_eq!(
        stage.count(Way::Session, &challenge, true).await,
        Verdict::Gone
    );
}

pub(crate) async fn the_phone_way_sees_the_last_three_sign_in_challenges(stage: &Stage) {
    let policy = shared::hot_state::AcceptPolicy {
        phone_short: Window {
            count: 100,
            millis: 1,
        },
        phone_day: Window {
            count: 100,
            millis: DAY,
        },
        ..stage.policy.clone()
    };
    let mut ids = Vec::new();
    for purpose in [
        Purpose::SignIn,
        Purpose::SignIn,
        Purpose::SignIn,
        Purpose::SignIn,
        Purpose::ChangePhone,
    ] {
        let new = stage.challenge_for(PHONE, purpose);
        let accept = stage.accept(shared::hot_state::AcceptRequest::New(&new));
        sent(stage.hot.accept(&accept, &policy).await.expect("an answer"));
        stage.clock.advance(1);
        ids.push(new.id);
    }
    let phone = PhoneNumber::from_e164(PHONE).expect("canonical");
    let seen: Vec<_> = stage
        .hot
        .phone_challenges(&phone)
        .await
        .expect("an answer")
        .iter()
        .map(|c| c.id)
        .collect();
    assert_eq!(seen, ids[1..4]);
    assert_eq!(
        stage.guess_by_phone(PHONE, Some(ids[2])).await,
        Verdict::Right { id: ids[2] }
    );
    // One that is consumed makes room for an older one.
    assert!(stage.hot.consume(ids[3]).await.expect("an answer"));
    let seen = stage.hot.phone_challenges(&phone).await.expect("an answer");
    let seen: Vec<_> = seen.iter().map(|challenge| challenge.id).collect();
    assert_eq!(seen, ids[..3]);
}

pub(crate) async fn sweeping_removes_what_is_dead_and_keeps_what_lives(stage: &Stage) {
    let old = stage.granted(PHONE).await;
    stage.clock.advance(5 * MINUTE);
    let young = stage.granted(PHONE).await;
    stage.hot.sweep().await.expect("an answer");
    assert_eq!(stage.read(young.id).await, young);
    for _ in 0..2 {
        stage.granted(PHONE).await;
    }
    let refused = stage.ask(&stage.new_challenge(PHONE)).await;
    assert!(
        matches!(refused, Accepted::Refused { .. }),
        "the log of the phone was swept too early"
    );
    // Redis keeps the record until its key expires by the wall clock; it is dead either way.
    let attempts = [Attempt {
        challenge: &old,
        right: true,
    }];
    let verdict = stage
        .hot
        .count_attempt(Way::Session, 3, &attempts)
        .await
        .expect("an answer");
    assert!(matches!(verdict, Verdict::Expired | Verdict::Gone));
}

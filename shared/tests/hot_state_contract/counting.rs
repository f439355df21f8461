//! Tries at a code.

use domain::otp::Purpose;
use shared::hot_state::{Accepted, Guess, Verdict};

use crate::stage::{DAY, MINUTE, SECOND, Stage, limits, sent, window};

const PHONE: &str = "+989123456789";

pub(crate) async fn a_01_after_the_cap_right_and_wrong_are_told_the_same(stage: &Stage) {
    let challenge = stage.granted(PHONE).await;
    for attempts_left in [2, 1, 0] {
        let verdict = stage.count(&challenge, false).await;
        assert_eq!(verdict, Verdict::Wrong { attempts_left });
    }
    assert_eq!(stage.count(&challenge, true).await, Verdict::Exhausted);
    assert_eq!(stage.count(&challenge, false).await, Verdict::Exhausted);

    let challenge = stage.granted(PHONE).await;
    stage.count(&challenge, false).await;
    let right = stage.count(&challenge, true).await;
    assert_eq!(
        right,
        Verdict::Right {
            root: challenge.root.id
        }
    );
    assert_eq!(stage.read(challenge.id).await.session_attempts, 2);
}

pub(crate) async fn a_05_r_02_wrong_codes_in_parallel_never_exceed_the_cap(stage: &Stage) {
    let challenge = stage.granted(PHONE).await;
    let tries = (0..200).map(|_| stage.count(&challenge, false));
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
        stage.guess_by_phone(PHONE, Some(challenge.root.id)).await,
        Verdict::Exhausted
    );
    let verdict = stage.count(&challenge, true).await;
    assert_eq!(
        verdict,
        Verdict::Right {
            root: challenge.root.id
        },
        "a stranger burnt the owner's attempts"
    );
    let stored = stage.read(challenge.id).await;
    assert_eq!(
        (stored.session_attempts, stored.root.phone_attempts),
        (1, 3)
    );
}

pub(crate) async fn a_02_r_06_the_phone_way_shares_one_cap_over_all_who_ask(stage: &Stage) {
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
        let verdict = stage.guess_by_phone(PHONE, Some(challenge.root.id)).await;
        assert_eq!(verdict, Verdict::Exhausted);
    }
}

pub(crate) async fn r_07_a_resend_gives_no_attempts_back(stage: &Stage) {
    let challenge = stage.granted(PHONE).await;
    stage.count(&challenge, false).await;
    stage.count(&challenge, false).await;
    stage.guess_by_phone(PHONE, None).await;
    stage.clock.advance(30 * SECOND);
    sent(stage.resend(challenge.id).await);
    let stored = stage.read(challenge.id).await;
    assert_eq!(
        (stored.session_attempts, stored.root.phone_attempts),
        (2, 1)
    );
    assert_eq!(
        stage.count(&challenge, false).await,
        Verdict::Wrong { attempts_left: 0 }
    );
    assert_eq!(stage.count(&challenge, true).await, Verdict::Exhausted);
}

pub(crate) async fn r_16_an_expired_code_is_refused(stage: &Stage) {
    let in_time = stage.granted("+989123456781").await;
    let challenge = stage.granted(PHONE).await;
    stage.clock.advance(120 * SECOND - 1);
    let right = stage.count(&in_time, true).await;
    assert_eq!(
        right,
        Verdict::Right {
            root: in_time.root.id
        }
    );
    stage.clock.advance(1);
    assert_eq!(stage.count(&challenge, true).await, Verdict::Expired);
    let other = stage.granted("+989123456780").await;
    stage.clock.advance(120 * SECOND);
    assert_eq!(
        stage
            .guess_by_phone("+989123456780", Some(other.root.id))
            .await,
        Verdict::Expired
    );
}

pub(crate) async fn a_closed_root_is_hidden_from_the_phone(stage: &Stage) {
    let challenge = stage.granted(PHONE).await;
    let root = challenge.root.id;
    assert_eq!(stage.count(&challenge, true).await, Verdict::Right { root });
    assert!(stage.read(challenge.id).await.root.closed.is_some());
    let wrong = stage.count(&challenge, false).await;
    assert_eq!(wrong, Verdict::Wrong { attempts_left: 1 });
    let by_phone = stage.guess_by_phone(PHONE, Some(root)).await;
    assert_eq!(by_phone, Verdict::Gone);
    let guesses = [Guess {
        root: &challenge.root,
        right: true,
    }];
    let late = stage.hot.count_by_phone(3, &guesses).await;
    let late = late.expect("an answer");
    assert_eq!(
        late,
        Verdict::Gone,
        "read before it was closed, tried after"
    );
    let unknown = stage.new_challenge(PHONE).root.id;
    assert!(!stage.hot.close_root(unknown).await.expect("an answer"));
    assert_eq!(stage.hot.root(unknown).await.expect("an answer"), None);
}

pub(crate) async fn a_record_that_was_replaced_is_gone(stage: &Stage) {
    let mut challenge = stage.granted(PHONE).await;
    challenge.root.salt = stage.secret().salt;
    assert_eq!(stage.count(&challenge, true).await, Verdict::Gone);
    challenge.id = stage.new_challenge(PHONE).id;
    assert_eq!(stage.count(&challenge, true).await, Verdict::Gone);
}

pub(crate) async fn the_phone_way_sees_the_open_sign_in_roots(stage: &Stage) {
    let policy = shared::hot_state::AcceptPolicy {
        quotas: limits(window(100, 1), window(100, DAY)),
        ..stage.policy.clone()
    };
    let mut roots = Vec::new();
    for (purpose, wait) in [
        (Purpose::SignIn, 8 * MINUTE + 1),
        (Purpose::SignIn, SECOND),
        (Purpose::Register, SECOND),
        (Purpose::ResetPassword, SECOND),
        (Purpose::ChangePhone, SECOND),
    ] {
        let new = stage.challenge_for(PHONE, purpose);
        let accept = stage.accept(shared::hot_state::AcceptRequest::New(&new));
        sent(stage.hot.accept(&accept, &policy).await.expect("an answer"));
        stage.clock.advance(wait);
        roots.push(new.root.id);
    }
    let seen: Vec<_> = stage
        .roots(PHONE)
        .await
        .iter()
        .map(|root| root.id)
        .collect();
    assert_eq!(seen, roots[..2]);
    let right = stage.guess_by_phone(PHONE, Some(roots[1])).await;
    assert_eq!(right, Verdict::Right { root: roots[1] });
    assert!(stage.hot.close_root(roots[1]).await.expect("an answer"));
    let seen: Vec<_> = stage
        .roots(PHONE)
        .await
        .iter()
        .map(|root| root.id)
        .collect();
    assert_eq!(seen, roots[..1]);
}

pub(crate) async fn sweeping_removes_what_is_dead_and_keeps_what_lives(stage: &Stage) {
    let old = stage.granted(PHONE).await;
    stage.clock.advance(9 * MINUTE);
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
    let verdict = stage.count(&old, true).await;
    assert!(matches!(verdict, Verdict::Expired | Verdict::Gone));
}

pub(crate) async fn a_12_r_32_a_restart_gives_no_attempts_back(stage: &Stage) {
    let challenge = stage.granted(PHONE).await;
    stage.count(&challenge, false).await;
    stage.guess_by_phone(PHONE, None).await;
    stage.count(&challenge, false).await;
    let restarted = stage.restarted().await;
    let allowed = stage.policy.max_attempts;
    let count = async |right| {
        let counted = restarted
            .count_by_session(allowed, &challenge, right, None)
            .await;
        counted.expect("an answer")
    };
    assert_eq!(count(false).await, Verdict::Wrong { attempts_left: 0 });
    assert_eq!(count(true).await, Verdict::Exhausted);
    let stored = restarted.challenge(challenge.id).await.expect("an answer");
    let stored = stored.expect("a record");
    assert_eq!(
        (stored.session_attempts, stored.root.phone_attempts),
        (3, 1)
    );
}

/// A count in another form than ours is that count or an error, never the beginning of a new one.
pub(crate) async fn r_04_a_count_that_cannot_be_read_gives_no_attempts_back(stage: &Stage) {
    for (index, form) in ["3", "03", "3.0", "1e2", "three", "", "\u{6f3}"]
        .into_iter()
        .enumerate()
    {
        let challenge = stage.granted(&format!("+98912345600{index}")).await;
        stage.write_attempts(challenge.id, form).await;
        let allowed = stage.policy.max_attempts;
        for right in [false, true, true] {
            let counted = stage
                .hot
                .count_by_session(allowed, &challenge, right, None)
                .await;
            if let Ok(verdict) = counted {
                assert_eq!(verdict, Verdict::Exhausted, "{form:?}");
            }
        }
    }
}

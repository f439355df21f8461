//! A clock that is set back, by ten minutes and by a year: what was stored before lies ahead, and keeps
//! nobody out for longer than it could have on a clock that goes on.

use std::time::Duration;

use domain::limits::{Form, Quota, Quotas, Rule, Step};
use shared::hot_state::{Accept, AcceptRequest, Accepted, Admission, Count, Subjects, Verdict};
use shared::records::Route;
use uuid::Uuid;

use crate::stage::{DAY, MINUTE, SECOND, Stage, caller, sent};

const PHONE: &str = "+989123456789";
const ADDRESS: &str = "192.0.2.7";
const BACK: [i64; 2] = [10 * MINUTE, 365 * DAY];
const PATIENCE: Duration = Duration::from_secs(1);

fn phone() -> domain::phone::PhoneNumber {
    domain::phone::PhoneNumber::from_e164(PHONE).expect("canonical")
}

pub(crate) async fn f_13_the_gate_admits_calls_at_once(stage: &Stage) {
    for back in BACK {
        for _ in 0..40 {
            stage.hot.admit_call(20, PATIENCE).await.expect("an answer");
        }
        assert!(stage.hot.slow_down().await.expect("an answer"));
        stage.clock.advance(-back);
        let admitted = stage.hot.admit_call(20, PATIENCE).await.expect("an answer");
        let at_once = Admission::Go {
            after: Duration::ZERO,
        };
        assert_eq!(admitted, at_once);
        // The rate recovers from now on, and can be halved again.
        stage.clock.advance(100 * SECOND);
        for _ in 0..5 {
            let admitted = stage.hot.admit_call(20, PATIENCE).await.expect("an answer");
            assert_eq!(admitted, at_once, "a burst of the full rate");
        }
        assert!(stage.hot.slow_down().await.expect("an answer"));
        stage.clock.advance(100 * SECOND);
    }
}

pub(crate) async fn f_13_the_breaker_is_probed_and_refuses_no_longer(stage: &Stage) {
    for back in BACK {
        assert!(stage.hot.open_breaker(418).await.expect("an answer"));
        stage.clock.advance(-back);
        sent(stage.ask(&stage.new_challenge(PHONE)).await);
        let admitted = stage.hot.admit_call(20, PATIENCE).await.expect("an answer");
        let Admission::Closed { retry_after, .. } = admitted else {
            panic!("{admitted:?}")
        };
        assert!(retry_after <= Duration::from_secs(62), "{retry_after:?}");
        let lease = Duration::from_secs(10);
        assert!(stage.hot.take_probe(lease).await.expect("an answer"));
        assert!(!stage.hot.take_probe(lease).await.expect("an answer"));
        assert!(stage.hot.close_breaker().await.expect("an answer"));
        stage.clock.advance(DAY);
    }
}

pub(crate) async fn f_13_deliveries_are_followed_by_another(stage: &Stage) {
    let follows = async |holder| {
        let life = Duration::from_mins(1);
        let holder = Uuid::from_u128(holder);
        let follows = stage.hot.follow(&Route::KAVENEGAR, holder, life).await;
        follows.expect("an answer")
    };
    for (back, died) in BACK.into_iter().zip([1, 2]) {
        assert!(follows(died).await);
        stage.clock.advance(-back);
        assert!(follows(died + 1).await);
        assert!(!follows(died).await);
    }
}

pub(crate) async fn f_13_a_phone_and_an_address_wait_no_longer_than_they_could(stage: &Stage) {
    let ask = async |phone: &str| {
        let new = stage.new_challenge(phone);
        let accept = Accept {
            caller: Some(caller(ADDRESS)),
            ..stage.accept(AcceptRequest::New(&new))
        };
        stage.run(&accept).await
    };
    for back in BACK {
        for _ in 0..3 {
            sent(ask(PHONE).await);
        }
        for other in 0..27 {
            sent(ask(&format!("+98912000{other:04}")).await);
        }
        stage.clock.advance(-back);
        // The address begins anew, the phone waits for its window from now on.
        let refused = ask(PHONE).await;
        let Accepted::Refused {
            rule,
            retry_after_millis,
        } = refused
        else {
            panic!("{refused:?}")
        };
        assert_eq!((rule, retry_after_millis), (Rule::PhoneShort, 2 * MINUTE));
        stage.clock.advance(2 * MINUTE);
        sent(ask(PHONE).await);
        stage.clock.advance(DAY + MINUTE);
    }
}

pub(crate) async fn f_13_a_code_is_texted_again_and_one_that_expired_stays_dead(stage: &Stage) {
    for (phone, back) in [PHONE, "+989123456780"].into_iter().zip(BACK) {
        let challenge = stage.granted(phone).await;
        let jobs = stage.jobs().await.len();
        stage.clock.advance(120 * SECOND);
        assert_eq!(stage.count(&challenge, true).await, Verdict::Expired);
        let by_phone = stage.guess_by_phone(phone, Some(challenge.root.id)).await;
        assert_eq!(by_phone, Verdict::Expired);
        stage.clock.advance(-back);
        assert_eq!(stage.count(&challenge, true).await, Verdict::Expired);
        let by_phone = stage.guess_by_phone(phone, Some(challenge.root.id)).await;
        assert_eq!(by_phone, Verdict::Expired);

        let next = stage.new_challenge(phone);
        let again = stage.ask(&next).await;
        assert!(matches!(again, Accepted::Sent(_)), "{again:?}");
        stage.clock.advance(30 * SECOND);
        assert!(sent(stage.resend(next.id).await).texted);
        assert!(stage.jobs().await.len() > jobs);
        stage.clock.advance(2 * DAY);
    }
}

pub(crate) async fn f_13_a_resend_is_not_put_off_until_the_old_time_is_back(stage: &Stage) {
    let challenge = stage.granted(PHONE).await;
    stage.clock.advance(-10 * MINUTE);
    let resent = sent(stage.resend(challenge.id).await);
    assert!(resent.resend_at - resent.now <= 30 * SECOND);
    stage.clock.advance(30 * SECOND);
    assert!(sent(stage.resend(challenge.id).await).texted);
}

pub(crate) async fn f_13_a_lock_lasts_no_longer_than_a_lock(stage: &Stage) {
    for address in ["1/s", "3"] {
        let lock = 60 * MINUTE;
        let address = Form::FailuresOrPerSecond
            .read(address, lock)
            .expect("a quota");
        let quotas = Quotas::NONE
            .with(
                Rule::FailuresPhone,
                Quota::Lock {
                    failures: 3,
                    millis: lock,
                },
            )
            .with(Rule::FailuresAddress, address);
        let phone = phone();
        let subjects = Subjects {
            phone: Some(&phone),
            caller: Some(caller(ADDRESS)),
            session: None,
            device: None,
        };
        let begin = async || {
            let begun = stage.hot.count(Step::Password, &subjects, &quotas).await;
            begun.expect("an answer")
        };
        for _ in 0..3 {
            assert_eq!(begin().await, Count::Counted);
        }
        stage.clock.advance(-10 * MINUTE);
        let Count::Refused {
            retry_after_millis, ..
        } = begin().await
        else {
            panic!("still locked")
        };
        assert!(retry_after_millis <= 60 * MINUTE, "{retry_after_millis}");
        stage.clock.advance(60 * MINUTE);
        assert_eq!(begin().await, Count::Counted);
        stage.clock.advance(DAY);
    }
}

//! Limits of known devices, which stand beside those of the number that strangers can use up.

use domain::limits::{Form, Quotas, Rule, Step};
use domain::phone::PhoneNumber;
use domain::root::RootId;
use shared::hot_state::{
    Accept, AcceptPolicy, AcceptRequest, Accepted, Cancelled, Count, Subjects, Unanswered,
};
use uuid::Uuid;

use crate::stage::{DAY, MINUTE, SECOND, Stage, caller, limits, per_minute, sent, window};

const PHONE: &str = "+989123456789";
const OTHER: &str = "+989123456780";
const HOUR: i64 = 60 * MINUTE;
const OWNERS: Uuid = Uuid::from_u128(0x019a_7f3e_5c1b_7d4e_9a6f_0b2c_4d6e_8f10);
const SECOND_DEVICE: Uuid = Uuid::from_u128(0x019a_7f3e_5c1b_7d4e_9a6f_0b2c_4d6e_8f11);

fn policy(stage: &Stage) -> AcceptPolicy {
    let quotas = limits(window(3, 2 * MINUTE), window(10, DAY));
    AcceptPolicy {
        quotas: quotas.with(Rule::DeviceDay, window(5, DAY)),
        ..stage.policy.clone()
    }
}

fn tries() -> Quotas {
    let budget = Form::Budget {
        millis: HOUR,
        group_part: 0,
    };
    [
        (Rule::FailuresPhone, Form::Failures, "10"),
        (Rule::FailuresDevice, Form::Failures, "5"),
        (Rule::FailuresAddress, Form::FailuresOrPerSecond, "1000"),
        (Rule::FailuresService, budget, "100"),
    ]
    .into_iter()
    .fold(Quotas::NONE, |quotas, (rule, form, text)| {
        quotas.with(rule, form.read(text, HOUR).expect("a quota"))
    })
}

fn refused_by(accepted: &Accepted) -> Option<(Rule, i64)> {
    match accepted {
        Accepted::Refused {
            rule,
            retry_after_millis,
        } => Some((*rule, *retry_after_millis)),
        _ => None,
    }
}

impl Stage {
    async fn ask_by(&self, phone: &str, device: Option<Uuid>) -> Accepted {
        let new = self.new_challenge(phone);
        let accept = Accept {
            device,
            ..self.accept(AcceptRequest::New(&new))
        };
        let accepted = self.hot.accept(&accept, &policy(self)).await;
        accepted.expect("an answer")
    }

    /// A stranger asks as often as the number may be asked for in a day.
    async fn burn_the_sends(&self, phone: &str) {
        for _ in 0..10 {
            sent(self.ask_by(phone, None).await);
            self.clock.advance(MINUTE);
        }
    }

    async fn try_by(&self, step: Step, device: Option<Uuid>, address: &str) -> Count {
        let phone = PhoneNumber::from_e164(PHONE).expect("canonical");
        let subjects = subjects(&phone, device, address);
        let counted = self.hot.count(step, &subjects, &tries()).await;
        counted.expect("an answer")
    }
}

fn subjects<'a>(phone: &'a PhoneNumber, device: Option<Uuid>, address: &str) -> Subjects<'a> {
    Subjects {
        phone: Some(phone),
        caller: Some(caller(address)),
        device,
        ..Subjects::default()
    }
}

pub(crate) async fn a_16_a_known_device_has_five_sends_of_its_own_in_a_day(stage: &Stage) {
    stage.burn_the_sends(PHONE).await;
    let refused = stage.ask_by(PHONE, None).await;
    assert_eq!(
        refused_by(&refused),
        Some((Rule::PhoneDay, DAY - 10 * MINUTE))
    );
    for _ in 0..5 {
        sent(stage.ask_by(PHONE, Some(OWNERS)).await);
        stage.clock.advance(MINUTE);
    }
    let before = stage.size().await;
    let refused = stage.ask_by(PHONE, Some(OWNERS)).await;
    assert_eq!(
        refused_by(&refused),
        Some((Rule::DeviceDay, DAY - 5 * MINUTE))
    );
    assert_eq!(stage.size().await, before, "a refusal leaves nothing");
    // What devices are sent counts for the number too; each has its own.
    let refused = stage.ask_by(PHONE, None).await;
    assert_eq!(
        refused_by(&refused),
        Some((Rule::PhoneDay, DAY - 10 * MINUTE))
    );
    sent(stage.ask_by(PHONE, Some(SECOND_DEVICE)).await);

    // The wait is true, and the window is exact.
    stage.clock.advance(DAY - 5 * MINUTE - 1);
    let refused = stage.ask_by(PHONE, Some(OWNERS)).await;
    assert_eq!(refused_by(&refused), Some((Rule::DeviceDay, 1)));
    stage.clock.advance(1);
    sent(stage.ask_by(PHONE, Some(OWNERS)).await);
    let refused = stage.ask_by(PHONE, Some(OWNERS)).await;
    assert_eq!(refused_by(&refused), Some((Rule::DeviceDay, MINUTE)));
}

pub(crate) async fn the_other_limits_and_the_cooldown_hold_for_a_known_device(stage: &Stage) {
    stage.burn_the_sends(PHONE).await;
    let quotas = policy(stage).quotas.with(Rule::Address, per_minute(1));
    let policy = AcceptPolicy {
        quotas,
        ..policy(stage)
    };
    let by_device = async |phone: &str| {
        let new = stage.new_challenge(phone);
        let accept = Accept {
            device: Some(OWNERS),
            caller: Some(caller("192.0.2.7")),
            ..stage.accept(AcceptRequest::New(&new))
        };
        let accepted = stage.hot.accept(&accept, &policy).await;
        (new.id, accepted.expect("an answer"))
    };
    let (id, first) = by_device(PHONE).await;
    assert!(sent(first).texted);
    let (_, refused) = by_device(PHONE).await;
    assert_eq!(refused_by(&refused), Some((Rule::Address, MINUTE)));
    // The same challenge once more within the cooldown costs nothing, and then one of the device's.
    let secret = stage.secret();
    let resend = async |address: &str| {
        let request = AcceptRequest::Resend {
            id,
            phone: None,
            root: RootId::new(&stage.random),
            secret: &secret,
        };
        let accept = Accept {
            device: Some(OWNERS),
            caller: Some(caller(address)),
            ..stage.accept(request)
        };
        let accepted = stage.hot.accept(&accept, &policy).await;
        accepted.expect("an answer")
    };
    assert!(matches!(resend("192.0.2.8").await, Accepted::Cooldown(_)));
    stage.clock.advance(30 * SECOND);
    for address in ["192.0.2.8", "192.0.2.9", "192.0.2.10", "192.0.2.11"] {
        sent(resend(address).await);
        stage.clock.advance(30 * SECOND);
    }
    let refused = resend("192.0.2.12").await;
    assert_eq!(
        refused_by(&refused).map(|(rule, _)| rule),
        Some(Rule::DeviceDay)
    );
    // A device is told nothing of another number by its own.
    let phone = PhoneNumber::from_e164(PHONE).expect("canonical");
    let state = stage.hot.phone_state(&phone).await.expect("an answer");
    assert!(state.refusals.is_empty(), "{:?}", state.refusals);
}

pub(crate) async fn f_07_a_request_of_a_known_device_that_is_taken_back_costs_nothing(
    stage: &Stage,
) {
    stage.burn_the_sends(PHONE).await;
    let policy = policy(stage);
    sent(stage.ask_by(PHONE, Some(OWNERS)).await);
    for _ in 0..20 {
        stage.clock.advance(31 * SECOND);
        let new = stage.new_challenge(PHONE);
        let accept = Accept {
            device: Some(OWNERS),
            ..stage.accept(AcceptRequest::New(&new))
        };
        sent(stage.hot.accept(&accept, &policy).await.expect("an answer"));
        let unanswered = Unanswered::of(&accept, &policy, false);
        for end in [Cancelled::Cancelled, Cancelled::NotGranted] {
            let cancelled = stage.hot.cancel(&unanswered).await;
            assert_eq!(cancelled.expect("an answer"), end);
        }
    }
    for _ in 0..4 {
        stage.clock.advance(31 * SECOND);
        sent(stage.ask_by(PHONE, Some(OWNERS)).await);
    }
    let refused = stage.ask_by(PHONE, Some(OWNERS)).await;
    assert_eq!(
        refused_by(&refused).map(|(rule, _)| rule),
        Some(Rule::DeviceDay)
    );
}

pub(crate) async fn a_15_a_known_device_has_five_tries_of_its_own(stage: &Stage) {
    let (stranger, owner) = ("192.0.2.1", "198.51.100.1");
    let locked = |rule, retry_after_millis| Count::Refused {
        rule,
        retry_after_millis,
    };
    for _ in 0..10 {
        let tried = stage.try_by(Step::Password, None, stranger).await;
        assert_eq!(tried, Count::Counted);
    }
    let of_number = locked(Rule::FailuresPhone, HOUR);
    assert_eq!(
        stage.try_by(Step::CodeByPhone, None, owner).await,
        of_number
    );
    let phone = PhoneNumber::from_e164(PHONE).expect("canonical");
    // A success clears the device's own failures, and not what a stranger has locked.
    for round in 0..2 {
        for _ in 0..4 {
            let tried = stage.try_by(Step::TryByDevice, Some(OWNERS), owner).await;
            assert_eq!(tried, Count::Counted, "{round}");
        }
        let (subjects, quotas) = (subjects(&phone, Some(OWNERS), owner), tries());
        let taken_back = stage
            .hot
            .take_back(Step::TryByDevice, &subjects, &quotas, None);
        taken_back.await.expect("an answer");
        assert_eq!(stage.try_by(Step::Password, None, owner).await, of_number);
    }
    for _ in 0..5 {
        let tried = stage.try_by(Step::TryByDevice, Some(OWNERS), owner).await;
        assert_eq!(tried, Count::Counted);
    }
    let of_device = stage.try_by(Step::TryByDevice, Some(OWNERS), owner).await;
    assert_eq!(of_device, locked(Rule::FailuresDevice, HOUR));
    let of_other = stage
        .try_by(Step::TryByDevice, Some(SECOND_DEVICE), owner)
        .await;
    assert_eq!(of_other, Count::Counted);
    stage.clock.advance(HOUR - 1);
    let of_device = stage.try_by(Step::TryByDevice, Some(OWNERS), owner).await;
    assert_eq!(
        of_device,
        locked(Rule::FailuresDevice, 1),
        "the wait is true"
    );
    stage.clock.advance(1);
    let of_device = stage.try_by(Step::TryByDevice, Some(OWNERS), owner).await;
    assert_eq!(of_device, Count::Counted);
}

pub(crate) async fn a_03_a_known_device_needs_no_handle_when_the_service_asks_for_one(
    stage: &Stage,
) {
    let subjects = Subjects::default();
    for _ in 0..100 {
        let counted = stage.hot.count(Step::WrongCode, &subjects, &tries()).await;
        assert_eq!(counted.expect("an answer"), Count::Counted);
    }
    let closed = stage.try_by(Step::CodeByPhone, None, "192.0.2.1").await;
    assert!(
        matches!(
            closed,
            Count::Refused {
                rule: Rule::FailuresService,
                ..
            }
        ),
        "{closed:?}"
    );
    let known = stage
        .try_by(Step::TryByDevice, Some(OWNERS), "192.0.2.1")
        .await;
    assert_eq!(known, Count::Counted);
}

pub(crate) async fn what_is_kept_of_a_known_device_ends_and_names_no_session(stage: &Stage) {
    stage.burn_the_sends(PHONE).await;
    sent(stage.ask_by(PHONE, Some(OWNERS)).await);
    stage
        .try_by(Step::TryByDevice, Some(OWNERS), "192.0.2.1")
        .await;
    let lasting = stage.lasting_keys().await;
    assert!(
        lasting
            .iter()
            .all(|key| key.ends_with(":jobs") || key.ends_with(":epoch")),
        "{lasting:?}"
    );
    let dump = stage.dump().await;
    for id in [OWNERS.to_string(), OWNERS.simple().to_string()] {
        assert!(!dump.contains(&id), "{dump}");
    }
    stage.clock.advance(2 * DAY);
    stage.hot.sweep().await.expect("swept");
    assert_eq!(stage.rows("hot_phone_sends").await, 0);
    assert_eq!(stage.rows("hot_failed_tries").await, 0);
}

pub(crate) async fn f_13_a_window_of_a_known_device_lasts_no_longer_for_a_clock_that_was_set(
    stage: &Stage,
) {
    for _ in 0..5 {
        sent(stage.ask_by(OTHER, Some(OWNERS)).await);
        stage.clock.advance(31 * SECOND);
    }
    stage.clock.advance(-10 * DAY);
    let refused = stage.ask_by(OTHER, Some(OWNERS)).await;
    let (rule, wait) = refused_by(&refused).expect("refused");
    assert_eq!(rule, Rule::DeviceDay);
    assert!(wait <= DAY, "{wait}");
}

/// Ten sends of the number and five of the device: as each root allows, three by session and three by number.
pub(crate) async fn i_04_with_a_known_device_guesses_a_day_are_bounded_by_ninety(stage: &Stage) {
    for (index, gap) in [20 * MINUTE, 40 * MINUTE].into_iter().enumerate() {
        let phone = format!("+98912345679{index}");
        let device = Uuid::from_u128(7 + u128::try_from(index).expect("small"));
        let (mut granted, mut compared) = (0, 0);
        for _ in 0..30 {
            let new = stage.new_challenge(&phone);
            let mut accepted = None;
            // Whoever has the device asks by both ways.
            for device in [None, Some(device)] {
                let accept = Accept {
                    device,
                    ..stage.accept(AcceptRequest::New(&new))
                };
                let answer = stage.hot.accept(&accept, &policy(stage)).await;
                if let Accepted::Sent(grant) = answer.expect("an answer") {
                    accepted = Some(grant);
                    break;
                }
            }
            if accepted.is_some() {
                granted += 1;
                let challenge = stage.read(new.id).await;
                compared += stage.wrong_guesses_by_session(&challenge).await;
            }
            compared += stage.wrong_guesses_by_number(&phone).await;
            stage.clock.advance(gap);
        }
        assert_eq!((granted, compared), (15, 90), "every {gap} ms");
        stage.clock.advance(2 * DAY);
    }
}

//! Limits by address group, by share of capacity, and by budget; and that anyone who proves numbers may do
//! more. Strangers with many addresses fill no memory.

use domain::client_address::ClientAddress;
use domain::limits::{Form, Quota, Quotas, Rule, Step};
use domain::phone::PhoneNumber;
use shared::hot_state::{Accept, AcceptPolicy, AcceptRequest, Accepted, Count, Subjects, Verdict};

use crate::stage::{DAY, MINUTE, SECOND, Stage, caller, limits, per_minute, sent, window};

const HOUR: i64 = 60 * MINUTE;

/// One request of this caller for a number that nobody asked for before.
async fn ask(stage: &Stage, policy: &AcceptPolicy, number: u32, from: ClientAddress) -> Accepted {
    let new = stage.new_challenge(&format!("+98912{number:07}"));
    let accept = Accept {
        caller: Some(from),
        ..stage.accept(AcceptRequest::New(&new))
    };
    stage.hot.accept(&accept, policy).await.expect("an answer")
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

fn under(stage: &Stage, quotas: &Quotas) -> AcceptPolicy {
    AcceptPolicy {
        quotas: *quotas,
        ..stage.policy.clone()
    }
}

/// The `n`th /64 of one /48.
fn of_one_48(n: u32) -> ClientAddress {
    caller(&format!("2001:db8:7:{:x}::{:x}", n % 0xffff, n + 1))
}

pub(crate) async fn thr_05_a_21_addresses_of_one_group_share_a_bucket(stage: &Stage) {
    let policy = under(
        stage,
        &Quotas::NONE
            .with(Rule::Address, per_minute(30))
            .with(Rule::Group, per_minute(40)),
    );
    for n in 0..40 {
        sent(ask(stage, &policy, n, of_one_48(n)).await);
    }
    let before = stage.size().await;
    for n in 40..140 {
        let refused = ask(stage, &policy, n, of_one_48(n)).await;
        assert_eq!(refused_by(&refused), Some((Rule::Group, 1_500)));
    }
    assert_eq!(stage.size().await, before, "a refusal leaves nothing");
    sent(ask(stage, &policy, 200, caller("2001:db8:8::1")).await);
    for n in 0..20 {
        sent(ask(stage, &policy, 300 + n, caller("5.160.1.7")).await);
        sent(ask(stage, &policy, 400 + n, caller("5.160.1.8")).await);
    }
    let refused = ask(stage, &policy, 500, caller("5.160.1.9")).await;
    assert_eq!(refused_by(&refused), Some((Rule::Group, 1_500)));
    sent(ask(stage, &policy, 500, caller("5.160.2.9")).await);
    stage.clock.advance(1_500);
    sent(ask(stage, &policy, 501, caller("5.160.1.9")).await);
}

/// Phones of a carrier share few addresses, and their people give their codes back.
pub(crate) async fn addresses_whose_numbers_are_proven_may_ask_for_more(stage: &Stage) {
    let policy = under(
        stage,
        &Quotas::NONE
            .with(Rule::Address, per_minute(3))
            .with(Rule::Group, per_minute(6)),
    );
    let from = caller("5.160.1.7");
    for number in 0..3 {
        let new = stage.new_challenge(&format!("+98912{number:07}"));
        let accept = Accept {
            caller: Some(from),
            ..stage.accept(AcceptRequest::New(&new))
        };
        sent(stage.hot.accept(&accept, &policy).await.expect("an answer"));
        let challenge = stage.read(new.id).await;
        // A second right code, and a wrong one, prove nothing more.
        for right in [false, true, true] {
            let counted = stage.hot.count_by_session(3, &challenge, right, Some(from));
            counted.await.expect("an answer");
        }
    }
    // Three and twice three a minute.
    let mut granted = 0;
    for number in 10..30 {
        match refused_by(&ask(stage, &policy, number, from).await) {
            None => granted += 1,
            Some((rule, wait)) => {
                assert_eq!(rule, Rule::Address);
                assert!(wait <= MINUTE / 9 + 1, "{wait}");
            }
        }
        stage.clock.advance(3 * SECOND);
    }
    assert_eq!(granted, 11, "one each 6.7 seconds, not each 20");
    // Another address of the group gains by the group only, and nobody by a minute long ago.
    stage.clock.advance(3 * MINUTE);
    for number in 40..43 {
        sent(ask(stage, &policy, number, from).await);
    }
    let refused = ask(stage, &policy, 50, from).await;
    assert_eq!(refused_by(&refused), Some((Rule::Address, 20 * SECOND)));
}

/// 70 % of people behind 40 addresses in ten groups, 100 sign-ups a second after twenty seconds of 25,
/// nine of ten codes given back after ten seconds.
pub(crate) async fn honest_people_behind_carrier_nat_are_never_refused(stage: &Stage) {
    let quotas = limits(window(3, 2 * MINUTE), window(10, DAY))
        .with(Rule::Address, per_minute(30))
        .with(Rule::Group, per_minute(1_200))
        .with(Rule::GroupShare, Quota::Share { percent: 10 });
    let policy = under(stage, &quotas);
    let from = |n: u32| {
        // By chance, but the same each time.
        let chance = n.wrapping_mul(2_654_435_761) >> 8;
        if chance % 10 < 7 {
            caller(&format!("5.160.{}.{}", chance / 10 % 10, chance / 100 % 4))
        } else {
            caller(&format!("185.{}.{}.1", chance / 250 % 250, chance % 250))
        }
    };
    let mut on_the_way = std::collections::VecDeque::new();
    for n in 0..2_500 {
        let a_second = if n < 500 { 25 } else { 100 };
        let new = stage.new_challenge(&format!("+98912{n:07}"));
        let accept = Accept {
            caller: Some(from(n)),
            ..stage.accept(AcceptRequest::New(&new))
        };
        let accepted = stage.hot.accept(&accept, &policy).await;
        sent(accepted.expect("an answer"));
        on_the_way.push_back((stage.clock.now_millis() + 10 * SECOND, n, new.id));
        stage.clock.advance(SECOND / a_second);
        while let Some((due, ..)) = on_the_way.front()
            && *due <= stage.clock.now_millis()
        {
            let (_, asked, id) = on_the_way.pop_front().expect("one that is due");
            if asked % 10 == 9 {
                continue;
            }
            let challenge = stage.read(id).await;
            let counted = stage
                .hot
                .count_by_session(3, &challenge, true, Some(from(asked)));
            let verdict = counted.await.expect("an answer");
            assert!(matches!(verdict, Verdict::Right { .. }), "{verdict:?}");
        }
    }
}

pub(crate) async fn while_messages_wait_no_group_has_more_than_its_share(stage: &Stage) {
    let quotas = Quotas::NONE
        .with(Rule::GroupShare, Quota::Share { percent: 10 })
        .with(Rule::WideShare, Quota::Share { percent: 33 });
    let policy = under(stage, &quotas);
    // Nothing waits for long: nobody is refused.
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    for n in 0..50 {
        sent(ask(stage, &policy, next(), of_one_48(n)).await);
    }
    // Nobody takes the jobs: the oldest waits for longer than a second.
    stage.clock.advance(SECOND + 1);
    let others = |n: u32| caller(&format!("5.160.{}.7", n % 20));
    let (mut of_attacker, mut refused, mut of_others) = (0, 0, 0);
    for n in 0..400 {
        // Nine of ten requests are the attacker's.
        if n % 10 == 0 {
            let accepted = ask(stage, &policy, next(), others(n / 10)).await;
            sent(accepted);
            of_others += 1;
        } else {
            match refused_by(&ask(stage, &policy, next(), of_one_48(n)).await) {
                None => of_attacker += 1,
                Some((rule, wait)) => {
                    assert!(
                        [Rule::GroupShare, Rule::WideShare].contains(&rule),
                        "{rule:?}"
                    );
                    assert!(wait <= 10 * SECOND);
                    refused += 1;
                }
            }
        }
    }
    assert_eq!(of_others, 40);
    // A tenth, and what chance may add to so few.
    assert!(of_attacker <= 15, "{of_attacker} of {of_others}");
    assert_eq!(of_attacker + refused, 360);
    // One /32 has a third at most, however many groups it has.
    stage.clock.advance(30 * SECOND);
    let (mut of_wide, mut of_others) = (0, 0);
    for n in 0..1_200 {
        if n % 4 == 0 {
            sent(ask(stage, &policy, next(), others(n / 4)).await);
            of_others += 1;
        } else {
            let from = caller(&format!("2a00:1:{n:x}::1"));
            of_wide += u32::from(refused_by(&ask(stage, &policy, next(), from).await).is_none());
        }
    }
    assert!(
        (100..=220).contains(&of_wide),
        "{of_wide} beside {of_others}"
    );
    // Anyone who is alone is not refused.
    stage.clock.advance(30 * SECOND);
    for n in 0..50 {
        sent(ask(stage, &policy, next(), of_one_48(n)).await);
    }
}

/// A message that takes its time at the gateway is none that waits.
pub(crate) async fn while_a_message_is_being_sent_nobody_shares(stage: &Stage) {
    let share = Quota::Share { percent: 10 };
    let policy = under(stage, &Quotas::NONE.with(Rule::GroupShare, share));
    sent(ask(stage, &policy, 1, caller("5.160.1.7")).await);
    let taken = stage.take_jobs().await;
    assert_eq!(taken.len(), 1);
    stage.clock.advance(8 * SECOND);
    for n in 2..100 {
        sent(ask(stage, &policy, n, of_one_48(n)).await);
        if n % 10 == 0 {
            sent(ask(stage, &policy, 1_000 + n, caller("5.160.1.7")).await);
        }
    }
}

pub(crate) async fn a_budget_of_a_day_holds_until_the_next(stage: &Stage) {
    let budget = |count| Quota::Budget {
        count,
        millis: DAY,
        group_part: 0,
    };
    let from = caller("192.0.2.7");
    let of_prefix = under(stage, &Quotas::NONE.with(Rule::PrefixDay, budget(3)));
    for number in 0..3 {
        sent(ask(stage, &of_prefix, number, from).await);
    }
    let to_midnight = DAY - stage.clock.now_millis() % DAY;
    let refused = ask(stage, &of_prefix, 9_999, from).await;
    assert_eq!(refused_by(&refused), Some((Rule::PrefixDay, to_midnight)));
    sent(ask(stage, &of_prefix, 10_000, from).await);

    let of_service = under(stage, &Quotas::NONE.with(Rule::ServiceDay, budget(4)));
    for number in 0..4 {
        sent(ask(stage, &of_service, 20_000 * number, from).await);
    }
    let refused = ask(stage, &of_service, 90_000, caller("192.0.9.7")).await;
    assert_eq!(refused_by(&refused), Some((Rule::ServiceDay, to_midnight)));
    stage.clock.advance(to_midnight);
    sent(ask(stage, &of_service, 90_001, from).await);
    sent(ask(stage, &of_prefix, 1, from).await);
}

async fn count(
    stage: &Stage,
    step: Step,
    number: u32,
    from: ClientAddress,
    quotas: &Quotas,
) -> Count {
    let phone = PhoneNumber::from_e164(&format!("+98912{number:07}")).expect("canonical");
    let subjects = Subjects {
        phone: Some(&phone),
        caller: Some(from),
        session: None,
        device: None,
    };
    let counted = stage.hot.count(step, &subjects, quotas).await;
    counted.expect("an answer")
}

/// Each try at a number leaves its failures for an hour, so a network of many addresses has few.
pub(crate) async fn thr_05_a_21_guesses_of_one_group_fill_no_memory(stage: &Stage) {
    let lock = Quota::Lock {
        failures: 10,
        millis: HOUR,
    };
    let rate = |count, ahead| Quota::Rate {
        count,
        millis: SECOND,
        ahead,
    };
    let quotas = Quotas::NONE
        .with(Rule::FailuresPhone, lock)
        .with(Rule::FailuresAddress, rate(1, 10 * SECOND))
        .with(Rule::FailuresGroup, rate(10, SECOND));
    let mut counted = 0;
    for n in 0..500 {
        let step = Step::CodeByPhone;
        match count(stage, step, n, of_one_48(n), &quotas).await {
            Count::Counted => counted += 1,
            Count::Refused {
                rule,
                retry_after_millis,
            } => assert_eq!((rule, retry_after_millis), (Rule::FailuresGroup, 100)),
        }
    }
    assert_eq!(counted, 10);
    // For each a number and an address, and one group.
    assert!(stage.size().await <= 21, "{}", stage.size().await);
    let elsewhere = count(stage, Step::Password, 900, caller("192.0.2.7"), &quotas).await;
    assert_eq!(elsewhere, Count::Counted);
    stage.clock.advance(2 * HOUR);
    stage.hot.sweep().await.expect("swept");
    assert!(stage.lasting_keys().await.is_empty());
}

/// A network of 65,536 groups has no more than one that is large.
pub(crate) async fn thr_05_a_21_guesses_of_one_ipv6_operator_are_throttled(stage: &Stage) {
    let rate = Form::PerSecond.read("100/s", HOUR).expect("a quota");
    let quotas = Quotas::NONE.with(Rule::FailuresWide, rate);
    let of_one_32 = |n: u32| caller(&format!("2a00:1:{n:x}::1"));
    let mut counted = 0;
    for n in 0..300 {
        let step = Step::CodeByPhone;
        match count(stage, step, n, of_one_32(n), &quotas).await {
            Count::Counted => counted += 1,
            Count::Refused { rule, .. } => assert_eq!(rule, Rule::FailuresWide),
        }
    }
    assert_eq!(counted, 100);
    for other in ["2a00:2::1", "5.160.1.7"] {
        let elsewhere = count(stage, Step::CodeByPhone, 900, caller(other), &quotas).await;
        assert_eq!(elsewhere, Count::Counted);
    }
}

pub(crate) async fn too_many_wrong_codes_in_an_hour_close_the_way_by_number(stage: &Stage) {
    let budget = Quota::Budget {
        count: 100,
        millis: HOUR,
        group_part: 20,
    };
    let quotas = Quotas::NONE.with(Rule::FailuresService, budget);
    let group = |n: u32| caller(&format!("5.160.{n}.7"));
    // One group counts for a twentieth, whatever it does, and by either way.
    for n in 0..300 {
        let step = if n % 2 == 0 {
            Step::CodeByPhone
        } else {
            Step::WrongCode
        };
        assert_eq!(
            count(stage, step, n, group(0), &quotas).await,
            Count::Counted
        );
    }
    // Nor does an IPv6 operator, who has groups without number.
    for n in 0..100 {
        let from = caller(&format!("2a00:1:{n:x}::1"));
        let counted = count(stage, Step::CodeByPhone, n, from, &quotas).await;
        assert_eq!(counted, Count::Counted);
    }
    for n in 2..20 {
        for _ in 0..5 {
            let step = Step::WrongCode;
            assert_eq!(
                count(stage, step, n, group(n), &quotas).await,
                Count::Counted
            );
        }
    }
    let left = HOUR - stage.clock.now_millis() % HOUR;
    let closed = Count::Refused {
        rule: Rule::FailuresService,
        retry_after_millis: left,
    };
    assert_eq!(
        count(stage, Step::CodeByPhone, 1, group(200), &quotas).await,
        closed
    );
    // Passwords and codes with their session id have their own limits.
    assert_eq!(
        count(stage, Step::Password, 1, group(200), &quotas).await,
        Count::Counted
    );
    stage.clock.advance(left);
    assert_eq!(
        count(stage, Step::CodeByPhone, 1, group(200), &quotas).await,
        Count::Counted
    );
}

pub(crate) async fn thr_04_a_right_code_counts_nowhere_as_a_failure(stage: &Stage) {
    let quotas = Quotas::NONE
        .with(
            Rule::FailuresGroup,
            Quota::Rate {
                count: 10,
                millis: SECOND,
                ahead: SECOND,
            },
        )
        .with(
            Rule::FailuresService,
            Quota::Budget {
                count: 40,
                millis: HOUR,
                group_part: 20,
            },
        );
    let from = caller("5.160.1.7");
    let phone = PhoneNumber::from_e164("+989123456789").expect("canonical");
    let subjects = Subjects {
        phone: Some(&phone),
        caller: Some(from),
        session: None,
        device: None,
    };
    for _ in 0..100 {
        let counted = stage.hot.count(Step::CodeByPhone, &subjects, &quotas).await;
        assert_eq!(counted.expect("an answer"), Count::Counted);
        let taken_back = stage
            .hot
            .take_back(Step::CodeByPhone, &subjects, &quotas, Some(from));
        taken_back.await.expect("an answer");
    }
}

pub(crate) async fn f_13_counters_of_a_later_time_keep_nobody_out(stage: &Stage) {
    let budget = Quota::Budget {
        count: 1,
        millis: HOUR,
        group_part: 0,
    };
    let policy = under(
        stage,
        &Quotas::NONE
            .with(Rule::ServiceDay, budget)
            .with(Rule::Group, per_minute(1)),
    );
    let from = caller("5.160.1.7");
    sent(ask(stage, &policy, 1, from).await);
    assert!(refused_by(&ask(stage, &policy, 2, from).await).is_some());
    stage.clock.advance(-365 * DAY);
    sent(ask(stage, &policy, 3, from).await);
}

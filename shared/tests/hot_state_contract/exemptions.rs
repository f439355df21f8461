//! Numbers that some limits leave alone for some hours.

use domain::limits::{Quota, Rule, Step};
use domain::phone::PhoneNumber;
use shared::hot_state::{
    Accept, AcceptPolicy, AcceptRequest, Accepted, Count, Exemption, HotState, LONGEST_EXEMPTION,
    MOST_EXEMPTIONS, Subjects,
};

use crate::stage::{DAY, MINUTE, SECOND, START, Stage, caller, limits, per_minute, sent, window};

const PHONE: &str = "+989123456789";
const OTHER: &str = "+989123456780";
const HOUR: i64 = 60 * MINUTE;

fn phone(number: &str) -> PhoneNumber {
    PhoneNumber::from_e164(number).expect("canonical")
}

fn exemption(stage: &Stage, number: &str, millis: i64) -> Exemption {
    let since = stage.clock.now_millis();
    Exemption {
        phone: phone(number),
        since,
        until: since + millis,
        by: "Sara, support".to_owned(),
        reason: "«کد نمی\u{200c}رسد» asked by telephone".to_owned(),
    }
}

async fn exempt(stage: &Stage, number: &str, millis: i64) {
    let exemption = exemption(stage, number, millis);
    assert!(stage.hot.exempt(&exemption).await.expect("an answer"));
}

async fn ask_on(hot: &HotState, stage: &Stage, number: &str, policy: &AcceptPolicy) -> Accepted {
    let new = stage.new_challenge(number);
    let accept = Accept {
        caller: Some(caller("192.0.2.7")),
        ..stage.accept(AcceptRequest::New(&new))
    };
    hot.accept(&accept, policy).await.expect("an answer")
}

async fn ask(stage: &Stage, number: &str) -> Accepted {
    ask_on(&stage.hot, stage, number, &stage.policy).await
}

fn refused_by(accepted: &Accepted) -> Option<Rule> {
    match accepted {
        Accepted::Refused { rule, .. } => Some(*rule),
        _ => None,
    }
}

pub(crate) async fn an_exempt_number_is_not_held_by_its_windows_nor_by_its_address(stage: &Stage) {
    for _ in 0..3 {
        sent(ask(stage, PHONE).await);
    }
    assert_eq!(refused_by(&ask(stage, PHONE).await), Some(Rule::PhoneShort));
    exempt(stage, PHONE, HOUR).await;
    for _ in 0..40 {
        sent(ask(stage, PHONE).await);
    }
    for _ in 0..3 {
        sent(ask(stage, OTHER).await);
    }
    let other = ask(stage, OTHER).await;
    assert_eq!(refused_by(&other), Some(Rule::PhoneShort), "nobody else is");
    // Neither its own bucket nor that of its neighbours was used up by it.
    for number in 0..20 {
        sent(ask(stage, &format!("+98935{number:07}")).await);
    }
}

pub(crate) async fn an_exemption_ends_in_time_or_before_and_what_was_sent_meanwhile_counts(
    stage: &Stage,
) {
    exempt(stage, PHONE, 10 * MINUTE).await;
    for _ in 0..12 {
        sent(ask(stage, PHONE).await);
        stage.clock.advance(45 * SECOND);
    }
    stage.clock.advance(MINUTE);
    assert_eq!(stage.hot.exemptions().await.expect("a list"), []);
    let refused = ask(stage, PHONE).await;
    assert_eq!(refused_by(&refused), Some(Rule::PhoneDay), "{refused:?}");

    exempt(stage, PHONE, HOUR).await;
    sent(ask(stage, PHONE).await);
    let ended = stage.hot.end_exemption(&phone(PHONE)).await;
    assert!(ended.expect("an answer"));
    assert_eq!(refused_by(&ask(stage, PHONE).await), Some(Rule::PhoneDay));
    let again = stage.hot.end_exemption(&phone(PHONE)).await;
    assert!(!again.expect("an answer"), "there is none any more");
}

pub(crate) async fn an_exemption_holds_for_a_resend_that_names_no_number(stage: &Stage) {
    let challenge = stage.granted(PHONE).await;
    for _ in 0..2 {
        stage.clock.advance(31 * SECOND);
        sent(stage.resend(challenge.id).await);
    }
    stage.clock.advance(31 * SECOND);
    let refused = stage.resend(challenge.id).await;
    assert_eq!(refused_by(&refused), Some(Rule::PhoneShort));
    exempt(stage, OTHER, HOUR).await;
    let refused = stage.resend(challenge.id).await;
    assert_eq!(refused_by(&refused), Some(Rule::PhoneShort), "another's");
    exempt(stage, PHONE, HOUR).await;
    sent(stage.resend(challenge.id).await);
    // The cooldown between two messages stays.
    let soon = stage.resend(challenge.id).await;
    assert!(matches!(soon, Accepted::Cooldown(_)), "{soon:?}");
}

pub(crate) async fn no_guard_and_no_lock_lets_an_exempt_number_pass(stage: &Stage) {
    exempt(stage, PHONE, HOUR).await;
    let budget = Quota::Budget {
        count: 2,
        millis: DAY,
        group_part: 0,
    };
    let roomy = limits(window(3, 2 * MINUTE), window(10, DAY));
    for (rule, quota) in [
        (Rule::Group, per_minute(2)),
        (Rule::PrefixDay, budget),
        (Rule::ServiceDay, budget),
    ] {
        let policy = AcceptPolicy {
            quotas: roomy.with(rule, quota),
            ..stage.policy.clone()
        };
        for _ in 0..2 {
            sent(ask_on(&stage.hot, stage, PHONE, &policy).await);
        }
        let refused = ask_on(&stage.hot, stage, PHONE, &policy).await;
        assert_eq!(refused_by(&refused), Some(rule));
    }
    let full = AcceptPolicy {
        queue_max: 1,
        ..stage.policy.clone()
    };
    let refused = ask_on(&stage.hot, stage, PHONE, &full).await;
    assert_eq!(refused_by(&refused), Some(Rule::QueueFull));

    let lock = Quota::Lock {
        failures: 1,
        millis: HOUR,
    };
    let quotas = stage.policy.quotas.with(Rule::FailuresPhone, lock);
    let number = phone(PHONE);
    let subjects = Subjects {
        phone: Some(&number),
        ..Subjects::default()
    };
    let tried = || stage.hot.count(Step::Password, &subjects, &quotas);
    assert_eq!(tried().await.expect("an answer"), Count::Counted);
    let locked = tried().await.expect("an answer");
    assert!(
        matches!(
            locked,
            Count::Refused {
                rule: Rule::FailuresPhone,
                ..
            }
        ),
        "{locked:?}"
    );
}

pub(crate) async fn another_process_learns_of_an_exemption_and_of_its_end(stage: &Stage) {
    let other = stage.restarted().await;
    for _ in 0..3 {
        sent(ask(stage, PHONE).await);
    }
    exempt(stage, PHONE, HOUR).await;
    let on_other = async || ask_on(&other, stage, PHONE, &stage.policy).await;
    assert_eq!(
        refused_by(&on_other().await),
        Some(Rule::PhoneShort),
        "not yet"
    );
    other.refresh_exemptions().await.expect("an answer");
    sent(on_other().await);
    let told = other.exemptions().await.expect("a list");
    assert_eq!(told, [exemption(stage, PHONE, HOUR)]);
    other.end_exemption(&phone(PHONE)).await.expect("an answer");
    assert_eq!(refused_by(&on_other().await), Some(Rule::PhoneShort));
    stage.hot.refresh_exemptions().await.expect("an answer");
    assert_eq!(refused_by(&ask(stage, PHONE).await), Some(Rule::PhoneShort));
}

pub(crate) async fn there_are_no_more_exemptions_than_a_hundred_and_none_is_longer_than_a_day(
    stage: &Stage,
) {
    let number = |place: usize| format!("+98935{place:07}");
    for place in 0..MOST_EXEMPTIONS {
        exempt(stage, &number(place), HOUR).await;
    }
    let one_more = exemption(stage, PHONE, 2 * DAY);
    assert!(!stage.hot.exempt(&one_more).await.expect("an answer"));
    assert_eq!(
        stage.hot.exemptions().await.expect("a list").len(),
        MOST_EXEMPTIONS
    );
    // One that is there can be changed.
    exempt(stage, &number(7), 2 * HOUR).await;
    stage.clock.advance(HOUR);
    let there_is_room = stage.hot.exempt(&one_more).await;
    assert!(there_is_room.expect("an answer"));
    let told = stage.hot.exemptions().await.expect("a list");
    let ends: Vec<_> = told.iter().map(|one| one.until).collect();
    assert_eq!(ends, [START + 2 * HOUR, START + HOUR + LONGEST_EXEMPTION]);
}

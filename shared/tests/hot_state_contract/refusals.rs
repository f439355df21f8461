//! What is remembered of refusals, for people who look.

use domain::client_address::ClientAddress;
use domain::limits::{Quotas, Rule, Step};
use domain::phone::PhoneNumber;
use shared::hot_state::{
    Accept, AcceptRequest, Count, Exemption, HotState, LastRefusal, RuleRefusals, Subjects,
};

use crate::stage::{DAY, MINUTE, SECOND, START, Stage, caller, per_minute};

const PHONE: &str = "+989123456789";
const OTHER: &str = "+989123456780";
const HOUR: i64 = 60 * MINUTE;

fn phone(number: &str) -> PhoneNumber {
    PhoneNumber::from_e164(number).expect("canonical")
}

/// Asks until the window of the number refuses.
async fn refuse_by_window(stage: &Stage, number: &str, address: &str) {
    for _ in 0..4 {
        let new = stage.new_challenge(number);
        let accept = Accept {
            caller: Some(caller(address)),
            ..stage.accept(AcceptRequest::New(&new))
        };
        stage.run(&accept).await;
    }
}

async fn count(hot: &HotState, rule: Rule, address: ClientAddress) -> Count {
    let quotas = Quotas::NONE.with(rule, per_minute(1));
    let subjects = Subjects {
        caller: Some(address),
        ..Subjects::default()
    };
    let step = match rule {
        Rule::RefreshGroup => Step::Refresh,
        _ => Step::Question,
    };
    hot.count(step, &subjects, &quotas)
        .await
        .expect("an answer")
}

async fn written(hot: &HotState) {
    hot.write_refusals().await.expect("written");
}

async fn last(stage: &Stage, of: Option<Rule>) -> Vec<LastRefusal> {
    stage
        .hot
        .last_refusals(of, None, 2_000)
        .await
        .expect("a list")
}

async fn counts(stage: &Stage, rule: Rule) -> (u64, u64) {
    let counts = stage.hot.refusals_by_rule().await.expect("counts");
    assert_eq!(counts.len(), Rule::ALL.len(), "each rule is told");
    let of_rule = counts.iter().find(|counts| counts.rule == rule);
    let &RuleRefusals {
        last_hour,
        last_day,
        ..
    } = of_rule.expect("each rule");
    (last_hour, last_day)
}

pub(crate) async fn what_refused_is_counted_by_rule_and_the_last_are_told(stage: &Stage) {
    refuse_by_window(stage, PHONE, "192.0.2.7").await;
    stage.clock.advance(SECOND);
    let address = caller("2001:db8:7:1::9");
    for _ in 0..3 {
        count(&stage.hot, Rule::RefreshGroup, address).await;
    }
    assert_eq!(last(stage, None).await, [], "not yet");
    written(&stage.hot).await;
    let by_window = LastRefusal {
        at: START,
        rule: Rule::PhoneShort,
        phone: Some(phone(PHONE)),
        group: Some(caller("192.0.2.7").group_key()),
        retry_after_millis: 2 * MINUTE,
    };
    let told = last(stage, None).await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told.last(), Some(&by_window), "the newest first");
    let by_group = told.first().expect("three");
    assert_eq!(
        (by_group.rule, by_group.at, by_group.phone.as_ref()),
        (Rule::RefreshGroup, START + SECOND, None)
    );
    assert_eq!(by_group.group, Some(address.group_key()));
    assert_eq!(last(stage, Some(Rule::PhoneShort)).await, [by_window]);
    assert_eq!(last(stage, Some(Rule::PhoneDay)).await, []);
    assert_eq!(counts(stage, Rule::PhoneShort).await, (1, 1));
    assert_eq!(counts(stage, Rule::RefreshGroup).await, (2, 2));
    assert_eq!(counts(stage, Rule::PhoneDay).await, (0, 0));

    // Page by page.
    let before = |at| stage.hot.last_refusals(None, Some(at), 2_000);
    assert_eq!(before(START + SECOND).await.expect("a list").len(), 1);
    assert_eq!(before(START).await.expect("a list").len(), 0);
    let first_page = stage
        .hot
        .last_refusals(None, None, 1)
        .await
        .expect("a list");
    assert_eq!(first_page.len(), 2, "those of one moment stay together");
    written(&stage.hot).await;
    assert_eq!(counts(stage, Rule::PhoneShort).await, (1, 1), "once");
}

pub(crate) async fn a_21_a_flood_of_refusals_is_kept_within_bounds_and_hides_no_other_rule(
    stage: &Stage,
) {
    refuse_by_window(stage, PHONE, "192.0.2.7").await;
    written(&stage.hot).await;
    let room = stage.size().await;
    let mut refused = 0;
    for second in 0..60_u32 {
        stage.clock.advance(SECOND);
        for one in 0..20_u32 {
            let address = caller(&format!("198.51.{second}.{one}"));
            for _ in 0..2 {
                let counted = count(&stage.hot, Rule::Address, address).await;
                refused += u64::from(matches!(counted, Count::Refused { .. }));
            }
        }
        written(&stage.hot).await;
    }
    assert_eq!(refused, 1_200);
    assert_eq!(counts(stage, Rule::Address).await, (1_200, 1_200));
    let told = last(stage, Some(Rule::Address)).await;
    assert_eq!(told.len(), 40);
    assert_eq!(
        told.first().map(|refusal| refusal.at),
        Some(START + 60 * SECOND)
    );
    assert_eq!(
        last(stage, Some(Rule::PhoneShort)).await.len(),
        1,
        "it is still there"
    );
    // The buckets of the addresses themselves, of each of which one is there; and a list, which is one.
    let grown = stage.size().await - room;
    assert!(grown <= 1_200 + 45, "{grown}");
}

pub(crate) async fn counts_are_those_of_the_last_hour_and_of_the_last_day(stage: &Stage) {
    let address = caller("192.0.2.7");
    let refuse = async || {
        count(&stage.hot, Rule::Address, address).await;
        count(&stage.hot, Rule::Address, address).await;
        written(&stage.hot).await;
    };
    refuse().await;
    assert_eq!(counts(stage, Rule::Address).await, (1, 1));
    stage.clock.advance(59 * MINUTE);
    assert_eq!(
        counts(stage, Rule::Address).await,
        (1, 1),
        "within the hour"
    );
    refuse().await;
    stage.clock.advance(HOUR / 4);
    assert_eq!(
        counts(stage, Rule::Address).await,
        (1, 2),
        "the first is too old"
    );
    stage.clock.advance(22 * HOUR);
    assert_eq!(counts(stage, Rule::Address).await, (0, 2));
    stage.clock.advance(4 * HOUR);
    assert_eq!(counts(stage, Rule::Address).await, (0, 0));
}

pub(crate) async fn refusals_of_two_processes_are_told_together(stage: &Stage) {
    let other = stage.restarted().await;
    let address = caller("192.0.2.7");
    for hot in [&stage.hot, &other, &other] {
        count(hot, Rule::Address, address).await;
    }
    for hot in [&stage.hot, &other] {
        written(hot).await;
    }
    assert_eq!(counts(stage, Rule::Address).await, (2, 2));
}

pub(crate) async fn prv_01_a_deleted_number_leaves_the_last_refusals_and_its_exemption(
    stage: &Stage,
) {
    for number in [PHONE, OTHER] {
        refuse_by_window(stage, number, "192.0.2.7").await;
        let exemption = Exemption {
            phone: phone(number),
            since: START,
            until: START + HOUR,
            by: "staff".to_owned(),
            reason: "asked by telephone".to_owned(),
        };
        assert!(stage.hot.exempt(&exemption).await.expect("an answer"));
    }
    written(&stage.hot).await;
    // One that is noted, and not written yet.
    stage
        .hot
        .end_exemption(&phone(PHONE))
        .await
        .expect("an answer");
    refuse_by_window(stage, PHONE, "192.0.2.7").await;

    stage.hot.erase_number(&phone(PHONE)).await.expect("erased");
    written(&stage.hot).await;
    let left = last(stage, None).await;
    let of_others = left
        .iter()
        .all(|refusal| refusal.phone != Some(phone(PHONE)));
    assert!(of_others, "{left:?}");
    assert_eq!(left.len(), 1, "the other one stays: {left:?}");
    let exempt = stage.hot.exemptions().await.expect("a list");
    assert_eq!(exempt.len(), 1);
    assert_eq!(exempt.first().map(|one| &one.phone), Some(&phone(OTHER)));
}

pub(crate) async fn what_refused_is_forgotten_after_a_day(stage: &Stage) {
    refuse_by_window(stage, PHONE, "192.0.2.7").await;
    written(&stage.hot).await;
    stage.clock.advance(DAY);
    assert_eq!(last(stage, None).await.len(), 1);
    stage.clock.advance(2 * HOUR);
    assert_eq!(last(stage, None).await, []);
    stage.hot.sweep().await.expect("swept");
}

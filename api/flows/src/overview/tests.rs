use shared::records::SendCount;

use super::*;
use domain::phone::Operator;
use shared::records::SendFate;

use buckets::OperatorSeconds;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_763_700_000 + seconds, 0).expect("a moment")
}

fn step(index: i64) -> Bucket {
    Bucket {
        from: at(300 * index),
        is_read: true,
        sends: vec![count(Operator::Mci, SendFate::Arrived, 20)],
        asked: 20,
        used: 18,
        signed_in: 17,
        sign_in_seconds: Some(11.0),
        wait_seconds: Some(0.1),
        deliveries: vec![OperatorSeconds {
            operator: Operator::Irancell,
            seconds: vec![2.0; 6],
        }],
    }
}

fn count(operator: Operator, fate: SendFate, messages: u64) -> SendCount {
    SendCount {
        operator,
        fate,
        messages,
        rials: 0,
        new_codes: messages,
    }
}

fn view(steps: Vec<Bucket>) -> View {
    let mut view = View {
        at: at(3_600),
        hour: Totals::of(&steps),
        day: Totals::of(&steps),
        hours: figures::by_hour(steps.iter()),
        counted_since: at(0),
        operators: Vec::new(),
        queue: Some(QueueStats {
            consumers: 1,
            ..QueueStats::default()
        }),
        one_process: false,
        breaker: None,
        credit: None,
        credit_line: Vec::new(),
        worries: Vec::new(),
        steps,
    };
    // Messages beside the times that were looked at.
    for one in &mut view.steps {
        one.sends
            .push(count(Operator::Irancell, SendFate::Arrived, 6));
    }
    view.operators = figures::by_operator(&view.steps);
    view
}

fn usual() -> View {
    view((0..12).map(step).collect())
}

fn worries(view: &View) -> Vec<Worry> {
    worries::of(view, false, false)
}

#[test]
fn where_all_is_well_nothing_is_told() {
    assert_eq!(worries(&usual()), []);
    // Nor of a service that nobody uses.
    let mut quiet = view(Vec::new());
    quiet.credit = Some(CreditLook {
        looked_at: at(0),
        credit_rials: 1_000,
        rials_a_day: Some(0),
    });
    assert_eq!(worries(&quiet), []);
}

#[test]
fn an_operator_that_becomes_slow_is_told_with_its_beginning() {
    let mut steps: Vec<Bucket> = (0..12).map(step).collect();
    for slow in &mut steps[7..12] {
        slow.deliveries[0].seconds = vec![41.0; 6];
    }
    let slow = Worry::OperatorSlow {
        operator: Operator::Irancell,
        before: 2.0,
        now: 41.0,
        since: at(300 * 7),
    };
    assert_eq!(worries(&view(steps.clone())), [slow]);
    assert!(!slow.is_bad());
    // Few of another time among them change nothing.
    let mut mixed = steps.clone();
    mixed[11].deliveries[0].seconds = vec![0.4, 12.0];
    assert_eq!(worries(&view(mixed)), [slow]);
    // The same on too few messages is chance.
    for few in &mut steps[9..12] {
        few.deliveries[0].seconds.truncate(1);
    }
    assert_eq!(worries(&view(steps.clone())), []);
    // Three times a short time is short.
    for short in &mut steps[9..12] {
        short.deliveries[0].seconds = vec![9.0; 6];
    }
    assert_eq!(worries(&view(steps)), []);
}

#[test]
fn messages_that_are_not_taken_are_told_with_their_beginning() {
    let mut steps: Vec<Bucket> = (0..12).map(step).collect();
    for lost in &mut steps[9..12] {
        lost.sends = vec![
            count(Operator::Mci, SendFate::Arrived, 15),
            count(Operator::Mci, SendFate::Refused, 10),
            count(Operator::Rightel, SendFate::Unknown, 9),
        ];
    }
    let told = worries(&view(steps));
    let lost = Worry::ManyNotSent {
        percent: 48,
        since: at(2_700),
    };
    assert_eq!(told, [lost]);
}

#[test]
fn too_few_sign_ins_are_told_where_the_day_knows_better() {
    let mut steps: Vec<Bucket> = (0..12).map(step).collect();
    steps[11].used = 1;
    let mut seen = view(steps);
    // Three steps are judged, of which two are as usual.
    assert_eq!(worries(&seen), []);
    (seen.steps[9].used, seen.steps[10].used) = (2, 1);
    let few = Worry::FewSignIns {
        percent: 7,
        usual_percent: 83,
        since: at(2_700),
    };
    assert_eq!(worries(&seen), [few]);
    seen.day.asked = 200;
    seen.day.used = 180;
    assert_eq!(worries(&seen), [], "this is most of the day");
}

#[test]
fn queue_breaker_and_credit_are_told_the_worst_first() {
    let mut seen = usual();
    seen.credit = Some(CreditLook {
        looked_at: at(0),
        credit_rials: 310_000,
        rials_a_day: Some(100_000),
    });
    seen.queue = Some(QueueStats {
        consumers: 2,
        waiting: 40,
        oldest_age_millis: 25_000,
        ..QueueStats::default()
    });
    let behind = Worry::QueueBehind {
        waiting: 40,
        oldest_seconds: 25,
    };
    let low = Worry::CreditLow {
        days: 3.1,
        rials: 310_000,
        urgent: false,
    };
    assert_eq!(worries(&seen), [behind, low]);
    seen.queue = Some(QueueStats::default());
    seen.breaker = Some(OpenBreaker {
        code: 418,
        since: 1_763_700_000_000,
        probe_at: 1_763_700_060_000,
    });
    let told = worries(&seen);
    assert!(
        matches!(told[0], Worry::BreakerOpen { code: 418, .. }),
        "{told:?}"
    );
    assert!(
        matches!(told[1], Worry::NoWorker { waiting: 0, .. }),
        "{told:?}"
    );
    assert_eq!(told[2], low);
    // In one process the worker is not counted.
    seen.one_process = true;
    assert_eq!(worries(&seen).len(), 2);
    for (rials, urgent) in [(0, true), (-5, true), (190_000, true), (690_000, false)] {
        seen.credit = Some(CreditLook {
            looked_at: at(0),
            credit_rials: rials,
            rials_a_day: Some(100_000),
        });
        let told = worries(&seen);
        let found = told
            .iter()
            .any(|worry| matches!(worry, Worry::CreditLow { urgent: seen, .. } if *seen == urgent));
        assert!(found, "{rials}: {told:?}");
    }
    let away = worries::of(&seen, true, true);
    assert_eq!(away[..2], [Worry::RecordsAway, Worry::HotStateAway]);
}

#[test]
fn hours_and_shares_add_up() {
    let seen = usual();
    assert_eq!(
        (seen.hour.asked, seen.hour.used, seen.hour.messages),
        (240, 216, 240)
    );
    assert_eq!(seen.hour.success(), Some(0.9));
    assert_eq!(Totals::default().success(), None);
    let hours: u64 = seen.hours.iter().map(|hour| hour.totals.messages).sum();
    assert_eq!(hours, 240);
    let irancell = seen
        .operators
        .iter()
        .find(|one| one.operator == Operator::Irancell);
    let irancell = irancell.expect("it had messages");
    assert_eq!(
        (irancell.messages, irancell.arrived, irancell.seconds),
        (72, Some(1.0), Some(2.0))
    );
    assert_eq!(figures::median(&mut [3.0, 1.0, 2.0, 9.0]), Some(2.0));
    assert_eq!(figures::median(&mut []), None);
}

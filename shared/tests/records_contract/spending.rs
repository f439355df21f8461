//! What messages have cost, and which connections are there.

use chrono::TimeDelta;
use domain::challenge::Channel;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use shared::records::{Begin, LedgerWriter, Route, SendResult};

use crate::stage::{Stage, accepted, failed, finish};

pub(crate) async fn the_cost_of_accepted_sends_is_summed_up_by_the_time_they_were_made(
    stage: Stage,
) {
    let writer = LedgerWriter::start(stage.records.clone(), stage.clock.clone());
    let beginning = stage.now();
    let spent = async |from: i64, to: i64| {
        let at = |seconds| beginning + TimeDelta::seconds(seconds);
        let spent = stage.records.spent_between(at(from), at(to)).await;
        spent.expect("an answer")
    };
    assert_eq!(spent(-3_600, 3_600).await, 0, "nothing was sent yet");
    let mut free_of_charge = accepted(4);
    free_of_charge.cost_rials = None;
    let mut refused = failed(SendResult::Refused, "refused_message");
    refused.cost_rials = Some(5_000);
    // A second apart: two with a price of 1,200, one without, and one that was not taken.
    for outcome in [accepted(1), accepted(2), free_of_charge, refused] {
        let begin = stage.begin(1);
        writer.begin(begin.clone()).await.expect("begun");
        let finished = writer.finish(finish(&begin, 1, outcome)).await;
        finished.expect("finished");
        stage.clock.advance(1_000);
    }
    // One that is under way.
    writer.begin(stage.begin(1)).await.expect("begun");
    assert_eq!(spent(0, 3_600).await, 2_400);
    assert_eq!(spent(0, 1).await, 1_200, "the end is not included");
    assert_eq!(spent(1, 2).await, 1_200, "the beginning is");
    assert_eq!(spent(2, 3_600).await, 0);
    assert_eq!(spent(-3_600, 0).await, 0);
}

pub(crate) async fn costs_are_told_by_purpose_channel_route_and_prefix(stage: Stage) {
    let writer = LedgerWriter::start(stage.records.clone(), stage.clock.clone());
    let beginning = stage.now();
    let number = |text: &str| PhoneNumber::from_e164(text).expect("canonical");
    let kinds = [
        ("+989123456789", Purpose::SignIn, Channel::Sms, Some(1_200)),
        ("+989123459999", Purpose::SignIn, Channel::Sms, Some(1_300)),
        ("+989124456789", Purpose::SignIn, Channel::Sms, Some(5)),
        ("+989123456789", Purpose::SignIn, Channel::Call, Some(9_000)),
        ("+989123456789", Purpose::Register, Channel::Sms, None),
        (
            "+4915112345678",
            Purpose::SignIn,
            Channel::Sms,
            Some(70_000),
        ),
    ];
    for (place, (phone, purpose, channel, cost)) in (1..).zip(kinds) {
        let begin = Begin {
            phone: number(phone),
            purpose: purpose.into(),
            channel,
            ..stage.begin(1)
        };
        writer.begin(begin.clone()).await.expect("begun");
        let mut outcome = accepted(place);
        outcome.cost_rials = cost;
        let finished = writer.finish(finish(&begin, 1, outcome)).await;
        finished.expect("finished");
    }
    let refused = stage.begin(1);
    writer.begin(refused.clone()).await.expect("begun");
    let outcome = failed(SendResult::Refused, "refused_message");
    let finished = writer.finish(finish(&refused, 1, outcome)).await;
    finished.expect("finished");

    let to = beginning + TimeDelta::seconds(1);
    let told = stage.records.spent_by_kind(beginning, to).await;
    let mut told: Vec<_> = told
        .expect("an answer")
        .into_iter()
        .map(|spent| {
            assert_eq!(spent.route, Route::KAVENEGAR);
            let prefix = spent.prefix.expect("a prefix");
            let kind = (spent.purpose.as_str(), spent.channel.as_str(), prefix);
            (kind, (spent.messages, spent.unpriced, spent.rials))
        })
        .collect();
    told.sort();
    let prefix = |text: &str| text.to_owned();
    assert_eq!(
        told,
        [
            (("register", "sms", prefix("+9891234")), (1, 1, 0)),
            (("sign_in", "call", prefix("+9891234")), (1, 0, 9_000)),
            (("sign_in", "sms", prefix("+4915112")), (1, 0, 70_000)),
            (("sign_in", "sms", prefix("+9891234")), (2, 0, 2_500)),
            (("sign_in", "sms", prefix("+9891244")), (1, 0, 5)),
        ]
    );
    let none = stage
        .records
        .spent_by_kind(to, to + TimeDelta::hours(1))
        .await;
    assert_eq!(none.expect("an answer"), []);
}

pub(crate) async fn a_sum_may_exceed_32_bits(stage: Stage) {
    let writer = LedgerWriter::start(stage.records.clone(), stage.clock.clone());
    for messageid in 1..=3 {
        let begin = stage.begin(1);
        writer.begin(begin.clone()).await.expect("begun");
        let mut dear = accepted(messageid);
        dear.cost_rials = Some(2_000_000_000);
        let finished = writer.finish(finish(&begin, 1, dear)).await;
        finished.expect("finished");
    }
    let (from, to) = (stage.now(), stage.now() + TimeDelta::seconds(1));
    let spent = stage.records.spent_between(from, to).await;
    assert_eq!(spent.expect("an answer"), 6_000_000_000);
}

pub(crate) async fn connections_are_counted_and_the_back_end_is_named(stage: Stage) {
    stage.records.ping().await.expect("an answer");
    let connections = stage.records.connections();
    let open = connections.idle + connections.used;
    assert!((1..=connections.most).contains(&open), "{connections:?}");
    // As the stage has set it for PostgreSQL; a file has one writer and four readers.
    let most = match stage.records.back_end() {
        "postgres" => 6,
        "sqlite" => 5,
        other => panic!("{other}"),
    };
    assert_eq!(connections.most, most);
}

//! What messages have cost, and which connections are there.

use chrono::TimeDelta;
use shared::records::{LedgerWriter, SendResult};

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

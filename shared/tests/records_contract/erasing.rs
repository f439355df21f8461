//! A number that is erased stays erased, whatever is written at the same time.

use chrono::TimeDelta;
use domain::number_hash::NumberHash;
use domain::otp::KeyRing;
use prometheus::Registry;
use shared::records::{Begin, Begun, Expired, LedgerMetrics, LedgerWriter, SendKey};
use shared::telemetry::MetricSet as _;

use crate::stage::{Stage, accepted, finish, phone};

const OLD: &str = "k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=";
const NEW: &str = "k2:Zm9vYmFyLXRoaXMtaXMtbm90LXRoZS1rZXktYWJjZGUBAgM=";

fn ring(text: &str) -> KeyRing {
    KeyRing::parse(text).expect("a ring")
}

impl Stage {
    /// A worker's way to the ledger.
    fn worker(&self, keys: &str) -> LedgerWriter {
        let metrics = LedgerMetrics::register(&Registry::new()).expect("registered");
        let (records, clock) = (self.records.clone(), self.clock.clone());
        LedgerWriter::start_measured(records, clock, &metrics, ring(keys))
    }

    async fn erase(&self, number: u32, keys: &str) {
        let hashes = NumberHash::all(&ring(keys), &phone(number));
        let announced = self.records.announce_erasure(&hashes, self.now());
        announced.await.expect("announced");
    }

    async fn has_number(&self, key: SendKey) -> bool {
        let row = self.records.ledger_row(key).await.expect("an answer");
        row.expect("a row").phone.is_some()
    }

    fn begin_of(&self, number: u32) -> Begin {
        Begin {
            phone: phone(number),
            accepted_at: self.now(),
            ..self.begin(1)
        }
    }
}

pub(crate) async fn prv_01_what_was_asked_for_before_is_written_without_the_number(stage: Stage) {
    for (api, of_worker) in [
        (OLD.to_owned(), OLD.to_owned()),
        (format!("{NEW},{OLD}"), OLD.to_owned()),
        (OLD.to_owned(), format!("{NEW},{OLD}")),
        (format!("{NEW},{OLD}"), format!("{NEW},{OLD}")),
    ] {
        let worker = stage.worker(&of_worker);
        let [sent, too_late, of_other] = [1, 1, 2].map(|number| stage.begin_of(number));
        stage.clock.advance(1_000);
        stage.erase(1, &api).await;
        let begun = worker.begin(sent.clone()).await;
        assert!(matches!(begun, Ok(Begun::Started { .. })), "{begun:?}");
        let expired = worker.expire(too_late.clone()).await;
        assert!(matches!(expired, Ok(Expired::Recorded)), "{expired:?}");
        worker.begin(of_other.clone()).await.expect("begun");
        assert!(!stage.has_number(sent.key).await, "{api} {of_worker}");
        assert!(!stage.has_number(too_late.key).await);
        assert!(stage.has_number(of_other.key).await);
        // What follows is written as ever, and brings nothing back.
        let messageid =
            i64::from_be_bytes(sent.key.root.as_bytes()[..8].try_into().expect("eight"));
        let end = finish(&sent, 1, accepted(messageid.saturating_abs()));
        worker.finish(end).await.expect("finished");
        assert!(!stage.has_number(sent.key).await);
        // The next owner of the number asks for a code.
        stage.clock.advance(10_000);
        let next = stage.begin_of(1);
        worker.begin(next.clone()).await.expect("begun");
        assert!(stage.has_number(next.key).await);
    }
    let expired = stage
        .records
        .forget_erasures(stage.now() - TimeDelta::days(1));
    assert_eq!(expired.await.expect("an answer"), 0);
    let expired = stage
        .records
        .forget_erasures(stage.now() + TimeDelta::days(1));
    assert_eq!(expired.await.expect("an answer"), 2, "one by each key");
}

pub(crate) async fn prv_01_a_send_that_a_dead_worker_left_loses_an_erased_number(stage: Stage) {
    let worker = stage.worker(OLD);
    let left = stage.begin_of(1);
    worker.begin(left.clone()).await.expect("begun");
    assert!(stage.has_number(left.key).await);
    stage.erase(1, OLD).await;
    let again = Begin {
        fence: 2,
        ..left.clone()
    };
    let found = worker.begin(again).await;
    assert!(matches!(found, Ok(Begun::FoundSending(_))), "{found:?}");
    assert!(!stage.has_number(left.key).await);
}

pub(crate) async fn prv_01_a_look_once_more_takes_only_what_was_asked_for_before(stage: Stage) {
    let worker = stage.worker(OLD);
    let [late, of_other] = [1, 2].map(|number| stage.begin_of(number));
    stage.clock.advance(10_000);
    let erased_at = stage.now();
    stage.clock.advance(10_000);
    let next = stage.begin_of(1);
    for begin in [&late, &of_other, &next] {
        worker.begin(begin.clone()).await.expect("begun");
    }
    let number = phone(1);
    let forgotten = stage.records.forget_late_sends(&number, erased_at).await;
    assert_eq!(forgotten.expect("an answer"), 1);
    assert!(!stage.has_number(late.key).await);
    assert!(stage.has_number(of_other.key).await && stage.has_number(next.key).await);
}

/// The process that announced an erasure ends before it has looked once more.
pub(crate) async fn prv_01_a_look_that_was_not_made_is_made_by_the_next_process(stage: Stage) {
    let blind = LedgerWriter::start(stage.records.clone(), stage.clock.clone());
    let [late, of_other] = [1, 2].map(|number| stage.begin_of(number));
    stage.clock.advance(1_000);
    stage.erase(1, &format!("{NEW},{OLD}")).await;
    let announced_at = stage.now();
    for begin in [&late, &of_other] {
        blind.begin(begin.clone()).await.expect("begun");
    }
    stage.clock.advance(60_000);
    let next = stage.begin_of(1);
    blind.begin(next.clone()).await.expect("begun");
    let records = &stage.records;
    let open = async |before| records.open_erasures(before, 10).await.expect("a list");
    assert_eq!(open(announced_at).await, [], "its own process may be at it");
    let found = open(stage.now()).await;
    assert_eq!(found.len(), 2, "one by each key");

    // The numbers of that time come in order, a few at a time.
    let mut numbers = Vec::new();
    loop {
        let after = numbers.last();
        let some = records.numbers_written_about(&found[0], after, 1).await;
        let some = some.expect("a list");
        if some.is_empty() {
            break;
        }
        numbers.extend(some);
    }
    assert_eq!(numbers, [phone(1), phone(2)]);
    for erasure in &found {
        let of = |keys: &str, number| erasure.is_of(&NumberHash::all(&ring(keys), &phone(number)));
        assert!(of(&format!("{NEW},{OLD}"), 1) && !of(&format!("{NEW},{OLD}"), 2));
        let number = phone(1);
        let finished = records.finish_erasure(erasure, Some(&number), stage.now());
        finished.await.expect("finished");
    }
    assert!(!stage.has_number(late.key).await);
    assert!(stage.has_number(of_other.key).await);
    assert!(stage.has_number(next.key).await, "asked for afterwards");
    assert_eq!(open(stage.now()).await, [], "once is enough");

    // Erased once more: there is a look to be made again, and one that is made is noted.
    stage.erase(1, OLD).await;
    let again = stage.now();
    stage.clock.advance(60_000);
    assert_eq!(open(stage.now()).await.len(), 1);
    let hashes = NumberHash::all(&ring(OLD), &phone(1));
    records
        .erasure_is_done(&hashes, again, stage.now())
        .await
        .expect("noted");
    assert_eq!(open(stage.now()).await, []);
}

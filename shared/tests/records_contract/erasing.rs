//! A number that is erased stays erased, whatever is written at the same time.

use chrono::TimeDelta;
use domain::number_hash::NumberHash;
use domain::otp::KeyRing;
use prometheus::Registry;
use shared::records::{Begin, Begun, Expired, LedgerMetrics, LedgerWriter, SendKey};

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

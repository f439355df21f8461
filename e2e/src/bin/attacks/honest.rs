//! Honest people in numbers, most of them behind a few addresses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use e2e::Production;
use serde_json::json;

use crate::crowd::{BEHIND_A_PROXY, Person, Sender, every};
use crate::outcome::Outcome;

const PER_SECOND: u32 = 100;
/// How long people take to read and type a code.
const TYPING: Duration = Duration::from_secs(5);

/// The address of a carrier's NAT: 40 of them, in ten groups.
fn behind_nat(number: u32) -> String {
    format!("5.112.{}.{}", number % 10, 1 + number / 10 % 4)
}

/// Of ten people seven are behind the NAT of mobile networks. Each signs up whole.
pub(crate) async fn carrier_nat(lasts: Duration) -> Outcome {
    let production = Arc::new(Production::start(2, &[BEHIND_A_PROXY]).await);
    let sender = Sender::new(&production);
    let turns = AtomicU32::new(0);
    let people = Arc::clone(&production);
    let noticed = every(PER_SECOND, lasts, move || {
        let turn = turns.fetch_add(1, Ordering::Relaxed);
        let mut person = Person::new();
        if turn % 10 < 7 {
            person.address = behind_nat(turn / 10 * 7 + turn % 10);
        }
        let (sender, production) = (sender.clone(), Arc::clone(&people));
        async move {
            let (told, asked) = sender.ask(&person).await;
            if told != "202" {
                return format!("asking: {told}");
            }
            let mut codes = Vec::new();
            while codes.is_empty() {
                tokio::time::sleep(TYPING).await;
                codes = production.simulator.codes(&person.phone).await;
            }
            let code = codes.remove(0);
            let body = json!({ "session_id": asked["session_id"], "code": code });
            sender
                .told(&person.address, "/api/v1/usr/otp/verify", &body)
                .await
                .0
        }
    })
    .await;
    let mut outcome = Outcome {
        achieved: format!(
            "{} sign-ups, of which {} were whole",
            noticed.all(),
            noticed.served()
        ),
        broken: Vec::new(),
        alone: None,
        beside: None,
    };
    outcome.must(noticed.served() == noticed.all(), &noticed.told());
    outcome
}

//! Trouble of a store that a stranger can use or make.

use std::time::Duration;

use e2e::{PATIENCE, Production};
use futures::future::join_all;
use harness::eventually;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use crate::crowd::{BEHIND_A_PROXY, Person, Sender, flood};
use crate::outcome::Outcome;

/// Strangers from everywhere ask until Redis is nearly full; then every accepted request must go out.
pub(crate) async fn full_redis() -> Outcome {
    let production = Production::start(1, &[BEHIND_A_PROXY]).await;
    let sender = Sender::new(&production);
    let alone = sender.crowd(4, Duration::from_secs(5)).await;
    production.redis.is_full_to(0.85).await;
    let attacker = sender.clone();
    let beside = flood(32, Duration::from_secs(20), move || {
        let (sender, person) = (attacker.clone(), Person::new());
        async move { sender.ask(&person).await.0 }
    })
    .await;
    let accepted = alone.served() + beside.served();
    let refused = beside.counted(|answer| answer == "503 store_full");
    let sent = eventually(PATIENCE, async || {
        let sent = production.simulator.sends().len();
        (sent >= accepted).then_some(sent)
    })
    .await;
    production.redis.has_room().await;
    let healed = eventually(PATIENCE, async || {
        let (told, _) = sender.ask(&Person::new()).await;
        (told == "202").then_some(true)
    })
    .await;
    let mut outcome = Outcome {
        achieved: format!(
            "{refused} of {} refused as `store_full`; {sent} messages for {accepted} accepted; with room again: served",
            beside.all()
        ),
        ..Outcome::default()
    };
    let other = beside.all() - beside.served() - refused;
    outcome.must(refused > 0, "Redis did not become full: nothing was tried");
    outcome.must(sent == accepted && healed, "accepted requests were lost");
    outcome.must(other == 0, &format!("other refusals: {}", beside.told()));
    outcome
}

/// Something holds the row of a user, who renews forty sessions at once; others sign in meanwhile.
pub(crate) async fn locked_row(lasts: Duration) -> Outcome {
    let production = Production::start(1, &[BEHIND_A_PROXY]).await;
    let sender = Sender::new(&production);
    let person = Person::new();
    let token = sender.sign_in(&production, &person).await["refresh_token"].clone();
    let alone = sign_ins(&production, &sender, lasts / 2).await;

    let mut database = PgConnection::connect(&production.database_url)
        .await
        .expect("PostgreSQL");
    let mut lock = database.begin().await.expect("a transaction");
    let phone = format!("+98{}", person.phone.trim_start_matches('0'));
    sqlx::query("SELECT 1 FROM users WHERE phone = $1 FOR UPDATE")
        .bind(phone)
        .fetch_one(&mut *lock)
        .await
        .expect("the row");
    sqlx::query("SELECT 1 FROM sessions FOR UPDATE")
        .fetch_all(&mut *lock)
        .await
        .expect("rows");
    let (attacker, address) = (sender.clone(), person.address.clone());
    let attack = flood(40, lasts, move || {
        let (sender, address, body) = (
            attacker.clone(),
            address.clone(),
            json!({ "refresh_token": token }),
        );
        async move {
            sender
                .told(&address, "/api/v1/usr/token/refresh", &body)
                .await
                .0
        }
    });
    let (attack, beside) = tokio::join!(attack, sign_ins(&production, &sender, lasts));
    lock.rollback().await.expect("an end");
    let mut outcome = Outcome {
        achieved: format!("{} calls: {}", attack.all(), attack.told()),
        alone: Some(alone),
        beside: Some(beside),
        broken: Vec::new(),
    };
    outcome.others_are_served();
    outcome
}

/// Whole sign-ins, one after the other.
async fn sign_ins(
    production: &Production,
    sender: &Sender,
    lasts: Duration,
) -> crate::outcome::Noticed {
    let (begun, mut noticed) = (
        std::time::Instant::now(),
        crate::outcome::Noticed::default(),
    );
    while begun.elapsed() < lasts {
        let person = Person::new();
        let (told, asked) = sender.ask(&person).await;
        if told != "202" {
            noticed.add(told, Duration::ZERO);
            continue;
        }
        let code = production.simulator.wait_for_code(&person.phone).await;
        let body = json!({ "session_id": asked["session_id"], "code": code });
        let verifying = std::time::Instant::now();
        let (told, _) = sender
            .told(&person.address, "/api/v1/usr/otp/verify", &body)
            .await;
        noticed.add(told, verifying.elapsed());
    }
    noticed
}

/// What was refused while Redis stood still must not be carried out afterwards.
pub(crate) async fn stall() -> Outcome {
    let mut production = Production::start(1, &[BEHIND_A_PROXY]).await;
    let sender = Sender::new(&production);
    sender.crowd(4, Duration::from_secs(3)).await;
    let people: Vec<Person> = (0..192).map(|_| Person::new()).collect();
    production.redis.pause();
    let asked = join_all(people.iter().map(|person| sender.ask(person)));
    let (answers, ()) = tokio::join!(asked, tokio::time::sleep(Duration::from_secs(3)));
    production.redis.resume();
    // Anyone who asks next is behind all that waited in Redis.
    let last = Person::new();
    eventually(PATIENCE, async || {
        (sender.ask(&last).await.0 == "202").then_some(())
    })
    .await;
    production.simulator.wait_for_code(&last.phone).await;
    let sends = production.simulator.sends();
    let sent_to = |person: &Person| {
        let number = person.phone.trim_start_matches('0');
        sends.iter().any(|send| {
            send.receptors
                .iter()
                .any(|receptor| receptor.ends_with(number))
        })
    };
    let refused = people
        .iter()
        .zip(&answers)
        .filter(|(_, (told, _))| told.starts_with("503"));
    let (refused, sent): (Vec<_>, Vec<_>) = (
        refused.clone().collect(),
        refused.filter(|(person, _)| sent_to(person)).collect(),
    );
    let mut outcome = Outcome {
        achieved: format!(
            "{} of {} refused; {} of these were sent a message",
            refused.len(),
            people.len(),
            sent.len()
        ),
        ..Outcome::default()
    };
    outcome.must(
        !refused.is_empty(),
        "nothing was refused: nothing was tried",
    );
    outcome.must(sent.is_empty(), "a refused request was carried out");
    outcome
}

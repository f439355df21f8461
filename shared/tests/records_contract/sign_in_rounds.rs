//! Those who sign in at the same moment share statements to PostgreSQL, and nobody is kept waiting by another.

use std::sync::Arc;
use std::time::Duration;

use harness::eventually;
use shared::records::{SignIn, SignInOutcome};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::round_trips::RoundTrips;
use crate::sign_in_together::{block, locked};
use crate::stage::{PATIENT, Stage, phone};

/// Waiting for a lock would take longer, by far.
const NOT_WAITING: Duration = Duration::from_secs(30);

/// A stranger with a blocked number must not have all others go alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_come_at_the_same_moment_share_round_trips_also_with_one_who_is_blocked() {
    let (stage, trips) = RoundTrips::stage().await;
    block(&stage, 17).await;
    let stage = Arc::new(stage);
    eventually(PATIENT, async || {
        let before = trips.count();
        let mut clients = JoinSet::new();
        for number in 1..=32 {
            let stage = Arc::clone(&stage);
            clients.spawn(async move {
                let outcome = stage.records.sign_in(&stage.sign_in(&phone(number))).await;
                (number, outcome.expect("an answer"))
            });
        }
        for (number, outcome) in clients.join_all().await {
            assert_eq!(outcome == SignInOutcome::Blocked, number == 17, "{number}");
        }
        // One goes alone, or two; the rest in one statement, or a few. The blocked one takes some more.
        (trips.count() - before < 20).then_some(())
    })
    .await;
}

/// A few numbers whose rows stay locked, over and over: everybody else goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locked_rows_keep_nobody_else_waiting() {
    let stage = Arc::new(Stage::postgres_of(10, PATIENT).await);
    let mut locks = Vec::new();
    for number in 1..=3 {
        stage.signed_in(&phone(number)).await;
        locks.push(locked(&stage, number).await);
    }
    let mut stuck = JoinSet::new();
    for round in 0..5 {
        let mut others = JoinSet::new();
        for number in 1..=20 {
            let stage = Arc::clone(&stage);
            let clients = if number <= 3 { &mut stuck } else { &mut others };
            clients.spawn(async move { stage.signed_in(&phone(number)).await.1 });
        }
        let all = timeout(NOT_WAITING, others.join_all());
        let all = all.await.expect("nobody waits for a row of others");
        assert!(all.into_iter().all(|is_new| is_new == (round == 0)));
        assert!(stuck.try_join_next().is_none(), "the rows are locked");
    }
    for lock in locks {
        lock.rollback().await.expect("free");
    }
    let all = stuck.join_all().await;
    assert_eq!(all, [false; 15]);
}

/// Anyone who goes away, waiting or under way, leaves the others in peace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_hang_up_take_nobody_with_them() {
    let stage = Arc::new(Stage::postgres_of(10, PATIENT).await);
    for round in 0..20_u32 {
        let mut stay = JoinSet::new();
        let mut leave = JoinSet::new();
        for number in 0..20 {
            let stage = Arc::clone(&stage);
            let clients = if number % 2 == 0 {
                &mut stay
            } else {
                &mut leave
            };
            clients.spawn(async move { stage.signed_in(&phone(number)).await });
        }
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        leave.abort_all();
        while leave.join_next().await.is_some() {}
        let all = timeout(PATIENT, stay.join_all());
        assert_eq!(all.await.expect("nobody is left behind").len(), 10);
    }
}

/// Programs that meet on the same numbers, one in this order and one in the other, known and new.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_write_the_same_numbers_at_once_let_everybody_in() {
    let stage = Arc::new(Stage::postgres().await);
    for round in 0..10_u32 {
        // Half of the numbers are those of the round before.
        let numbers: Vec<u32> = (round * 8..round * 8 + 16).collect();
        let mut programs = JoinSet::new();
        for is_reversed in [false, true] {
            let (stage, mut numbers) = (Arc::clone(&stage), numbers.clone());
            if is_reversed {
                numbers.reverse();
            }
            programs.spawn(async move {
                let sign_ins: Vec<SignIn> = numbers
                    .iter()
                    .map(|&number| stage.sign_in(&phone(number)))
                    .collect();
                let outcomes = stage.records.sign_in_together(&sign_ins).await;
                let outcomes = outcomes.unwrap_or_else(|_| vec![None; sign_ins.len()]);
                for (sign_in, outcome) in sign_ins.iter().zip(outcomes) {
                    let outcome = match outcome {
                        Some(outcome) => outcome,
                        None => stage.records.sign_in(sign_in).await,
                    };
                    let outcome = outcome.expect("an answer");
                    assert!(
                        matches!(outcome, SignInOutcome::SignedIn { .. }),
                        "{outcome:?}"
                    );
                }
            });
        }
        programs.join_all().await;
    }
    assert_eq!(stage.count("users").await, 9 * 8 + 16);
    assert_eq!(stage.count("sessions").await, 10 * 32);
    assert_eq!(stage.count("challenge_uses").await, 10 * 32);
}
